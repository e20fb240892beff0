"""Names that are easily taken for one another: one index of names, asked name by name. Pure.

Names are in normal form: ASCII letters, digits and single hyphens. Letters of other scripts are no
matter here, as ``plugin_name`` refuses them. Asking costs about the same however many names there
are: every likeness is a key in a table, and edit distance is looked up by halves of names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

__all__ = ["Likeness", "NameIndex", "distance", "skeleton", "visual_form"]

Kind = Literal["same", "letters", "words", "affix", "typing", "looks"]

AFFIXES = frozenset(
    """
    api app cli client core dev free heimnetz js kit lib library new next node official plugin
    plugins plus pro py python python2 python3 real sdk secure server service stable std the tool
    tools util utils v2 x
    """.split()  # noqa: SIM905 # a list of words reads better so
)
_GLUED = ("python", "plugin", "lib", "py", "js", "2", "3")
_SAME = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("5", "s"), ("-", ""))
_ALIKE = (
    ("rn", "m"), ("nn", "m"), ("vv", "w"), ("cl", "d"), ("0", "o"), ("1", "l"), ("i", "l"),
    ("j", "l"), ("5", "s"), ("2", "z"), ("q", "g"), ("9", "g"), ("6", "b"), ("8", "b"), ("4", "a"),
    ("3", "e"), ("7", "t"), ("v", "u"), ("-", ""),
)  # fmt: skip
_ROWS = ("1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-"
SHORTEST_TYPO = 5
SHORTEST_TWO_TYPOS = 9
SHORTEST_LOOKS = 4
SHORTEST_STEM = 3


class Likeness(NamedTuple):
    """That a name is like another.

    ``same`` is the same but for look-alike characters and hyphens; ``letters`` an edit distance of
    one or two, ``words`` the same words in another order, ``affix`` one word more or less of those
    that say nothing, ``typing`` a slip of one key or one flipped bit, ``looks`` alike in print.
    """

    other: str
    kind: Kind


def skeleton(name: str) -> str:
    """The name without what cannot be told apart in print: hyphens, ``0``/``o``, ``rn``/``m``."""
    for old, new in _SAME:
        name = name.replace(old, new)
    return name


def visual_form(name: str) -> str:
    """The name with letters that look alike made one; coarser than ``skeleton``."""
    for old, new in _ALIKE:
        name = name.replace(old, new)
    return name


def distance(one: str, two: str, most: int) -> int:
    """Damerau-Levenshtein distance (optimal string alignment), ``most + 1`` when it is larger."""
    if abs(len(one) - len(two)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(two) + 1))
    for row, char in enumerate(one, 1):
        now = [row] + [most + 1] * len(two)
        for column in range(max(1, row - most), min(len(two), row + most) + 1):
            other = two[column - 1]
            best = last[column - 1] + (char != other)
            best = min(best, last[column] + 1, now[column - 1] + 1)
            if row > 1 and column > 1 and char == two[column - 2] and one[row - 2] == other:
                best = min(best, before[column - 2] + 1)
            now[column] = best
        if min(now) > most:
            return most + 1
        before, last = last, now
    return min(last[-1], most + 1)


class NameIndex:
    """Names that are taken, to be asked which of them another name is like."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """An index of these names."""
        self._names: set[str] = set()
        self._keys: dict[tuple[str, str], list[str]] = {}
        for name in names:
            self.add(name)

    def __len__(self) -> int:
        """How many names it holds."""
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        """Is this very name taken?"""
        return name in self._names

    def add(self, name: str) -> None:
        """Take in one more name."""
        if name in self._names:
            return
        self._names.add(name)
        for key in _own_keys(name):
            self._keys.setdefault(key, []).append(name)

    def like(self, name: str) -> tuple[Likeness, ...]:
        """The names that ``name`` is like, the worst likeness of each; not itself, sorted."""
        found: dict[str, Kind] = {}
        for other, kind in self._alike(name):
            if other != name:
                found.setdefault(other, kind)
        return tuple(Likeness(other, found[other]) for other in sorted(found))

    def _alike(self, name: str) -> Iterator[tuple[str, Kind]]:
        yield from self._of("same", ("same", skeleton(name)))
        yield from self._by_letters(name)
        yield from self._of("words", ("words", _sorted_words(name)))
        for slip in _slips(name):
            if slip in self._names:
                yield slip, "typing"
        yield from self._by_affix(name)
        if len(name) >= SHORTEST_LOOKS:
            yield from self._of("looks", ("looks", visual_form(name)))

    def _of(self, kind: Kind, key: tuple[str, str]) -> Iterator[tuple[str, Kind]]:
        for other in self._keys.get(key, ()):
            yield other, kind

    def _by_affix(self, name: str) -> Iterator[tuple[str, Kind]]:
        for stem in _stems(name):
            yield from self._of("affix", ("same", skeleton(stem)))
        yield from self._of("affix", ("stem", skeleton(name)))

    def _by_letters(self, name: str) -> Iterator[tuple[str, Kind]]:
        if len(name) < SHORTEST_TYPO:
            return
        seen: set[str] = set()
        bag = set(name)
        for key in _asked_halves(name):
            for other in self._keys.get(key, ()):
                if other in seen or len(bag ^ set(other)) > 4:
                    continue
                seen.add(other)
                most = _allowed_between(name, other)
                if most and distance(name, other, most) <= most:
                    yield other, "letters"


def _allowed(length: int) -> int:
    """How many typing errors make two names of this length one; short names differ by few."""
    if length < SHORTEST_TYPO:
        return 0
    return 1 if length < SHORTEST_TWO_TYPOS else 2


def _allowed_between(one: str, two: str) -> int:
    """As ``_allowed``; where one short word alone differs, two errors make it another word."""
    most = _allowed(min(len(one), len(two)))
    if most > 1 and one.count("-") == two.count("-"):
        differing = [
            pair for pair in zip(one.split("-"), two.split("-"), strict=True) if pair[0] != pair[1]
        ]
        if len(differing) == 1 and min(map(len, differing[0])) < SHORTEST_TYPO:
            return 1
    return most


def _own_keys(name: str) -> Iterator[tuple[str, str]]:
    """Every key under which a name is found."""
    yield "same", skeleton(name)
    if "-" in name:
        yield "words", _sorted_words(name)
    if len(name) >= SHORTEST_LOOKS:
        yield "looks", visual_form(name)
    for stem in _stems(name):
        yield "stem", skeleton(stem)
    if len(name) >= SHORTEST_TYPO:
        middle = len(name) // 2
        yield from dict.fromkeys(("head", part) for part in _shorter(name[:middle]))
        yield from dict.fromkeys(("tail", part) for part in _shorter(name[middle:]))


def _asked_halves(name: str) -> dict[tuple[str, str], None]:
    """Where names within two edits are found.

    Of two edits at most one is in one half, or both halves have one: so one half of the other name
    is within one edit of a part of this one, and then both share a text with one letter left out.
    """
    size = len(name)
    most = _allowed(size + 2)
    asked: dict[tuple[str, str], None] = {}
    heads: set[int] = set()
    tails: set[int] = set()
    for length in range(max(SHORTEST_TYPO, size - most), size + most + 1):
        middle = length // 2
        heads.update(range(middle - 1, middle + 2))
        tails.update(range(length - middle - 1, length - middle + 2))
    for cut in heads:
        if 0 < cut <= size:
            asked.update(dict.fromkeys(("head", part) for part in _shorter(name[:cut])))
    for cut in tails:
        if 0 < cut <= size:
            asked.update(dict.fromkeys(("tail", part) for part in _shorter(name[size - cut :])))
    return asked


def _shorter(text: str) -> Iterator[str]:
    """The text, and the text with each letter left out in turn."""
    yield text
    for place in range(len(text)):
        yield text[:place] + text[place + 1 :]


def _sorted_words(name: str) -> str:
    return "-".join(sorted(name.split("-")))


def _stems(name: str) -> Iterator[str]:
    """The name without the words at its ends that say nothing."""
    words = name.split("-")
    ends = ((words[0], words[1:]), (words[-1], words[:-1]))
    for text in ("-".join(rest) for word, rest in ends if word in AFFIXES):
        if len(text) >= SHORTEST_STEM:
            yield text
    for affix in _GLUED:
        for text in (name.removeprefix(affix), name.removesuffix(affix)):
            if text != name and len(text) >= SHORTEST_TYPO and text.strip("-") == text:
                yield text


def _slips(name: str) -> Iterator[str]:
    """Names by one key beside the right one, one flipped bit, two keys swapped, one key twice.

    Longer names that differ so are within one edit anyway.
    """
    if len(name) >= SHORTEST_TYPO + 1:
        return
    for place, char in enumerate(name):
        for other in _BESIDE.get(char, ""):
            yield name[:place] + other + name[place + 1 :]
        yield name[:place] + char + name[place:]
        yield name[:place] + name[place + 1 : place + 2] + char + name[place + 2 :]


def _beside(char: str) -> str:
    """Keys around this one, and characters that one flipped bit makes of it."""
    found = {chr(ord(char) ^ 1 << bit) for bit in range(7)}
    for row, keys in enumerate(_ROWS):
        place = keys.find(char)
        if place < 0:
            continue
        for near in _ROWS[max(0, row - 1) : row + 2]:
            found.update(near[max(0, place - 1) : place + 2])
    return "".join(sorted(one for one in found - {char} if one in _CHARS))


_BESIDE = {char: _beside(char) for char in _CHARS}
