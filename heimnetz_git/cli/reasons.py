"""Why a plugin has its version, why it is here, and why not another: lines for people (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from heimnetz_git.errors import printable

if TYPE_CHECKING:
    from heimnetz_git.resolve.choice import Choice, Refusal
    from heimnetz_git.resolve.graph import Link

__all__ = ["chain_line", "choice_lines", "refusal_lines"]

LONGEST = 2000


def chain_line(chain: Sequence[Link]) -> str:
    """``asked for -> a 1.0.0 -> b 2.0.0 (>=2)``."""
    steps = (f"{one.name} {one.version}{_span(one.specifier)}" for one in chain)
    return " -> ".join(["asked for", *steps])


def choice_lines(choice: Choice) -> Iterator[str]:
    """The version, every chain to it, and what keeps each newer release away."""
    yield click.style(f"{choice.plugin} {choice.version}", bold=True)
    yield from (f"  {chain_line(chain)}" for chain in choice.chains)
    if not choice.newer:
        yield "  There is no newer release."
    for refusal in choice.newer:
        yield f"  Not {refusal.version}:"
        yield from (f"    {line}" for line in refusal_lines(refusal))


def refusal_lines(refusal: Refusal) -> list[str]:
    """What keeps a release away, and what would help."""
    if not refusal.is_possible:
        helps = (f"would help: {line}" for line in refusal.advice)
        return _shown([*refusal.lines, *helps])
    named = f"{refusal.plugin} {refusal.version}"
    if refusal.chosen == refusal.version:
        return [f"{named} is what is chosen."]
    if not refusal.chosen:
        return [f"Nothing keeps {named} away, and nothing asks for {refusal.plugin}."]
    return _shown(
        [
            f"Nothing keeps {named} away: {refusal.chosen} is preferred.",
            f"would help: ask for '{refusal.plugin}=={refusal.version}'.",
        ]
    )


def _shown(lines: Iterable[str]) -> list[str]:
    return [printable(line, longest=LONGEST) for line in lines]


def _span(specifier: str) -> str:
    return f" ({specifier})" if specifier else ""
