"""What one repository lacks of another, and copying it between two that lie on the same disk."""

from __future__ import annotations

import heapq
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from heimnetz_git.errors import CorruptRepository, HostileTree
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.storage.repo_objects import MOST_LOOSE, Commit, Objects, writing
from heimnetz_git.storage.repo_trees import DEEPEST, FOLDER, SUBMODULE, Node

__all__ = ["copy_all", "copy_missing", "missing", "new_commits", "reaches"]

_PACK = re.compile(r"(?:pack|loose)-[0-9a-f]{40}")
_LOOSE_FOLDER = re.compile(r"[0-9a-f]{2}")
_LOOSE_FILE = re.compile(r"[0-9a-f]{38}")


def new_commits(
    commit: Callable[[str], Commit], wants: Iterable[str], haves: Iterable[str]
) -> list[str]:
    """The commits reachable from ``wants`` and not from ``haves``, newest first.

    Goes by commit time from the newest, so that its cost follows what is new; clocks that ran
    backwards can make the answer larger than need be, never smaller.
    """
    known, found = set(haves), []
    queued = known.union(wants)
    queue = [(-commit(oid).when, oid) for oid in queued]
    heapq.heapify(queue)
    seen, open_ends, last = set(queued), len(queued - known), 1
    while open_ends or (queue and queue[0][0] == last):  # commits of one second have no order
        last, oid = heapq.heappop(queue)
        queued.discard(oid)
        if oid not in known:
            open_ends -= 1
            found.append(oid)
        for parent in commit(oid).parents:
            if oid in known and parent not in known:
                known.add(parent)
                open_ends -= parent in queued
            if parent not in seen:
                seen.add(parent)
                queued.add(parent)
                open_ends += parent not in known
                heapq.heappush(queue, (-commit(parent).when, parent))
    return [oid for oid in found if oid not in known]


def reaches(commit: Callable[[str], Commit], new: str, old: str) -> bool:
    """Does the history of ``new`` contain ``old``? Newest commits are looked at first."""
    queue, seen = [(-commit(new).when, new)], {new}
    while queue:
        _, oid = heapq.heappop(queue)
        if oid == old:
            return True
        for parent in commit(oid).parents:
            if parent not in seen:
                seen.add(parent)
                heapq.heappush(queue, (-commit(parent).when, parent))
    return False


def missing(
    objects: Objects,
    wants: Iterable[str],
    haves: Iterable[str],
    shallow: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """The ids of all objects that ``wants`` need and ``haves`` lack, holders last.

    A few that are there already may come too: a file moved from elsewhere in the tree.
    """

    def commit(oid: str) -> Commit:
        found = objects.commit(oid)
        return found._replace(parents=()) if oid in shallow else found

    seen: set[str] = set()
    for oid in reversed(new_commits(commit, wants, haves)):
        value = commit(oid)
        parents = [commit(parent).tree for parent in value.parents]
        yield from _new_in_tree(objects, value.tree, parents, seen)
        yield oid


def _new_in_tree(
    objects: Objects, tree: str, others: list[str], seen: set[str], depth: int = 0
) -> Iterator[str]:
    if tree in others or tree in seen:
        return
    if depth > DEEPEST:
        raise HostileTree(f"The tree {tree} lies more than {DEEPEST} folders deep.", oid=tree)
    seen.add(tree)
    others_here = [objects.tree(other) for other in others]
    for name, node in objects.tree(tree).items():
        twins = [other[name] for other in others_here if name in other]
        if node in twins or node.oid in seen or node.mode == SUBMODULE:
            continue
        if node.mode == FOLDER:
            yield from _new_in_tree(objects, node.oid, _folders(twins), seen, depth + 1)
        else:
            seen.add(node.oid)
            yield node.oid
    yield tree


def _folders(nodes: list[Node]) -> list[str]:
    return [node.oid for node in nodes if node.mode == FOLDER]


def copy_missing(
    source: Objects,
    target: Objects,
    wants: Iterable[str],
    haves: Iterable[str],
    *,
    shallow: frozenset[str] = frozenset(),
    reporter: Reporter = SILENT,
) -> int:
    """Copy what ``target`` lacks of ``wants`` when it has all of ``haves``; the number of objects.

    All of it is seen at once or in such order that nothing points to what is not there.
    """
    oids = list(missing(source, wants, haves, shallow))
    reporter.start("Copying objects", len(oids))
    try:
        if len(oids) <= MOST_LOOSE:
            target.add([source.raw(oid) for oid in oids])
        else:
            with writing(target.folder):
                target.add_pack_of(_told(source, oids, reporter), len(oids))
    finally:
        reporter.done()
    return len(oids)


def _told(source: Objects, oids: list[str], reporter: Reporter) -> Iterator[tuple[str, bytes]]:
    for oid in oids:
        yield source.raw(oid)
        reporter.advance()


def copy_all(source: Objects, target: Objects, reporter: Reporter = SILENT) -> None:
    """Copy every pack as it is, and loose objects as one pack: for a target that is still empty.

    Links are not followed. What a copied pack's index claims is checked when an object is read.
    """
    folders = [source.folder, *source.alternates()]
    packs = [path for folder in folders for path in _regular(folder / "pack", "*.idx", _PACK)]
    reporter.start("Copying packs", len(packs))
    try:
        with writing(target.folder):
            for index in packs:
                _copy_pack(index, target.folder / "pack")
                reporter.advance()
        loose = [oid for folder in folders for oid in _loose(folder)]
        readable = [oid for oid in loose if oid not in target and _is_sound(source, oid)]
        if readable:
            with writing(target.folder):
                target.add_pack_of(_told(source, readable, SILENT), len(readable))
    finally:
        reporter.done()


def _regular(folder: Path, pattern: str, name: re.Pattern[str]) -> list[Path]:
    found = (path for path in folder.glob(pattern) if name.fullmatch(path.stem))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _loose(folder: Path) -> Iterator[str]:
    for inner in sorted(folder.iterdir()):
        if _LOOSE_FOLDER.fullmatch(inner.name) and inner.is_dir() and not inner.is_symlink():
            for path in _regular(inner, "*", _LOOSE_FILE):
                yield inner.name + path.name


def _is_sound(objects: Objects, oid: str) -> bool:
    """Can it be read? A damaged object that nothing needs should not stop a copy."""
    try:
        objects.raw(oid)
    except CorruptRepository:
        return False
    return True


def _copy_pack(index: Path, folder: Path) -> None:
    """The pack first, its index after it: a pack is seen by its index."""
    for path in (index.with_suffix(".pack"), index):
        target = folder / path.name
        if target.exists() or path.is_symlink():
            continue
        with tempfile.NamedTemporaryFile(dir=folder, prefix="tmp_pack_", delete=False) as aside:
            pass
        try:
            shutil.copyfile(path, aside.name)
            Path(aside.name).replace(target)
        finally:
            Path(aside.name).unlink(missing_ok=True)
