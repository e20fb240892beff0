"""An index at a glance, for people who want to know what they have."""

from __future__ import annotations

import msgspec

from heimnetz_git.model.registry import RegistryInfo
from heimnetz_git.registry.cache import Cache, Skipped

__all__ = ["IndexStatus", "status_of"]


class IndexStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An index at a glance: what it mirrors, how old that is, how much it offers.

    ``committed`` and ``checked`` are unix times: of the accepted commit, and of the last update
    that compared it with its address.
    """

    index: str
    url: str
    registry: RegistryInfo
    commit: str
    committed: int
    checked: int
    plugins: int
    releases: int
    skipped: tuple[Skipped, ...]


def status_of(cache: Cache, url: str) -> IndexStatus:
    """The status of the index that a cache is of; ``url`` is its address."""
    counts = cache.counts()
    return IndexStatus(
        index=cache.index,
        url=url,
        registry=cache.info,
        commit=cache.commit,
        committed=cache.committed,
        checked=cache.checked(),
        plugins=counts.plugins,
        releases=counts.releases,
        skipped=cache.skipped(),
    )
