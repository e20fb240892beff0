"""Gathering packs: each fetch leaves one, and every look-up asks all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from heimnetz_git.storage.packfile import PackFile
from heimnetz_git.storage.repo_objects import Objects, writing

__all__ = ["MOST_PACKS", "gather"]

MOST_PACKS = 32
LARGEST = 64 << 20
"""Bytes of a pack that is copied; larger ones stay as they are."""


def gather(objects: Objects, *, most: int = MOST_PACKS) -> int:
    """Make one pack of the smaller ones when there are more than ``most``; how many it was.

    The new pack is in place before an old one goes, so a reader finds each object at any time, and
    one that has an old pack open goes on reading it. Packs that somebody marked to be kept stay.
    Raises CorruptRepository when one is damaged: then all of them stay.
    """
    small = [
        index for index in sorted((objects.folder / "pack").glob("pack-*.idx")) if _small(index)
    ]
    if len(small) <= most:
        return 0
    with ExitStack() as opened:
        packs = [opened.enter_context(PackFile(index)) for index in small]
        wanted: dict[str, PackFile] = {oid: pack for pack in packs for oid in pack.ids()}
        made = objects.add_pack_of(_read(packs, wanted), len(wanted))
    objects.close()
    with writing(objects.folder):
        for index in small:
            if index.stem != made:
                for path in (index, index.with_suffix(".rev"), index.with_suffix(".pack")):
                    path.unlink(missing_ok=True)
    return len(small)


def _small(index: Path) -> bool:
    pack = index.with_suffix(".pack")
    try:
        is_marked = any(index.with_suffix(end).exists() for end in (".keep", ".promisor"))
        return not is_marked and pack.stat().st_size <= LARGEST
    except FileNotFoundError:
        return False


def _read(packs: list[PackFile], wanted: dict[str, PackFile]) -> Iterator[tuple[str, bytes]]:
    """Every object once, from one of the packs that have it."""
    for pack in packs:
        own = [oid for oid in set(pack.ids()) if wanted[oid] is pack]
        for _, kind, data in pack.read_many(own):
            yield kind, data
