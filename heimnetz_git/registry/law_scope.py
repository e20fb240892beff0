"""The law about what one change may touch: one plugin, its own files, and its facts with reason."""

from __future__ import annotations

from collections.abc import Iterator

from heimnetz_git.errors import InvalidFile, printable
from heimnetz_git.model.finding import Finding, Location, Problem
from heimnetz_git.model.layout import release_path
from heimnetz_git.model.limits import size_in_bytes
from heimnetz_git.model.registry import PluginEntry
from heimnetz_git.registry.law_case import LARGEST_FILE, Case, Placed, finding, of_problem
from heimnetz_git.storage import yamlfile

__all__ = [
    "file_too_large",
    "new_plugin",
    "one_plugin",
    "one_release",
    "plugin_file_changed",
    "plugin_file_valid",
    "shared_file",
    "yank_without_reason",
]

_OF_A_SUBMISSION = {"plugin", "release", "signature", "artifact"}
_TOPS = ("plugins/", "artifacts/", "records/", "reviews/")


def one_plugin(case: Case) -> Iterator[Finding]:
    """A submission is about one plugin; several would stand and fall together."""
    if len(case.names) > 1:
        for each in case.placed:
            if each.kind.name not in {"", case.names[0]}:
                said = f"Files of {len(case.names)} plugins changed; one submission is about one."
                yield finding("one-plugin", each.path, said)


def shared_file(case: Case) -> Iterator[Finding]:
    """A submission brings a plugin's own files: shared files, reviews and records are not its.

    Records are written by the merge alone; the rest is changed by a maintainer.
    """
    for each in case.placed:
        if each.kind.kind not in _OF_A_SUBMISSION:
            misplaced = each.kind.kind == "shared" and each.path.startswith(_TOPS)
            said = (
                "No file of a plugin has its place here."
                if misplaced
                else f"A submission does not touch a {each.kind.kind} file."
            )
            yield finding(
                "shared-file",
                each.path,
                said,
                hint="'heimnetz-git index path NAME' says where a plugin's files are.",
            )


def one_release(case: Case) -> Iterator[Finding]:
    """A submission adds exactly one release, or changes a plugin's facts alone."""
    if len(case.added) != 1 and case.facts is None:
        where = case.added[1].path if case.added else "plugins"
        yield finding("one-release", where, f"It adds {len(case.added)} releases instead of one.")


def plugin_file_changed(case: Case) -> Iterator[Finding]:
    """A release leaves an existing plugin.yaml alone: owners are not changed in passing."""
    for each in case.of("plugin"):
        if each.old is not None and each.new is not None and any(case.of("release")):
            yield finding(
                "plugin-file-changed",
                each.path,
                "A submission of a release does not change the plugin's facts.",
                hint="Submit that change by itself, as 'heimnetz-git yank' and others do.",
            )


def new_plugin(case: Case) -> Iterator[Finding]:
    """A new plugin comes with a plugin.yaml that names at least one owner."""
    for each in case.added:
        path = release_path(each.kind.name, "plugin")
        if case.repo.entry(case.head, path) is None:
            yield finding("new-plugin", path, "A new plugin needs a plugin.yaml with an owner.")
    for each in case.of("plugin"):
        entry = case.entry_at(each.new, each.path)
        if each.old is None and entry is not None and not entry.owners:
            yield finding("new-plugin", each.path, "A new plugin needs an owner.")


def file_too_large(case: Case) -> Iterator[Finding]:
    """Files stay small: 256 KiB, wheels as large as policy.yaml allows."""
    largest = size_in_bytes(case.policy.largest_artifact)
    for each in case.placed:
        if each.new is None or each.new.mode != 0o100644:
            continue
        limit = largest if each.kind.kind == "artifact" else LARGEST_FILE
        size = len(case.repo.read(each.new.oid))
        if size > limit:
            yield finding(
                "file-too-large", each.path, f"It has {size} bytes; at most {limit} are allowed."
            )


def plugin_file_valid(case: Case) -> Iterator[Finding]:
    """A plugin.yaml is valid, in canonical form, and says the name of its place."""
    for each in case.of("plugin"):
        if each.new is None:
            yield finding("plugin-file-valid", each.path, "A plugin.yaml is never removed.")
            continue
        for problem in _problems(case, each):
            yield of_problem("plugin-file-valid", problem)


def yank_without_reason(case: Case) -> Iterator[Finding]:
    """A yank says why, and of a release that is there."""
    for each in case.of("plugin"):
        entry = case.entry_at(each.new, each.path)
        for version, reason in (entry.yanked if entry else {}).items():
            if not reason.strip():
                said = f"The yank of {printable(version)} gives no reason."
                yield finding("yank-without-reason", each.path, said)
            if case.repo.entry(case.head, release_path(each.kind.name, version)) is None:
                said = f"There is no release {printable(version)} to yank."
                yield finding("yank-without-reason", each.path, said)


def _problems(case: Case, each: Placed) -> Iterator[Problem]:
    data = case.repo.read(each.new.oid) if each.new else b""
    place = Location(printable(each.path))
    try:
        entry = yamlfile.read(data, PluginEntry, each.path, authoring=True)
    except InvalidFile as error:
        yield from error.problems or (Problem(error.code, str(error), place),)
        return
    if entry.name != each.kind.name:
        yield Problem("misplaced", f"It says the name {printable(entry.name)!r}.", place, "name")
