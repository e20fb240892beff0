"""Finding the plugins that make something fail, by trying with fewer and fewer of them (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

__all__ = ["WITHOUT", "Verdict", "bisect", "closed"]

WITHOUT = "HEIMNETZ_GIT_WITHOUT"
"""The environment variable that names plugins, with commas, that a host must not start."""


class Verdict(msgspec.Struct, frozen=True):
    """``culprits`` fail together and none can be left out; empty if no plugin is to blame.

    ``kind`` is ``found``, ``fine`` (nothing fails with all of them) or ``elsewhere`` (it fails
    without any). ``probes`` is how often the probe was run.
    """

    kind: str
    culprits: tuple[str, ...]
    probes: int


def bisect(
    requires: Mapping[str, Iterable[str]], fails: Callable[[frozenset[str]], bool]
) -> Verdict:
    """The smallest set of plugins with which ``fails(enabled)`` is true that halving finds.

    ``requires`` are all plugins with what each requires: those are enabled with it. One culprit
    among n takes about 2 + 2 log2 n probes; several that fail only together are found too (the
    algorithm is ddmin, Zeller and Hildebrandt 2002).
    """
    probes = 0

    def bad(names: Iterable[str]) -> bool:
        nonlocal probes
        probes += 1
        return fails(closed(names, requires))

    everything = tuple(requires)
    if not bad(everything):
        return Verdict("fine", (), probes)
    if bad(()):
        return Verdict("elsewhere", (), probes)
    found = _smallest(everything, bad)
    return Verdict("found", found, probes)


def closed(names: Iterable[str], requires: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """``names`` and all that they require."""
    seen: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name not in seen and name in requires:
            seen.add(name)
            queue += requires[name]
    return frozenset(seen)


def _smallest(names: tuple[str, ...], bad: Callable[[Iterable[str]], bool]) -> tuple[str, ...]:
    """ddmin: a part of ``names`` that is bad, of which nothing can be left out."""
    parts = 2
    while len(names) > 1:
        size = -(-len(names) // parts)
        chunks = [names[at : at + size] for at in range(0, len(names), size)]
        smaller = next((chunk for chunk in chunks if bad(chunk)), None)
        if smaller is not None:
            names, parts = smaller, 2
            continue
        rests = (tuple(one for one in names if one not in chunk) for chunk in chunks)
        fewer = next((rest for rest in rests if len(chunks) > 2 and bad(rest)), None)
        if fewer is not None:
            names, parts = fewer, max(parts - 1, 2)
        elif size == 1:
            break
        else:
            parts = min(len(names), parts * 2)
    return names
