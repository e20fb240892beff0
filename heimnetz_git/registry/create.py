"""Making a registry: a new one from the templates, or its content from a plain folder."""

from __future__ import annotations

import os
import shutil
import string
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec

from heimnetz_git.errors import HostileTree, InvalidName, StorageError, UsageError, printable
from heimnetz_git.model.layout import ALLOWED_SIGNERS, POLICY, REGISTRY
from heimnetz_git.model.names import plugin_name
from heimnetz_git.model.registry import Policy, RegistryInfo
from heimnetz_git.storage import bundled, yamlfile
from heimnetz_git.storage.repo import Repository

__all__ = ["AUTHOR", "MAIN", "Created", "create", "import_tree"]

MAIN = "main"
AUTHOR = "heimnetz-git <>"
BATCH = 32 << 20
_SIGNERS = b"# Who may sign what, as ssh-keygen(1) reads it: PRINCIPALS [OPTIONS] KEYTYPE KEY\n"


class Created(msgspec.Struct, frozen=True):
    """A new registry: its folder, its UUID, and its first commit."""

    path: str
    id: str
    commit: str


def create(
    path: Path, *, name: str, title: str = "", uuid: str, when: int, tree: Path | None = None
) -> Created:
    """A new registry as a bare repository at ``path``, all there or not there at all.

    With ``tree`` it begins with the files of that folder, under a name and ``uuid`` of its own.
    ``when`` is the commit's time in unix seconds; the same arguments give the same commit. Raises
    UsageError when there is something at ``path``, InvalidName, HostileTree as ``import_tree``.
    """
    if plugin_name(name) != name:
        raise InvalidName(f"{printable(name)!r} is not a name for a registry.", name=name)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is there already and not empty.", path=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        with Repository.create(aside / "new") as repo:
            base = _tree_of(repo, tree) if tree is not None else None
            files = _own_files(repo, base, name=name, title=title, uuid=str(UUID(uuid)))
            commit = repo.commit(
                repo.write(base, files), [], f"Create the registry {name}", author=AUTHOR, when=when
            )
            repo.set_branch(MAIN, commit, expect=None)
        if path.exists():
            path.rmdir()
        (aside / "new").rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Created(str(path), str(UUID(uuid)), commit)


def import_tree(
    repo: Repository, folder: Path, *, when: int, message: str, author: str = AUTHOR
) -> str:
    """Make main hold exactly the files of a plain folder; the commit.

    No commit is made when nothing changed; the same files, time and history give the same commit.
    Raises HostileTree for links, devices and colliding names in the folder.
    """
    tree = _tree_of(repo, folder)
    for _ in range(10):
        before = repo.branch(MAIN)
        if before is not None and repo.tree(before) == tree:
            return before
        parents = [before] if before else []
        commit = repo.commit(tree, parents, message, author=author, when=when)
        if repo.set_branch(MAIN, commit, expect=before):
            return commit
    raise StorageError(f"The branch {MAIN!r} of {repo.path} keeps changing.")


def _tree_of(repo: Repository, folder: Path) -> str:
    tree = repo.write(None, {})
    batch: dict[str, bytes | None] = {}
    size = 0
    for name, file in _files(folder):
        batch[name] = file.read_bytes()
        size += len(batch[name] or b"")
        if size > BATCH:
            tree = repo.write(tree, batch)
            batch, size = {}, 0
    return repo.write(tree, batch) if batch else tree


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder by its path in a tree (NFC), in a stable order; no ``.git``."""
    seen: dict[str, str] = {}
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted([*files, *(name for name in folders if Path(top, name).is_symlink())]):
            file = Path(top, name)
            path = unicodedata.normalize("NFC", file.relative_to(folder).as_posix())
            if file.is_symlink() or not file.is_file():
                raise HostileTree(f"{printable(path)!r} is a link or a device.", path=path)
            twin = seen.setdefault(path.casefold(), path)
            if twin != path:
                raise HostileTree(
                    f"{printable(path)!r} and {printable(twin)!r} differ in case alone.", path=path
                )
            yield path, file


def _own_files(
    repo: Repository, base: str | None, *, name: str, title: str, uuid: str
) -> dict[str, bytes]:
    """What every registry has, but for what ``base`` brings; registry.yaml is always its own."""
    title = title or name
    words = {"name": name, "title": title, "id": uuid}
    found = _templates(words) | {
        POLICY: yamlfile.dump(Policy(format=1)),
        ALLOWED_SIGNERS: _SIGNERS,
    }
    entry = repo.entry(base, REGISTRY) if base else None
    info = RegistryInfo(format=1, id=uuid, name=name, title=title)
    if entry is not None:
        theirs = yamlfile.read(repo.read(entry.oid), RegistryInfo, REGISTRY)
        info = msgspec.structs.replace(theirs, id=uuid, name=name, title=title)
    missing = {path: data for path, data in found.items() if not (base and repo.entry(base, path))}
    return missing | {REGISTRY: yamlfile.dump(info)}


def _templates(words: dict[str, str]) -> dict[str, bytes]:
    """The files of templates/registry; in the README ``$name`` and the like are filled in."""
    found = {}
    for path, file in _files(bundled.folder("templates") / "registry"):
        text = file.read_text("utf-8")
        if path.endswith(".md"):
            text = string.Template(text).safe_substitute(words)
        found[path] = text.encode()
    return found
