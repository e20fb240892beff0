"""Names of plugins and where they live in an index."""

from __future__ import annotations

import re
from functools import lru_cache

from heimnetz_git.errors import InvalidName, printable

__all__ = ["LONGEST_NAME", "import_name", "index_name", "normalise", "plugin_name", "shard"]

LONGEST_NAME = 64
_NORMAL = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_RUNS = re.compile(r"[-_.]+")


def normalise(name: str) -> str:
    """The PEP 503 normal form: lower case, runs of ``-``, ``_`` and ``.`` become one hyphen."""
    return _RUNS.sub("-", name).lower()


def plugin_name(text: str) -> str:
    """``text`` as a plugin's name in normal form, at most 64 ASCII characters.

    Raises InvalidName when no normalising makes it one.
    """
    name = normalise(text)
    if len(name) > LONGEST_NAME or not _NORMAL.fullmatch(name):
        raise InvalidName(f"{printable(text)!r} is not a plugin name.", name=text)
    return name


def index_name(text: str) -> str:
    """``text`` itself when it may be the local name of an index, which names files too.

    Written as plugins are, in normal form. Raises InvalidName.
    """
    if len(text) > LONGEST_NAME or not _NORMAL.fullmatch(text):
        raise InvalidName(f"{printable(text)!r} is not a name for an index.", name=printable(text))
    return text


def import_name(name: str) -> str:
    """The top-level package that a plugin brings: ``wake-on-lan`` -> ``wake_on_lan``."""
    return name.replace("-", "_")


@lru_cache(maxsize=1 << 8)  # a plugin's files come one after the other
def shard(name: str) -> str:
    """The folder of an index that holds a plugin: two hex digits of the SHA-256 of its name."""
    import hashlib  # which loads OpenSSL

    return hashlib.sha256(name.encode()).hexdigest()[:2]
