"""Resolves and locks in a process of its own, with what a program needs for that and no more.

``python benchmarks/resolve_client.py HOME LOCK NAME=RANGE ...`` writes the lock and ends with 0, or
says why there is none and ends with 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from heimnetz_git.errors import HeimnetzError
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.resolve.lock import to_lock
from heimnetz_git.resolve.request import Request
from heimnetz_git.resolve.resolver import resolve
from heimnetz_git.storage.canonical import dump
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.machine import environment

__all__ = ["main"]


def main(home: str, target: str, *wishes: str) -> int:
    """Write the lock; 1 if there is none."""
    requested = {name: span for name, _, span in (wish.partition("=") for wish in wishes)}
    request = Request(requested=requested)
    machine = environment({"heimnetz": "1.0.0"})
    with Catalog(Home(Path(home)), {"universe": IndexSettings(url=home)}) as catalog:
        try:
            found = resolve(request, catalog, machine)
        except HeimnetzError as error:
            sys.stderr.write("\n".join([str(error), *map(str, error.problems), error.hint, ""]))
            return 1
        info = catalog.info("universe")
        Path(target).write_bytes(dump(to_lock(found, request, machine, {info.id: info.name})))
    return 0


if __name__ == "__main__" and sys.argv[1:]:
    sys.exit(main(*sys.argv[1:]))
