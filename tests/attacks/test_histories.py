"""Hostile histories and identities: what is around the files of a submission."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import HeimnetzError, SubmissionNotFound, SubmissionRefused
from heimnetz_git.model.layout import ALLOWED_SIGNERS, POLICY, plugin_path
from heimnetz_git.model.registry import Owner, Policy
from heimnetz_git.registry.submission import Submission, submissions
from heimnetz_git.registry.submission_actor import actor_of
from heimnetz_git.registry.submission_merge import Merged, merge, merge_ready
from heimnetz_git.registry.submission_seen import read_seen
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.commits import sign_commit
from heimnetz_git.trust.signatures import sign
from tests.attacks.kit import ADA_KEY, EVE_KEY, LATER, MAX, Siege
from tests.gitkit import WHEN, git
from tests.test_registry_law import CLOCK, OLD, WHEEL, entry


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    """A fresh registry."""
    made = Siege(tmp_path)
    yield made
    made.repo.close()


def evil_main(siege: Siege) -> str:
    """A commit beside main that has another release file."""
    return siege.commit(siege.repo.write(siege.bench.base, {OLD: b"evil"}), [])


def merging(siege: Siege) -> str:
    """A merge commit whose own tree, unlike both parents', removes a release."""
    good = siege.head(siege.bench.update())
    tree = siege.repo.write(siege.repo.tree(good), {OLD: None})
    return siege.commit(tree, [good, siege.main])


HISTORIES: list[tuple[str, str, Callable[[Siege], str]]] = [
    ("merge commit that hides a removal", "release-changed", merging),
    ("no history", "history-tangled", lambda s: s.commit(s.repo.tree(s.head(s.bench.update())))),
    ("another main", "history-tangled", lambda s: s.commit(
        s.repo.tree(s.head(s.bench.update())), [evil_main(s)]
    )),
    ("octopus that brings another file", "release-changed", lambda s: s.commit(
        s.repo.write(s.repo.tree(s.head(s.bench.update())), {OLD: b"evil"}),
        [s.main, s.head({}), evil_main(s)],
    )),
    ("main itself", "one-release", lambda s: s.head({})),
    ("a revert of main", "release-changed", lambda s: s.commit(
        s.repo.write(None, {}), [s.main]
    )),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "make"), [pytest.param(rule, make, id=name) for name, rule, make in HISTORIES]
)
def test_no_history_hides_a_change(siege: Siege, rule: str, make: Callable[[Siege], str]) -> None:
    """Trees are compared, whatever the commits are like."""
    head = make(siege)
    assert rule in siege.refusals(siege.push(head, by="ada")) | siege.checked(head)


def test_what_replace_refs_and_grafts_say_is_not_heard(siege: Siege) -> None:
    """They would show another commit than the one that lands."""
    evil = siege.head({**siege.bench.update(), OLD: b"evil"})
    good = siege.head(siege.bench.update())
    git(siege.repo.path, "update-ref", f"refs/replace/{evil}", good)
    (siege.repo.path / "info" / "grafts").write_text(f"{evil} {siege.main}\n")
    with Repository.open(siege.repo.path) as again:
        assert again.tree(evil) == siege.repo.tree(evil) != siege.repo.tree(good)
    assert "release-changed" in siege.refusals(siege.push(evil, by="ada"))


def test_an_author_of_another_s_name_proves_nothing(siege: Siege) -> None:
    """Neither author nor committer."""
    tree = siege.repo.write(siege.bench.base, {plugin_path(CLOCK): entry(owners=(Owner("eve"),))})
    head = siege.commit(tree, [siege.main], author="ada <ada@example.org>")
    rules = siege.refusals(siege.push(head, "submit/clock/facts-transfer"))
    assert {"facts-unproven", "waits-held"} <= rules


def forged(siege: Siege, how: str) -> str:
    """A commit that pretends to be signed by ada."""
    made = siege.head(siege.bench.update())
    raw = siege.repo.objects.read(made, "commit")
    good = sign_commit(raw, ADA_KEY)
    other = siege.repo.objects.read(siege.head({}), "commit")
    head, blank, message = raw.partition(b"\n\n")
    if how == "copied from another commit":
        armor = sign_commit(other, ADA_KEY).partition(b"gpgsig ")[2].partition(b"\n\n")[0]
        return siege.store(head + b"\ngpgsig " + armor + blank + message)
    if how == "of a file":
        armor = sign(raw, ADA_KEY).strip().encode().replace(b"\n", b"\n ")
        return siege.store(head + b"\ngpgsig " + armor + blank + message)
    if how == "twice":
        armor = sign_commit(raw, EVE_KEY).partition(b"gpgsig ")[2].partition(b"\n\n")[0]
        first, rest, last = good.partition(b"\n\n")
        return siege.store(first + b"\ngpgsig " + armor + rest + last)
    if how == "in the message":
        armor = good.partition(b"gpgsig ")[2].partition(b"\n\n")[0]
        return siege.store(head + blank + b"gpgsig " + armor + b"\n" + message)
    return siege.store(good.replace(b"attack", b"attacK"))


@pytest.mark.parametrize(
    "how", ["copied from another commit", "changed afterwards", "of a file", "twice",
            "in the message"],
)  # fmt: skip
def test_no_forged_signature_proves_anything(siege: Siege, how: str) -> None:
    """A signature is over one commit, for commits, and there is one of it."""
    head = forged(siege, how)
    assert actor_of(siege.repo, siege.main, head, at=LATER) is None
    branch = siege.push(head)
    swept = merge_ready(siege.repo, when=LATER, author=MAX)
    assert [(one.submission.branch, one.why) for one in swept.waiting] == [(branch, "unproven")]


def test_an_owner_s_signature_is_a_proof(siege: Siege) -> None:
    """The other side: what is signed well lands by itself."""
    siege.push(siege.head(siege.bench.update(), key=ADA_KEY))
    assert len(merge_ready(siege.repo, when=LATER, author=MAX).merged) == 1


@pytest.mark.parametrize(
    "options", ['valid-before="20260101"', 'namespaces="file"', "cert-authority"]
)
def test_a_key_proves_what_it_may(siege: Siege, options: str) -> None:
    """Not when it has expired, is for other things, or is an authority's; dates are not asked."""
    entry_ = siege.repo.entry(siege.bench.base, ALLOWED_SIGNERS)
    assert entry_
    lines = siege.repo.read(entry_.oid).replace(b"ada ", f"ada {options} ".encode())
    tree = siege.repo.write(siege.bench.base, {ALLOWED_SIGNERS: lines})
    siege.main = siege.commit(tree, [siege.main])
    siege.repo.set_branch("main", siege.main, expect=siege.repo.branch("main"))
    head = siege.head(siege.bench.update(), key=ADA_KEY, tree=tree)
    assert actor_of(siege.repo, siege.main, head, at=LATER) is None


def test_a_branch_moved_after_its_check_is_not_merged(siege: Siege) -> None:
    """What was looked at has a head of its own."""
    seen = siege.head(siege.bench.update())
    branch = siege.push(seen)
    looked_at = Submission("clock", "1.1.0", branch, siege.main, seen)
    siege.push(siege.head({**siege.bench.update(), OLD: b"evil"}))
    with pytest.raises(SubmissionRefused, match="changed after"):
        merge(siege.repo, looked_at, when=LATER, author=MAX)
    assert siege.repo.branch("main") == siege.main


def test_a_base_that_moved_is_judged_as_it_is_now(siege: Siege) -> None:
    """What was lawful on the old main is not on the new: the policy has changed since."""
    branch = siege.push(siege.head(siege.bench.update(), key=ADA_KEY))
    policy = yamlfile.dump(Policy(format=1, allow_licenses=("GPL-3.0-only",)))
    tree = siege.repo.write(siege.bench.base, {POLICY: policy})
    siege.repo.set_branch("main", siege.commit(tree, [siege.main]), expect=siege.main)
    assert "license-not-allowed" in siege.refusals(branch)


def test_two_submissions_of_one_version_are_not_both_merged(siege: Siege) -> None:
    """The second changes what the first has published."""
    siege.push(siege.head(siege.bench.update()))
    merge(siege.repo, "submit/clock/1.1.0", when=LATER, author=MAX)
    other = siege.bench.update()
    other[WHEEL] = b"PK"
    assert siege.refusals(siege.push(siege.head(other), by="ada")) & {"conflict", "release-changed"}


def test_merged_twice_at_once_it_lands_once(siege: Siege) -> None:
    """By hand and by itself, in threads."""
    branch = siege.push(siege.head(siege.bench.update(), key=ADA_KEY))
    results: list[object] = []

    def work(auto: bool) -> None:
        try:
            with Repository.open(siege.repo.path) as repo:
                if auto:
                    results.extend(merge_ready(repo, when=LATER, author=MAX).merged)
                else:
                    results.append(merge(repo, branch, when=LATER, author=MAX))
        except HeimnetzError as error:
            results.append(error)

    threads = [threading.Thread(target=work, args=(auto,)) for auto in (True, False, True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures = [one for one in results if not isinstance(one, Merged)]
    assert all(isinstance(one, SubmissionNotFound) for one in failures), failures
    assert git(siege.repo.path, "rev-list", "--count", "main").strip() == "2"


@pytest.mark.parametrize(
    "branch",
    ["submit/clock", "submit/clock/1.1.0/x", "submit/../main/x", "submit/CLOCK/9.9.9",
     "submit/lamp/1.0.0"],
)  # fmt: skip
def test_a_branch_of_another_name_brings_nothing(siege: Siege, branch: str) -> None:
    """It lands under the name that it was asked for by, or not at all."""
    head = siege.head(siege.bench.update(), key=ADA_KEY)
    try:
        siege.push(head, branch)
    except HeimnetzError:
        return
    siege.refusals(branch)
    assert siege.repo.branch("main") == siege.main


def test_what_was_seen_lies_where_no_push_reaches(siege: Siege) -> None:
    """No ref and no file of a tree says since when a submission waits or who brought it."""
    files = {**siege.bench.update(), "heimnetz/seen.json": b'{"x": {"head": "", "at": 0}}'}
    branch = siege.push(siege.head(files))
    assert "shared-file" in siege.refusals(branch)
    assert read_seen(siege.repo)[branch].at == WHEN
    assert [one.branch for one in submissions(siege.repo)] == [branch]
