"""What is known of people between runs: one JSON file that is replaced whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from presence.people import Change, Person

__all__ = ["Known", "load", "save"]

MOST_CHANGES = 5000


class Known(NamedTuple):
    """Everybody by name, and the latest arrivals and departures, oldest first."""

    people: dict[str, Person]
    changes: list[Change]


def load(file: Path) -> Known:
    """What the file says; nothing if there is none. Raises ValueError for a damaged one."""
    if not file.exists():
        return Known({}, [])
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        people = [Person(**one) for one in read["people"]]
        changes = [Change(**one) for one in read["changes"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is damaged ({error}); remove it to begin anew") from None
    return Known({one.name: one for one in people}, changes)


def save(file: Path, people: Mapping[str, Person], changes: list[Change]) -> None:
    """Write aside and rename, so that no reader and no crash sees half of it."""
    body = {
        "format": 1,
        "people": [asdict(one) for one in people.values()],
        "changes": [asdict(one) for one in changes[-MOST_CHANGES:]],
    }
    aside = file.with_suffix(".new")
    aside.write_text(json.dumps(body), encoding="utf-8")
    aside.replace(file)
