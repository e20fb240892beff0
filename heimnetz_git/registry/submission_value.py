"""What a submission is, by its branch: the value, and how it is judged on main as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from heimnetz_git.errors import SubmissionNotFound, SubmissionRefused, printable
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.layout import release_path
from heimnetz_git.model.names import plugin_name
from heimnetz_git.model.release import Artifact
from heimnetz_git.registry.law import judge
from heimnetz_git.registry.law_case import LATEST, Actor, finding
from heimnetz_git.registry.law_outcome import refuses
from heimnetz_git.registry.rebuilt import read_rebuilt
from heimnetz_git.registry.replay import Replayed
from heimnetz_git.registry.reverse import needs_of
from heimnetz_git.storage.repo import Repository

__all__ = [
    "FACTS",
    "MAIN",
    "PREFIX",
    "Submission",
    "WheelOf",
    "Wheels",
    "commit_of",
    "judge_replayed",
    "refuse",
    "submission_of",
]

MAIN = "main"
PREFIX = "submit/"
FACTS = "facts-"

WheelOf = Callable[[Artifact], bytes]
Wheels = Path | Sequence[Path]


class Submission(msgspec.Struct, frozen=True):
    """An open submission: the commit that it asks for and the one that it builds on.

    It brings the release ``version``, or changes the plugin's facts: then there is no version, and
    ``topic`` says what about them. ``base`` is empty when only the branches of a server on the
    network were asked for.
    """

    name: str
    version: str
    branch: str
    base: str
    head: str
    topic: str = "release"

    @property
    def title(self) -> str:
        """``clock 1.0.0`` or ``clock: yank-1.0.0``."""
        return f"{self.name} {self.version}" if self.version else f"{self.name}: {self.topic}"


def submission_of(branch: str, head: str, base: str = "") -> Submission:
    """The submission of a branch ``submit/<name>/<version>`` or ``submit/<name>/facts-<topic>``.

    Raises SubmissionNotFound for a branch of another form, InvalidName.
    """
    parts = branch.split("/")
    if len(parts) != 3 or not branch.startswith(PREFIX) or not parts[2]:
        raise SubmissionNotFound(f"{printable(branch)!r} is not the branch of a submission.")
    name, rest = plugin_name(parts[1]), parts[2]
    if rest.startswith(FACTS):
        return Submission(name, "", branch, base, head, rest.removeprefix(FACTS))
    return Submission(name, rest, branch, base, head)


def judge_replayed(
    repo: Repository,
    replayed: Replayed,
    *,
    wheel_of: WheelOf | None = None,
    expected: Submission | None = None,
    actor: Actor | None = None,
    at: int = LATEST,
) -> tuple[Finding, ...]:
    """What the law has against a submission's files on main; it must bring what is ``expected``."""
    if replayed.findings:
        return replayed.findings
    found = judge(
        repo,
        replayed.base,
        replayed.tree,
        submission=True,
        wheel_of=wheel_of,
        actor=actor,
        at=at,
        rebuilt=read_rebuilt(repo),
        dependents=lambda name: needs_of(repo, replayed.base, keep=True).of(name),
    )
    if expected is None:
        return found
    return (*found, *_unexpected(repo, replayed, expected))


def _unexpected(repo: Repository, replayed: Replayed, expected: Submission) -> Iterable[Finding]:
    """That the branch is named for something else than it brings: it was asked for by that name."""
    prefixes = (f"/{expected.name}/",)
    path = release_path(expected.name, expected.version)
    if expected.version and repo.entry(replayed.tree, path) is None:
        said = f"The branch says {printable(expected.title)}, which it does not bring."
        yield finding("branch-name", path, said)
        return
    paths = replayed.paths
    if paths is None:
        paths = tuple(change.path for change in repo.diff(replayed.base, replayed.tree))
    for path in paths:
        if not any(prefix in path for prefix in prefixes):
            said = f"The branch says {printable(expected.name)}; this is another plugin's."
            yield finding("branch-name", path, said)
            return


def refuse(found: Iterable[Finding], branch: str) -> None:
    """Raise SubmissionRefused with every finding that refuses, if there is one."""
    against = tuple(one for one in found if refuses(one))
    if against:
        count = "one finding" if len(against) == 1 else f"{len(against)} findings"
        raise SubmissionRefused(
            f"The law of the index refuses {printable(branch)!r}: {count}.",
            problems=against,
            branch=printable(branch),
        )


def commit_of(repo: Repository, word: str) -> str:
    """A commit by its branch or its id. Raises SubmissionNotFound."""
    found = repo.branch(word)
    if found is None and len(word) == 40 and word in repo.objects:
        found = word
    if found is None:
        raise SubmissionNotFound(f"There is no branch or commit {printable(word)!r}.", commit=word)
    return found
