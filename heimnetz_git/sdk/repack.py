"""A wheel's canonical bytes: the same files give the same archive on every machine.

Members are stored, not deflated: zlib and its successors give different bytes for the same input,
and an index is a Git repository, which compresses its objects itself, finds the parts that two
releases share only if they are not deflated, and sends them so. Members are sorted, RECORD last;
every timestamp is the given one, every mode 0644; ``Generator`` names this project without a
version. What the back end wrote into METADATA stays, byte for byte.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import time
import zipfile
from collections.abc import Mapping

__all__ = ["EPOCH", "GENERATOR", "repack"]

EPOCH = 315532800  # 1980-01-01, the first day that a zip archive can name
GENERATOR = "heimnetz-git"
_UNIX = 3
_PLAIN_FILE = 0o100644 << 16


def repack(files: Mapping[str, bytes], dist_info: str, *, when: int = EPOCH) -> bytes:
    """The archive of ``files`` (path -> content) with WHEEL and RECORD written anew.

    ``dist_info`` is the folder of the metadata; ``when`` a Unix time, not before 1980.
    """
    record = f"{dist_info}/RECORD"
    wheel = f"{dist_info}/WHEEL"
    members = {name: data for name, data in files.items() if not _is_record(name, record)}
    members[wheel] = _generator(members[wheel])
    stamp = time.gmtime(max(when, EPOCH))[:6]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(_entry(name, stamp), members[name])
        archive.writestr(_entry(record, stamp), _record(members, record))
    return target.getvalue()


def _is_record(name: str, record: str) -> bool:
    """RECORD and the signatures over it, which no longer hold."""
    return name in (record, f"{record}.jws", f"{record}.p7s")


def _entry(name: str, stamp: tuple[int, ...]) -> zipfile.ZipInfo:
    year, month, day, hour, minute, second = stamp
    entry = zipfile.ZipInfo(name, (year, month, day, hour, minute, second))
    entry.create_system = _UNIX
    entry.external_attr = _PLAIN_FILE
    return entry


def _record(members: Mapping[str, bytes], record: str) -> bytes:
    """RECORD as the binary distribution format asks: path, SHA-256 in URL-safe base 64, size."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    for name in sorted(members):
        digest = base64.urlsafe_b64encode(hashlib.sha256(members[name]).digest()).rstrip(b"=")
        rows.writerow((name, f"sha256={digest.decode()}", len(members[name])))
    rows.writerow((record, "", ""))
    return text.getvalue().encode()


def _generator(wheel: bytes) -> bytes:
    lines = wheel.replace(b"\r\n", b"\n").split(b"\n")
    named = b"Generator: " + GENERATOR.encode()
    return b"\n".join(named if line.startswith(b"Generator:") else line for line in lines)
