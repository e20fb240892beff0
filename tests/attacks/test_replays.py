"""Old proofs used again: a signed commit serves once, for one registry, on the main it was for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.model.layout import ALLOWED_SIGNERS, REVOKED_KEYS
from heimnetz_git.registry import request
from heimnetz_git.registry.submission_actor import actor_of
from heimnetz_git.registry.submission_merge import merge, merge_ready
from heimnetz_git.trust.commits import sign_commit
from tests.attacks.kit import ADA_KEY, ADA_LINE, LATER, MAX, Siege
from tests.gitkit import ADA, WHEN


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    """A fresh registry with clock 1.0.0 and 1.1.0."""
    made = Siege(tmp_path)
    made.push(made.head(made.bench.update()))
    merge(made.repo, "submit/clock/1.1.0", when=LATER, author=MAX)
    yield made
    made.repo.close()


def asked(siege: Siege, change: request.Change, base: str = "") -> str:
    """A change of clock's facts that ada signed and pushed; its head."""
    onto = base or str(siege.repo.branch("main"))
    made = request.prepare_facts(
        siege.repo, onto, "clock", change, when=WHEN, author=ADA, key=ADA_KEY
    )
    return siege.push(made.head, made.branch) and made.head


def test_a_yank_that_was_taken_back_does_not_come_again(siege: Siege) -> None:
    """Whoever kept ada's commit pushes it once more, when the facts are as they were."""
    kept = asked(siege, request.yank("1.0.0", "Loses an hour"))
    merge(siege.repo, "submit/clock/facts-yank-1.0.0", when=LATER, author=MAX)
    asked(siege, request.unyank("1.0.0"))
    merge(siege.repo, "submit/clock/facts-unyank-1.0.0", when=LATER, author=MAX)
    assert "conflict" in siege.refusals(siege.push(kept, "submit/clock/facts-yank-1.0.0"))


def test_ada_may_yank_it_again_herself(siege: Siege) -> None:
    """The other side: a new commit on main as it is now."""
    for _ in range(2):
        asked(siege, request.yank("1.0.0", "Loses an hour"))
        merge(siege.repo, "submit/clock/facts-yank-1.0.0", when=LATER, author=MAX)
        asked(siege, request.unyank("1.0.0"))
        merge(siege.repo, "submit/clock/facts-unyank-1.0.0", when=LATER, author=MAX)


def test_facts_wait_while_other_plugins_move_main(siege: Siege) -> None:
    """What main changed elsewhere is no matter."""
    asked(siege, request.yank("1.0.0", "Loses an hour"))
    other = siege.commit(
        siege.repo.write(siege.repo.tree(str(siege.repo.branch("main"))), {"README.md": b"x"}),
        [str(siege.repo.branch("main"))],
    )
    assert siege.repo.set_branch("main", other, expect=siege.repo.branch("main"))
    swept = merge_ready(siege.repo, when=LATER, author=MAX)
    assert [one.topic for one in swept.merged] == ["yank-1.0.0"]


@pytest.mark.parametrize("registry", ["this", "another", "both"])
def test_a_commit_for_another_registry_proves_nothing_here(siege: Siege, registry: str) -> None:
    """A fork shares the history, so the same commit would fit."""
    head = asked(siege, request.yank("1.0.0", "Loses an hour"))
    raw = siege.repo.objects.read(head, "commit")
    line = next(one for one in raw.splitlines(keepends=True) if one.startswith(b"Registry: "))
    other = b"Registry: 00000000-0000-4000-8000-000000000000\n"
    meant = {"this": line, "another": other, "both": line + other}[registry]
    plain = raw.partition(b"\ngpgsig")[0] + b"\n\n" + raw.partition(b"\n\n")[2]
    signed = siege.store(sign_commit(plain.replace(line, meant), ADA_KEY))
    main = str(siege.repo.branch("main"))
    assert (actor_of(siege.repo, main, signed, at=LATER) is not None) == (registry == "this")


def test_a_key_that_was_taken_back_proves_nothing(siege: Siege) -> None:
    """Not even what it signed before."""
    head = asked(siege, request.yank("1.0.0", "Loses an hour"))
    main = str(siege.repo.branch("main"))
    assert actor_of(siege.repo, main, head, at=LATER)
    files: dict[str, bytes] = {
        ALLOWED_SIGNERS: f"ada {ADA_LINE}".encode(), REVOKED_KEYS: ADA_LINE.encode()
    }  # fmt: skip
    later = siege.commit(siege.repo.write(siege.repo.tree(main), files), [main])
    assert actor_of(siege.repo, later, head, at=LATER) is None
