"""The law of owners, facts, names, needs and policy: each rule from both sides, on real trees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.model.layout import POLICY, plugin_path
from heimnetz_git.model.registry import Deprecation, Owner, Policy
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.law_outcome import CHOSEN
from heimnetz_git.registry.law_report import annotation_lines, markdown, verdict
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from tests.test_registry_law import ADA, CLOCK, OLD, Bench, Files, entry

ARCHIVED = {"status": "archived", "deprecated": Deprecation("tired")}
EVE, MAX = Actor("eve"), Actor("max")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A fresh bench."""
    with Repository.create(tmp_path / "index.git") as repo:
        yield Bench(repo, tmp_path)


FACTS: list[tuple[str, dict[str, object], Actor | None, dict[str, str]]] = [
    ("an owner deprecates", {"deprecated": Deprecation("old"), "status": "deprecated"}, ADA, {}),
    ("an owner describes", {"title": "Clock", "tags": ("time",)}, ADA, {}),
    ("an owner hands it on", {"owners": (Owner("bob"),)}, ADA, {}),
    ("a stranger takes it", {"owners": (Owner("eve"),)}, EVE, {"not-owner": "refuse"}),
    ("nobody knows who asks", {"title": "x"}, None, {"facts-unproven": "hold"}),
    ("a maintainer may", {"owners": (Owner("bob"),)}, MAX, {}),
    ("the newest is yanked", {"yanked": {"1.0.0": "bad"}}, ADA, {"newest-yanked": "hold"}),
    (
        "its successor is not here",
        {"deprecated": Deprecation("old", "lamp"), "status": "deprecated"},
        ADA,
        {"successor-missing": "hold"},
    ),
    (
        "an owner archives it",
        {"status": "archived", "deprecated": Deprecation("tired")},
        ADA,
        {},
    ),
    ("nobody adopts what is active", {"owners": (Owner("eve"),)}, EVE, {"not-owner": "refuse"}),
    (
        "an owner removes it",
        {"status": "removed", "deprecated": Deprecation("gone")},
        ADA,
        {"removal": "hold"},
    ),
    (
        "a maintainer removes it",
        {"status": "removed", "deprecated": Deprecation("gone"), "yanked": {"1.0.0": "gone"}},
        MAX,
        {},
    ),
]


@pytest.mark.parametrize(
    ("fields", "actor", "outcomes"), [pytest.param(*case[1:], id=case[0]) for case in FACTS]
)
def test_facts_are_changed_by_owners_with_reason(
    bench: Bench, fields: dict[str, object], actor: Actor | None, outcomes: dict[str, str]
) -> None:
    """Owners of the base and maintainers may; what deserves a look waits for one."""
    policy = yamlfile.dump(Policy(format=1, maintainers=("max",)))
    bench.base = bench.repo.write(bench.base, {POLICY: policy})
    assert bench.outcomes({plugin_path(CLOCK): entry(**fields)}, actor) == outcomes


@pytest.mark.parametrize(
    ("owner", "actor", "is_owner"),
    [
        (Owner("ada"), Actor("ada"), True),
        (Owner("ada", "1815"), Actor("ada"), True),
        (Owner("ada", "1815"), Actor("renamed", "1815"), True),
        (Owner("ada", "1815"), Actor("ada", "666"), False),
        (Owner("ada"), Actor("bob", "ada"), False),
        (Owner("1815"), Actor("eve", "1815"), False),
        (Owner("ada"), Actor("key-1", also=("ada",)), True),
        (Owner("ada"), Actor("Ada"), False),
    ],
)
def test_a_release_is_an_owners(bench: Bench, owner: Owner, actor: Actor, is_owner: bool) -> None:
    """Where both have account ids these decide, so that a freed name is no way in."""
    bench.base = bench.repo.write(bench.base, {plugin_path(CLOCK): entry(owners=(owner,))})
    assert ("not-owner" in bench.outcomes(bench.update(), actor)) != is_owner


def test_owners_are_those_of_the_base(bench: Bench) -> None:
    """Neither a release nor a change of facts makes its own author the owner."""
    files: Files = {plugin_path(CLOCK): entry(owners=(Owner("ada"), Owner("eve")))}
    assert bench.outcomes(files, EVE) == {"not-owner": "refuse"}
    assert "not-owner" in bench.outcomes({**bench.update(), **files}, EVE)


def test_a_new_plugin_belongs_to_who_submits_it(bench: Bench) -> None:
    """Nobody gives a plugin to somebody who does not know of it."""
    files = bench.release("wake-on-lan", "0.1.0")
    assert bench.outcomes(files, ADA) == {}
    assert bench.outcomes(files, EVE) == {"not-owner": "refuse"}


def test_a_removed_plugin_stays_removed(bench: Bench) -> None:
    """Its owner can publish nothing more and not bring it back; a maintainer can."""
    policy = yamlfile.dump(Policy(format=1, maintainers=("max",)))
    gone = entry(status="removed", deprecated=Deprecation("gone"))
    bench.base = bench.repo.write(bench.base, {plugin_path(CLOCK): gone, POLICY: policy})
    assert "plugin-removed" in bench.outcomes(bench.update())
    assert "plugin-removed" in bench.outcomes({plugin_path(CLOCK): entry()})
    assert "plugin-removed" not in bench.outcomes({plugin_path(CLOCK): entry()}, MAX)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("clocks", {"name-similar": "hold"}),
        ("clokc", {"name-similar": "hold"}),
        ("python-clock", {"name-similar": "hold"}),
        ("sundial", {}),
    ],
)
def test_a_name_like_another_is_held(bench: Bench, name: str, outcome: dict[str, str]) -> None:
    """A maintainer looks at it; other names pass."""
    assert bench.outcomes(bench.release(name, "1.0.0")) == outcome


NEEDS: list[tuple[dict[str, str], set[str]]] = [
    ({"clock": ">=1.0,<2"}, set()),
    ({"clock": ">=1.0"}, {"requirement-unbounded"}),
    ({"clock": ""}, {"requirement-unbounded"}),
    ({"clock": ">=2,<3"}, {"requirement-unmet"}),
    ({"sundial": "~=1.0"}, {"requirement-unmet"}),
]


@pytest.mark.parametrize(("requires", "rules"), NEEDS)
def test_requirements_have_ends_and_are_met(
    bench: Bench, requires: dict[str, str], rules: set[str]
) -> None:
    """Noted by default; a registry can hold or refuse."""
    files = bench.release("lamp", "1.0.0", manifest={"requires": requires})
    assert bench.outcomes(files) == dict.fromkeys(rules, "note")
    policy = yamlfile.dump(Policy(format=1, rules=dict.fromkeys(rules, "refuse")))
    bench.base = bench.repo.write(bench.base, {POLICY: policy})
    assert bench.outcomes(files) == dict.fromkeys(rules, "refuse")


@pytest.mark.parametrize(
    ("version", "skips"),
    [("1.0.1", False), ("1.1.0", False), ("2.0.0", False), ("1.2.0", True), ("3.0.0", True),
     ("1.1.1", True), ("1.0.0.post1", False), ("9.0.0rc1", False)],
)  # fmt: skip
def test_versions_that_are_skipped_are_noted(bench: Bench, version: str, skips: bool) -> None:
    """The next patch, minor or major version is not."""
    assert ("version-skipped" in bench.outcomes(bench.update(version))) == skips


def test_a_yank_names_every_plugin_that_it_breaks(bench: Bench) -> None:
    """Those behind them too, and those alone that could be installed until then."""
    base = bench.base
    for name, needs in (("lamp", {"clock": "<2"}), ("house", {"lamp": ">=1"}), ("town", {"x": ""})):
        base = bench.repo.write(base, bench.release(name, "1.0.0", manifest={"requires": needs}))
    bench.base = bench.repo.write(base, bench.update("2.0.0"))
    yanked = entry(yanked={"1.0.0": "bad"})
    found = bench.judge({plugin_path(CLOCK): yanked}, actor=ADA)
    assert [(one.rule, one.outcome, one.message.split()[0]) for one in found] == [
        ("plugin-broken", "hold", "house"),
        ("plugin-broken", "hold", "lamp"),
    ]
    bench.base = bench.repo.write(bench.base, bench.update("1.0.1"))
    assert bench.outcomes({plugin_path(CLOCK): yanked}) == {}


def test_what_guards_published_files_is_no_matter_of_policy(bench: Bench) -> None:
    """policy.yaml chooses for the rules that it may choose for, and for no others."""
    rules = {"release-changed": "note", "release-differs": "hold", "one-plugin": "note"}
    policy = yamlfile.dump(msgspec.convert({"format": 1, "rules": rules}, Policy))
    bench.base = bench.repo.write(bench.base, {POLICY: policy})
    assert "release-changed" in bench.rules({**bench.update(), OLD: None})
    assert not CHOSEN.keys() & rules.keys()


def test_a_registry_can_require_signatures(bench: Bench) -> None:
    """Then the transport's word is not enough."""
    policy = yamlfile.dump(Policy(format=1, signatures="required"))
    bench.base = bench.repo.write(bench.base, {POLICY: policy})
    for actor in (None, Actor("ada", proof="transport")):
        assert bench.outcomes(bench.update(), actor)["signature-required"] == "refuse"
    assert bench.outcomes(bench.update(), Actor("ada", proof="signature")) == {}


def test_a_report_says_the_verdict_first_and_what_is_more_allowed(bench: Bench) -> None:
    """Then the findings and the sizes; foreign text is no markup."""
    asks = {"permissions": {"network": {"connect": ["lan:9/udp"]}}}
    files = bench.release(CLOCK, "1.1.0", owner=False, manifest=asks)
    head = bench.repo.write(bench.base, files)
    page = markdown(bench.repo, bench.base, head, bench.judge(files))
    assert page.startswith("## Held")
    assert "may do, since 1.0.0" in page
    assert "**more**" in page
    assert "| plugins" in page
    evil = {**files, "<img src=x>@all](http:x).txt": b"x"}
    found = bench.judge(evil)
    page = markdown(bench.repo, bench.base, bench.repo.write(bench.base, evil), found)
    assert (verdict(found), page.splitlines()[0][:10]) == ("refused", "## Refused")
    assert "<img" not in page.replace("\\<img", "")
    (line, *_) = annotation_lines(found)
    assert line.startswith("::error file=")


ADOPTIONS: list[tuple[str, dict[str, object], Actor | None, dict[str, str]]] = [
    ("a stranger adopts it", {"owners": (Owner("eve"),)}, EVE, {"adoption": "hold"}),
    ("a maintainer gives it", {"owners": (Owner("bob"),)}, MAX, {}),
    ("nobody knows who", {"owners": (Owner("eve"),)}, None,
     {"adoption": "hold", "facts-unproven": "hold"}),
    ("it stays archived", {"owners": (Owner("eve"),), **ARCHIVED}, EVE, {"not-owner": "refuse"}),
    ("a new title too", {"owners": (Owner("eve"),), "title": "x"}, EVE,
     {"not-owner": "refuse", "one-topic": "refuse"}),
    ("no owner at all", {"owners": ()}, EVE, {"adoption": "hold", "ownerless": "refuse"}),
    ("the owner is back", {}, ADA, {}),
    ("a stranger wakes it", {}, EVE, {"not-owner": "refuse"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "actor", "outcomes"), [pytest.param(*case[1:], id=case[0]) for case in ADOPTIONS]
)
def test_an_archived_plugin_is_adopted_by_a_maintainer_s_word(
    bench: Bench, fields: dict[str, object], actor: Actor | None, outcomes: dict[str, str]
) -> None:
    """Owners and status change together, and nothing in their shadow."""
    policy = yamlfile.dump(Policy(format=1, maintainers=("max",)))
    files: Files = {POLICY: policy, plugin_path(CLOCK): entry(**ARCHIVED)}
    bench.base = bench.repo.write(bench.base, files)
    assert bench.outcomes({plugin_path(CLOCK): entry(**fields)}, actor) == outcomes
