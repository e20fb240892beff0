"""Advisories for tests, in the OSV format, and dumps of them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["advisory", "affected", "dump"]


def affected(
    name: str, *events: dict[str, str], versions: tuple[str, ...] = (), ecosystem: str = "PyPI"
) -> dict[str, Any]:
    """What an advisory says of one package: a range of events, or listed versions."""
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    package = {"ecosystem": ecosystem, "name": name}
    return {"package": package, "ranges": ranges, "versions": list(versions)}


def advisory(name: str, *packages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An OSV record."""
    return {
        "schema_version": "1.7.0",
        "id": name,
        "modified": "2026-03-01T00:00:00Z",
        "summary": f"What {name} is about",
        "affected": list(packages),
        **more,
    }


def dump(path: Path, *records: Any) -> Path:
    """A zip archive of records, as databases publish them; bytes stand as they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, record in enumerate(records):
            data = record if isinstance(record, bytes) else json.dumps(record).encode()
            archive.writestr(f"{number}.json", data)
    return path
