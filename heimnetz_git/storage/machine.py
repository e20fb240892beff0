"""This machine, as the resolver needs to know it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping

from packaging.tags import sys_tags

from heimnetz_git.model.lock import Environment

__all__ = ["environment"]


def environment(host: Mapping[str, str]) -> Environment:
    """This machine and the Python that runs now, with the host APIs ``host`` (name -> version)."""
    return Environment(
        host=dict(host),
        python=platform.python_version(),
        tags=tuple(str(tag) for tag in sys_tags()),
        platform=sys.platform,
    )
