"""What merges by itself and what waits; changes of facts as submissions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from heimnetz_git.errors import (
    HeimnetzError,
    PluginNotFound,
    ReleaseNotFound,
    SubmissionNotFound,
    SubmissionRefused,
    UsageError,
)
from heimnetz_git.model.layout import ALLOWED_SIGNERS, POLICY, plugin_path, record_path
from heimnetz_git.model.registry import Deprecation, Owner, PluginEntry, Policy
from heimnetz_git.registry import request
from heimnetz_git.registry.submission import Submission, check, submissions
from heimnetz_git.registry.submission_merge import Swept, merge, merge_ready
from heimnetz_git.registry.submission_seen import note_seen, read_seen
from heimnetz_git.storage import yamlfile
from heimnetz_git.trust.commits import signature_of
from tests.gitkit import ADA, WHEN, fsck, git, put
from tests.test_registry_submission import Desk

DAY = 86400
MINUTES = 600
MAX = "Max <max@example.org>"


class Shop(Desk):
    """A registry with maintainer max, and the keys of ada and eve."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.keys = {name: self.new_key(name) for name in ("ada", "eve")}
        lines = "".join(f"{name} {self.public(name)}" for name in self.keys)
        self.commit({ALLOWED_SIGNERS: lines.encode()})
        self.policy(maintainers=("max",))

    def new_key(self, name: str) -> bytes:
        """A key made by ssh-keygen."""
        path = self.folder / name
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(words, check=True)
        return path.read_bytes()

    def public(self, name: str) -> str:
        """Its public half."""
        return (self.folder / f"{name}.pub").read_text()

    def commit(self, files: dict[str, bytes | None]) -> None:
        """What a maintainer does to main by hand."""
        with self.open() as repo:
            put(repo, files)

    def policy(self, **fields: object) -> None:
        """Another policy.yaml."""
        self.commit({POLICY: yamlfile.dump(Policy(format=1, **fields))})  # type: ignore[arg-type] # as given

    def signed(self, name: str = "clock", version: str = "1.0.0", by: str = "ada") -> Submission:
        """A release signed by one of the keys."""
        return self.publish(name, version, owner=by, key=self.keys[by])

    def ask(self, change: request.Change, name: str = "clock", by: str = "ada") -> Submission:
        """A change of facts that is signed by one of the keys."""
        work = self.folder / "work.git"
        key = self.keys.get(by)
        return request.request(str(self.path), name, change, work, when=WHEN, author=ADA, key=key)

    def sweep(self, after: int, most: int = 50) -> Swept:
        """`merge --auto`, that many seconds after the beginning."""
        with self.open() as repo:
            return merge_ready(repo, when=WHEN + after, author=MAX, most=most)

    def entry(self, name: str = "clock") -> PluginEntry:
        """The facts on main."""
        return yamlfile.read(self.files()[plugin_path(name)], PluginEntry, "plugin.yaml")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A fresh one; sound at the end."""
    made = Shop(tmp_path)
    yield made
    fsck(made.path)


def why(swept: Swept) -> list[tuple[str, str]]:
    """Branch and reason of what waits."""
    return [(one.submission.branch, one.why) for one in swept.waiting]


def test_a_new_name_waits_three_days_and_a_version_ten_minutes(shop: Shop) -> None:
    """From when the registry first saw it; then it lands by itself."""
    shop.signed()
    assert why(shop.sweep(0)) == [("submit/clock/1.0.0", "period")]
    assert why(shop.sweep(3 * DAY - 1)) == [("submit/clock/1.0.0", "period")]
    assert [one.version for one in shop.sweep(3 * DAY).merged] == ["1.0.0"]
    shop.signed(version="1.0.1")
    (waits,) = shop.sweep(4 * DAY).waiting
    assert (waits.why, waits.until) == ("period", WHEN + 4 * DAY + MINUTES)
    assert len(shop.sweep(4 * DAY + MINUTES).merged) == 1
    assert record_path("clock", "1.0.1") in shop.files()


def test_dates_in_a_commit_shorten_no_period(shop: Shop) -> None:
    """A commit of ten years ago is as new as its first sight."""
    shop.publish(owner="ada", when=WHEN - 3650 * DAY)
    assert why(shop.sweep(0)) == [("submit/clock/1.0.0", "period")]


def test_a_push_begins_the_period_anew(shop: Shop) -> None:
    """What was looked at is not what is there now; going back to the old head is no short cut."""
    first = shop.publish()
    shop.sweep(0)
    second = shop.publish(when=WHEN + 5)
    assert why(shop.sweep(3 * DAY)) == [("submit/clock/1.0.0", "period")]
    with shop.open() as repo:
        assert repo.set_branch(first.branch, first.head, expect=second.head)
    assert why(shop.sweep(4 * DAY)) == [("submit/clock/1.0.0", "period")]


def test_periods_are_the_policys(shop: Shop) -> None:
    """A private registry may have none."""
    shop.policy(waiting={"new_name": "0s", "version": "0s"})
    shop.signed()
    assert len(shop.sweep(0).merged) == 1


def test_a_clock_that_was_ahead_keeps_nothing_waiting_for_ever(shop: Shop) -> None:
    """A first sight in the future is taken as now."""
    made = shop.signed()
    with shop.open() as repo:
        note_seen(repo, {made.branch: made.head}, now=WHEN + 9000 * DAY)
        shop.sweep(0)
        assert read_seen(repo)[made.branch].at == WHEN


def test_nothing_of_an_owned_plugin_lands_unproven(shop: Shop) -> None:
    """A commit's author is anybody; without a proof a maintainer merges by hand."""
    shop.merge(shop.signed())
    made = shop.publish(version="1.0.1", author=ADA)
    assert why(shop.sweep(9 * DAY)) == [(made.branch, "unproven")]
    assert shop.merge(made).version == "1.0.1"


def test_a_stranger_s_signature_is_refused(shop: Shop) -> None:
    """Before it is sent, by the check, and by the merge."""
    shop.merge(shop.signed())
    with pytest.raises(SubmissionRefused) as caught:
        shop.signed(version="1.0.1", by="eve")
    assert {one.rule for one in caught.value.problems} == {"not-owner", "signature-wrong"}


def test_who_pushed_is_remembered_by_the_registry(shop: Shop) -> None:
    """The transport's user is a proof, for that head alone."""
    shop.merge(shop.signed())
    made = shop.publish(version="1.0.1")
    with shop.open() as repo:
        note_seen(repo, {made.branch: made.head}, now=WHEN, by="ada")
    assert len(shop.sweep(DAY).merged) == 1
    other = shop.publish(version="1.0.2")
    with shop.open() as repo:
        note_seen(repo, {other.branch: "1" * 40}, now=WHEN, by="ada")
    assert why(shop.sweep(2 * DAY)) == [(other.branch, "unproven")]


def test_what_a_rule_holds_waits_for_its_override(shop: Shop) -> None:
    """Each override names its rule, is a maintainer's, and stands in the commit."""
    shop.merge(shop.signed())
    made = shop.signed("clokc")
    assert why(shop.sweep(9 * DAY)) == [(made.branch, "held")]
    with shop.open() as repo:
        for rules, by in (((), "max"), (("removal",), "max"), (("name-similar",), "eve")):
            with pytest.raises(SubmissionRefused):
                merge(repo, made, when=WHEN, author=MAX, override=rules, by=by)
        done = merge(repo, made, when=WHEN, author=MAX, override=("name-similar",), by="max")
        assert "Override: name-similar by max, unproven\n" in repo.commit_message(done.commit)


def test_policy_says_who_overrides_what(shop: Shop) -> None:
    """One rule may be another's to decide than the maintainers'."""
    shop.merge(shop.signed())
    shop.policy(maintainers=("max",), override={"name-similar": ("nora",)})
    made = shop.signed("clokc")
    with shop.open() as repo:
        with pytest.raises(SubmissionRefused, match="may not override"):
            merge(repo, made, when=WHEN, author=MAX, override=("name-similar",), by="max")
        merge(repo, made, when=WHEN, author=MAX, override=("name-similar",), by="nora")


def test_ready_submissions_become_few_commits(shop: Shop) -> None:
    """Each with its record; one that is refused keeps none of the others out."""
    names = ["clock", "lamp", "radio", "stove", "window"]
    for name in names:
        shop.signed(name)
    bad = shop.signed("kettle")
    with shop.open() as repo:
        head = repo.commit(
            repo.write(repo.tree(bad.head), {POLICY: b"format: 1\n"}),
            [bad.base], "x", author=ADA, when=WHEN,
        )  # fmt: skip
        repo.set_branch(bad.branch, head, expect=bad.head)
        repo.set_branch("submit/odd", head, expect=None)
    before = shop.commits()
    shop.sweep(0)
    swept = shop.sweep(3 * DAY, most=4)
    assert [one.name for one in swept.merged] == names
    assert why(swept) == [(bad.branch, "refused"), ("submit/odd", "refused")]
    assert shop.commits() == before + 2
    assert {record_path(name, "1.0.0") for name in names} <= shop.files().keys()


def test_names_that_are_alike_do_not_pass_together(shop: Shop) -> None:
    """Within a batch each is judged on top of those before it."""
    shop.signed("sundial")
    shop.signed("sundials")
    shop.sweep(0)
    swept = shop.sweep(3 * DAY)
    assert [one.name for one in swept.merged] == ["sundial"]
    assert why(swept) == [("submit/sundials/1.0.0", "held")]


DYING = """
import os, sys
from hashlib import sha256
from pathlib import Path
from heimnetz_git.registry.submission_merge import merge_ready
from heimnetz_git.storage.repo import Repository
step, seen = int(sys.argv[2]), 0
def counted(event, args):
    global seen
    if event in ("open", "os.rename", "os.remove", "os.mkdir") and "registry.git" in str(args[0]):
        seen += 1
        if seen == step: os.kill(os.getpid(), 9)
with Repository.open(Path(sys.argv[1])) as repo:
    sys.addaudithook(counted)
    merge_ready(repo, when=1767225600 + 9 * 86400, author="Max <max@example.org>")
"""


@pytest.mark.slow
def test_killed_at_any_step_a_batch_is_in_or_not(shop: Shop) -> None:
    """And the next run ends it; the lock is no obstacle."""
    for step in (2, 9, 20, 35, 50, 70, 95, 125, 160, 200, 240, 290, 350, 420, 520, 700, 2000):
        names = [f"x{sha256(f'{step}{word}'.encode()).hexdigest()[:12]}" for word in "ab"]
        for name in names:
            shop.publish(name)
        shop.sweep(0)
        before = shop.commits()
        words = [sys.executable, "-c", DYING, str(shop.path), str(step)]
        done = subprocess.run(words, capture_output=True, check=False)
        assert shop.commits() in {before, before + 1}
        shop.sweep(9 * DAY)
        assert shop.commits() == before + 1, done.stderr
        assert submissions(str(shop.path)) == ()
        if done.returncode == 0:
            break
    else:
        pytest.fail("it never came to the end")


def test_a_yank_is_a_submission(shop: Shop) -> None:
    """Asked for by the owner, merged by itself; taken back likewise."""
    shop.merge(shop.signed())
    shop.merge(shop.signed(version="1.0.1"))
    made = shop.ask(request.yank("1.0", "Loses an hour"))
    assert (made.branch, made.version, made.topic) == (
        "submit/clock/facts-yank-1.0", "", "yank-1.0",
    )  # fmt: skip
    shop.sweep(0)
    assert [one.topic for one in shop.sweep(MINUTES).merged] == ["yank-1.0"]
    assert shop.entry().yanked == {"1.0.0": "Loses an hour"}
    shop.merge(shop.ask(request.unyank("1.0.0")))
    assert shop.entry().yanked == {}


def test_facts_change_and_the_rest_of_the_file_stays(shop: Shop) -> None:
    """A comment of the owner's is no matter of the tool's."""
    shop.merge(shop.signed())
    shop.commit({plugin_path("clock"): shop.files()[plugin_path("clock")] + b"# ours\n"})
    shop.merge(shop.ask(request.deprecate("Nobody has time")))
    assert b"# ours" in shop.files()[plugin_path("clock")]
    assert shop.entry().deprecated == Deprecation("Nobody has time")
    shop.merge(shop.ask(request.undeprecate()))
    assert (shop.entry().status, shop.entry().deprecated) == ("active", None)


def test_a_transfer_is_the_old_owner_s_to_ask_for(shop: Shop) -> None:
    """Afterwards the new one publishes and the old one does not."""
    shop.merge(shop.signed())
    with pytest.raises(SubmissionRefused):
        shop.ask(request.transfer([Owner("eve")]), by="eve")
    shop.merge(shop.ask(request.transfer([Owner("eve")])))
    shop.merge(shop.signed(version="1.0.1", by="eve"))
    with pytest.raises(SubmissionRefused):
        shop.signed(version="1.0.2")


def test_a_removal_leaves_a_tombstone(shop: Shop) -> None:
    """Every release is yanked, the name is given to nobody."""
    shop.merge(shop.signed())
    made = shop.ask(request.remove("Takedown"))
    with shop.open() as repo:
        merge(repo, made, when=WHEN, author=MAX, override=("removal",), by="max")
    assert (shop.entry().status, shop.entry().yanked) == ("removed", {"1.0.0": "Takedown"})
    with pytest.raises(SubmissionRefused) as caught:
        shop.signed(version="1.0.1")
    assert [one.rule for one in caught.value.problems] == ["plugin-removed"]


WRONG: list[tuple[Callable[[Shop], object], type[HeimnetzError]]] = [
    (lambda shop: shop.ask(request.yank("9.0.0", "x")), ReleaseNotFound),
    (lambda shop: shop.ask(request.yank("nine", "x")), UsageError),
    (lambda shop: shop.ask(request.yank("1.0.0", " ")), UsageError),
    (lambda shop: shop.ask(request.unyank("1.0.0")), UsageError),
    (lambda shop: shop.ask(request.undeprecate()), UsageError),
    (lambda shop: shop.ask(request.transfer([])), UsageError),
    (lambda shop: shop.ask(request.deprecate("x"), name="lamp"), PluginNotFound),
]


@pytest.mark.parametrize(("wish", "error"), WRONG)
def test_what_cannot_be_asked_for_is_said(
    shop: Shop, wish: Callable[[Shop], object], error: type[HeimnetzError]
) -> None:
    """Before anything is sent."""
    shop.merge(shop.signed())
    with pytest.raises(error):
        wish(shop)
    assert submissions(str(shop.path)) == ()


def test_a_submission_can_be_taken_back(shop: Shop) -> None:
    """Its branch goes; what is not there cannot."""
    made = shop.signed()
    work = shop.folder / "other.git"
    assert request.withdraw(str(shop.path), "clock/1.0.0", work) == made
    assert submissions(str(shop.path)) == ()
    with pytest.raises(SubmissionNotFound):
        request.withdraw(str(shop.path), made.branch, work)


def test_a_signed_commit_is_one_for_git_too(shop: Shop) -> None:
    """`git verify-commit` accepts ours, and a commit that git signed proves its signer to us."""
    made = shop.signed()
    signers = shop.folder / "signers"
    signers.write_text(f"ada {shop.public('ada')}")
    settings = ["-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers}"]
    git(shop.path, *settings, "verify-commit", made.head)
    words = [*settings, "-c", "user.name=x", "-c", "user.email=x@example.org"]
    tree = git(shop.path, "rev-parse", f"{made.head}^{{tree}}").strip()
    key = f"-S{shop.folder / 'ada'}"
    theirs = git(shop.path, *words, "commit-tree", key, "-p", made.base, "-m", "x", tree).strip()
    with shop.open() as repo:
        repo.set_branch(made.branch, theirs, expect=made.head)
        raw = repo.objects.read(theirs, "commit")
        assert signature_of(raw)
        assert check(repo, "main", theirs) == ()
    shop.sweep(0)
    assert len(shop.sweep(3 * DAY).merged) == 1
