"""The version of this program, as pyproject.toml says it; a test holds the two equal."""

from __future__ import annotations

__all__ = ["VERSION"]

VERSION = "0.1.0"
