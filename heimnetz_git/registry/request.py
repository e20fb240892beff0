"""Asking for a change of a plugin's facts: a yank, a deprecation, other owners, its removal.

Each is a submission like a release: a branch ``submit/<name>/facts-<topic>`` with one commit that
edits ``plugin.yaml`` and nothing else. Comments and unknown keys of the file stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from heimnetz_git.errors import (
    PluginNotFound,
    ReleaseNotFound,
    StorageError,
    SubmissionNotFound,
    UsageError,
    printable,
)
from heimnetz_git.model.layout import classify, plugin_folder, plugin_path
from heimnetz_git.model.names import plugin_name
from heimnetz_git.model.registry import Owner, PluginEntry
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.model.version import parse_version
from heimnetz_git.registry import index
from heimnetz_git.registry.replay import Replayed
from heimnetz_git.registry.submission import (
    TIMEOUT,
    Send,
    fetch_main,
    submissions,
    workdir_of,
)
from heimnetz_git.registry.submission_actor import actor_of, registry_trailer, sign_head
from heimnetz_git.registry.submission_value import (
    FACTS,
    PREFIX,
    Submission,
    judge_replayed,
    refuse,
    submission_of,
)
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.signatures import SigningKey

__all__ = [
    "Change",
    "adopt",
    "archive",
    "deprecate",
    "prepare_facts",
    "remove",
    "request",
    "transfer",
    "undeprecate",
    "unyank",
    "withdraw",
    "yank",
]

Edits = Mapping[str, object]
"""Dotted paths of ``plugin.yaml`` -> new value, None to take it out."""


class Change(msgspec.Struct, frozen=True):
    """A wish: its ``topic`` for the branch, a ``title`` for people, and how it edits the facts."""

    topic: str
    title: str
    edits: Callable[[PluginEntry, tuple[str, ...]], Edits]


def yank(version: str, reason: str) -> Change:
    """Offer a release to nobody who has not locked it. Raises UsageError without a reason."""
    why = _reason(reason, "A yank")

    def edits(entry: PluginEntry, versions: tuple[str, ...]) -> Edits:
        found = _published(entry, versions, version)
        return {"yanked": dict(sorted({**entry.yanked, found: why}.items()))}

    return Change(f"yank-{version}", f"Yank {version}: {why}", edits)


def unyank(version: str) -> Change:
    """Offer a release again."""

    def edits(entry: PluginEntry, versions: tuple[str, ...]) -> Edits:
        found = _published(entry, versions, version)
        if found not in entry.yanked:
            raise UsageError(f"{entry.name} {found} is not yanked.")
        return {"yanked": {one: why for one, why in entry.yanked.items() if one != found} or None}

    return Change(f"unyank-{version}", f"Unyank {version}", edits)


def deprecate(reason: str, successor: str = "") -> Change:
    """Say that a plugin should no longer be chosen, and what instead. Raises UsageError."""
    why = _reason(reason, "A deprecation")
    instead = plugin_name(successor) if successor else ""

    def edits(_: PluginEntry, __: tuple[str, ...]) -> Edits:
        said = {"reason": why} | ({"successor": instead} if instead else {})
        return {"status": "deprecated", "deprecated": said}

    return Change("deprecate", f"Deprecate: {why}", edits)


def undeprecate() -> Change:
    """Take a deprecation back."""

    def edits(entry: PluginEntry, _: tuple[str, ...]) -> Edits:
        if entry.status != "deprecated":
            raise UsageError(f"{entry.name} is not deprecated.")
        return {"status": None, "deprecated": None}

    return Change("undeprecate", "Take the deprecation back", edits)


def archive(reason: str) -> Change:
    """Say that nobody looks after a plugin any more. Raises UsageError without a reason."""
    why = _reason(reason, "Archiving")

    def edits(entry: PluginEntry, _: tuple[str, ...]) -> Edits:
        if entry.status == "archived":
            raise UsageError(f"{entry.name} is archived already.")
        return {"status": "archived", "deprecated": {"reason": why}}

    return Change("archive", f"Archive: {why}", edits)


def adopt(owners: Iterable[Owner]) -> Change:
    """Take over an archived plugin: these are its owners then. Raises UsageError."""
    new = tuple(owners)
    if not new:
        raise UsageError("A plugin needs an owner.", hint="Name every new owner.")
    plain = [msgspec.to_builtins(owner) for owner in new]

    def edits(entry: PluginEntry, _: tuple[str, ...]) -> Edits:
        if entry.status != "archived":
            raise UsageError(
                f"{entry.name} is not archived: somebody looks after it.",
                hint="Ask its owners for a transfer.",
            )
        return {"status": None, "deprecated": None, "owners": plain}

    return Change("adopt", f"Adopt for {', '.join(owner.name for owner in new)}", edits)


def transfer(owners: Iterable[Owner]) -> Change:
    """Give a plugin to these owners, all of them. Raises UsageError when there are none."""
    new = tuple(owners)
    if not new:
        raise UsageError("A plugin needs an owner.", hint="Name every new owner.")
    plain = [msgspec.to_builtins(owner) for owner in new]
    names = ", ".join(owner.name for owner in new)
    return Change("transfer", f"Transfer to {names}", lambda _, __: {"owners": plain})


def remove(reason: str) -> Change:
    """Leave only a tombstone: every release yanked, the name never used again. UsageError."""
    why = _reason(reason, "A removal")

    def edits(entry: PluginEntry, versions: tuple[str, ...]) -> Edits:
        yanked = dict.fromkeys(versions, why) | entry.yanked
        said: dict[str, object] = {"status": "removed", "deprecated": {"reason": why}}
        return said | ({"yanked": dict(sorted(yanked.items()))} if yanked else {})

    return Change("remove", f"Remove: {why}", edits)


def prepare_facts(
    repo: Repository,
    base: str,
    name: str,
    change: Change,
    *,
    when: int,
    author: str,
    key: SigningKey | None = None,
) -> Submission:
    """Make the branch that asks for a change: one commit on ``base``, signed with ``key`` if given.

    Raises PluginNotFound, ReleaseNotFound, UsageError when there is nothing to change so.
    """
    name = plugin_name(name)
    tree = repo.tree(base)
    entry, placed = index.plugin_entry(repo, tree, name), repo.entry(tree, plugin_path(name))
    if entry is None or placed is None:
        raise PluginNotFound(f"There is no plugin {printable(name)!r} in the registry.", name=name)
    edits = change.edits(entry, _versions(repo, tree, name))
    path = plugin_path(name)
    data = yamlfile.edit(repo.read(placed.oid), edits, path)
    message = f"{name}: {change.title}\n\nPlugin: {name}\nFacts: {change.topic}\n"
    message += registry_trailer(index.registry_info(repo, tree))
    made = repo.commit(repo.write(tree, {path: data}), [base], message, author=author, when=when)
    head = sign_head(repo, made, key)
    branch = f"{PREFIX}{name}/{FACTS}{change.topic}"
    if not repo.set_branch(branch, head, expect=repo.branch(branch)):
        raise StorageError(f"The branch {branch!r} was changed by another program meanwhile.")
    return submission_of(branch, head, base)


def request(  # noqa: PLR0913 # what is asked, where, and by whom
    url: str,
    name: str,
    change: Change,
    workdir: Path,
    *,
    when: int,
    author: str,
    key: SigningKey | None = None,
    reporter: Reporter = SILENT,
    timeout: float = TIMEOUT,
    send: Send | None = None,
) -> Submission:
    """Submit a change of a plugin's facts to the registry at ``url``; asking again replaces it.

    ``workdir`` is a bare repository of ours, made when it is not there. Nothing is sent that the
    law refuses: SubmissionRefused with every finding; what it holds waits for a maintainer there.
    ``send`` takes it there instead of a push.
    """
    with workdir_of(workdir) as repo:
        base = fetch_main(repo, url, reporter, timeout)
        made = prepare_facts(repo, base, name, change, when=when, author=author, key=key)
        trees = Replayed(repo.tree(base), repo.tree(made.head))
        actor = actor_of(repo, base, made.head, at=when)
        found = judge_replayed(repo, trees, expected=made, actor=actor, at=when)
        refuse(found, made.branch)
        if send is not None:
            send(repo, made, found)
        else:
            repo.push(url, made.branch, made.head, force=True, timeout=timeout)
    return made


def withdraw(url: str, branch: str, workdir: Path, *, timeout: float = TIMEOUT) -> Submission:
    """Take a submission back: its branch is removed at the registry. Raises SubmissionNotFound."""
    full = branch if branch.startswith(PREFIX) else PREFIX + branch
    found = {one.branch: one for one in submissions(url, timeout=timeout)}
    if full not in found:
        raise SubmissionNotFound(f"There is no submission {printable(full)!r}.", branch=full)
    with workdir_of(workdir) as repo:
        repo.push_delete(url, full, timeout=timeout)
    return found[full]


def _versions(repo: Repository, tree: str, name: str) -> tuple[str, ...]:
    kinds = (classify(entry.path) for entry in repo.entries(tree, plugin_folder(name)))
    return tuple(kind.version for kind in kinds if kind.kind == "release")


def _published(entry: PluginEntry, versions: Iterable[str], version: str) -> str:
    """The release of this version, however it is spelt. Raises ReleaseNotFound."""
    try:
        wanted = parse_version(version)
    except ValueError as error:
        raise UsageError(f"{printable(str(error))}.") from None
    found = next((one for one in versions if parse_version(one) == wanted), None)
    if found is None:
        raise ReleaseNotFound(
            f"There is no {entry.name} {printable(version)}.", name=entry.name, version=version
        )
    return found


def _reason(text: str, what: str) -> str:
    if not text.strip():
        raise UsageError(f"{what} needs a reason.", hint="Say why with --reason.")
    return " ".join(text.split())
