"""Locks: what they hold, that they can be relied upon, and what is said when they cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from heimnetz_git.errors import LockOutOfDate
from heimnetz_git.model.lock import Environment, Lock
from heimnetz_git.resolve import Request, from_lock, resolve, to_lock
from heimnetz_git.storage import yamlfile
from tests.resolvekit import HERE, HOME, Shelf, locked

Data = dict[str, dict[str, dict[str, Any]]]

DATA: Data = {
    "dhcp-leases": {
        "1.0.0": {
            "requires": {"device-registry": ">=1.0,<2"},
            "optional": {"notify": ">=1"},
            "packages": ("zeroconf>=0.130", "ifaddr"),
            "wheels": ["py3-none-any", "py3-none-linux_x86_64"],
        }
    },
    "device-registry": {"1.0.0": {}, "1.1.0": {}},
    "notify": {"1.0.0": {}},
}


def test_a_lock_can_be_written_and_read() -> None:
    """It passes every check of its file kind and comes back as it was."""
    lock = locked(Shelf(DATA), {"dhcp-leases": ">=1"}, with_optional=True)
    assert yamlfile.read(yamlfile.dump(lock), Lock, "heimnetz.lock") == lock
    assert [plugin.name for plugin in lock.plugins] == ["device-registry", "dhcp-leases", "notify"]
    assert lock.requested == {"dhcp-leases": ">=1"}
    assert lock.registries == {HOME: "home"}


def test_a_lock_holds_the_wheels_of_all_platforms() -> None:
    """Who installs from it elsewhere finds the wheel for that machine."""
    (leases,) = locked(Shelf(DATA), {"dhcp-leases": ""}).plugins[1:]
    assert [artifact.file for artifact in leases.artifacts] == [
        "dhcp_leases-1.0.0-py3-none-any.whl",
        "dhcp_leases-1.0.0-py3-none-linux_x86_64.whl",
    ]


def test_the_same_input_gives_the_same_bytes() -> None:
    """The order of wishes, of the universe and Python's last number do not show."""
    wishes = {"notify": "", "dhcp-leases": ""}
    shuffled = Shelf(dict(reversed(DATA.items())))
    request = Request(requested=dict(reversed(wishes.items())))
    later = msgspec.structs.replace(HERE, python="3.11.9")
    again = to_lock(
        resolve(request, shuffled, later), request, later, {"other": "other", HOME: "home"}
    )
    assert yamlfile.dump(again) == yamlfile.dump(locked(Shelf(DATA), wishes))


def test_a_lock_gives_the_resolution_that_it_was_made_of() -> None:
    """Newer releases that came since do not matter, nor does a yank."""
    lock = locked(Shelf(DATA), {"dhcp-leases": "", "notify": ""})
    before = resolve(Request(requested=lock.requested), Shelf(DATA), HERE)
    newer = Shelf(DATA | {"device-registry": {"1.0.0": {}, "1.1.0": {}, "1.9.0": {}}})
    assert from_lock(lock, newer, HERE) == before
    yanked = Shelf(DATA | {"device-registry": {"1.1.0": {"yanked": "broken"}}})
    assert [str(note) for note in from_lock(lock, yanked, HERE).notes] == [
        "device-registry 1.1.0 was yanked: broken."
    ]


def with_release(name: str, version: str, **facts: Any) -> Callable[[Data], Data]:
    """A later universe where one release is other than it was."""
    return lambda data: data | {name: data[name] | {version: data[name][version] | facts}}


WORLDS: list[tuple[str, Callable[[Data], Data], Environment, str]] = [
    (
        "gone",
        lambda data: data | {"device-registry": {"1.0.0": {}}},
        HERE,
        "device-registry 1.1.0 is not in the index that it was locked from",
    ),
    (
        "gone",
        with_release("device-registry", "1.1.0", registry="22222222-2222-4222-8222-222222222222"),
        HERE,
        "device-registry 1.1.0 is not in the index that it was locked from",
    ),
    (
        "changed",
        with_release("device-registry", "1.1.0", oid="f" * 40),
        HERE,
        "device-registry 1.1.0 in the index is not the release that was locked.",
    ),
    (
        "changed",
        with_release("dhcp-leases", "1.0.0", packages=("evil",)),
        HERE,
        "dhcp-leases 1.0.0 in the index is not the release that was locked.",
    ),
    (
        "unfit",
        lambda data: data,
        msgspec.structs.replace(HERE, python="3.10.1"),
        "device-registry 1.1.0 needs Python >=3.11, and this is Python 3.10.1.",
    ),
    (
        "unfit",
        lambda data: data,
        msgspec.structs.replace(HERE, host={"heimnetz": "0.9.0"}),
        "device-registry 1.1.0 needs heimnetz >=1, and this machine has 0.9.0.",
    ),
    (
        "unfit",
        lambda data: data,
        msgspec.structs.replace(HERE, tags=("cp311-cp311-win_amd64",), platform="win32"),
        "device-registry 1.1.0 has no wheel for this machine (win32).",
    ),
]


@pytest.mark.parametrize(("kind", "change", "machine", "said"), WORLDS)
def test_a_lock_that_the_world_left_behind_is_out_of_date(
    kind: str, change: Callable[[Data], Data], machine: Environment, said: str
) -> None:
    """What is missing, changed or unfit for the machine is named."""
    lock = locked(Shelf(DATA), {"dhcp-leases": ""})
    with pytest.raises(LockOutOfDate) as caught:
        from_lock(lock, Shelf(change(DATA)), machine)
    assert caught.value.facts["differences"][0]["kind"] == kind
    assert said in str(caught.value)


WISHES = [
    ({}, "dhcp-leases is in the lock and no longer asked for."),
    ({"dhcp-leases": "", "notify": ">=1"}, "notify >=1 is asked for and not in the lock."),
    (
        {"dhcp-leases": ">=2"},
        "dhcp-leases was asked for as any version and is now asked for as >=2.",
    ),
]


@pytest.mark.parametrize(("wishes", "said"), WISHES)
def test_a_lock_for_other_wishes_is_out_of_date(wishes: dict[str, str], said: str) -> None:
    """Each wish that differs is named."""
    lock = locked(Shelf(DATA), {"dhcp-leases": ""})
    from_lock(lock, Shelf(DATA), HERE, requested={"dhcp-leases": ""})
    with pytest.raises(LockOutOfDate) as caught:
        from_lock(lock, Shelf(DATA), HERE, requested=wishes)
    assert said in [str(problem) for problem in caught.value.problems]


def test_all_differences_are_told_at_once() -> None:
    """Three things wrong are three problems and one message."""
    lock = locked(Shelf(DATA), {"dhcp-leases": ""})
    with pytest.raises(LockOutOfDate, match="There are 2 more") as caught:
        from_lock(lock, Shelf({}), HERE, requested={})
    assert [problem.kind for problem in caught.value.problems] == ["requested", "gone", "gone"]


def without(name: str) -> Callable[[Lock], Lock]:
    """The lock with one plugin cut out by hand."""
    return lambda lock: msgspec.structs.replace(
        lock, plugins=tuple(plugin for plugin in lock.plugins if plugin.name != name)
    )


def asking(requested: dict[str, str]) -> Callable[[Lock], Lock]:
    """The lock with other wishes written into it by hand."""
    return lambda lock: msgspec.structs.replace(lock, requested=requested)


EDITS = [
    (
        without("device-registry"),
        "dhcp-leases 1.0.0 requires device-registry >=1.0,<2, which is not in the lock.",
    ),
    (without("dhcp-leases"), "You ask for dhcp-leases, which is not in the lock."),
    (asking({"dhcp-leases": ">=3"}), "You ask for dhcp-leases >=3, and 1.0.0 is locked."),
    (asking({"device-registry": ""}), "Nothing needs dhcp-leases, which is in the lock."),
]


@pytest.mark.parametrize(("edit", "said"), EDITS)
def test_a_lock_that_contradicts_itself_is_out_of_date(
    edit: Callable[[Lock], Lock], said: str
) -> None:
    """A lock that was edited by hand or badly merged is not installed from."""
    lock = edit(locked(Shelf(DATA), {"dhcp-leases": ""}))
    with pytest.raises(LockOutOfDate) as caught:
        from_lock(lock, Shelf(DATA), HERE)
    assert said in [str(problem) for problem in caught.value.problems]


def test_a_locked_circle_is_out_of_date() -> None:
    """Nobody could start these."""
    data: Data = {"a": {"1.0.0": {"requires": {"b": ""}}}, "b": {"1.0.0": {}}}
    lock = locked(Shelf(data), {"a": ""})
    (first, second) = lock.plugins
    circle = msgspec.structs.replace(
        lock, plugins=(first, msgspec.structs.replace(second, requires={"a": ""}))
    )
    with pytest.raises(LockOutOfDate, match="a -> b -> a"):
        from_lock(circle, Shelf(data | {"b": {"1.0.0": {"requires": {"a": ""}}}}), HERE)
