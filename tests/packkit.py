"""Packs for tests: made by hand byte by byte, or by the real git; and indexing them."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from heimnetz_git.storage.packentry import DEFAULT_LIMITS, Limits
from heimnetz_git.storage.packindex import External, Indexed, OnObject, index_pack

__all__ = [
    "BLOB",
    "OFS",
    "REF",
    "Made",
    "copy",
    "delta",
    "git_index",
    "git_pack",
    "header",
    "index",
    "insert",
    "ofs_delta",
    "oid_of",
    "pack",
    "ref_delta",
    "sealed",
    "store",
    "whole",
]

COMMIT, TREE, BLOB, TAG, OFS, REF = 1, 2, 3, 4, 6, 7
_QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


class Made:
    """What indexing made: the pack as it is now, its index, what was told on the way."""

    def __init__(self, pack: bytes, index: bytes, said: Indexed) -> None:
        self.pack, self.index, self.said = pack, index, said


def oid_of(data: bytes, kind: str = "blob") -> str:
    """The id of an object."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


def header(kind: int, size: int) -> bytes:
    """The first bytes of an entry."""
    out = bytearray([kind << 4 | size & 15])
    size >>= 4
    while size:
        out[-1] |= 128
        out.append(size & 127)
        size >>= 7
    return bytes(out)


def whole(data: bytes, kind: int = BLOB) -> bytes:
    """An entry that is no delta."""
    return header(kind, len(data)) + zlib.compress(data)


def ofs_delta(distance: int, change: bytes) -> bytes:
    """A delta on what lies ``distance`` bytes before."""
    back = bytearray([distance & 127])
    while distance := distance >> 7:
        distance -= 1
        back.insert(0, 128 | distance & 127)
    return header(OFS, len(change)) + bytes(back) + zlib.compress(change)


def ref_delta(oid: str, change: bytes) -> bytes:
    """A delta on an object by its id."""
    return header(REF, len(change)) + bytes.fromhex(oid) + zlib.compress(change)


def _size(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(128 | number & 127)
        number >>= 7
    return bytes([*out, number])


def delta(base: int, result: int, *steps: bytes) -> bytes:
    """A delta between objects of these sizes."""
    return _size(base) + _size(result) + b"".join(steps)


def insert(data: bytes) -> bytes:
    """An instruction: these bytes (up to 127)."""
    return bytes([len(data)]) + data


def copy(start: int, length: int) -> bytes:
    """An instruction: this part of the base."""
    code, out = 128, b""
    for bit, byte in enumerate((start | length << 32).to_bytes(7, "little")):
        if byte:
            code |= 1 << bit
            out += bytes([byte])
    return bytes([code]) + out


def pack(entries: Sequence[bytes], *, count: int | None = None, version: int = 2) -> bytes:
    """A pack of these entries, its checksum right."""
    number = len(entries) if count is None else count
    return sealed(
        b"PACK" + version.to_bytes(4, "big") + number.to_bytes(4, "big") + b"".join(entries)
    )


def sealed(data: bytes) -> bytes:
    """``data`` with its checksum behind it."""
    return data + hashlib.sha1(data).digest()


def index(
    data: bytes,
    *,
    external: External | None = None,
    on_object: OnObject | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Made:
    """Index a pack given as bytes."""
    out = io.BytesIO()
    with tempfile.TemporaryFile() as file:
        file.write(data)
        said = index_pack(file, out, external=external, on_object=on_object, limits=limits)
        file.seek(0)
        return Made(file.read(), out.getvalue(), said)


def _git(words: Sequence[str], given: bytes, folder: Path) -> bytes | None:
    environ = {**os.environ, **_QUIET, "GIT_DIR": str(folder)}
    done = subprocess.run(
        ["git", *words], input=given, capture_output=True, check=False, env=environ
    )
    return done.stdout if done.returncode == 0 else None


def store(folder: Path, objects: Iterable[tuple[str, bytes]]) -> list[str]:
    """A bare repository with these loose objects; their ids."""
    for inner in ("objects/pack", "refs"):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    (folder / "HEAD").write_bytes(b"ref: refs/heads/main\n")
    oids = []
    for kind, data in objects:
        oids.append(oid := oid_of(data, kind))
        path = folder / "objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(b"%s %d\0" % (kind.encode(), len(data)) + data, 1))
    return oids


def git_pack(folder: Path, lines: Iterable[str], *options: str) -> bytes:
    """What ``git pack-objects`` makes of these ids, or revisions, in a repository."""
    given = "".join(f"{line}\n" for line in lines).encode()
    made = _git(["pack-objects", "--quiet", "--stdout", *options], given, folder)
    assert made is not None
    return made


def git_index(data: bytes, folder: Path) -> bytes | None:
    """The index that ``git index-pack`` makes, None when it refuses the pack."""
    file = folder / "given.pack"
    file.write_bytes(data)
    file.with_suffix(".idx").unlink(missing_ok=True)
    words = ["index-pack", "-o", str(file.with_suffix(".idx")), str(file)]
    if _git(words, b"", folder / "nowhere") is None:
        return None
    return file.with_suffix(".idx").read_bytes()
