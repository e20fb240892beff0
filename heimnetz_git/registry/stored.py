"""A release as a cache keeps it."""

from __future__ import annotations

from typing import NamedTuple

from heimnetz_git.model.release import Release

__all__ = ["StoredRelease"]


class StoredRelease(NamedTuple):
    """A release with the object id of its file: under one checksum in the database."""

    oid: str
    release: Release
