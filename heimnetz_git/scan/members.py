"""Files within files: archives from outside and inside a submission, and the code of notebooks."""

from __future__ import annotations

import io
import json
import lzma
import tarfile
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity

__all__ = ["Unpacked", "archive_files", "expanded", "notebook_code"]

LARGEST = 128 << 20
MOST_FILES = 20_000
DEEPEST = 2
_ZIP = b"PK\x03\x04"
_TAR = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_TAR_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz", ".crate")


class Unpacked(NamedTuple):
    """The files of an archive, and what could not be unpacked."""

    files: Mapping[str, bytes]
    findings: tuple[Finding, ...] = ()


def expanded(files: Mapping[str, bytes]) -> Unpacked:
    """The files, with those of archives among them as ``archive!/path``."""
    more: dict[str, bytes] = {}
    findings: list[Finding] = []
    queue = [(file, data, 0) for file, data in files.items() if _is_archive(file, data)]
    while queue and len(more) < MOST_FILES:
        file, data, depth = queue.pop(0)
        inside = archive_files(file, data)
        findings.extend(inside.findings)
        for name, member in inside.files.items():
            path = f"{file}!/{name}"
            more[path] = member
            if _is_archive(path, member):
                if depth + 1 < DEEPEST:
                    queue.append((path, member, depth + 1))
                else:
                    findings.append(_unseen(path, "is an archive in an archive in an archive"))
    return Unpacked({**files, **more} if more else files, tuple(findings))


def archive_files(file: str, data: bytes) -> Unpacked:
    """What a zip or tar archive holds, within bounds; never raises."""
    return _zip_files(file, data) if data.startswith(_ZIP) else _tar_files(file, data)


def _is_archive(file: str, data: bytes) -> bool:
    if data.startswith(_ZIP):
        return not file.endswith((".docx", ".xlsx", ".odt", ".ods", ".npz", ".pptx"))
    return file.endswith(_TAR_SUFFIXES)


def _zip_files(file: str, data: bytes) -> Unpacked:
    from heimnetz_git.storage.archive import open_archive

    archive = open_archive(data)
    files: dict[str, bytes] = {}
    findings = [_unseen(file, f"is not sound: {fault.message}") for fault in archive.faults[:3]]
    for entry in archive.entries:
        try:
            files[entry.name] = archive.read(entry)
        except (ValueError, zlib.error):
            findings.append(_unseen(f"{file}!/{entry.name}", "cannot be unpacked"))
    return Unpacked(files, tuple(findings))


def _tar_files(file: str, data: bytes) -> Unpacked:
    files: dict[str, bytes] = {}
    findings: list[Finding] = []
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
            for member in archive:
                size += max(member.size, 0)
                if len(files) >= MOST_FILES or size > LARGEST:
                    findings.append(_unseen(file, "is larger than the scanner's bounds"))
                    break
                if member.islnk() or member.issym() or member.isdev():
                    findings.append(_unseen(f"{file}!/{member.name}", "is a link or a device"))
                elif member.isfile():
                    content = archive.extractfile(member)
                    files[member.name] = content.read() if content is not None else b""
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        findings.append(_unseen(file, "is a damaged archive"))
    return Unpacked(files, tuple(findings))


def _unseen(name: str, said: str) -> Finding:
    message = f"{printable(name)} {said}: it was not analysed."
    return Finding("not-analysed", Severity.MEDIUM, message, Location(name))


def notebook_code(data: bytes) -> bytes | None:
    """The code cells of a notebook as one module, commands of its shell left out; else None.

    Source of the format: "The Notebook file format", nbformat 4.
    """
    try:
        cells = json.loads(data)["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    texts = ["".join(one) if isinstance(one, list) else str(one) for one in sources]
    lines = "\n".join(texts).splitlines()
    kept = ("" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines)
    return "\n".join(kept).encode("utf-8", "replace")
