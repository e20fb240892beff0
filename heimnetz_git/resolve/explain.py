"""Makes the error of an impossible request: what is to blame, step by step, and what would help."""

from __future__ import annotations

import msgspec

from heimnetz_git.errors import ResolutionImpossible, printable
from heimnetz_git.resolve.advice import advise
from heimnetz_git.resolve.core import minimal_core
from heimnetz_git.resolve.derive import derive
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.system import Premises
from heimnetz_git.resolve.words import asks, joined

__all__ = ["MOST_LINES", "Cause", "Line", "explanation"]

MOST_LINES = 12


class Line(msgspec.Struct, frozen=True):
    """One sentence of an explanation."""

    message: str

    def __str__(self) -> str:
        """The sentence."""
        return self.message


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact that is to blame, for programs.

    ``kind`` is ``requested`` (``plugin`` in the range ``specifier``), ``requires`` or ``optional``
    (``versions`` of ``plugin`` want ``target`` in the range), ``missing`` (there is no ``plugin``),
    or an obstacle (``host``, ``python``, ``platform``, ``newer``, ``constraint``, ``yanked``,
    ``prerelease``) to ``versions``.
    """

    kind: str
    plugin: str
    versions: tuple[str, ...] = ()
    target: str = ""
    specifier: str = ""


def explanation(pool: Pool, blame: Premises) -> ResolutionImpossible:
    """The error for the pool's request; ``blame`` are premises of it that are impossible.

    Its ``problems`` are the sentences of the explanation, at most twelve; its facts ``explanation``
    (the same as text), ``causes`` and ``advice`` as JSON values; its hint is the advice in words.
    """
    core = minimal_core(pool, blame)
    sentences = _shortened(derive(pool, core))
    advice = advise(pool, core)
    named = joined([asks(name, wanted) for name, wanted in sorted(core.roots.items())])
    return ResolutionImpossible(
        f"No set of releases fits {printable(named)}.",
        hint=" ".join(one.message for one in advice) or None,
        problems=[Line(sentence) for sentence in sentences],
        explanation=sentences,
        causes=[msgspec.to_builtins(cause) for cause in causes(pool, core)],
        advice=[msgspec.to_builtins(one) for one in advice],
    )


def _shortened(sentences: list[str]) -> list[str]:
    if len(sentences) <= MOST_LINES:
        return sentences
    left_out = len(sentences) - MOST_LINES + 1
    return [*sentences[: MOST_LINES - 2], f"({left_out} more steps follow.)", sentences[-1]]


def causes(pool: Pool, core: Premises) -> list[Cause]:
    """The premises of a core as facts, sorted."""
    found = [Cause("requested", name, specifier=wanted) for name, wanted in core.roots.items()]
    names = set(core.roots)
    for name, target in core.edges or ():
        names.add(target)
        found += _rules(pool, name, target, _asked(pool, core, name))
    for name in names:
        table = pool.table(name)
        if table.missing:
            found.append(Cause("missing", name))
        found += [
            Cause(obstacle.value, name, tuple(table.at(mask & _asked(pool, core, name))))
            for obstacle, mask in table.blocked.items()
            if (name, obstacle) not in core.excused
        ]
    return sorted(found, key=msgspec.structs.astuple)


def _asked(pool: Pool, core: Premises, name: str) -> int:
    """The releases that the user's own range leaves."""
    wanted = core.roots.get(name)
    return pool.table(name).full if wanted is None else pool.matching(name, wanted)


def _rules(pool: Pool, name: str, target: str, asked: int) -> list[Cause]:
    masks: dict[tuple[str, str], int] = {}
    for mask, rule in pool.rules(name):
        if rule.target == target and mask & asked:
            key = ("optional" if rule.optional else "requires", rule.specifier)
            masks[key] = masks.get(key, 0) | mask & asked
    return [
        Cause(kind, name, tuple(pool.table(name).at(mask)), target, specifier)
        for (kind, specifier), mask in masks.items()
    ]
