"""Unpacks a checked wheel into a folder; the only door to the ``installer`` library.

Nothing but the wheel's own files is written: no scripts, no bytecode, no executable bits.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelContentElement, WheelSource

from heimnetz_git.storage.home import storage_errors
from heimnetz_git.storage.wheelfile import Wheel

__all__ = ["unpack"]


def unpack(wheel: Wheel, folder: Path) -> None:
    """The files of ``wheel`` below ``folder``, which is made; INSTALLER says who did it.

    Raises StorageError and its kin.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True)
        install(_Source(wheel), _Folder(folder), {"INSTALLER": b"heimnetz-git\n"})


class _Source(WheelSource):
    """A wheel whose members are the very bytes that were checked."""

    def __init__(self, wheel: Wheel) -> None:
        super().__init__(wheel.dist_info.partition("-")[0], wheel.version)
        self._wheel = wheel

    @property
    def dist_info_dir(self) -> str:
        return self._wheel.dist_info

    @property
    def dist_info_filenames(self) -> list[str]:
        prefix = f"{self._wheel.dist_info}/"
        names = (member.name for member in self._wheel.members)
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]

    def read_dist_info(self, filename: str) -> str:
        return self._wheel.read(f"{self._wheel.dist_info}/{filename}").decode("utf-8")

    def get_contents(self) -> Iterator[WheelContentElement]:
        for member in self._wheel.members:
            row = (member.name, "", str(member.size))
            yield row, io.BytesIO(self._wheel.read(member.name)), False


class _Folder(SchemeDictionaryDestination):
    """One folder for pure and platform files; there is none for commands."""

    def __init__(self, folder: Path) -> None:
        place = str(folder)
        super().__init__({"purelib": place, "platlib": place}, interpreter="", script_kind="posix")
