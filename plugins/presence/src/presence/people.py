"""Who is home, as values: sightings of devices become arrivals, silence becomes departures.

Times are UTC, ``2026-01-31T12:00:00Z``, so that their order is that of their texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

__all__ = ["Change", "Day", "Person", "Sight", "days", "heard", "moment", "overdue", "spelled"]

HOUR = 3600.0


@dataclass(frozen=True)
class Sight:
    """A device was seen at a time."""

    mac: str
    seen_at: str


@dataclass(frozen=True)
class Person:
    """Whether somebody is home, since when it is so, and when a device of theirs was last seen."""

    name: str
    home: bool = False
    since: str = ""
    last_seen: str = ""


@dataclass(frozen=True)
class Change:
    """Somebody ``arrived`` or ``left``."""

    person: str
    kind: str
    at: str


@dataclass(frozen=True)
class Day:
    """How many hours somebody was home on a day (UTC, ``2026-01-31``)."""

    day: str
    hours: float


def moment(text: str) -> datetime:
    """A time as a value. Raises ValueError without an offset."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no offset; write 2026-01-31T12:00:00Z")
    return when.astimezone(UTC)


def spelled(when: datetime) -> str:
    """A time as text, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def heard(
    people: Mapping[str, Person],
    owners: Mapping[str, str],
    sights: Iterable[Sight],
    *,
    now: datetime,
    away_after: timedelta,
) -> tuple[dict[str, Person], list[Change]]:
    """Everybody after these sightings, and who arrived; ``owners`` maps a MAC address to a name.

    Devices of nobody are passed over, and so are sightings older than what is known; one older than
    ``away_after`` brings nobody home. A time in the future counts as now.
    """
    found, changes = dict(people), []
    for sight in sorted(sights, key=lambda one: one.seen_at):
        name = owners.get(sight.mac.lower())
        if name is None:
            continue
        at = spelled(min(moment(sight.seen_at), now))
        known = found.get(name, Person(name))
        if at <= known.last_seen:
            continue
        known = replace(known, last_seen=at)
        if not known.home and now - moment(at) <= away_after:
            known = replace(known, home=True, since=at)
            changes.append(Change(name, "arrived", at))
        found[name] = known
    return found, changes


def overdue(
    people: Mapping[str, Person], *, now: datetime, away_after: timedelta
) -> tuple[dict[str, Person], list[Change]]:
    """Everybody after a silence, and who left: at the time when they were last seen."""
    found, changes = dict(people), []
    for name, person in people.items():
        if person.home and now - moment(person.last_seen) > away_after:
            found[name] = replace(person, home=False, since=person.last_seen)
            changes.append(Change(name, "left", person.last_seen))
    return found, changes


def days(changes: Iterable[Change], person: str, *, now: datetime, count: int) -> list[Day]:
    """The hours at home on each of the last ``count`` days, the present one last."""
    spans: list[tuple[datetime, datetime]] = []
    came: datetime | None = None
    for change in sorted((one for one in changes if one.person == person), key=lambda one: one.at):
        if change.kind == "arrived":
            came = came or moment(change.at)
        elif came is not None:
            spans.append((came, moment(change.at)))
            came = None
    if came is not None:
        spans.append((came, now))
    dates = [now.date() - timedelta(days=back) for back in range(count - 1, -1, -1)]
    return [Day(one.isoformat(), _hours(spans, one)) for one in dates]


def _hours(spans: Iterable[tuple[datetime, datetime]], day: date) -> float:
    """What of the spans falls on a day."""
    begin = datetime.combine(day, time(), UTC)
    end = begin + timedelta(days=1)
    total = sum(
        max(0.0, (min(until, end) - max(since, begin)).total_seconds()) for since, until in spans
    )
    return round(total / HOUR, 2)
