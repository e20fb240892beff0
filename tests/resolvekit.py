"""Small universes of plugins for the tests of the resolver, written as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from heimnetz_git.errors import ResolutionImpossible
from heimnetz_git.model.lock import Candidate, Environment, Lock
from heimnetz_git.model.release import Artifact, Release
from heimnetz_git.model.version import parse_version
from heimnetz_git.resolve import Request, Resolution, resolve, to_lock

__all__ = ["HERE", "HOME", "PORTABLE", "Shelf", "answer", "candidate", "locked", "words"]

HOME = "11111111-1111-4111-8111-111111111111"
PORTABLE = "py3-none-any"
HERE = Environment(
    host={"heimnetz": "1.2.0"},
    python="3.11.7",
    tags=("cp311-cp311-linux_x86_64", "py3-none-linux_x86_64", PORTABLE),
    platform="linux",
)


def candidate(name: str, version: str, facts: Mapping[str, Any] | None = None) -> Candidate:
    """A release with what ``facts`` say of it and the rest plain.

    ``wheels`` are the tags of its wheels; ``yanked``, ``deprecated``, ``registry``, ``merged`` and
    ``oid`` are the index's; everything else is a field of the release.
    """
    given = dict(facts or {})
    wheels = given.pop("wheels", [PORTABLE])
    registry = given.pop("registry", HOME)
    oid = given.pop("oid", hashlib.sha1(f"{name} {version}".encode()).hexdigest())
    yanked, deprecated = given.pop("yanked", None), given.pop("deprecated", None)
    merged = given.pop("merged", "")
    plain: dict[str, Any] = {
        "format": 1,
        "name": name,
        "version": version,
        "type": "utility",
        "summary": name,
        "license": "MIT",
        "host": {"heimnetz": ">=1"},
        "python": ">=3.11",
        "artifacts": tuple(_artifact(name, version, tags) for tags in wheels),
    }
    return Candidate(
        release=Release(**(plain | given)),
        registry=registry,
        index="home",
        oid=oid,
        yanked=yanked,
        deprecated=deprecated,
        merged=merged,
    )


def _artifact(name: str, version: str, tags: str) -> Artifact:
    file = f"{name.replace('-', '_')}-{version}-{tags}.whl"
    digest = hashlib.sha256(file.encode()).hexdigest()
    return Artifact(url=f"https://example.org/{file}", size=1000, sha256=digest)


class Shelf:
    """A universe of the plugins in ``data``: name to version to facts; counts who asks for what."""

    def __init__(self, data: Mapping[str, Mapping[str, Mapping[str, Any] | None]]) -> None:
        self.asked: list[str] = []
        self._plugins = {
            name: sorted(
                (candidate(name, version, facts) for version, facts in versions.items()),
                key=lambda one: parse_version(one.release.version),
                reverse=True,
            )
            for name, versions in data.items()
        }

    def releases(self, name: str) -> Sequence[Candidate]:
        """Newest first."""
        self.asked.append(name)
        return self._plugins.get(name, ())


def answer(
    shelf: Shelf, requested: Mapping[str, str], environment: Environment = HERE, **more: Any
) -> Resolution:
    """What the shelf offers for a request."""
    return resolve(Request(requested=dict(requested), **more), shelf, environment)


def locked(shelf: Shelf, requested: Mapping[str, str], **more: Any) -> Lock:
    """The lock of that."""
    request = Request(requested=dict(requested), **more)
    return to_lock(resolve(request, shelf, HERE), request, HERE, {HOME: "home"})


def words(error: ResolutionImpossible) -> list[str]:
    """The sentences that a person reads."""
    return [str(line) for line in error.problems]
