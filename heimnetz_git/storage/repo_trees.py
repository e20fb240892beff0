"""Trees of a Git repository as values: reading, comparing and changing them without a checkout."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from heimnetz_git.errors import CorruptRepository, HostileTree, UsageError, printable

__all__ = [
    "BLOB",
    "DEEPEST",
    "FOLDER",
    "LINK",
    "SUBMODULE",
    "Change",
    "Entry",
    "Node",
    "Tree",
    "decode",
    "diff",
    "encode",
    "entries",
    "find",
    "named",
    "rewrite",
    "rows",
]

BLOB, PROGRAM, LINK, FOLDER, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o040000, 0o160000
DEEPEST = 32
_ROW = re.compile(rb"([0-7]{5,6}) ([^\0/]+)\0(.{20})", re.DOTALL)
_LOOSE_ROW = re.compile(rb"([0-7]{5,6}) ([^\0]*)\0(.{20})", re.DOTALL)
_FOLDERS = frozenset({b"40000", b"040000"})


class Node(NamedTuple):
    """One name in a tree: its mode and object id (40 hex digits)."""

    mode: int
    oid: str


class Entry(NamedTuple):
    """A file of a tree by its whole path: a blob, a link (0o120000) or a submodule (0o160000)."""

    path: str
    mode: int
    oid: str


class Change(NamedTuple):
    """A path that differs between two trees; None where it does not exist."""

    path: str
    old: Entry | None
    new: Entry | None


Row = tuple[bytes, bytes, bytes]
Tree = dict[str, Node]
Load = Callable[[str], list[Row]]
Save = Callable[[str, bytes], str]


def rows(data: bytes, oid: str) -> list[Row]:
    """The names in the tree object ``oid`` as they are written: mode, name and id in bytes.

    Raises CorruptRepository when it cannot be read, HostileTree when a name could be taken for
    another path or is there twice, or the names are not in Git's order.
    """
    found: list[Row] = _ROW.findall(data)
    if sum([len(mode) + len(name) for mode, name, _ in found]) + 22 * len(found) != len(data):
        raise _unreadable(data, oid)
    names = {name for _, name, _ in found}
    keys = [name + b"/" if mode in _FOLDERS else name for mode, name, _ in found]
    if len(names) != len(found) or keys != sorted(keys) or b"." in names or b".." in names:
        raise _hostile(oid, found)
    return found


def _unreadable(data: bytes, oid: str) -> CorruptRepository | HostileTree:
    """The error for bytes that are not all rows: a name is empty or has a slash, or it is torn."""
    loose: list[Row] = _LOOSE_ROW.findall(data)
    if sum(len(mode) + len(name) for mode, name, _ in loose) + 22 * len(loose) == len(data):
        return _hostile(oid, loose)
    return CorruptRepository(f"The tree {oid} is damaged.", oid=oid)


def _hostile(oid: str, found: Sequence[Row]) -> HostileTree:
    last, seen, culprit = b"", set[bytes](), b""
    for mode, name, _ in found:
        key = name + b"/" if mode in _FOLDERS else name
        if name in {b"", b".", b".."} or b"/" in name or name in seen or key <= last:
            culprit = name
            break
        seen.add(name)
        last = key
    shown = printable(culprit.decode("utf-8", "surrogateescape"))
    return HostileTree(
        f"The tree {oid} has a name that no tree may have, has it twice or not in order:"
        f" {shown!r}.",
        oid=oid,
        name=shown,
    )


def decode(data: bytes, oid: str) -> Tree:
    """The names in the tree object ``oid``. Raises as ``rows``."""
    return named(rows(data, oid))


def named(found: Iterable[Row]) -> Tree:
    """Rows as values by name, in the same order; bytes that are no UTF-8 come as surrogates."""
    return {
        name.decode("utf-8", "surrogateescape"): Node(int(mode, 8), sha.hex())
        for mode, name, sha in found
    }


def encode(tree: Mapping[str, Node]) -> bytes:
    """The bytes of a tree object, names in Git's order."""
    return _joined({_key(row): row for row in (_row(name, node) for name, node in tree.items())})


def _row(name: str, node: Node) -> Row:
    raw = name.encode("utf-8", "surrogateescape")
    return b"%o" % node.mode, raw, bytes.fromhex(node.oid)


def _key(row: Row) -> bytes:
    """By what Git orders the names in a tree: as if folders ended in a slash."""
    return row[1] + b"/" if row[0] in _FOLDERS else row[1]


def _joined(tree: Mapping[bytes, Row]) -> bytes:
    return b"".join([b"%b %b\0%b" % tree[key] for key in sorted(tree)])


def find(load: Load, tree: str, path: str) -> Node | None:
    """What is at ``path``; a folder too. None when there is nothing."""
    node = Node(FOLDER, tree)
    for part in path.split("/") if path else ():
        found = _named(load(node.oid), part) if node.mode == FOLDER else None
        if found is None:
            return None
        node = found
    return node


def _named(tree: list[Row], name: str) -> Node | None:
    raw = name.encode("utf-8", "surrogateescape")
    for key in (raw, raw + b"/"):
        place = bisect_left(tree, key, key=_key)
        if place < len(tree) and _key(tree[place]) == key:
            mode, _, sha = tree[place]
            return Node(int(mode, 8), sha.hex())
    return None


def _check_depth(path: str) -> None:
    if path.count("/") > DEEPEST:
        raise HostileTree(f"A folder lies more than {DEEPEST} deep: {printable(path)!r}.")


def entries(load: Load, tree: str, under: str = "") -> Iterator[Entry]:
    """Every file below ``under``, sorted by path; ``under`` itself when it is a file."""
    node = find(load, tree, under)
    if node is None:
        return
    if node.mode != FOLDER:
        yield Entry(under, *node)
        return
    stack = [iter(_below(load(node.oid), under))]
    while stack:
        for path, mode, oid in stack[-1]:
            if mode == FOLDER:
                _check_depth(path)
                stack.append(iter(_below(load(oid), path)))
                break
            yield Entry(path, mode, oid)
        else:
            stack.pop()


def _below(tree: list[Row], folder: str) -> Iterator[Entry]:
    prefix = f"{folder}/" if folder else ""
    for name, (mode, oid) in named(tree).items():
        yield Entry(prefix + name, mode, oid)


def diff(load: Load, old: str | None, new: str | None, folder: str = "") -> Iterator[Change]:
    """What differs between two trees, sorted by path; equal subtrees are not looked into.

    ``load`` gives a tree's rows: most are the same in both, and nothing is made of those.
    ``folder`` is where the trees stand, with a slash at its end.
    """
    if old == new:
        return
    _check_depth(folder.removesuffix("/"))
    before, after = set(load(old) if old else ()), set(load(new) if new else ())
    for key, left, right in _pairs(before - after, after - before):
        path = folder + key.decode("utf-8", "surrogateescape")
        if path.endswith("/"):
            yield from diff(load, left and left.oid, right and right.oid, path)
        else:
            yield Change(path, left and Entry(path, *left), right and Entry(path, *right))


def _pairs(gone: set[Row], come: set[Row]) -> Iterator[tuple[bytes, Node | None, Node | None]]:
    """The names that differ in Git's order, a folder's with a slash at its end; one that is a file
    here and a folder there comes as two."""
    pairs: dict[bytes, list[Node | None]] = {}
    for side, rows_of in enumerate((gone, come)):
        for mode, name, sha in rows_of:
            key = name + b"/" if mode in _FOLDERS else name
            pairs.setdefault(key, [None, None])[side] = Node(int(mode, 8), sha.hex())
    for key in sorted(pairs):
        left, right = pairs[key]
        if left != right:
            yield key, left, right


def rewrite(load: Load, save: Save, base: str | None, files: Mapping[str, Node | None]) -> str:
    """A tree like ``base`` with ``files`` set, or removed where None; cost by change and depth.

    ``save`` stores an object, trees after what they hold, and returns its id. A folder that
    becomes empty goes away. Raises UsageError for a path that no tree may have.
    """
    return _rewrite(load, save, base, {_parts(path): node for path, node in files.items()}) or save(
        "tree", b""
    )


def _parts(path: str) -> tuple[str, ...]:
    parts = tuple(path.split("/"))
    if any(part in {"", ".", ".."} or part.lower() == ".git" or "\0" in part for part in parts):
        raise UsageError(f"{printable(path)!r} cannot be a path in a repository.", path=path)
    return parts


def _rewrite(
    load: Load, save: Save, base: str | None, files: Mapping[tuple[str, ...], Node | None]
) -> str | None:
    tree = {_key(row): row for row in load(base)} if base else {}
    below: dict[str, dict[tuple[str, ...], Node | None]] = {}
    for (name, *rest), node in files.items():
        if rest:
            below.setdefault(name, {})[tuple(rest)] = node
        else:
            _put(tree, name, node)
    for name, inner in below.items():
        there = tree.get(name.encode("utf-8", "surrogateescape") + b"/")
        oid = _rewrite(load, save, there and there[2].hex(), inner)
        if oid is not None or there is not None:
            _put(tree, name, Node(FOLDER, oid) if oid is not None else None)
    return save("tree", _joined(tree)) if tree else None


def _put(tree: dict[bytes, Row], name: str, node: Node | None) -> None:
    """Set a name, or take it out; what it was before, a file or a folder, goes."""
    raw = name.encode("utf-8", "surrogateescape")
    tree.pop(raw, None)
    tree.pop(raw + b"/", None)
    if node is not None:
        row = _row(name, node)
        tree[_key(row)] = row
