"""Too much of everything, and pushes through the server's hook: nothing of it lands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import SubmissionRefused
from heimnetz_git.model.layout import POLICY, plugin_path, signature_path
from heimnetz_git.model.names import shard
from heimnetz_git.model.registry import Owner, Policy
from heimnetz_git.model.release import Artifact
from heimnetz_git.registry.request_receive import receive
from heimnetz_git.registry.submission_merge import merge_ready
from heimnetz_git.storage import yamlfile
from heimnetz_git.trust.signatures import sign
from tests.attacks.kit import ADA_KEY, EVE_KEY, LATER, MAX, Siege
from tests.gitkit import WHEN, hostile_tree, nested
from tests.test_registry_law import (
    BREACHES,
    CLOCK,
    NEW,
    WHEEL,
    Bench,
    Files,
    Make,
    entry,
    with_artifact,
)

FOLDER = f"plugins/{shard(CLOCK)}/{CLOCK}"


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    """A fresh registry."""
    made = Siege(tmp_path)
    yield made
    made.repo.close()


def small_wheels(siege: Siege) -> str:
    """A registry that takes wheels of a kilobyte, and one that is larger."""
    policy = Policy(format=1, maintainers=("max",), largest_artifact="1K")
    siege.bench.base = siege.repo.write(siege.bench.base, {POLICY: yamlfile.dump(policy)})
    before = siege.main
    siege.main = siege.commit(siege.bench.base, [before])
    assert siege.repo.set_branch("main", siege.main, expect=before)
    return siege.head(siege.bench.update())


SIZES: list[tuple[str, str, Callable[[Siege], str]]] = [
    ("a wheel of 20 MB", "file-too-large",
     lambda s: s.head({**s.bench.update(), WHEEL: b"\0" * (20 << 20)})),
    ("more than the policy", "file-too-large", small_wheels),
    ("a release of a megabyte", "file-too-large",
     lambda s: s.head({**s.bench.update(), NEW: b"# " + b"x" * (1 << 20)})),
    ("facts of a megabyte", "file-too-large",
     lambda s: s.head({plugin_path(CLOCK): entry() + b"# " + b"x" * (1 << 20)})),
    ("a signature of a megabyte", "file-too-large",
     lambda s: s.head({**s.bench.update(), signature_path(CLOCK, "1.1.0"): b"x" * (1 << 20)})),
    ("two thousand files", "too-many-files",
     lambda s: s.head({**s.bench.update(), **{f"{FOLDER}/{n}.yaml": b"" for n in range(2000)}})),
    ("two hundred folders deep", "hostile-tree",
     lambda s: s.commit(nested(s.repo, ["d"] * 200, s.bench.base), [s.main])),
    ("a tree that holds one name twice", "hostile-tree", lambda s: s.commit(
        hostile_tree(s.repo, [(0o040000, b"plugins", s.bench.base)] * 2), [s.main]
    )),
    ("a tree with '..'", "hostile-tree", lambda s: s.commit(
        hostile_tree(s.repo, [(0o040000, b"..", s.bench.base)]), [s.main]
    )),
    ("a tree with '.git'", "path-characters", lambda s: s.commit(
        hostile_tree(s.repo, [(0o040000, b".git", s.bench.base)]), [s.main]
    )),
    ("a signature of a stranger", "signature-wrong", lambda s: s.head(
        {**(files := s.bench.update()),
         signature_path(CLOCK, "1.1.0"): sign(bytes_of(files), EVE_KEY).encode()}
    )),
]  # fmt: skip


def bytes_of(files: Files) -> bytes:
    """The new release file."""
    data = files[NEW]
    assert isinstance(data, bytes)
    return data


@pytest.mark.parametrize(
    ("rule", "make"), [pytest.param(rule, make, id=name) for name, rule, make in SIZES]
)
def test_nothing_too_large_or_misshapen_lands(
    siege: Siege, rule: str, make: Callable[[Siege], str]
) -> None:
    """Bytes, files, depth: each has its end, and the refusal says which."""
    head = make(siege)
    found = siege.refusals(siege.push(head, by="ada")) | siege.checked_or_code(head)
    assert rule in found, found


def through_the_hook(siege: Siege, head: str, user: str) -> set[str]:
    """The rules by which a plain server refuses the push; nothing is there afterwards."""
    line = f"{'0' * 40} {head} refs/heads/submit/clock/1.1.0"
    before = siege.repo.branches()
    try:
        receive(siege.repo.path, [line], {"REMOTE_USER": user}, now=LATER)
    except SubmissionRefused as error:
        assert siege.repo.branches() == before
        return {getattr(one, "rule", "") for one in error.problems}
    return set()


@pytest.mark.parametrize(
    ("rule", "make"), [pytest.param(rule, make, id=name) for name, rule, make in BREACHES]
)
def test_no_breach_of_the_law_passes_the_hook(siege: Siege, rule: str, make: Make) -> None:
    """A server refuses what the merge would, whoever pushes it."""
    files = make(siege.bench)
    assert rule in through_the_hook(siege, siege.head(files), "ada")


STRANGERS: list[tuple[str, str, Callable[[Bench], Files]]] = [
    ("a release", "not-owner", lambda b: b.update()),
    ("a yank", "not-owner", lambda b: {plugin_path(CLOCK): entry(yanked={"1.0.0": "bad"})}),
    ("a transfer", "not-owner", lambda b: {plugin_path(CLOCK): entry(owners=(Owner("eve"),))}),
    ("a title", "not-owner", lambda b: {plugin_path(CLOCK): entry(title="Mine")}),
]


@pytest.mark.parametrize(
    ("rule", "make"), [pytest.param(rule, make, id=name) for name, rule, make in STRANGERS]
)
def test_a_stranger_whom_the_server_knows_passes_no_hook(
    siege: Siege, rule: str, make: Callable[[Bench], Files]
) -> None:
    """Another's plugin is another's, in every way that it can be changed."""
    assert WHEN < LATER
    assert rule in through_the_hook(siege, siege.head(make(siege.bench)), "eve")


def test_a_rule_s_own_fault_refuses_one_and_keeps_the_others(siege: Siege) -> None:
    """Whatever fails while one submission is judged, the rest of the batch is merged."""
    url = "https://example.invalid/clock-1.1.0-py3-none-any.whl"
    away: Files = {NEW: with_artifact(siege.bench, path="", url=url)}
    bad = siege.push(siege.head(away, key=ADA_KEY))
    other = siege.bench.release("sundial", "1.0.0")
    siege.push(siege.head(other), "submit/sundial/1.0.0", by="ada")

    def broken(_: Artifact) -> bytes:
        raise ZeroDivisionError

    swept = merge_ready(siege.repo, when=LATER, author=MAX, wheel_of=broken)
    assert [one.name for one in swept.merged] == ["sundial"]
    (waits,) = swept.waiting
    assert (waits.submission.branch, waits.why) == (bad, "refused")
    assert "rule-failed" in {one.rule for one in waits.findings}
