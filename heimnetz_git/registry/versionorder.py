"""The order of versions as bytes: a key that any database sorts as PEP 440 does."""

from __future__ import annotations

from heimnetz_git.model.version import release_version

__all__ = ["is_prerelease", "sort_key"]

_FIRST, _LAST = b"\x00", b"\xff"
_LETTER = {"a": b"\x01", "b": b"\x02", "rc": b"\x03"}
_LONGEST_NUMBER = 250  # bytes


def sort_key(version: str) -> bytes:
    """Bytes whose plain order is the order of releases' versions (PEP 440, "Summary of permitted
    suffixes and relative ordering"): ``1.0.0.dev1 < 1.0.0a1.dev1 < 1.0.0a1 < 1.0.0 < 1.0.0.post1``.

    Raises ValueError when ``version`` is not that of a release.
    """
    parsed = release_version(version)
    dev = _LAST if parsed.dev is None else _number(parsed.dev)
    post = _FIRST if parsed.post is None else _number(parsed.post)
    if parsed.pre is not None:
        pre = _LETTER[parsed.pre[0]] + _number(parsed.pre[1])
    else:
        pre = _FIRST if parsed.dev is not None and parsed.post is None else _LAST
    return b"".join((*map(_number, parsed.release), pre, post, dev))


def is_prerelease(version: str) -> bool:
    """Whether ``version`` is a pre-release or a development release. Raises ValueError."""
    return release_version(version).is_prerelease


def _number(value: int) -> bytes:
    """Its length in bytes, then those bytes: shorter numbers sort first, none begins with 0."""
    length = (value.bit_length() + 7) // 8
    if length > _LONGEST_NUMBER:
        raise ValueError("a number of the version is too long")
    return bytes((length + 1,)) + value.to_bytes(length, "big")
