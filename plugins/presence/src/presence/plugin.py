"""The plugin: hears of devices from the device registry, and tells who is home."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from heimnetz_git import BasePlugin, Context, every, on, operation
from presence.people import Change, Day, Person, Sight, days, heard, overdue
from presence.store import Known, load, save

__all__ = ["Metric", "Presence"]

MOST_DAYS = 60
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")


@dataclass(frozen=True)
class Metric:
    """One sample for a monitoring system."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)
    help: str = ""


class Presence(BasePlugin):
    """Tells who is home."""

    @dataclass(frozen=True)
    class Config:
        """``people`` maps a name to the MAC addresses of what they carry, such as their phone.

        Who was not seen for ``away_after`` minutes has left.
        """

        people: dict[str, list[str]] = field(default_factory=dict)
        away_after: int = 15

    def initialize(self, context: Context) -> None:
        """Refuse addresses that are none, and read what is known."""
        self._file = context.data / "presence.json"
        self._owners = dict(_owners(self.config.people))
        if not 1 <= self.config.away_after <= 24 * 60:
            raise ValueError("away_after must be from 1 to 1440 minutes")
        self._away_after = timedelta(minutes=self.config.away_after)
        self._known = load(self._file)

    @on("device-registry.seen")
    def heard(self, devices: list[Sight]) -> None:
        """Devices were seen: somebody may have come home."""
        self._note(devices)

    @every("1m")
    def look(self) -> None:
        """Ask for what was seen meanwhile, and let those go who were silent for too long."""
        found = (self.context.call("device-registry", "get", mac=mac) for mac in self._owners)
        self._note([Sight(one["mac"], one["last_seen"]) for one in found if one])

    @operation
    def people(self) -> list[Person]:
        """Everybody, those at home first, by name."""
        self.look()
        found = [self._known.people.get(name, Person(name)) for name in self.config.people]
        return sorted(found, key=lambda one: (not one.home, one.name))

    @operation
    def home(self) -> list[str]:
        """The names of those who are home."""
        return [one.name for one in self.people() if one.home]

    @operation
    def history(self, person: str = "", limit: int = 50) -> list[Change]:
        """The latest arrivals and departures, of one person or of all, latest first."""
        found = [one for one in self._known.changes if person in ("", one.person)]
        return found[::-1][: max(0, limit)]

    @operation
    def hours(self, person: str, count: int = 7) -> list[Day]:
        """How many hours somebody was home on each of the last days (UTC), the present one last."""
        if not 1 <= count <= MOST_DAYS:
            raise ValueError(f"count is {count}; it must be from 1 to {MOST_DAYS} days")
        return days(self._known.changes, person, now=_now(), count=count)

    @operation
    def metrics(self) -> list[Metric]:
        """Who is home, for a monitoring system."""
        words = "1 if the person is home."
        return [
            Metric("presence_home", float(one.home), {"person": one.name}, words)
            for one in self.people()
        ]

    def _note(self, sights: Iterable[Sight]) -> None:
        """Take sightings and the passing of time into account, keep it, and tell who listens."""
        now, limit = _now(), self._away_after
        people, left = overdue(self._known.people, now=now, away_after=limit)
        people, came = heard(people, self._owners, sights, now=now, away_after=limit)
        if people == self._known.people:
            return
        self._known = Known(people, [*self._known.changes, *left, *came])
        save(self._file, *self._known)
        for change in (*left, *came):
            self.context.emit(change.kind, person=change.person, at=change.at)


def _owners(people: dict[str, list[str]]) -> Iterable[tuple[str, str]]:
    """MAC addresses in normal form, and whose they are. Raises ValueError."""
    for name, macs in people.items():
        for text in macs:
            mac = text.strip().lower().replace("-", ":")
            if not _MAC.fullmatch(mac):
                raise ValueError(f"{text[:40]!r} is not a MAC address such as 00:11:22:33:44:55")
            yield mac, name


def _now() -> datetime:
    return datetime.now(UTC)
