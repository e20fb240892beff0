"""Search over the caches of several indexes: ranking, prefixes, forgiveness for typing errors."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

import msgspec

from heimnetz_git.errors import UsageError
from heimnetz_git.model.names import normalise
from heimnetz_git.registry.cache import Cache, Filters, Listing

__all__ = ["SORTS", "Hit", "distance", "nearest", "search"]

SORTS = ("relevance", "name", "updated")
FEW = 3  # with fewer hits than this, words are taken to be misspelt
MOST_WORDS = 12
LONGEST_WORD = 64
MOST_MEANT = 5  # words that one misspelt word may have meant
_WORD = re.compile(r"[^\W_]+")


class Hit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A plugin that was found; ``version`` is its newest stable one that is not yanked.

    ``score`` compares hits of one search, higher is better. ``updated`` is the UTC time of the
    plugin's last merge, where its registry keeps records.
    """

    name: str
    version: str
    summary: str
    type: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    index: str
    score: float
    title: str = ""
    status: str = "active"
    updated: str = ""


def search(  # noqa: PLR0913 # what users may narrow a search by; all have defaults
    caches: Iterable[Cache],
    words: str | Sequence[str] = "",
    *,
    type: str | None = None,  # noqa: A002 # the field's word
    category: str | None = None,
    tag: str | None = None,
    sort: str = "relevance",
    limit: int = 20,
    keep: Callable[[str, str], bool] | None = None,
) -> tuple[Hit, ...]:
    """Plugins whose name, title, summary, categories, tags or author hold all of ``words``.

    A word finds those that begin with it. Where that finds next to nothing, words that look
    misspelt are tried as what they may have meant, then any of the words instead of all. Without
    words every plugin is a hit, by name. ``keep(index, name)`` may turn hits away.
    """
    if sort not in SORTS:
        raise UsageError(f"Hits are sorted by {', '.join(SORTS)}, not by {sort!r}.", sort=sort)
    text = words if isinstance(words, str) else " ".join(words)
    asked = _Asked(
        tuple(caches),
        Filters(type or "", category or "", tag or ""),
        exact=normalise("-".join(text.split())),
        sort=sort if text.strip() else "name" if sort == "relevance" else sort,
        limit=limit,
        keep=keep,
    )
    found = _folded(text)
    if not found:
        return () if text.strip() else asked.ask("")
    return _forgiving(asked, found)


def _forgiving(asked: _Asked, words: tuple[str, ...]) -> tuple[Hit, ...]:
    """As asked; then with what misspelt words may have meant; then any of the words."""
    hits = asked.ask(" AND ".join(_prefix(word) for word in words))
    if len(hits) >= min(FEW, asked.limit):
        return hits
    meant = [_meanings(asked.caches, word) for word in words]
    if any(len(choices) > 1 for choices in meant):
        hits = asked.add(hits, " AND ".join(f"({' OR '.join(choices)})" for choices in meant))
    if not hits and len(words) > 1:
        hits = asked.ask(" OR ".join(choice for choices in meant for choice in choices))
    return hits


class _Asked:
    """One search: everything but the words."""

    def __init__(
        self,
        caches: tuple[Cache, ...],
        filters: Filters,
        *,
        exact: str,
        sort: str,
        limit: int,
        keep: Callable[[str, str], bool] | None,
    ) -> None:
        self.caches, self.filters, self.exact = caches, filters, exact
        self.sort, self.limit, self.keep = sort, limit, keep

    def ask(self, query: str) -> tuple[Hit, ...]:
        """The hits of all caches, in order."""
        limit = self.limit if self.keep is None else -1
        hits = [
            _hit(found, cache.index)
            for cache in self.caches
            for found in cache.match(
                query, self.filters, exact=self.exact, sort=self.sort, limit=limit
            )
            if self.keep is None or self.keep(cache.index, found.name)
        ]
        if self.sort == "updated":
            hits.sort(key=lambda hit: (hit.name, hit.index))
            hits.sort(key=lambda hit: hit.updated, reverse=True)
        else:
            by_name = self.sort == "name"
            hits.sort(key=lambda hit: (0.0 if by_name else -hit.score, hit.name, hit.index))
        return tuple(hits[: self.limit])

    def add(self, hits: tuple[Hit, ...], query: str) -> tuple[Hit, ...]:
        """``hits``, and behind them what ``query`` finds beyond them."""
        known = {(hit.index, hit.name) for hit in hits}
        more = tuple(hit for hit in self.ask(query) if (hit.index, hit.name) not in known)
        return (*hits, *more)[: self.limit]


def _hit(found: Listing, index: str) -> Hit:
    return Hit(
        name=found.name,
        version=found.version,
        summary=found.summary,
        type=found.type,
        categories=found.categories,
        tags=found.tags,
        index=index,
        score=found.score,
        title=found.title,
        status=found.status,
        updated=found.updated,
    )


def _folded(text: str) -> tuple[str, ...]:
    """The words of ``text`` as the index has them: lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text[: MOST_WORDS * LONGEST_WORD * 2])
    bare = "".join(char for char in plain if not unicodedata.combining(char)).lower()
    return tuple(word[:LONGEST_WORD] for word in _WORD.findall(bare)[:MOST_WORDS])


def _prefix(word: str) -> str:
    return f'"{word}"*'


def _meanings(caches: Iterable[Cache], word: str) -> list[str]:
    """What to look for instead of ``word``: itself, and the nearest words of the indexes."""
    most = _tolerance(word)
    if not most or any(cache.has_term(word) for cache in caches):
        return [_prefix(word)]
    terms = {term for cache in caches for term in cache.terms(len(word) - most, len(word) + most)}
    return [_prefix(word), *(f'"{term}"' for term in nearest(word, terms, most=MOST_MEANT))]


def _tolerance(word: str) -> int:
    """How many slips a word of that length may have: none in three letters, two from eight."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def nearest(word: str, choices: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Those of ``choices`` that ``word`` may be a misspelling of, nearest first, a few."""
    allowed = max(1, _tolerance(word))
    letters = set(word)
    ranked = []
    for choice in choices:
        # A cheap sieve first: one slip takes away one letter and brings one at most.
        if abs(len(choice) - len(word)) > allowed or len(letters.difference(choice)) > allowed:
            continue
        if len(set(choice).difference(word)) > allowed:
            continue
        slips = distance(word, choice, allowed)
        if slips <= allowed:
            ranked.append((slips, choice))
    return tuple(choice for _, choice in sorted(ranked)[:most])


def distance(one: str, other: str, most: int) -> int:
    """Slips between two words: a letter missing, added, wrong, or two neighbours swapped.

    Optimal string alignment. Stops counting above ``most``.
    """
    before: list[int] = []
    last: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, last, row = last, row, [i]
        for j, right in enumerate(other, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        if min(row) > most:
            return most + 1
    return row[-1]
