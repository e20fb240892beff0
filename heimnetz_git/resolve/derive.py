"""Retells why a minimal set of premises is impossible, one conclusion after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from heimnetz_git.resolve.pool import Link, Pool
from heimnetz_git.resolve.system import Premises, compile_system
from heimnetz_git.resolve.words import asks, joined, named, obstacle_words, requires, some

__all__ = ["derive"]


class _Gone(NamedTuple):
    """Releases that are out, and why; ``because`` is empty if a sentence said so already."""

    mask: int
    because: str


def derive(pool: Pool, core: Premises) -> list[str]:
    """The sentences that lead from the premises to the contradiction, each following from those
    before it; if there is no such straight way, the premises themselves."""
    story = _Story(pool, core)
    return story.told() or story.premises()


class _Story:
    """Draws conclusions in a fixed order and keeps the words for each."""

    def __init__(self, pool: Pool, core: Premises) -> None:
        self._pool = pool
        self._core = core
        system = compile_system(pool, core)
        self._links = system.links
        self._alive = dict(system.alive)
        self._needed = set(core.roots)
        self._order = _outwards(core, system.links)
        self._gone: dict[str, list[_Gone]] = {name: [] for name in self._order}
        for name, wanted in core.roots.items():
            outside = pool.table(name).full & ~pool.matching(name, wanted)
            self._gone[name].append(_Gone(outside, f"you asked for {asks(name, wanted)}"))

    def told(self) -> list[str]:
        """The chain of sentences, the last of which names a requested plugin; empty if none."""
        sentences: list[str] = []
        while True:
            dead = next((name for name in self._core.roots if not self._alive[name]), None)
            if dead is not None:
                return [*sentences, self._last(dead)]
            sentence = self._death()
            if sentence:
                sentences.append(sentence)
            elif not self._narrowed():
                return []

    def premises(self) -> list[str]:
        """Every premise as a sentence of its own."""
        pool, roots = self._pool, self._core.roots
        sentences = [f"You asked for {joined([asks(*root) for root in sorted(roots.items())])}."]
        for name in self._order:
            mask = pool.table(name).full
            if name in roots:
                mask = pool.matching(name, roots[name])
            sentences += [
                f"{requires(pool, name, mask, target)}." for target in self._targets(name)
            ]
            for obstacle, blocked in pool.table(name).blocked.items():
                if (name, obstacle) not in self._core.excused and blocked & mask:
                    sentences.append(f"{obstacle_words(pool, name, obstacle, blocked & mask)}.")
        return [*sentences, "No choice of releases meets all of this."]

    def _death(self) -> str:
        """Take out releases that need what is not to be had, and say why; empty if none do."""
        for name in reversed(self._order):
            for target in self._targets(name):
                mask = self._killed(name, target)
                if mask:
                    because = requires(self._pool, name, mask, target)
                    state = self._state(target, self._wanted(name, mask, target))
                    self._alive[name] &= ~mask
                    self._gone[name].append(_Gone(mask, ""))
                    out = named(self._pool, name, mask)
                    comma = "," if " and " in because + state else ""
                    return f"Because {because}{comma} and {state}, {out} cannot be used."
        return ""

    def _targets(self, name: str) -> list[str]:
        edges = self._core.edges or frozenset()
        return sorted(target for source, target in edges if source == name)

    def _state(self, name: str, wanted: int) -> str:
        """Why none of the ``wanted`` releases is to be had."""
        table = self._pool.table(name)
        if table.missing:
            return table.missing
        if not wanted:
            return f"{name} has only {some(self._pool, name, table.full)}"
        return joined(list(self._reasons(name, wanted)))

    def _reasons(self, name: str, wanted: int) -> Iterator[str]:
        for obstacle, blocked in self._pool.table(name).blocked.items():
            here = blocked & wanted
            if here and (name, obstacle) not in self._core.excused:
                yield obstacle_words(self._pool, name, obstacle, here)
                wanted &= ~here
        dead = 0
        for mask, because in self._gone[name]:
            here = mask & wanted
            wanted &= ~here
            if here and because:
                yield because
            elif here:
                dead |= here
        if dead:
            yield f"{named(self._pool, name, dead)} cannot be used"

    def _last(self, root: str) -> str:
        """The sentence that ends the chain: what was asked for is out."""
        wanted = self._pool.matching(root, self._core.roots[root])
        asked = f"You asked for {asks(root, self._core.roots[root])}"
        dead = sum(mask & wanted for mask, because in self._gone[root] if not because)
        if wanted and dead == wanted:
            return f"{asked}, and no other release of it is left."
        return f"{asked}, but {self._state(root, wanted)}."

    def _killed(self, name: str, target: str) -> int:
        mask = 0
        for group, wanted, hard in self._links[name].get(target, ()):
            if not wanted & self._alive[target] and (hard or target in self._needed):
                mask |= group & self._alive[name]
        return mask

    def _wanted(self, name: str, mask: int, target: str) -> int:
        """The releases of ``target`` that are in a range of those of ``name``."""
        wanted = 0
        for group, rule in self._pool.rules(name):
            if group & mask and rule.target == target:
                wanted |= self._pool.matching(target, rule.specifier)
        return wanted

    def _narrowed(self) -> bool:
        """Draw the next conclusion about what is needed; False if there is none left."""
        for name in self._order:
            if name not in self._needed:
                continue
            for target, asked in sorted(self._links[name].items()):
                living = [link for link in asked if link[0] & self._alive[name]]
                if self._narrow(name, target, living):
                    return True
        return False

    def _narrow(self, name: str, target: str, living: list[Link]) -> bool:
        covered, allowed, hard = 0, 0, True
        for group, mask, must in living:
            covered, allowed, hard = covered | group, allowed | mask, hard and must
        if self._alive[name] & ~covered:
            return False
        removed = self._alive[target] & ~allowed
        fresh = hard and target not in self._needed
        if hard:
            self._needed.add(target)
        if removed:
            words = requires(self._pool, name, self._alive[name], target)
            self._gone[target].append(_Gone(removed, words))
            self._alive[target] &= allowed
        return bool(removed) or fresh


def _outwards(core: Premises, links: dict[str, dict[str, list[Link]]]) -> list[str]:
    """Every plugin that the premises reach, the requested ones first, then what those need."""
    order = dict.fromkeys(sorted(core.roots))
    queue = list(order)
    for name in queue:
        fresh = [target for target in sorted(links[name]) if target not in order]
        order.update(dict.fromkeys(fresh))
        queue.extend(fresh)
    return queue
