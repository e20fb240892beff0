"""Sightings make arrivals, silence makes departures, and the registry's events are enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from presence import Presence
from presence.people import Change, Person, Sight, days, heard, moment, overdue, spelled

from heimnetz_git import Context
from heimnetz_git.sdk.testing import PluginSet

ADA = "dc:a6:32:00:00:01"
GRACE = "dc:a6:32:00:00:02"
OWNERS = {ADA: "Ada", GRACE: "Grace"}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LIMIT = timedelta(minutes=15)
PEOPLE = {"Ada": [ADA.upper().replace(":", "-")], "Grace": [GRACE]}


def at(minutes: int) -> str:
    """So many minutes from noon."""
    return spelled(NOON + timedelta(minutes=minutes))


def started(folder: Path, seen: dict[str, str], **config: Any) -> Presence:
    """The plugin, started; ``seen`` is what the registry knows: MAC and time."""

    def get(mac: str) -> Any:
        return {"mac": mac, "last_seen": seen[mac]} if mac in seen else None

    calls: dict[str, Callable[..., Any]] = {"device-registry.get": get}
    context = Context.for_tests(data=folder, config={"people": PEOPLE} | config, calls=calls)
    return context.start(Presence)


@pytest.mark.parametrize(
    ("sights", "changes"),
    [
        ([Sight(ADA, at(-1))], [Change("Ada", "arrived", at(-1))]),
        ([Sight(ADA, at(-20))], []),
        ([Sight("00:00:5e:00:53:01", at(0))], []),
        ([Sight(ADA, at(-2)), Sight(ADA, at(-1))], [Change("Ada", "arrived", at(-2))]),
        ([Sight(ADA.upper(), at(5))], [Change("Ada", "arrived", at(0))]),
    ],
)
def test_a_fresh_sight_of_somebody_s_device_brings_them_home(
    sights: list[Sight], changes: list[Change]
) -> None:
    """Old ones and devices of nobody do not; a clock that runs ahead counts as now."""
    _people, found = heard({}, OWNERS, sights, now=NOON, away_after=LIMIT)
    assert found == changes


def test_somebody_leaves_when_they_were_last_seen() -> None:
    """Not when it was noticed."""
    home = {"Ada": Person("Ada", home=True, since=at(-60), last_seen=at(-16))}
    people, changes = overdue(home, now=NOON, away_after=LIMIT)
    assert changes == [Change("Ada", "left", at(-16))]
    assert people["Ada"] == Person("Ada", home=False, since=at(-16), last_seen=at(-16))
    assert overdue(people, now=NOON, away_after=LIMIT) == (people, [])


def test_hours_are_counted_by_day_over_midnight() -> None:
    """Who is still home is so until now."""
    changes = [
        Change("Ada", "arrived", "2026-01-29T22:00:00Z"),
        Change("Ada", "left", "2026-01-30T06:30:00Z"),
        Change("Grace", "arrived", "2026-01-30T00:00:00Z"),
        Change("Ada", "arrived", "2026-01-31T10:00:00Z"),
    ]
    found = days(changes, "Ada", now=NOON, count=3)
    assert [(one.day, one.hours) for one in found] == [
        ("2026-01-29", 2.0),
        ("2026-01-30", 6.5),
        ("2026-01-31", 2.0),
    ]


def test_who_is_home_is_known_after_a_restart(tmp_path: Path) -> None:
    """The registry is asked for what was missed meanwhile."""
    seen = {ADA: spelled(datetime.now(UTC))}
    plugin = started(tmp_path, seen)
    assert plugin.home() == ["Ada"]
    again = started(tmp_path, seen)
    assert [(one.kind, one.person) for one in again.history()] == [("arrived", "Ada")]
    assert [one.name for one in again.people()] == ["Ada", "Grace"]
    assert {one.labels["person"]: one.value for one in again.metrics()} == {"Ada": 1, "Grace": 0}


def test_an_event_of_the_registry_is_enough(tmp_path: Path) -> None:
    """And it may say more than one thing."""
    plugin = started(tmp_path, {})
    now = spelled(datetime.now(UTC))
    plugin.heard([Sight(GRACE, now), Sight(ADA, now), Sight("00:00:5e:00:53:01", now)])
    assert plugin.home() == ["Ada", "Grace"]
    assert len(plugin.history("Ada")) == 1
    assert plugin.hours("Ada", count=2)[1].hours >= 0


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """Nobody's history is thrown away in silence."""
    (tmp_path / "presence.json").write_text("{")
    with pytest.raises(ValueError, match=r"presence\.json is damaged"):
        started(tmp_path, {})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"people": {"Ada": ["phone"]}}, "not a MAC address"),
        ({"away_after": 0}, "from 1 to 1440"),
    ],
)
def test_a_wrong_configuration_is_refused(
    tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    """At the start."""
    with pytest.raises(ValueError, match=words):
        started(tmp_path, {}, **config)


def test_a_time_without_an_offset_is_refused() -> None:
    """It would mean another time elsewhere."""
    with pytest.raises(ValueError, match="no offset"):
        moment("2026-01-31T12:00:00")


def test_the_real_registry_s_event_brings_somebody_home(plugins: PluginSet) -> None:
    """Both plugins in processes of their own; nobody asks presence to look."""
    plugins.start("../device-registry", ".", config={"presence": {"people": PEOPLE}})
    plugins.call("device-registry", "see_all", sightings=[{"mac": ADA}])
    until = time.monotonic() + 10
    while not plugins.call("presence", "history") and time.monotonic() < until:
        time.sleep(0.02)
    (change,) = plugins.call("presence", "history")
    assert (change["person"], change["kind"]) == ("Ada", "arrived")
