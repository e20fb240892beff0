"""The devices on disk: one JSON file, replaced as a whole, so that a crash loses nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from device_registry.device import Device

try:
    import fcntl
except ImportError:  # Windows has no such lock: there one process at a time must do
    fcntl = None  # type: ignore[assignment]  # asked for before it is used

__all__ = ["Store"]

FORMAT = 1


class Store:
    """A folder that keeps devices in ``devices.json``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "devices.json"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process of this plugin loads or saves meanwhile."""
        with self._path.with_suffix(".lock").open("wb") as lock:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def load(self) -> tuple[dict[str, Device], str]:
        """Devices by MAC address, and a complaint.

        A file that cannot be read is set aside as ``devices.json.damaged`` (or ``.damaged-2`` and
        so on) and complained about; nothing is deleted. Raises ValueError for the file of a newer
        version of this plugin, which is left alone.
        """
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            written_for = document["format"]
            if written_for == FORMAT:
                return {entry["mac"]: Device(**entry) for entry in document["devices"]}, ""
        except FileNotFoundError:
            return {}, ""
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return {}, self._set_aside(error)
        raise ValueError(
            f"{self._path.name} has format {str(written_for)[:20]}, and this version of the plugin"
            f" reads format {FORMAT}: update it"
        )

    def _set_aside(self, error: Exception) -> str:
        """Move a damaged file where no later one takes its place; returns what to say of it."""
        aside = self._path.with_suffix(".json.damaged")
        number = 1
        while aside.exists():
            number += 1
            aside = self._path.with_suffix(f".json.damaged-{number}")
        self._path.replace(aside)
        return f"{self._path.name} was damaged ({error}) and is kept as {aside.name}"

    def save(self, devices: Iterable[Device]) -> None:
        """Write all devices aside, then put the file in place."""
        listed = [asdict(device) for device in sorted(devices, key=lambda one: one.mac)]
        document = json.dumps({"format": FORMAT, "devices": listed}, indent=1, ensure_ascii=False)
        aside = self._path.with_suffix(".json.new")
        with aside.open("w", encoding="utf-8") as file:
            file.write(document + "\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path)
