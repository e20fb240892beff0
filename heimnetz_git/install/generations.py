"""Generations and receipts: what is active, what was, and how to point back.

A generation is a file that never changes; ``current`` holds the number of the active one. Rolling
back points ``current`` at an older file and writes nothing else; the next change counts on from the
highest number there is, with the active one as its parent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from heimnetz_git.errors import (
    FormatTooNew,
    GenerationNotFound,
    InvalidFile,
    PluginNotFound,
    StorageError,
    printable,
)
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.model.lock import Generation, Receipt
from heimnetz_git.storage.home import Home, storage_errors

__all__ = [
    "CODE",
    "PACKAGES",
    "RECEIPT",
    "Installed",
    "current",
    "generation",
    "generations",
    "import_paths",
    "installed",
    "receipt",
    "receipts",
    "rollback",
    "stored",
    "write_generation",
]

CODE = "code"
PACKAGES = "packages"
RECEIPT = "receipt.json"
_LARGEST = 16 << 20  # bytes of one generation or receipt
_T = TypeVar("_T", Generation, Receipt)


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """What is active: a generation, and the receipts of its plugins that can be read."""

    generation: Generation | None = None
    receipts: dict[str, Receipt] = {}


def current(home: Home) -> Generation | None:
    """The active generation, None before the first install.

    Raises GenerationNotFound or InvalidFile when ``current`` does not lead to one.
    """
    number = _pointer(home)
    return None if number is None else generation(home, number)


def generation(home: Home, number: int) -> Generation:
    """The generation of that number; raises GenerationNotFound or InvalidFile."""
    try:
        return _read(home.generation(number), Generation)
    except FileNotFoundError:
        raise GenerationNotFound(f"There is no generation {number}.", number=number) from None


def generations(home: Home) -> tuple[Generation, ...]:
    """Every generation that is kept, oldest first."""
    return tuple(generation(home, number) for number in numbers(home))


def numbers(home: Home) -> list[int]:
    """The numbers of the generations that are kept, lowest first."""
    with storage_errors(home.generations):
        files = home.generations.glob("*.json")
        return sorted(int(file.stem) for file in files if file.stem.isdecimal())


def stored(home: Home, folder: str) -> Receipt | None:
    """The receipt in that folder of the store; None when it is not there or cannot be read."""
    try:
        found = _read(home.store / folder / RECEIPT, Receipt)
    except (InvalidFile, FileNotFoundError):
        return None
    whole = found.folder == folder and (home.store / folder / CODE).is_dir()
    return found if whole else None


def installed(home: Home) -> Installed:
    """What is active, for a plan; a plugin whose receipt is gone is left out, to be mended."""
    active = current(home)
    if active is None:
        return Installed()
    found = {name: stored(home, folder) for name, folder in active.active.items()}
    readable = {name: receipt for name, receipt in found.items() if receipt is not None}
    return Installed(generation=active, receipts=readable)


def receipts(home: Home) -> dict[str, Receipt]:
    """Name -> receipt of every active plugin, in the order to start them.

    Raises StorageError when one cannot be read.
    """
    active = current(home)
    if active is None:
        return {}
    return {name: _active(home, name, active.active[name]) for name in active.order}


def receipt(home: Home, name: str) -> Receipt:
    """The receipt of one active plugin; raises PluginNotFound when it is not installed."""
    active = current(home)
    if active is None or name not in active.active:
        raise PluginNotFound(
            f"The plugin {printable(name)!r} is not installed.",
            hint="See what is with 'heimnetz-git list'.",
            name=name,
        )
    return _active(home, name, active.active[name])


def import_paths(home: Home, receipt: Receipt) -> tuple[Path, ...]:
    """The absolute folders for ``sys.path``: the plugin's code, then its Python packages if any."""
    folder = home.store / receipt.folder
    packages = folder / PACKAGES
    return (folder / CODE, packages) if packages.is_dir() else (folder / CODE,)


def write_generation(home: Home, new: Generation) -> None:
    """Keep ``new`` as a file; it is not active yet. Only while holding the lock."""
    home.write_atomic(home.generation(new.number), encode(new))


def switch(home: Home, number: int) -> None:
    """Make a generation that is there the active one, in one step."""
    home.write_atomic(home.current, f"{number}\n".encode())


def allow_all(_: tuple[Receipt, ...]) -> None:
    """The gate that lets everything back in."""


def rollback(
    home: Home,
    number: int | None = None,
    *,
    timeout: float = 10.0,
    gate: Callable[[tuple[Receipt, ...]], None] = allow_all,
) -> Generation:
    """The generation ``number``, by default the parent of the active one, made active again.

    Only the pointer changes, and only after ``gate`` took what will be active without raising.
    Raises GenerationNotFound, HomeBusy, and StorageError when a plugin of that generation is no
    longer complete in the store.
    """
    with home.lock(timeout):
        if number is None:
            active = current(home)
            if active is None or active.parent is None:
                raise GenerationNotFound("There is no generation before the active one.")
            number = active.parent
        target = generation(home, number)
        gate(tuple(_active(home, name, folder) for name, folder in target.active.items()))
        switch(home, number)
        return target


def encode(value: Generation | Receipt) -> bytes:
    """JSON for people and programs: two spaces, keys in the order of the fields."""
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2) + b"\n"


def _active(home: Home, name: str, folder: str) -> Receipt:
    found = stored(home, folder)
    if found is None:
        raise StorageError(
            f"The plugin {name!r} is not complete in {home.store / folder}.",
            hint="Mend it with 'heimnetz-git sync'.",
            name=name,
        )
    return found


def _pointer(home: Home) -> int | None:
    try:
        text = home.current.read_bytes()[:20].decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{home.current} cannot be read: {error.strerror}.") from error
    if not text.isdecimal():
        raise GenerationNotFound(
            f"{home.current} does not hold the number of a generation.",
            hint="Name one: 'heimnetz-git rollback NUMBER'; see 'heimnetz-git generations'.",
        )
    return int(text)


def _read(path: Path, kind: type[_T]) -> _T:
    """A value from its JSON file; lets FileNotFoundError through, raises InvalidFile."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.", path=str(path)) from error
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(path, data, error) from error


def _invalid(path: Path, data: bytes, error: Exception) -> InvalidFile:
    class Versioned(msgspec.Struct):
        format: int = 1

    try:
        newer = msgspec.json.decode(data, type=Versioned).format > 1
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        newer = False
    if newer:
        return FormatTooNew(f"{path} was written by a newer heimnetz-git.", path=str(path))
    reason = printable(str(error))
    problem = Problem("invalid-json", reason, Location(str(path)))
    return InvalidFile(f"{path} is damaged: {reason}.", problems=[problem], path=str(path))
