"""Names of registries upstream: kept in a registry, so that nobody takes them unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import FileMissing, SubmissionRefused
from heimnetz_git.model.layout import UPSTREAM_NAMES
from heimnetz_git.registry.submission_merge import merge
from heimnetz_git.registry.upstreams import keep_names, names_at
from tests.attacks.kit import LATER, MAX, Siege
from tests.gitkit import index_with
from tests.indexkit import index_files


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    """A registry with clock."""
    made = Siege(tmp_path)
    yield made
    made.repo.close()


def upstream(folder: Path, *names: str) -> tuple[str, ...]:
    """The names that another registry with these plugins tells."""
    path = folder / f"{'-'.join(names) or 'none'}.git"
    with index_with(path, index_files(dict.fromkeys(names, ("1.0.0",)))):
        return names_at(str(path), folder / "work" / path.name)


def test_a_name_that_is_kept_waits_for_a_maintainer(siege: Siege, tmp_path: Path) -> None:
    """The attack that it is against: a plugin of an inner registry's name in the outer one."""
    names = upstream(tmp_path, "payroll", "intranet-search")
    assert names == ("intranet-search", "payroll")
    done = keep_names(siege.repo, names, when=LATER, author=MAX)
    assert (done.names, done.added, siege.repo.branch("main")) == (2, 2, done.commit)
    siege.main, siege.bench.base = done.commit, siege.repo.tree(done.commit)
    branch = "submit/payroll/99.0.0"
    siege.push(siege.head(siege.bench.release("payroll", "99.0.0")), branch)
    with pytest.raises(SubmissionRefused, match="name-upstream"):
        merge(siege.repo, branch, when=LATER, author=MAX)
    siege.push(siege.head(siege.bench.release("sundial", "1.0.0")), "submit/sundial/1.0.0")
    merge(siege.repo, "submit/sundial/1.0.0", when=LATER, author=MAX)


def test_names_are_added_and_never_forgotten(siege: Siege) -> None:
    """A second upstream adds its own; nothing new makes no commit."""
    first = keep_names(siege.repo, ["payroll"], when=LATER, author=MAX)
    second = keep_names(siege.repo, ["ledger"], when=LATER, author=MAX)
    assert (second.names, second.added) == (2, 1)
    assert keep_names(siege.repo, ["payroll"], when=LATER, author=MAX).commit == second.commit
    assert siege.repo.parents(second.commit) == (first.commit,)
    entry = siege.repo.entry(siege.repo.tree(second.commit), UPSTREAM_NAMES)
    assert entry
    assert siege.repo.read(entry.oid).splitlines()[1:] == [b"ledger", b"payroll"]


def test_what_is_no_registry_has_no_names(siege: Siege, tmp_path: Path) -> None:
    """It is said, and nothing is kept."""
    with index_with(tmp_path / "plain.git", {"README.md": b"x"}), pytest.raises(FileMissing):
        names_at(str(tmp_path / "plain.git"), tmp_path / "work.git")
