"""One plugin of a universe whole: its facts and all its releases, and the files they are in."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha1, sha256
from random import Random
from typing import Any, NamedTuple

import msgspec

from benchmarks import universe_words as words
from benchmarks.universe_lives import Lives, Step
from benchmarks.universe_needs import Needs, host_range, needs, python_range
from heimnetz_git.model.layout import plugin_path, record_path, release_path
from heimnetz_git.model.names import import_name
from heimnetz_git.model.registry import Owner, PluginEntry, Record
from heimnetz_git.model.release import PLUGIN_TYPES, Artifact, Need, Release, Source
from heimnetz_git.storage.canonical import dump

__all__ = ["Drawn", "blob_id", "draw", "entry_file", "following", "record_file", "release_file"]

YANKED = 0.015
_MOST_OPERATIONS = 5
_BORN = 1_577_836_800  # 2020-01-01T00:00:00Z, the moment 0.0
_AGE = 189_302_400  # six years to the moment 1.0
_PLATFORMS = ("manylinux_2_28_x86_64", "macosx_11_0_arm64", "win_amd64")
_REASONS = ("broken on 3.11", "leaks its token: upgrade", "published by mistake")


class Drawn(NamedTuple):
    """A plugin: its entry, and its releases with the unix time of each merge, oldest first."""

    entry: PluginEntry
    releases: tuple[Release, ...]
    merged: tuple[int, ...]


def draw(lives: Lives, rank: int) -> Drawn:
    """The plugin of a rank."""
    life = lives.life(rank)
    chance = lives.chance("plugin", rank)
    fields = _first_fields(chance, lives.names[rank])
    releases = []
    for step, wanted in zip(life, needs(lives, rank), strict=True):
        if step.numbers[2] == 0 and not step.pre:
            fields = fields | _grown(chance, fields)
        releases.append(_release(chance, fields, step, wanted))
    yanked = {
        release.version: chance.choice(_REASONS) for release in releases if chance.random() < YANKED
    }
    entry = _entry(chance, fields, yanked)
    return Drawn(entry, tuple(releases), tuple(_BORN + int(step.moment * _AGE) for step in life))


def following(lives: Lives, drawn: Drawn, number: int) -> Release:
    """The ``number``-th release after the last one, which only the tip of a universe has."""
    last = drawn.releases[-1]
    major, minor, _ = last.version.partition("rc")[0].split(".")
    step = Step((int(major), int(minor) + number, 0), 0, 1.0)
    chance = lives.chance("following", last.name, number)
    return msgspec.structs.replace(
        last,
        version=step.version,
        source=_source(chance, last.name, step),
        artifacts=_artifacts(chance, last.name, step, native=len(last.artifacts) > 1),
        changes=words.changes(chance),
    )


def release_file(release: Release) -> tuple[str, bytes]:
    """Where a release's file is, and its bytes."""
    return release_path(release.name, release.version), dump(release)


def entry_file(entry: PluginEntry) -> tuple[str, bytes]:
    """Where a plugin's file is, and its bytes."""
    return plugin_path(entry.name), dump(entry)


def record_file(release: Release, data: bytes, merged: str) -> tuple[str, bytes]:
    """The registry's record of a release file: its path and its bytes."""
    record = Record(
        format=1,
        name=release.name,
        version=release.version,
        release=blob_id(data),
        merged=merged,
        verdict="accepted",
        score=97,
    )
    return record_path(release.name, release.version), dump(record)


def blob_id(data: bytes) -> str:
    """The Git object id of a file."""
    return sha1(b"blob %d\0%s" % (len(data), data), usedforsecurity=False).hexdigest()


def _first_fields(chance: Random, name: str) -> dict[str, Any]:
    """What the first release says that later ones mostly repeat."""
    operations = dict(words.operation(chance) for _ in range(chance.choice((1, 1, 1, 2, 2, 3))))
    return {
        "format": 1,
        "name": name,
        "type": chance.choice(PLUGIN_TYPES),
        "summary": words.sentence(chance),
        "license": chance.choice(words.LICENSES),
        "authors": words.authors(chance),
        "packages": words.packages(chance),
        "binaries": (Need("ip", optional=True),) if chance.random() < 0.1 else (),
        "services": (Need("mqtt"),) if chance.random() < 0.05 else (),
        "features": ("events",) if chance.random() < 0.2 else (),
        "operations": operations,
        "config": words.schema(chance, 6) if chance.random() < 0.7 else {},
        "permissions": words.permissions(chance),
        "limits": words.limits(chance),
    }


def _grown(chance: Random, fields: dict[str, Any]) -> dict[str, Any]:
    """What a feature release changes."""
    found: dict[str, Any] = {}
    if chance.random() < 0.1 and len(fields["operations"]) < _MOST_OPERATIONS:
        found["operations"] = fields["operations"] | dict([words.operation(chance)])
    if chance.random() < 0.1:
        found["permissions"] = words.permissions(chance)
    if chance.random() < 0.1:
        found["config"] = words.schema(chance, 6)
    if chance.random() < 0.05:
        found["packages"] = words.packages(chance)
    return found


def _release(chance: Random, fields: dict[str, Any], step: Step, wanted: Needs) -> Release:
    name = fields["name"]
    native = "PyYAML>=6" in fields["packages"]
    return Release(
        **fields,
        version=step.version,
        host={"heimnetz": host_range(step, chance)},
        python=python_range(step, chance),
        requires=wanted.requires,
        optional=wanted.optional,
        source=_source(chance, name, step),
        artifacts=_artifacts(chance, name, step, native=native),
        changes=words.changes(chance),
    )


def _source(chance: Random, name: str, step: Step) -> Source:
    commit = f"{chance.getrandbits(160):040x}"
    return Source(f"https://git.example.org/plugins/{name}", commit, f"v{step.version}")


def _artifacts(chance: Random, name: str, step: Step, *, native: bool) -> tuple[Artifact, ...]:
    ends = [f"cp311-abi3-{tag}" for tag in _PLATFORMS] if native else ["py3-none-any"]
    return tuple(_artifact(chance, name, f"{step.version}-{end}") for end in ends)


def _artifact(chance: Random, name: str, end: str) -> Artifact:
    file = f"{import_name(name)}-{end}.whl"
    return Artifact(
        url=f"https://files.example.org/{name}/{file}",
        size=chance.randint(2_000, 900_000),
        sha256=sha256(file.encode()).hexdigest(),
    )


def _entry(chance: Random, fields: dict[str, Any], yanked: dict[str, str]) -> PluginEntry:
    name, author = fields["name"], fields["authors"][0].name
    return PluginEntry(
        format=1,
        name=name,
        owners=(Owner(author.split()[0].lower(), str(chance.randint(1, 99_999))),),
        title=name.replace("-", " ").title() if chance.random() < 0.6 else "",
        links={"Documentation": f"https://docs.example.org/{name}"},
        categories=(fields["type"],) if chance.random() < 0.5 else (),
        tags=words.some(chance, ("home", "lan", "mqtt", "power", "wifi", "zigbee"), 3),
        yanked=yanked,
    )


def files(drawn: Drawn, *, records: bool = False) -> Iterator[tuple[str, bytes]]:
    """Every file of a plugin: its facts, its releases, and the registry's records if wanted."""
    yield entry_file(drawn.entry)
    for release, merged in zip(drawn.releases, drawn.merged, strict=True):
        path, data = release_file(release)
        yield path, data
        if records:
            yield record_file(release, data, stamp(merged))


def stamp(when: int) -> str:
    """Unix seconds as a UTC time of the format."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
