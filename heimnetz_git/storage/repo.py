"""A bare Git repository without a work tree: the only door to Git's objects, refs and transport."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from heimnetz_git.errors import CorruptRepository, RemoteRefused
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.storage import (
    repo_copy,
    repo_folder,
    repo_gather,
    repo_refs,
    repo_transfer,
    repo_trees,
)
from heimnetz_git.storage.packindex import OnObject
from heimnetz_git.storage.repo_address import local_folder, shown
from heimnetz_git.storage.repo_objects import Commit, Objects, object_id
from heimnetz_git.storage.repo_refs import HEADS
from heimnetz_git.storage.repo_spill import Spill
from heimnetz_git.storage.repo_transfer import Wanted
from heimnetz_git.storage.repo_trees import Change, Entry, Node

__all__ = ["Change", "Entry", "Repository", "local_folder", "remote_heads", "shown"]

LARGEST_BLOB = 64 << 20
TIMEOUT = 30.0
ORIGIN = "refs/remotes/origin/"


class Repository:
    """A bare repository on disk. Object ids are 40 hex digits. A context manager.

    Names of branches are without ``refs/heads/``; a whole name such as
    ``refs/remotes/origin/main`` is taken too. Every object is checked against its id when read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.objects = Objects(path / "objects")

    @classmethod
    def open(cls, path: Path) -> Repository:
        """The repository at ``path``. Raises FileMissing when there is none."""
        return cls(repo_folder.check(path))

    @classmethod
    def create(cls, path: Path) -> Repository:
        """A new, empty repository at ``path``: a free name or an empty folder."""
        repo_folder.create(path)
        return cls(path)

    def close(self) -> None:
        """Let go of every open file."""
        self.objects.close()

    def __enter__(self) -> Self:
        """The repository itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def branch(self, name: str) -> str | None:
        """The commit that a branch points to, None when there is no such branch."""
        return repo_refs.read(self.path, repo_refs.checked(name))

    def branches(self, prefix: str = "") -> dict[str, str]:
        """Branches whose names begin with ``prefix`` -> commit, sorted by name."""
        found = repo_refs.read_all(self.path, HEADS + prefix)
        return {name.removeprefix(HEADS): oid for name, oid in found.items()}

    def tree(self, commit: str) -> str:
        """The tree of a commit."""
        return self.objects.commit(commit).tree

    def parents(self, commit: str) -> tuple[str, ...]:
        """The commits before it; none where a shallow history was cut."""
        return () if commit in self.shallow() else self.objects.commit(commit).parents

    def commit_message(self, commit: str) -> str:
        """Its whole message."""
        return self.objects.commit(commit).message

    def commit_time(self, commit: str) -> int:
        """When its committer says it was made, as unix seconds."""
        return self.objects.commit(commit).when

    def is_ancestor(self, old: str, new: str) -> bool:
        """Does the history of ``new`` contain ``old``? A commit is its own ancestor."""
        return old in self.objects and repo_copy.reaches(self._commit, new, old)

    def commits_since(self, new: str, old: str) -> tuple[str, ...]:
        """The commits in the history of ``new`` that ``old`` does not contain, newest first."""
        return tuple(repo_copy.new_commits(self._commit, [new], [old]))

    def read(self, oid: str, *, max_bytes: int = LARGEST_BLOB) -> bytes:
        """The bytes of a blob. Raises CorruptRepository when damaged, missing or longer."""
        data = self.objects.read(oid, "blob")
        if len(data) > max_bytes:
            raise CorruptRepository(f"The object {oid} is longer than {max_bytes} bytes.", oid=oid)
        return data

    def blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """(id, bytes) of many blobs, each once, in the order in which they are read fastest.

        Raises CorruptRepository when one is damaged, missing or no blob.
        """
        return self.objects.blobs(oids)

    def read_all(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes]]:
        """Files with their bytes, in the order given; nothing for what is no regular file.

        They are read ahead, some at a time, in the order in which they are read fastest.
        """
        if self.objects.at_hand is None:
            return self.objects.read_ahead(entries)
        read, regular = self.objects.read, repo_trees.BLOB
        return ((one, read(one.oid, "blob") if one.mode == regular else b"") for one in entries)

    @contextlib.contextmanager
    def spilling(self) -> Iterator[OnObject]:
        """For a first ``fetch``: until this ends, trees and files that come are kept at hand.

        They are read from there without being unpacked again. What this gives is ``on_object``.
        """
        with Spill(self.path) as spill:
            self.objects.at_hand = spill.get
            try:
                yield spill.take
            finally:
                self.objects.at_hand = None

    def entry(self, tree: str, path: str) -> Entry | None:
        """The file, link or folder at ``path``, None when there is nothing."""
        node = repo_trees.find(self.objects.rows, tree, path)
        return Entry(path, *node) if node else None

    def entries(self, tree: str, under: str = "") -> Iterator[Entry]:
        """All files below ``under`` sorted by path, links and submodules among them."""
        return repo_trees.entries(self.objects.rows, tree, under)

    def names(self, tree: str, folder: str = "") -> tuple[str, ...]:
        """The names in one folder of a tree, files and folders; none when there is no folder."""
        node = repo_trees.find(self.objects.rows, tree, folder)
        if node is None or node.mode != repo_trees.FOLDER:
            return ()
        rows = self.objects.rows(node.oid)
        return tuple([name.decode("utf-8", "surrogateescape") for _, name, _ in rows])

    def diff(self, old_tree: str | None, new_tree: str | None) -> Iterator[Change]:
        """What differs between two trees, sorted by path; its cost follows the difference."""
        return repo_trees.diff(self.objects.rows, old_tree, new_tree)

    def write(self, base_tree: str | None, files: Mapping[str, bytes | Entry | None]) -> str:
        """A tree like ``base_tree`` with files set to these bytes, or removed where None.

        An Entry sets a path to an object that is here already. Cost: change times depth.
        """
        new: dict[str, tuple[str, bytes]] = {}

        def save(kind: str, data: bytes) -> str:
            oid = object_id(kind, data)
            new[oid] = (kind, data)
            return oid

        nodes = {path: _node(value, save) for path, value in files.items()}
        tree = repo_trees.rewrite(self.objects.rows, save, base_tree, nodes)
        self.objects.add(list(new.values()))
        return tree

    def commit(
        self, tree: str, parents: Sequence[str], message: str, *, author: str, when: int
    ) -> str:
        """Store a commit; its id follows from the arguments alone.

        ``author`` is ``Name <address>``, ``when`` unix seconds (written as UTC).
        """
        who = repo_folder.identity(author)
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"{role} {who} {when} +0000" for role in ("author", "committer")]
        text = "\n".join(lines) + "\n\n" + message.rstrip("\n").replace("\0", "") + "\n"
        data = text.encode("utf-8", "replace")
        self.objects.add([("commit", data)])
        return object_id("commit", data)

    def set_branch(self, name: str, new: str, *, expect: str | None) -> bool:
        """Point a branch to ``new`` if it points to ``expect`` (None: if it is not there yet).

        False, and nothing done, when it does not: compare and swap.
        """
        if new not in self.objects:
            raise CorruptRepository(f"The object {new} is missing from {self.path}.", oid=new)
        return repo_refs.swap(self.path, repo_refs.checked(name), new, expect=expect)

    def delete_branch(self, name: str, *, expect: str | None = None) -> bool:
        """Remove a branch, if it points to ``expect`` when that is given; else False."""
        return repo_refs.remove(self.path, repo_refs.checked(name), expect=expect)

    def forget(self, before: str | None, after: str) -> None:
        """Take back that a fetch brought ``after``: the next one asks for it again.

        ``before`` is what the same branches of the other repository are taken to be then.
        """
        for name, oid in repo_refs.read_all(self.path, ORIGIN).items():
            if oid == after and before is not None and before != after:
                repo_folder.write_ref(self.path, name, before)
            elif oid == after and before is None:
                self.delete_branch(name)

    def gather(self) -> None:
        """Make one pack of what many fetches left, when they are many; for the only writer."""
        if self.objects.alternates() == []:
            repo_gather.gather(self.objects)

    def shallow(self) -> frozenset[str]:
        """Commits whose parents were left out by a fetch with a depth."""
        return repo_folder.read_shallow(self.path)

    def tips(self) -> frozenset[str]:
        """Every commit that a ref points to and that is here: all behind it is here too."""
        tips = set(repo_refs.read_all(self.path).values())
        return frozenset(oid for oid in tips if oid in self.objects)

    def fetch(
        self,
        url: str,
        *,
        branches: Sequence[str] = ("main",),
        depth: int | None = None,
        reporter: Reporter = SILENT,
        timeout: float = TIMEOUT,
        on_object: OnObject | None = None,
        heads: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Bring branches of another repository here; those that it has -> commit.

        They are kept as ``refs/remotes/origin/NAME``, which change only when every object has
        arrived. ``depth`` is ignored for folders. ``on_object`` hears (kind, id, bytes) of each
        object that comes over the network, before it is accepted. ``heads`` is what the server was
        found to have a moment ago. Raises FileMissing when there is no repository, NetworkError
        (DownloadFailed when it broke off), CorruptRepository.
        """
        folder = local_folder(url)
        if folder is None:
            wanted = Wanted(branches, depth, timeout, reporter, on_object, heads)
            found = repo_transfer.fetch_network(self, url, wanted)
        else:
            with Repository.open(folder) as source:
                found = repo_transfer.fetch_folder(self, source, branches, reporter)
        for name, oid in found.items():
            self.objects.tree(self.tree(oid))
            repo_folder.write_ref(self.path, ORIGIN + name, oid)
        return found

    def push(
        self, url: str, branch: str, commit: str, *, force: bool = False, timeout: float = TIMEOUT
    ) -> None:
        """Send ``commit`` and point ``branch`` of another repository to it.

        Without ``force`` only when the branch is new or an ancestor. Raises RemoteRefused with
        the server's words when it does not want it.
        """
        now = remote_heads(url, prefix=branch, timeout=timeout).get(branch)
        if now == commit:
            return
        if now is not None and not force and not self.is_ancestor(now, commit):
            raise RemoteRefused(
                f"{branch!r} at {shown(url)} has commits that would be lost.", url=shown(url)
            )
        self._send(url, branch, commit, expect=now, timeout=timeout)

    def push_ref(
        self,
        url: str,
        ref: str,
        commit: str,
        *,
        options: Sequence[str] = (),
        timeout: float = TIMEOUT,
    ) -> str:
        """Send ``commit`` to a ref of a server, whatever it was; what the server told its user.

        For servers that make more of a push than a ref: ``options`` go with it. A folder is served
        by the git program of this machine. Raises RemoteRefused with the server's words.
        """
        folder = local_folder(url)
        target = repo_folder.check(folder) if folder is not None else None
        return repo_transfer.send_network(
            self,
            url,
            ref,
            commit,
            whatever=True,
            options=options,
            timeout=timeout,
            receive_pack=target,
        )

    def push_delete(
        self, url: str, branch: str, *, expect: str | None = None, timeout: float = TIMEOUT
    ) -> None:
        """Remove a branch of another repository; nothing to do when it is not there.

        With ``expect`` only while it points to that commit: what came since stays.
        """
        now = remote_heads(url, prefix=branch, timeout=timeout).get(branch)
        if now is not None and expect in {None, now}:
            self._send(url, branch, None, expect=now, timeout=timeout)

    def _commit(self, oid: str) -> Commit:
        found = self.objects.commit(oid)
        return found._replace(parents=()) if oid in self.shallow() else found

    def _send(
        self, url: str, branch: str, commit: str | None, *, expect: str | None, timeout: float
    ) -> None:
        folder = local_folder(url)
        target = repo_folder.check(folder) if folder is not None else None
        if target is None or repo_folder.has_hooks(target):
            repo_transfer.send_network(
                self, url, branch, commit, expect=expect, timeout=timeout, receive_pack=target
            )
            return
        with Repository(target) as other:
            if commit is None:
                done = other.delete_branch(branch, expect=expect)
            else:
                repo_transfer.copy_commit(self, other, commit)
                done = other.set_branch(branch, commit, expect=expect)
        if not done:
            raise RemoteRefused(f"{branch!r} at {target} was changed by somebody else meanwhile.")


def remote_heads(url: str, *, prefix: str = "", timeout: float = TIMEOUT) -> dict[str, str]:
    """The branches of a repository anywhere -> commit. Raises FileMissing or NetworkError."""
    folder = local_folder(url)
    if folder is None:
        return repo_transfer.network_heads(url, prefix, timeout)
    with Repository.open(folder) as repo:
        return repo.branches(prefix)


def _node(value: bytes | Entry | None, save: Callable[[str, bytes], str]) -> Node | None:
    if isinstance(value, bytes):
        return Node(repo_trees.BLOB, save("blob", value))
    return Node(value.mode, value.oid) if value else None
