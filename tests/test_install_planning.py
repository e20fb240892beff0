"""Plans: what would happen, as a value, from a lock and what is there."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from heimnetz_git.errors import LockOutOfDate, PluginNotFound, ResolutionImpossible, UsageError
from heimnetz_git.install.generations import Installed
from heimnetz_git.install.planning import plan, plan_removal
from heimnetz_git.model.lock import Candidate, Generation, Lock, Receipt
from heimnetz_git.model.permission import NetworkPermissions, Permissions
from heimnetz_git.model.release import Artifact, Release
from tests.installkit import only_wheel
from tests.wheelkit import REGISTRY_ID, make_candidate, make_lock

NOTHING = Installed()
NONE = Permissions()


def candidate(
    name: str,
    version: str = "1.0.0",
    *,
    sha256: str = "",
    requires: dict[str, str] | None = None,
    optional: dict[str, str] | None = None,
    permissions: Permissions = NONE,
) -> Candidate:
    """A release that nobody built."""
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    release = Release(
        format=1,
        name=name,
        version=version,
        type="utility",
        summary="",
        license="MIT",
        host={"heimnetz": ">=1"},
        python=">=3.11",
        requires=requires or {},
        optional=optional or {},
        permissions=permissions,
        artifacts=(
            Artifact(url=f"https://example.org/{file}", size=9, sha256=sha256 or "ab" * 32),
        ),
    )
    return make_candidate(release)


def have(*candidates: Candidate, requested: dict[str, str] | None = None) -> Installed:
    """A home in which these are active."""
    receipts = {}
    for each in candidates:
        release = each.release
        receipts[release.name] = Receipt(
            release=release,
            registry=REGISTRY_ID,
            index="home",
            oid=each.oid,
            folder=f"{release.name}/{release.version}-{release.artifacts[0].sha256[:12]}",
            entry_point="x:X",
            artifact=release.artifacts[0].sha256,
        )
    made = Generation(
        number=4,
        parent=3,
        created="2026-01-31T12:00:00Z",
        reason="install",
        lock=make_lock(candidates, requested=requested),
        active={name: receipt.folder for name, receipt in receipts.items()},
        order=tuple(receipts),
    )
    return Installed(generation=made, receipts=receipts)


def wanted(*candidates: Candidate) -> tuple[Lock, dict[str, Candidate], tuple[str, ...]]:
    """The first three arguments of ``plan``."""
    by_name = {each.release.name: each for each in candidates}
    return make_lock(candidates), by_name, tuple(by_name)


def test_a_plan_names_every_plugin_of_both_sides() -> None:
    """What comes, changes, goes and stays, sorted by name."""
    before = have(candidate("alarm"), candidate("clock"), candidate("radio"))
    made = plan(
        *wanted(candidate("radio"), candidate("clock", "1.1.0"), candidate("bell")),
        have=before,
        pick=only_wheel,
    )
    assert [(step.name, step.kind, step.old_version, step.version) for step in made.steps] == [
        ("alarm", "remove", "1.0.0", ""),
        ("bell", "add", "", "1.0.0"),
        ("clock", "change", "1.0.0", "1.1.0"),
        ("radio", "keep", "1.0.0", "1.0.0"),
    ]
    assert (made.base, made.order) == (4, ("radio", "clock", "bell"))
    assert [step.name for step in (*made.add, *made.change, *made.remove, *made.keep)] == [
        "bell",
        "clock",
        "alarm",
        "radio",
    ]
    assert not made.is_empty


def test_a_folder_is_named_by_version_and_digest() -> None:
    """Two wheels of one version, for two platforms, do not meet."""
    made = plan(*wanted(candidate("clock", sha256="0f" * 32)), have=NOTHING, pick=only_wheel)
    assert made.steps[0].folder == "clock/1.0.0-0f0f0f0f0f0f"


def test_another_wheel_of_the_same_version_is_a_change() -> None:
    """The digest decides, not the number."""
    made = plan(
        *wanted(candidate("clock", sha256="cd" * 32)),
        have=have(candidate("clock")),
        pick=only_wheel,
    )
    assert [step.kind for step in made.steps] == ["change"]


def test_the_same_again_is_an_empty_plan() -> None:
    """Only when lock and order are the same too."""
    one, two = candidate("alarm"), candidate("clock")
    lock, candidates, order = wanted(one, two)
    assert plan(lock, candidates, order, have=have(one, two), pick=only_wheel).is_empty
    turned = plan(lock, candidates, order[::-1], have=have(one, two), pick=only_wheel)
    assert not turned.is_empty
    assert not plan(*wanted(), have=NOTHING, pick=only_wheel).is_empty


def test_permission_changes_are_told_for_what_comes_changes_and_goes() -> None:
    """Gained on the way in, lost on the way out, silent for what stays."""
    net = Permissions(network=NetworkPermissions(connect=("lan:9/udp",)))
    old, new = candidate("clock"), candidate("clock", "1.1.0", permissions=net)

    def kinds(before: Installed, *after: Candidate) -> list[str]:
        made = plan(*wanted(*after), have=before, pick=only_wheel)
        return [change.kind for step in made.steps for change in step.permission_changes]

    assert kinds(have(old), new) == ["gained"]
    assert kinds(have(new), old) == ["lost"]
    assert kinds(NOTHING, new) == ["gained"]
    assert kinds(have(new)) == ["lost"]
    assert kinds(have(new), new) == []


def test_a_lock_must_agree_with_the_index() -> None:
    """Another version, release file, registry, order or wheel than locked is out of date."""
    right = candidate("clock")
    lock, candidates, order = wanted(right)
    replace = msgspec.structs.replace
    other_wheel = candidate("clock", sha256="cd" * 32).release
    wrong: list[dict[str, Candidate]] = [
        {},
        {"clock": candidate("clock", "1.1.0")},
        {"clock": replace(right, oid="0" * 40)},
        {"clock": replace(right, registry="another")},
        {"clock": replace(right, release=other_wheel)},
    ]
    for case in wrong:
        with pytest.raises(LockOutOfDate):
            plan(lock, case, order, have=NOTHING, pick=only_wheel)
    with pytest.raises(LockOutOfDate):
        plan(lock, candidates, (), have=NOTHING, pick=only_wheel)


def test_no_wheel_for_this_machine_is_said() -> None:
    """Before anything is fetched."""
    with pytest.raises(ResolutionImpossible, match="no wheel for this machine"):
        plan(*wanted(candidate("clock")), have=NOTHING, pick=lambda _: None)


def test_a_removal_takes_its_own_dependencies_and_no_others() -> None:
    """What another plugin still requires stays, and so does what was asked for itself."""
    base = candidate("base")
    own = candidate("own")
    first = candidate("first", requires={"base": ">=1", "own": ">=1"})
    second = candidate("second", requires={"base": ">=1"})
    before = have(base, own, first, second, requested={"first": "", "second": "==1.0.0"})
    made = plan_removal(["first"], have=before)
    assert {step.name for step in made.remove} == {"first", "own"}
    assert {step.name for step in made.keep} == {"base", "second"}
    assert made.lock.requested == {"second": "==1.0.0"}
    assert [plugin.name for plugin in made.lock.plugins] == ["base", "second"]
    assert made.order == ("base", "second")


def test_a_required_plugin_is_not_removed() -> None:
    """The refusal names who requires it; together they may go."""
    base, first = candidate("base"), candidate("first", requires={"base": ">=1"})
    before = have(base, first, requested={"first": "", "base": ""})
    with pytest.raises(UsageError, match="base is required by first"):
        plan_removal(["base"], have=before)
    made = plan_removal(["base", "first"], have=before)
    assert (made.keep, made.order) == ((), ())
    assert made.lock.registries == {}


def test_an_optional_plugin_stays_until_it_is_named() -> None:
    """Removing something else keeps it; it can go without the plugin that could use it."""
    extra, other = candidate("extra"), candidate("other")
    first = candidate("first", optional={"extra": ">=1"})
    before = have(extra, other, first, requested={"first": "", "other": ""})
    before = with_optional(before)
    assert {step.name for step in plan_removal(["other"], have=before).keep} == {"extra", "first"}
    assert {step.name for step in plan_removal(["extra"], have=before).keep} == {"first", "other"}


def with_optional(before: Installed) -> Installed:
    """Locked plugins that name their optional ones, as the resolver's do."""
    replace = msgspec.structs.replace
    assert before.generation is not None
    lock = before.generation.lock
    plugins = tuple(
        replace(each, optional=before.receipts[each.name].release.optional) for each in lock.plugins
    )
    generation = replace(before.generation, lock=replace(lock, plugins=plugins))
    return replace(before, generation=generation)


def test_what_is_not_there_cannot_be_removed() -> None:
    """The name is said."""
    with pytest.raises(PluginNotFound, match="'bell' is not installed"):
        plan_removal(["clock", "bell"], have=have(candidate("clock")))
    with pytest.raises(PluginNotFound):
        plan_removal(["clock"], have=NOTHING)
    with pytest.raises(UsageError):
        plan_removal([], have=NOTHING)


def test_a_plan_needs_no_disk(tmp_path: Path) -> None:
    """It is a value: it can be written down and compared."""
    first = plan(*wanted(candidate("clock")), have=NOTHING, pick=only_wheel)
    assert msgspec.json.decode(msgspec.json.encode(first), type=type(first)) == first
    assert list(tmp_path.iterdir()) == []
