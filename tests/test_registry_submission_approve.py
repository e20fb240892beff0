"""Decisions about what a rule holds: signed approvals, and who merges must prove who they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import SubmissionNotFound, SubmissionRefused, UsageError
from heimnetz_git.model.layout import ALLOWED_SIGNERS, POLICY
from heimnetz_git.model.registry import Policy
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.submission_approve import Approval, approve
from heimnetz_git.registry.submission_merge import Merged, Swept, merge, merge_ready
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.allowed_signers import parse_allowed_signers
from heimnetz_git.trust.commits import verify_commit
from tests.attacks.kit import ADA_KEY, ADA_LINE, EVE_KEY, EVE_LINE, LATER, MAX, Siege, new_key
from tests.gitkit import git

MAX_KEY, MAX_LINE = new_key()
SIGNERS = f"ada {ADA_LINE}\neve {EVE_LINE}\nmax {MAX_LINE}\n".encode()


class Desk(Siege):
    """The registry, where max has a key and growing permissions wait."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.set_main({ALLOWED_SIGNERS: SIGNERS})

    def set_main(self, files: dict[str, bytes | None]) -> None:
        """What a maintainer changed by hand."""
        before = str(self.repo.branch("main"))
        self.bench.base = self.repo.write(self.repo.tree(before), files)
        self.main = self.commit(self.bench.base, [before])
        assert self.repo.set_branch("main", self.main, expect=before)

    def waiting(self, *, key: bytes | None = ADA_KEY) -> str:
        """A release of ada's that wants more than the last one; its branch."""
        asked = {"permissions": {"network": {"connect": ["api.example.org:443"]}}}
        files = self.bench.release("clock", "1.1.0", owner=False, manifest=asked)
        return self.push(self.head(files, key=key))

    def approve(
        self, *rules: str, key: bytes = MAX_KEY, branch: str = "submit/clock/1.1.0"
    ) -> Approval:
        """A word from afar."""
        return approve(
            str(self.repo.path), branch, rules, self.folder / "work.git",
            when=LATER, author=MAX, key=key,
        )  # fmt: skip

    def sweep(self) -> Swept:
        """`merge --auto`, long after."""
        return merge_ready(self.repo, when=LATER, author=MAX)

    def take(self, by: str = "", key: bytes | None = None) -> Merged:
        """`merge BRANCH --override permissions-grown`."""
        return merge(
            self.repo, "submit/clock/1.1.0", when=LATER, author=MAX,
            override=("permissions-grown",), by=by, key=key,
        )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A fresh one."""
    made = Desk(tmp_path)
    yield made
    made.repo.close()


def test_an_approval_decides_what_a_rule_holds(desk: Desk) -> None:
    """Pushed as a branch, counted by the next merge, named in the commit, and then gone."""
    desk.waiting()
    assert [one.why for one in desk.sweep().waiting] == ["held"]
    assert desk.approve("permissions-grown").by == "max"
    (done,) = desk.sweep().merged
    assert "Override: permissions-grown by max\n" in desk.repo.commit_message(done.commit)
    assert desk.repo.branches("approve/") == {}


def test_an_approval_is_of_one_commit(desk: Desk) -> None:
    """A push to the submission makes it void; the old head pushed again has it again."""
    branch = desk.waiting()
    old = str(desk.repo.branch(branch))
    desk.approve("permissions-grown")
    tree = desk.repo.tree(old)
    desk.push(desk.signed(desk.commit(tree, [desk.main, old]), ADA_KEY))
    assert [one.why for one in desk.sweep().waiting] == ["held"]
    assert desk.repo.branch("main") == desk.main


def test_an_approval_names_its_rules(desk: Desk) -> None:
    """One that decides another rule decides nothing here."""
    desk.waiting()
    desk.approve("name-similar")
    assert [one.why for one in desk.sweep().waiting] == ["held"]


@pytest.mark.parametrize("key", [ADA_KEY, EVE_KEY, new_key()[0]], ids=["owner", "other", "unknown"])
def test_a_stranger_approves_nothing(desk: Desk, key: bytes) -> None:
    """Neither an owner nor whoever else has a key: policy.yaml names who decides."""
    desk.waiting()
    with pytest.raises(SubmissionRefused, match="may not decide"):
        desk.approve("permissions-grown", key=key)
    assert desk.repo.branches("approve/") == {}


@pytest.mark.parametrize("how", ["unsigned", "eve's", "of another head", "two heads", "a file"])
def test_a_forged_approval_counts_for_nothing(desk: Desk, how: str) -> None:
    """Its branch may be there: anybody pushes to a plain server."""
    branch = desk.waiting()
    head = str(desk.repo.branch(branch))
    other = desk.head({})
    named = {"of another head": other, "two heads": f"{head}\nSubmission: {other}"}.get(how, head)
    message = f"Approve\n\nSubmission: {named}\nOverride: permissions-grown\n"
    made = desk.repo.commit(desk.repo.tree(head), [head], message, author=MAX, when=LATER)
    key = {"unsigned": None, "eve's": EVE_KEY}.get(how, MAX_KEY)
    made = desk.signed(made, key) if key else made
    if how == "a file":
        made = head
    desk.repo.set_branch("approve/clock/1.1.0/x", made, expect=None)
    assert [one.why for one in desk.sweep().waiting] == ["held"]


def test_policy_says_who_approves_what(desk: Desk) -> None:
    """By rule, where it names somebody; and as it is when it counts, not when it was made."""
    desk.waiting()
    desk.approve("permissions-grown")
    policy = Policy(format=1, maintainers=("max",), override={"permissions-grown": ("ada",)})
    desk.set_main({POLICY: yamlfile.dump(policy)})
    assert [one.why for one in desk.sweep().waiting] == ["held"]
    desk.approve("permissions-grown", key=ADA_KEY)
    assert len(desk.sweep().merged) == 1


def test_a_maintainer_vouches_for_what_nothing_proves(desk: Desk) -> None:
    """'unproven' is what an approval calls it."""
    desk.waiting(key=None)
    desk.approve("permissions-grown")
    assert [one.why for one in desk.sweep().waiting] == ["unproven"]
    desk.approve("unproven")
    assert len(desk.sweep().merged) == 1


def test_an_approval_refuses_nothing_away(desk: Desk) -> None:
    """What the law refuses stays out, whoever approves it."""
    branch = desk.push(desk.head({**desk.bench.update(), "policy.yaml": b"format: 1\n"}))
    desk.approve("shared-file", "unproven")
    assert [one.why for one in desk.sweep().waiting] == ["refused"]
    assert desk.repo.branch(branch)


def test_what_cannot_be_approved_is_said(desk: Desk) -> None:
    """Nothing, and a submission that is not there."""
    desk.waiting()
    with pytest.raises(UsageError):
        desk.approve()
    with pytest.raises(SubmissionNotFound):
        desk.approve("unproven", branch="submit/lamp/1.0.0")


def test_who_merges_by_a_name_that_has_a_key_proves_it(desk: Desk) -> None:
    """By signing the merge; git itself accepts the commit."""
    desk.waiting()
    with pytest.raises(SubmissionRefused, match="who has a key"):
        desk.take(by="max")
    with pytest.raises(SubmissionRefused, match="not that of"):
        desk.take(by="max", key=ADA_KEY)
    with pytest.raises(SubmissionRefused, match="may not override"):
        desk.take(key=EVE_KEY)
    with pytest.raises(SubmissionRefused, match="proves nothing"):
        desk.take(key=new_key()[0])
    done = desk.take(key=MAX_KEY)
    assert "Override: permissions-grown by max\n" in desk.repo.commit_message(done.commit)
    signers = parse_allowed_signers(SIGNERS)
    assert verify_commit(
        desk.repo.objects.read(done.commit, "commit"), signers, at=LATER
    ).principals == ("max",)
    allowed = desk.folder / "allowed"
    allowed.write_bytes(SIGNERS)
    config = ("-c", f"gpg.ssh.allowedSignersFile={allowed}", "-c", "gpg.format=ssh")
    git(desk.repo.path, *config, "verify-commit", done.commit)


def test_a_name_without_a_key_is_marked_as_unproven(desk: Desk) -> None:
    """Where no key could prove it, the commit says so."""
    desk.set_main({ALLOWED_SIGNERS: f"ada {ADA_LINE}\n".encode()})
    desk.waiting()
    done = desk.take(by="max")
    said = desk.repo.commit_message(done.commit)
    assert "Override: permissions-grown by max, unproven\n" in said


def test_a_forge_says_who_asks_by_its_account(desk: Desk) -> None:
    """An id, not a name that can be given to somebody else: names come and go."""
    desk.waiting(key=None)
    branch = "submit/clock/1.1.0"
    for actor, why in ((Actor("eve", "7"), "refused"), (Actor("ada", "1"), "held")):
        swept = merge_ready(desk.repo, when=LATER, author=MAX, actors={branch: actor})
        assert [one.why for one in swept.waiting] == [why]


def test_approvals_are_read_again_from_another_repository(desk: Desk) -> None:
    """They are branches: a clone has them too."""
    desk.waiting()
    desk.approve("permissions-grown")
    with Repository.open(desk.repo.path) as again:
        assert len(merge_ready(again, when=LATER, author=MAX).merged) == 1
