"""Git bundles: commits and the refs that name them in one file, as gitformat-bundle(5) has it (v2).

What leans on commits that the reader has too names them as prerequisites; the rest is a pack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from dulwich.object_format import SHA1
from dulwich.objects import RawObjectID
from dulwich.pack import UnpackedObject, write_pack_data

from heimnetz_git.errors import CorruptRepository, FileMissing
from heimnetz_git.storage import repo_copy
from heimnetz_git.storage.home import write_atomic
from heimnetz_git.storage.repo_objects import NUMBERS, writing
from heimnetz_git.storage.repo_transfer import End

__all__ = ["BundleHead", "add_bundle", "read_bundle", "write_bundle"]

LARGEST = 1 << 30
MOST_LINES = 10_000
_FIRST = b"# v2 git bundle\n"
_NEEDED = re.compile(rb"-([0-9a-f]{40})(?: [^\n]*)?\n")
_REF = re.compile(rb"([0-9a-f]{40}) (refs/[^\x00-\x20\x7f]{1,240})\n")


class BundleHead(NamedTuple):
    """What a bundle says of itself: refs -> commits, the commits that the reader must have, and
    where its pack begins.
    """

    refs: Mapping[str, str]
    needs: tuple[str, ...]
    start: int


def write_bundle(source: End, path: Path, refs: Mapping[str, str], needs: Iterable[str]) -> None:
    """Write the commits of ``refs`` with all that the commits ``needs`` do not bring.

    The file is there as a whole or not at all; the same commits give the same bytes.
    """
    known = sorted(needs)
    objects = sorted(
        repo_copy.missing(source.objects, sorted(refs.values()), known, source.shallow())
    )
    read = ((oid, *source.objects.raw(oid)) for oid in objects)
    records = (
        UnpackedObject(NUMBERS[kind], decomp_chunks=[data], sha=RawObjectID(bytes.fromhex(oid)))
        for oid, kind, data in read
    )
    out = BytesIO()
    out.write(_FIRST)
    out.writelines(f"-{oid}\n".encode() for oid in known)
    out.writelines(f"{oid} {ref}\n".encode() for ref, oid in sorted(refs.items()))
    out.write(b"\n")
    write_pack_data(out.write, records, num_records=len(objects), object_format=SHA1)
    write_atomic(path, out.getvalue())


def read_bundle(path: Path) -> BundleHead:
    """The head of a bundle. Raises FileMissing, CorruptRepository for what is none."""
    if not path.is_file():
        raise FileMissing(f"There is no {path}.", path=str(path))
    if path.stat().st_size > LARGEST:
        raise CorruptRepository(f"{path} is longer than 1 GiB.", path=str(path))
    refs: dict[str, str] = {}
    needs: list[str] = []
    with path.open("rb") as file:
        line = file.readline(300)
        if line != _FIRST:
            raise _no_bundle(path, "it does not begin as one of version 2")
        for _ in range(MOST_LINES):
            line = file.readline(300)
            needed, ref = _NEEDED.fullmatch(line), _REF.fullmatch(line)
            if needed:
                needs.append(needed[1].decode())
            elif ref:
                refs[ref[2].decode("utf-8", "replace")] = ref[1].decode()
            elif line == b"\n":
                return BundleHead(refs, tuple(needs), file.tell())
            else:
                break
    raise _no_bundle(path, "its head is damaged")


def add_bundle(target: End, path: Path) -> BundleHead:
    """Bring the objects of a bundle to a repository; no ref is touched.

    Every object is checked. Raises CorruptRepository, also when a needed commit is not there.
    """
    head = read_bundle(path)
    missing = [oid for oid in head.needs if oid not in target.objects]
    if missing:
        raise CorruptRepository(
            f"{path} builds on the commit {missing[0]}, which {target.path} does not have.",
            hint="Bring the registry up to date first, or have the bundle made anew on what it is.",
            missing=missing,
        )
    with writing(target.path), path.open("rb") as file:
        file.seek(head.start)
        target.objects.add_pack(file)
    for oid in head.refs.values():
        if oid not in target.objects:
            raise _no_bundle(path, f"it does not bring {oid}")
    return head


def _no_bundle(path: Path, why: str) -> CorruptRepository:
    return CorruptRepository(
        f"{path} is not a bundle of Git: {why}.",
        hint="Have it made anew with 'heimnetz-git publish --bundle FILE' or 'git bundle create'.",
        path=str(path),
    )
