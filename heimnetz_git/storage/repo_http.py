"""Asking and fetching over http without a library for Git, for servers that speak version 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, NamedTuple

from heimnetz_git.errors import DownloadFailed, NetworkError, printable
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.storage.gitwire import BrokenOff, Declined, TooSlow, Wire
from heimnetz_git.storage.repo_address import shown
from heimnetz_git.storage.repo_refs import HEADS, branches_of, named, whole

__all__ = ["LARGEST_PACK", "Declined", "Fetched", "Known", "counted", "fetch", "heads"]

LARGEST_PACK = 4 << 30


class Fetched(NamedTuple):
    """What a fetch brought: the wanted heads, and where history was cut off or no longer is."""

    heads: dict[str, str]
    shallow: frozenset[str]
    unshallow: frozenset[str]


class Known(NamedTuple):
    """What is here: commits with all behind them, of which ``tips`` need not be sent again.

    ``heads`` is what the server has, for who has asked already.
    """

    tips: frozenset[str]
    haves: tuple[str, ...]
    shallow: frozenset[str]
    heads: Mapping[str, str] | None = None


def heads(url: str, prefix: str = "", *, timeout: float) -> dict[str, str]:
    """Branches of a server that begin with ``prefix`` -> commit.

    Raises Declined when the server is one for the library; NetworkError, DownloadFailed.
    """
    with _explained(url, timeout), Wire(url, timeout=timeout) as wire:
        return branches_of(wire.heads([HEADS + prefix]), prefix)


def fetch(
    url: str,
    branches: Sequence[str],
    out: IO[bytes],
    *,
    known: Known,
    depth: int | None,
    timeout: float,
    reporter: Reporter = SILENT,
) -> Fetched:
    """Write a pack with what is missing of ``branches`` to ``out``, if anything is."""
    with _explained(url, timeout), Wire(url, timeout=timeout) as wire:
        found = known.heads
        if found is None:
            found = named(wire.heads([whole(name) for name in branches]), branches)
        wanted = {name: found[name] for name in branches if name in found}
        lacking = sorted(set(wanted.values()) - known.tips)
        if not lacking:
            return Fetched(wanted, frozenset(), frozenset())
        reporter.start(f"Fetching {shown(url)}")
        try:
            pack = wire.fetch(
                lacking,
                counted(out, reporter, shown(url)),
                haves=known.haves,
                shallow=sorted(known.shallow),
                depth=depth,
            )
        finally:
            reporter.done()
    return Fetched(wanted, pack.shallow, pack.unshallow)


def counted(out: IO[bytes], reporter: Reporter, url: str) -> Callable[[bytes], int]:
    """Writes to ``out`` and tells the reporter. Raises DownloadFailed when it becomes too much."""
    total = 0

    def write(data: bytes) -> int:
        nonlocal total
        total += len(data)
        if total > LARGEST_PACK:
            raise DownloadFailed(f"{url} sends more than {LARGEST_PACK >> 30} GiB.")
        reporter.advance(len(data))
        return out.write(data)

    return write


@contextmanager
def _explained(url: str, timeout: float) -> Iterator[None]:
    where = shown(url)
    try:
        yield
    except TooSlow as error:
        raise NetworkError(
            f"{where} did not answer within {timeout:g} s, or too slowly.",
            hint="Try again later; what was there before stays.",
            url=where,
        ) from error
    except BrokenOff as error:
        said = printable(str(error), longest=500).rstrip(".")
        raise DownloadFailed(f"{where} closed the connection: {said}.", url=where) from error
