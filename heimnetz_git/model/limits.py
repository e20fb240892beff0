"""What a plugin may use up: memory, time, processes, files."""

from __future__ import annotations

import re

import msgspec

__all__ = ["Limits", "period", "seconds", "size_in_bytes"]

_SIZE = re.compile(r"(\d{1,9})([KMG]?)")
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m)")
_PERIOD = re.compile(r"(\d{1,4})([smhd])")
_PERIOD_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE_UNIT = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_TIME_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0}


def size_in_bytes(text: str) -> int:
    """``64M`` as a number of bytes; K, M and G are powers of 1024. Raises ValueError."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a size such as 64M")
    return int(match[1]) * _SIZE_UNIT[match[2]]


def seconds(text: str) -> float:
    """``10s``, ``500ms`` or ``2m`` as seconds. Raises ValueError."""
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a time such as 10s")
    return float(match[1]) * _TIME_UNIT[match[2]]


def period(text: str) -> int:
    """``30s``, ``10m``, ``2h`` or ``3d`` as seconds. Raises ValueError."""
    match = _PERIOD.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a period such as 3d")
    return int(match[1]) * _PERIOD_UNIT[match[2]]


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one plugin process may use up; sizes as ``64M``, times as ``10s``, ``cpu`` in cores."""

    memory: str = "128M"
    cpu: float = 0.5
    start: str = "10s"
    call: str = "30s"
    processes: int = 16
    files: int = 64
    disk: str = "64M"
