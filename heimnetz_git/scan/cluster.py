"""Scanning on many machines: Dask's scheduler as a ``concurrent.futures.Executor``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from heimnetz_git.errors import UsageError

__all__ = ["on_cluster"]

TIMEOUT = 30


@contextmanager
def on_cluster(address: str) -> Iterator[Executor]:
    """The workers of the Dask scheduler at ``address`` (``tcp://scanner.lan:8786``).

    They must have the same heimnetz-git. A worker that dies loses nothing: the scheduler gives what
    it had to others, and gives up on what killed several. Raises UsageError without the extra,
    OSError when nobody answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            f"Scanning on a cluster needs a library that is not installed: {error}.",
            hint="Install the extra: pip install 'heimnetz-git[cluster]'.",
        ) from error
    client = Client(address, timeout=TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call] # it has no annotations
    with client:
        yield client.get_executor()  # type: ignore[no-untyped-call] # no annotations
