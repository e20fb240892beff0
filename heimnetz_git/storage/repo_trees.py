"""Trees of a Git repository as values: reading, comparing and changing them without a checkout."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
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
    "rewrite",
]

BLOB, PROGRAM, LINK, FOLDER, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o040000, 0o160000
DEEPEST = 32
_MODE = re.compile(rb"[0-7]{5,6}")


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


Tree = dict[str, Node]
Load = Callable[[str], Tree]
Save = Callable[[str, bytes], str]


def _order(name: str, mode: int) -> bytes:
    """Git's order of names in a tree: as if folders ended in a slash."""
    raw = name.encode("utf-8", "surrogateescape")
    return raw + b"/" if mode == FOLDER else raw


def decode(data: bytes, oid: str) -> Tree:
    """The names in the tree object ``oid``; bytes that are no UTF-8 come as surrogates.

    Raises CorruptRepository when it cannot be read, HostileTree when a name could be taken for
    another path or is there twice, or the names are not in Git's order.
    """
    tree: Tree = {}
    at, last = 0, b""
    while at < len(data):
        space = data.find(b" ", at, at + 8)
        end = data.find(b"\0", space)
        if space < 0 or end < 0 or end + 21 > len(data) or not _MODE.fullmatch(data, at, space):
            raise CorruptRepository(f"The tree {oid} is damaged.", oid=oid)
        mode, raw = int(data[at:space], 8), data[space + 1 : end]
        name = raw.decode("utf-8", "surrogateescape")
        key = raw + b"/" if mode == FOLDER else raw
        if raw in {b"", b".", b".."} or b"/" in raw or name in tree or key <= last:
            raise HostileTree(
                f"The tree {oid} has a name that no tree may have, has it twice or not in order:"
                f" {printable(name)!r}.",
                oid=oid,
                name=printable(name),
            )
        tree[name] = Node(mode, data[end + 1 : end + 21].hex())
        at, last = end + 21, key
    return tree


def encode(tree: Mapping[str, Node]) -> bytes:
    """The bytes of a tree object, names in Git's order."""
    ordered = sorted(tree.items(), key=lambda item: _order(item[0], item[1].mode))
    return b"".join(
        b"%o %s\0%s" % (mode, name.encode("utf-8", "surrogateescape"), bytes.fromhex(oid))
        for name, (mode, oid) in ordered
    )


def find(load: Load, tree: str, path: str) -> Node | None:
    """What is at ``path``; a folder too. None when there is nothing."""
    node = Node(FOLDER, tree)
    for part in path.split("/") if path else ():
        if node.mode != FOLDER:
            return None
        found = load(node.oid).get(part)
        if found is None:
            return None
        node = found
    return node


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


def _below(tree: Tree, folder: str) -> Iterator[Entry]:
    prefix = f"{folder}/" if folder else ""
    for name, (mode, oid) in tree.items():
        yield Entry(prefix + name, mode, oid)


def diff(load: Load, old: str | None, new: str | None, folder: str = "") -> Iterator[Change]:
    """What differs between two trees, sorted by path; equal subtrees are not looked into."""
    if old == new:
        return
    _check_depth(folder)
    before, after = load(old) if old else {}, load(new) if new else {}
    prefix = f"{folder}/" if folder else ""
    for name, left, right in _pairs(before, after):
        if FOLDER in (left and left.mode, right and right.mode):
            yield from diff(load, left and left.oid, right and right.oid, prefix + name)
        else:
            path = prefix + name
            yield Change(path, left and Entry(path, *left), right and Entry(path, *right))


def _pairs(before: Tree, after: Tree) -> list[tuple[str, Node | None, Node | None]]:
    """The names that differ; one that is a file here and a folder there comes as two."""
    names = {name for name, node in after.items() if before.get(name) != node}
    names.update(before.keys() - after.keys())
    pairs: list[tuple[bytes, str, Node | None, Node | None]] = []
    for name in names:
        left, right = before.get(name), after.get(name)
        as_file, as_folder = _order(name, BLOB), _order(name, FOLDER)
        if left and right and (left.mode == FOLDER) != (right.mode == FOLDER):
            first, second = (left, None), (None, right)
            pairs.append((as_folder if left.mode == FOLDER else as_file, name, *first))
            pairs.append((as_folder if right.mode == FOLDER else as_file, name, *second))
        else:
            folder = FOLDER in (left and left.mode, right and right.mode)
            pairs.append((as_folder if folder else as_file, name, left, right))
    return [(name, left, right) for _, name, left, right in sorted(pairs, key=lambda p: p[0])]


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
    tree = dict(load(base)) if base else {}
    below: dict[str, dict[tuple[str, ...], Node | None]] = {}
    for (name, *rest), node in files.items():
        if rest:
            below.setdefault(name, {})[tuple(rest)] = node
        elif node is None:
            tree.pop(name, None)
        else:
            tree[name] = node
    for name, inner in below.items():
        there = tree.get(name)
        folder = there.oid if there and there.mode == FOLDER else None
        oid = _rewrite(load, save, folder, inner)
        if oid is not None:
            tree[name] = Node(FOLDER, oid)
        elif folder is not None:
            del tree[name]
    return save("tree", encode(tree)) if tree else None
