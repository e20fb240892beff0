"""The root of a static export: its bytes, how it is read and signed, and when it is too old."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from heimnetz_git.errors import FormatTooNew, InvalidFile, printable
from heimnetz_git.model.check import check
from heimnetz_git.model.export import ROOT, SHARDS, SIGNATURE_NAMESPACE, Root
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.trust.allowed_signers import Signer
from heimnetz_git.trust.signatures import sign, verify

__all__ = [
    "LARGEST_ROOT",
    "checked",
    "digest",
    "read_root",
    "root_bytes",
    "signed",
    "unix",
    "utc",
    "who_signed",
]

LARGEST_ROOT = 1 << 20
FORMAT = 1
T = TypeVar("T")


def digest(data: bytes) -> str:
    """The SHA-256 by which an export names its objects, in hex."""
    return hashlib.sha256(data).hexdigest()


def utc(when: int) -> str:
    """A Unix time as ``2026-01-31T12:00:00Z``."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix(time: str) -> int:
    """The Unix time of ``2026-01-31T12:00:00Z``."""
    return int(datetime.fromisoformat(time).timestamp())


def root_bytes(root: Root) -> bytes:
    """``root.json``: equal roots give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(root, order="sorted"), indent=1) + b"\n"


def read_root(data: bytes, source: str = ROOT) -> Root:
    """The root in ``data``. Raises InvalidFile with what is wrong, FormatTooNew."""
    try:
        said = msgspec.json.decode(data[: LARGEST_ROOT + 1])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(source, str(error)) from None
    found = said.get("format") if isinstance(said, dict) else None
    if isinstance(found, int) and found > FORMAT:
        message = (
            f"{printable(source)} has format {found}; this heimnetz-git knows format {FORMAT}."
        )
        raise FormatTooNew(message, file=printable(source), format=found)
    root = checked(data, Root, source)
    if len(root.shards) != SHARDS:
        raise _invalid(source, f"It has {len(root.shards)} shards, not {SHARDS}")
    return root


def checked(data: bytes, kind: type[T], source: str) -> T:
    """JSON as a value that passed every check of model/check. Raises InvalidFile."""
    try:
        value = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid(source, str(error)) from None
    if isinstance(value, msgspec.Struct):
        fault = next(check(value), None)
        if fault is not None:
            raise _invalid(source, f"{fault.path}: {fault.message}".rstrip("."))
    return value


def signed(data: bytes, key: bytes, *, password: bytes | None = None) -> bytes:
    """The signature over ``root.json``'s bytes, as ``ssh-keygen -Y sign`` makes it."""
    return sign(data, key, namespace=SIGNATURE_NAMESPACE, password=password).encode()


def who_signed(data: bytes, signature: bytes, signers: Iterable[Signer], *, at: int) -> Signer:
    """The line under which a root is signed. Raises SignatureInvalid."""
    return verify(data, signature, signers=signers, at=at, namespace=SIGNATURE_NAMESPACE)


def _invalid(source: str, said: str) -> InvalidFile:
    source, said = printable(source), printable(said)
    problem = Problem("invalid-export", f"{said}.", Location(source))
    return InvalidFile(
        f"{source} is not what an export holds: {said}.", problems=(problem,), file=source
    )
