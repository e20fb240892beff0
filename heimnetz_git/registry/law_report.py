"""What a check found, as a page for a pull request and as annotations of a workflow. Pure text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from heimnetz_git.errors import HeimnetzError, printable
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.layout import classify
from heimnetz_git.model.permission import PermissionChange
from heimnetz_git.model.release import Release
from heimnetz_git.registry import index
from heimnetz_git.registry.law_outcome import held, refuses
from heimnetz_git.registry.law_promises import gained_permissions
from heimnetz_git.storage.repo import Repository

__all__ = [
    "annotation_lines",
    "finding_line",
    "markdown",
    "permission_changes",
    "permission_lines",
    "plain_text",
    "size_lines",
    "verdict",
]

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~@:/-])")
_LEVELS = {"refuse": "error", "hold": "warning", "note": "notice"}


def verdict(found: Sequence[Finding]) -> str:
    """``refused``, ``held`` or ``accepted``."""
    if any(refuses(one) for one in found):
        return "refused"
    return "held" if held(found) else "accepted"


def permission_changes(
    repo: Repository, base: str, head: str
) -> tuple[Release | None, str, tuple[PermissionChange, ...]]:
    """The one release that ``head`` (a tree) adds, the version before it, and what it may more.

    Compared with the latest release of ``base`` that is earlier; with nothing when it is the first.
    """
    added = [
        classify(change.path)
        for change in repo.diff(base, head)
        if change.old is None and classify(change.path).kind == "release"
    ]
    try:
        release = index.release(repo, head, *added[0][1:]) if len(added) == 1 else None
        return (release, *gained_permissions(repo, base, release)) if release else (None, "", ())
    except HeimnetzError:
        return None, "", ()


def markdown(repo: Repository, base: str, head: str, found: Sequence[Finding]) -> str:
    """The page: verdict, permissions, findings and sizes. Foreign text is escaped."""
    words = {
        "refused": "Refused: the law of the index says no.",
        "held": "Held: a maintainer decides.",
        "accepted": "Accepted: nothing stands against it.",
    }
    lines = [f"## {words[verdict(found)]}", "", *permission_lines(repo, base, head)]
    lines += ["### Findings", ""]
    lines += [finding_line(one) for one in found] or ["None."]
    return "\n".join([*lines, "", *size_lines(repo, base, head), ""])


def permission_lines(repo: Repository, base: str, head: str) -> Iterator[str]:
    """A section about what the release may do more or less than the one before it."""
    release, before, changes = permission_changes(repo, base, head)
    if release is None:
        return
    since = f"since {before}" if before else "as its first release"
    yield f"### What {plain_text(release.name)} {plain_text(release.version)} may do, {since}"
    yield ""
    for change in changes:
        sign = "more" if change.kind == "gained" else "no longer"
        words, grant = plain_text(change.words), plain_text(change.grant)
        yield f"- **{sign}** ({change.severity}): {words} ({grant})"
    if not changes:
        yield "Nothing more and nothing less." if before else "Nothing beyond its own data."
    yield ""


def finding_line(one: Finding) -> str:
    """A finding as an item of a list."""
    hint = f" {plain_text(one.hint)}" if one.hint else ""
    rule = plain_text(one.rule)
    place, said = plain_text(str(one.location)), plain_text(one.message)
    return f"- **{one.outcome or one.severity}** {place}: {said}{hint} ({rule})"


def size_lines(repo: Repository, base: str, head: str) -> Iterator[str]:
    """A section with the files that it brings, and their sizes."""
    rows = [
        f"| {plain_text(change.path)} | {len(repo.read(change.new.oid)):,} |"
        for change in repo.diff(base, head)
        if change.new is not None and change.new.mode == 0o100644
    ]
    yield "### Files"
    yield ""
    yield from ("| File | Bytes |", "|---|---:|", *rows[:100])
    if len(rows) > 100:
        yield f"| and {len(rows) - 100} more | |"


def plain_text(text: str) -> str:
    """Text that Markdown and HTML show as it is: no link, no mention, no image."""
    return _SPECIAL.sub(r"\\\1", printable(text, longest=400)).replace("&", "&amp;")


def annotation_lines(found: Sequence[Finding]) -> tuple[str, ...]:
    """Workflow commands of GitHub Actions and Forgejo, one for each finding."""
    return tuple(
        f"::{_LEVELS.get(one.outcome, 'error')} file={_escaped(one.location.file, ',:')},"
        f"line={one.location.line or 1},title={_escaped(one.rule, ',:')}::{_escaped(one.message)}"
        for one in found
    )


def _escaped(text: str, more: str = "") -> str:
    return "".join(
        f"%{ord(char):02X}" if char in "%\r\n" + more else char for char in printable(text)
    )
