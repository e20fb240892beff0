"""The law about a plugin's facts and its owners: who may change what, and with what reason."""

from __future__ import annotations

from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.layout import classify, plugin_folder, plugin_path
from heimnetz_git.model.registry import PluginEntry
from heimnetz_git.model.version import parse_version
from heimnetz_git.registry.law_case import Case, finding
from heimnetz_git.storage.repo import Repository

__all__ = [
    "adoption",
    "facts_unproven",
    "newest_yanked",
    "not_owner",
    "one_topic",
    "ownerless",
    "plugin_removed",
    "removal",
    "signature_required",
    "successor_missing",
    "versions_in",
    "versions_of",
]

_TOPICS = (
    {"yanked"},
    {"deprecated", "status"},
    {"owners"},
    {"title", "links", "categories", "tags"},
)
_REMOVAL = {"status", "deprecated", "yanked"}
_ADOPTION = {"status", "deprecated", "owners"}


def not_owner(case: Case) -> Iterator[Finding]:
    """Who changes a plugin is one of its owners, as the base names them, or a maintainer.

    A new plugin is owned by who submits it. What a commit says of its author proves nothing.
    """
    if case.actor is None or case.actor_decides or len(case.names) != 1:
        return
    if _adopts(case):
        return
    path = plugin_path(case.names[0])
    entry = case.owned or case.entry_at(case.repo.entry(case.head, path), path)
    if entry is not None and not case.actor.owns(entry):
        owners = ", ".join(owner.name for owner in entry.owners)
        said = f"{printable(case.actor.name)!r} does not own it; {printable(owners)} does."
        yield finding("not-owner", path, said, severity=Severity.CRITICAL)


def signature_required(case: Case) -> Iterator[Finding]:
    """A registry can require that submissions are signed, in policy.yaml: then others are refused.

    By a key that ``trust/allowed_signers`` of the base allows, for a principal that it names.
    """
    unsigned = case.actor is None or case.actor.proof != "signature"
    if case.policy.signatures == "required" and unsigned:
        said = "This registry takes signed submissions only; this is not signed by a key it allows."
        hint = "Sign it: 'heimnetz-git publish --sign KEYFILE'."
        where = case.placed[0].path if case.placed else "/"
        yield finding("signature-required", where, said, hint=hint)


def facts_unproven(case: Case) -> Iterator[Finding]:
    """A change of a plugin's facts that nothing proves to be an owner's waits for a maintainer."""
    if case.actor is None and case.facts is not None:
        said = "Nothing proves that an owner asks for this."
        path = plugin_path(case.names[0])
        yield finding("facts-unproven", path, said, severity=Severity.MEDIUM)


def one_topic(case: Case) -> Iterator[Finding]:
    """A change of facts has one topic: a yank, a deprecation, an owner, the words of the listing.

    So nothing passes in the shadow of something else.
    """
    if case.facts is None:
        return
    old, new = case.facts
    changed = {
        one for one in PluginEntry.__struct_fields__ if getattr(old, one) != getattr(new, one)
    }
    removes = new.status == "removed" and old.status != "removed" and changed <= _REMOVAL
    if not changed:
        yield finding("one-topic", plugin_path(case.names[0]), "It changes nothing.")
    elif not removes and not _adopts(case) and not any(changed <= topic for topic in _TOPICS):
        said = f"It changes {', '.join(sorted(changed))} at once."
        yield finding("one-topic", plugin_path(case.names[0]), said)


def ownerless(case: Case) -> Iterator[Finding]:
    """A plugin always has an owner, and none stands there twice."""
    if case.facts is None:
        return
    owners = [owner.name for owner in case.facts[1].owners]
    if not owners or len(set(owners)) != len(owners):
        said = (
            "It leaves the plugin without an owner." if not owners else "An owner is there twice."
        )
        yield finding("ownerless", plugin_path(case.names[0]), said)


def newest_yanked(case: Case) -> Iterator[Finding]:
    """The newest version is yanked when a later one is there, or the plugin is deprecated.

    Whoever has it would be left without a way forward; a maintainer decides.
    """
    if case.facts is None:
        return
    old, new = case.facts
    newest = max(versions_of(case, new.name), key=parse_version, default="")
    if newest in new.yanked and newest not in old.yanked and not new.deprecated:
        said = f"{newest} is the newest version, and nothing says what to use instead."
        yield finding(
            "newest-yanked",
            plugin_path(new.name),
            said,
            severity=Severity.MEDIUM,
            hint="Publish a later version first, or deprecate the plugin.",
        )


def successor_missing(case: Case) -> Iterator[Finding]:
    """The successor of a deprecated plugin is in the registry."""
    if case.facts is None or case.facts[1].deprecated is None:
        return
    successor = case.facts[1].deprecated.successor
    if successor and case.repo.entry(case.head, plugin_path(successor)) is None:
        said = f"There is no plugin {printable(successor)!r} here."
        path = plugin_path(case.names[0])
        yield finding("successor-missing", path, said, severity=Severity.MEDIUM)


def plugin_removed(case: Case) -> Iterator[Finding]:
    """A removed plugin stays as its tombstone: no release, no change but a maintainer's.

    So its name is never given to somebody else.
    """
    if case.owned is not None and case.owned.status == "removed" and not case.actor_decides:
        said = "This plugin was removed; its name is not used again."
        yield finding("plugin-removed", plugin_path(case.names[0]), said)


def removal(case: Case) -> Iterator[Finding]:
    """To remove a plugin is a maintainer's decision; an owner deprecates it."""
    if case.facts is None or case.actor_decides:
        return
    if case.facts[1].status == "removed" != case.facts[0].status:
        said = "It removes the plugin for good."
        path = plugin_path(case.names[0])
        yield finding("removal", path, said, severity=Severity.MEDIUM)


def adoption(case: Case) -> Iterator[Finding]:
    """To take over an archived plugin, which nobody looks after, is a maintainer's to allow.

    Anybody may ask: its owners and its status change together, and nothing else.
    """
    if _adopts(case) and not case.actor_decides:
        said = "It gives the archived plugin to new owners."
        path = plugin_path(case.names[0])
        yield finding("adoption", path, said, severity=Severity.MEDIUM)


def _adopts(case: Case) -> bool:
    if case.facts is None:
        return False
    old, new = case.facts
    fields = PluginEntry.__struct_fields__
    changed = {one for one in fields if getattr(old, one) != getattr(new, one)}
    again = old.status == "archived" and new.status == "active" and not new.deprecated
    return again and "owners" in changed and changed <= _ADOPTION


def versions_of(case: Case, name: str) -> list[str]:
    """The versions of a plugin in the base."""
    return versions_in(case.repo, case.base or case.head, name)


def versions_in(repo: Repository, tree: str, name: str) -> list[str]:
    """The versions of a plugin in a tree; nothing is read but the folder."""
    found = []
    for entry in repo.entries(tree, plugin_folder(name)):
        kind = classify(entry.path)
        if kind.kind == "release":
            try:
                parse_version(kind.version)
            except ValueError:
                continue
            found.append(kind.version)
    return found
