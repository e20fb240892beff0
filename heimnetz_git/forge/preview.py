"""What publishing would do, told before it is done: files, permissions, findings, who decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from heimnetz_git.model.finding import Finding
from heimnetz_git.model.permission import PermissionChange
from heimnetz_git.model.registry import PluginEntry, Policy
from heimnetz_git.registry import index
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.law_outcome import held
from heimnetz_git.registry.law_report import markdown, permission_changes
from heimnetz_git.registry.submission_actor import actor_of
from heimnetz_git.registry.submission_value import Submission
from heimnetz_git.storage.repo import Repository

__all__ = ["FileChange", "Preview", "page_of", "preview_of"]


class FileChange(msgspec.Struct, frozen=True):
    """A file of the registry that is ``added``, ``changed`` or ``removed``; its size in bytes."""

    path: str
    change: str
    size: int


class Preview(msgspec.Struct, frozen=True):
    """A submission as its author should see it first.

    ``since`` is the version that the permissions are compared with, empty for a first release.
    ``decides`` says who must approve, empty when nobody has to; ``period`` is the waiting period,
    as policy.yaml writes it.
    """

    submission: Submission
    registry: str
    files: tuple[FileChange, ...]
    since: str
    permissions: tuple[PermissionChange, ...]
    findings: tuple[Finding, ...]
    decides: str
    period: str


def preview_of(
    repo: Repository, asked: Submission, found: Sequence[Finding], *, when: int
) -> Preview:
    """The preview of a submission whose commits are in ``repo``; ``found`` is what the law said."""
    base, head = repo.tree(asked.base), repo.tree(asked.head)
    policy, entry = index.policy(repo, base), index.plugin_entry(repo, base, asked.name)
    _, since, permissions = permission_changes(repo, base, head)
    actor = actor_of(repo, asked.base, asked.head, at=when)
    return Preview(
        asked,
        index.registry_info(repo, base).id,
        tuple(_files(repo, base, head)),
        since,
        permissions,
        tuple(found),
        _decides(policy, entry, actor, found),
        policy.waiting.new_name if entry is None else policy.waiting.version,
    )


def page_of(repo: Repository, asked: Submission, found: Sequence[Finding]) -> str:
    """The page that goes with it to a forge, in Markdown."""
    return markdown(repo, repo.tree(asked.base), repo.tree(asked.head), found)


def _files(repo: Repository, base: str, head: str) -> Iterator[FileChange]:
    for change in repo.diff(base, head):
        if change.new is None:
            yield FileChange(change.path, "removed", 0)
        else:
            done = "added" if change.old is None else "changed"
            yield FileChange(change.path, done, len(repo.read(change.new.oid)))


def _decides(
    policy: Policy, entry: PluginEntry | None, actor: Actor | None, found: Sequence[Finding]
) -> str:
    """Who must approve, in words."""
    maintainers = ", ".join(policy.maintainers) or "whoever merges"
    rules = sorted({one.rule for one in held(found)})
    if rules:
        return f"A maintainer ({maintainers}) decides: {', '.join(rules)}."
    if entry is None or (actor is not None and actor.owns(entry)):
        return ""
    owners = ", ".join(owner.name for owner in entry.owners)
    return (
        f"An owner ({owners}) must be known to ask: by the account that sends it, or by --sign;"
        f" else a maintainer ({maintainers}) decides."
    )
