"""Approvals: a maintainer's signed word on exactly one commit that a submission asks for.

An approval is a commit on a branch ``approve/<name>/<what>/<id>``: its parent is the commit that
was looked at, its message names the rules that are decided, its signature says who decides. So it
can be pushed to any Git server; a push to the submission makes another commit, and voids it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from heimnetz_git.errors import (
    HeimnetzError,
    SubmissionNotFound,
    SubmissionRefused,
    UsageError,
    printable,
)
from heimnetz_git.model.registry import Policy
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry import index
from heimnetz_git.registry.law_outcome import may_approve
from heimnetz_git.registry.submission_actor import actor_of, registry_trailer, sign_head
from heimnetz_git.registry.submission_value import MAIN, PREFIX, Submission, submission_of
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.signatures import SigningKey

__all__ = [
    "APPROVALS",
    "UNPROVEN",
    "Approval",
    "approval_at",
    "approvals_of",
    "approve",
    "decided",
    "prepare_approval",
]

APPROVALS = "approve/"
UNPROVEN = "unproven"
"""What an approval decides, beside rules: that nothing proves an owner to submit a release."""

MOST_RULES = 50
_RULE = re.compile(r"^Override: ([a-z][a-z-]*)$", re.MULTILINE)
_HEAD = re.compile(r"^Submission: ([0-9a-f]{40})$", re.MULTILINE)


class Approval(NamedTuple):
    """What a maintainer decided about the commit ``head`` of the submission ``branch``."""

    branch: str
    head: str
    by: str
    rules: frozenset[str]
    commit: str


def prepare_approval(
    repo: Repository,
    base: str,
    submission: Submission,
    rules: Collection[str],
    *,
    when: int,
    author: str,
    key: SigningKey,
) -> tuple[str, Approval]:
    """Make the branch that approves a submission, signed; its name and what it says.

    ``base`` is main's commit. Raises SubmissionRefused when the key is nobody's who may decide
    that, UsageError without a rule.
    """
    if not rules:
        raise UsageError("An approval decides something.", hint="Name it with --override RULE.")
    lines = [f"Approve {submission.title}", "", f"Submission: {submission.head}"]
    lines += [f"Override: {rule}" for rule in sorted(set(rules))]
    message = "\n".join(lines) + "\n" + registry_trailer(index.registry_info(repo, repo.tree(base)))
    tree = repo.tree(submission.head)
    made = repo.commit(tree, [submission.head], message, author=author, when=when)
    commit = sign_head(repo, made, key)
    branch = f"{APPROVALS}{submission.branch.removeprefix(PREFIX)}/{commit[:12]}"
    found = approval_at(repo, base, branch, commit, at=when)
    missing = sorted(set(rules) - (found.rules if found else frozenset()))
    if found is None or missing:
        what = ", ".join(missing)
        raise SubmissionRefused(
            f"This key may not decide {printable(what)}.",
            hint="policy.yaml names who may; trust/allowed_signers names their keys.",
        )
    repo.set_branch(branch, commit, expect=repo.branch(branch))
    return branch, found


def approval_at(
    repo: Repository, base: str, branch: str, commit: str, *, at: int
) -> Approval | None:
    """What the commit of such a branch decides; None when it decides nothing.

    It counts when somebody signed it whom the policy of main's commit ``base`` names for the rule,
    and its parent is the commit that its message names. ``at`` is the Unix time of asking.
    """
    name, _, _ = branch.removeprefix(APPROVALS).rpartition("/")
    message = repo.commit_message(commit)
    heads, parents = _HEAD.findall(message), repo.parents(commit)
    if len(heads) != 1 or tuple(heads) != parents or not branch.startswith(APPROVALS):
        return None
    actor = actor_of(repo, base, commit, at=at)
    if actor is None or actor.proof != "signature":
        return None
    policy = index.policy(repo, repo.tree(base))
    wanted = _RULE.findall(message)[:MOST_RULES]
    for who in sorted(actor.names):
        rules = frozenset(rule for rule in wanted if may_approve(policy, rule, who))
        if rules:
            return Approval(PREFIX + name, parents[0], who, rules, commit)
    return None


def approvals_of(
    repo: Repository, base: str, branches: Mapping[str, str], *, at: int
) -> dict[str, tuple[Approval, ...]]:
    """The approvals that count, by the submission's branch; ``branches`` are those of approvals."""
    found: dict[str, list[Approval]] = {}
    for branch, commit in sorted(branches.items()):
        try:
            approval = approval_at(repo, base, branch, commit, at=at)
        except HeimnetzError:
            continue  # anybody may push what is none
        if approval is not None:
            found.setdefault(approval.branch, []).append(approval)
    return {branch: tuple(several) for branch, several in found.items()}


def decided(
    policy: Policy, approvals: Iterable[Approval], head: str, rules: Sequence[str]
) -> dict[str, str]:
    """Rule -> who decided it, of those ``rules`` that approvals of exactly this head decide."""
    found: dict[str, str] = {}
    for approval in approvals:
        if approval.head == head:
            for rule in approval.rules.intersection(rules):
                if may_approve(policy, rule, approval.by):
                    found.setdefault(rule, approval.by)
    return found


def approve(  # noqa: PLR0913 # what is approved, where, and by whom
    url: str,
    branch: str,
    rules: Collection[str],
    workdir: Path,
    *,
    when: int,
    author: str,
    key: SigningKey,
    reporter: Reporter = SILENT,
    timeout: float = 30.0,
) -> Approval:
    """Approve the submission ``branch`` of the registry at ``url`` as it is now, and push that.

    ``workdir`` is a bare repository of ours, made when it is not there. Raises SubmissionNotFound,
    SubmissionRefused, RemoteRefused.
    """
    full = branch if branch.startswith(PREFIX) else PREFIX + branch
    is_new = not workdir.exists() or not any(workdir.iterdir())
    with Repository.create(workdir) if is_new else Repository.open(workdir) as repo:
        heads = repo.fetch(url, branches=(MAIN, full), reporter=reporter, timeout=timeout)
        if full not in heads or MAIN not in heads:
            raise SubmissionNotFound(f"There is no submission {printable(full)!r}.", branch=full)
        asked = submission_of(full, heads[full])
        made, approval = prepare_approval(
            repo, heads[MAIN], asked, rules, when=when, author=author, key=key
        )
        repo.push(url, made, approval.commit, timeout=timeout)
    return approval
