"""Plugin wheels: opened without trust, checked whole, never written to disk from here.

Formats: the binary distribution format, core metadata and entry points of packaging.python.org.
"""

from __future__ import annotations

import base64
import configparser
import csv
import email.parser
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.metadata import InvalidMetadata, Metadata
from packaging.tags import Tag, parse_tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from heimnetz_git.errors import FileMissing, InvalidName, WheelRejected, printable
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.model.manifest import ENTRY_POINT_GROUP
from heimnetz_git.model.names import import_name, plugin_name
from heimnetz_git.storage.archive import DEFAULT_LIMITS, Archive, ArchiveLimits, Fault, open_archive
from heimnetz_git.storage.wheelrules import entry_point_faults, importable, layout_faults, stem

__all__ = ["Member", "Wheel", "open_wheel"]

_MOST_PROBLEMS = 100
_UNREADABLE = {"archive-too-large", "archive-damaged", "too-many-members", "unpacked-too-large"}
_STRONG = {"sha256", "sha384", "sha512"}


@dataclass(frozen=True)
class Member:
    """One file of a wheel: its path, size in bytes and SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Wheel:
    """A wheel that passed every check.

    ``name`` is in normal form; ``file`` the wheel's file name, if it was known; ``entry_points``
    maps group -> name -> ``module:object``; ``tags`` are sorted; ``members`` in the archive's
    order; ``plugin_yaml`` and ``plugin_json`` are what the build added, None when it did not.
    """

    name: str
    version: str
    file: str
    size: int
    sha256: str
    dist_info: str
    metadata: Metadata
    entry_points: Mapping[str, Mapping[str, str]]
    tags: tuple[str, ...]
    pure: bool
    members: tuple[Member, ...]
    top_level: tuple[str, ...]
    plugin_yaml: bytes | None
    plugin_json: bytes | None
    reader: Callable[[str], bytes] = field(repr=False, compare=False)

    @property
    def entry_point(self) -> str:
        """The plugin's own ``module:Class``; empty when the wheel is not a plugin's."""
        return self.entry_points.get(ENTRY_POINT_GROUP, {}).get(self.name, "")

    def read(self, name: str) -> bytes:
        """A member's bytes, the same that were checked; KeyError when there is none of it."""
        return self.reader(name)


def open_wheel(
    source: Path | bytes, *, file: str = "", limits: ArchiveLimits = DEFAULT_LIMITS
) -> Wheel:
    """The wheel in ``source``, read into memory and checked whole.

    ``file`` is its file name, when the path has another; without one, the file name is not checked.
    Raises FileMissing, or WheelRejected with every problem found.
    """
    if isinstance(source, Path):
        file = file or (source.name if source.suffix == ".whl" else "")
        data = _read_file(source, limits)
    else:
        data = source
    opened = _Opened(data, file, open_archive(data, limits))
    wheel = opened.wheel()
    if opened.faults or wheel is None:
        raise _rejected(file or "the wheel", opened.faults)
    return wheel


def _read_file(path: Path, limits: ArchiveLimits) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limits.packed + 1)
    except OSError as error:
        shown = printable(str(path), longest=500)
        reason = error.strerror or type(error).__name__
        raise FileMissing(f"The wheel {shown} cannot be read: {reason}.", path=shown) from error


def _rejected(file: str, faults: list[Fault]) -> WheelRejected:
    shown = printable(file)
    problems = [
        Problem(fault.code, fault.message, Location(shown), path=printable(fault.member))
        for fault in faults[:_MOST_PROBLEMS]
    ]
    first = (
        f"{problems[0].path}: {problems[0].message}" if problems[0].path else problems[0].message
    )
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return WheelRejected(
        f"{shown} was rejected. {first}{more}", problems=problems, wheel=shown, count=len(faults)
    )


class _Opened:
    """One wheel on its way from bytes to a checked value; collects ``faults`` as it goes."""

    def __init__(self, data: bytes, file: str, archive: Archive) -> None:
        self.data = data
        self.file = file
        self.archive = archive
        self.faults = list(archive.faults)
        self.entries = {entry.name: entry for entry in archive.entries}

    def fault(self, code: str, message: str, member: str = "") -> None:
        self.faults.append(Fault(code, message, member))

    def wheel(self) -> Wheel | None:
        """The checked value, or None when it could not be formed; faults may exist either way."""
        if any(fault.code in _UNREADABLE for fault in self.faults):
            return None
        dist_info = self._dist_info()
        if not dist_info:
            return None
        members = self._members()
        metadata = self._metadata(dist_info)
        tags, pure = self._wheel_tags(dist_info)
        self._record(dist_info, members)
        entry_points = self._entry_points(dist_info)
        name = self._names(dist_info, metadata, tags)
        if metadata is None or not name:
            return None
        self.faults += layout_faults(self.entries, dist_info, import_name(name))
        self.faults += entry_point_faults(entry_points, name)
        return Wheel(
            name=name,
            version=str(metadata.version),
            file=self.file,
            size=len(self.data),
            sha256=hashlib.sha256(self.data).hexdigest(),
            dist_info=dist_info,
            metadata=metadata,
            entry_points=entry_points,
            tags=tuple(sorted(str(tag) for tag in tags)),
            pure=pure,
            members=tuple(members.values()),
            top_level=tuple(sorted({importable(path) for path in members} - {stem(dist_info)})),
            plugin_yaml=self._read(f"{dist_info}/plugin.yaml"),
            plugin_json=self._read(f"{dist_info}/plugin.json"),
            reader=lambda path: self.archive.read(self.entries[path]),
        )

    def _dist_info(self) -> str:
        folders = {name.split("/")[0] for name in self.entries if "/" in name}
        found = sorted(folder for folder in folders if folder.endswith(".dist-info"))
        if len(found) != 1:
            self.fault("dist-info", f"It has {len(found)} .dist-info folders instead of one.")
            return ""
        return found[0]

    def _members(self) -> dict[str, Member]:
        members = {}
        for name, entry in self.entries.items():
            try:
                content = self.archive.read(entry)
            except ValueError as error:
                self.fault("member-damaged", f"It {error}.", name)
                continue
            members[name] = Member(name, len(content), hashlib.sha256(content).hexdigest())
        return members

    def _read(self, name: str) -> bytes | None:
        """A member, or None: a damaged one has been reported by ``_members``."""
        try:
            return self.archive.read(self.entries[name])
        except (KeyError, ValueError):
            return None

    def _text(self, name: str, *, needed: bool = True) -> str | None:
        content = self._read(name)
        if content is None:
            if needed and name not in self.entries:
                self.fault("dist-info", "It is missing.", name)
            return None
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            self.fault("dist-info", "It is not UTF-8.", name)
            return None

    def _metadata(self, dist_info: str) -> Metadata | None:
        path = f"{dist_info}/METADATA"
        text = self._text(path)
        if text is None:
            return None
        try:
            return Metadata.from_email(text, validate=True)
        except ExceptionGroup as group:
            for error in group.exceptions:
                what = error.field if isinstance(error, InvalidMetadata) else "metadata"
                self.fault("metadata-invalid", f"{printable(what)}: {printable(str(error))}.", path)
        return None

    def _wheel_tags(self, dist_info: str) -> tuple[frozenset[Tag], bool]:
        path = f"{dist_info}/WHEEL"
        text = self._text(path)
        if text is None:
            return frozenset(), True
        headers = email.parser.HeaderParser().parsestr(text)
        if not str(headers.get("Wheel-Version", "")).startswith("1."):
            self.fault("wheel-invalid", "Wheel-Version is not 1.x.", path)
        pure = str(headers.get("Root-Is-Purelib", "")).strip().lower()
        if pure not in ("true", "false"):
            self.fault("wheel-invalid", "Root-Is-Purelib is neither true nor false.", path)
        tags: set[Tag] = set()
        for line in headers.get_all("Tag") or [""]:
            try:
                tags |= parse_tag(str(line).strip())
            except ValueError:
                self.fault("wheel-invalid", f"{printable(str(line))!r} is not a tag.", path)
        return frozenset(tags), pure == "true"

    def _names(self, dist_info: str, metadata: Metadata | None, tags: frozenset[Tag]) -> str:
        """The plugin's name, after everything that says it was compared; empty if it is none."""
        if metadata is None:
            return ""
        name, version = canonicalize_name(metadata.name), str(metadata.version)
        folder, _, said = dist_info.removesuffix(".dist-info").partition("-")
        if (canonicalize_name(folder), said) != (name, version):
            self.fault("name-mismatch", f"The folder is not that of {name} {version}.", dist_info)
        if self.file:
            self._file_name(name, version, tags)
        try:
            return plugin_name(name)
        except InvalidName as error:
            self.fault("name-mismatch", str(error))
            return ""

    def _file_name(self, name: str, version: str, tags: frozenset[Tag]) -> None:
        try:
            said, said_version, _build, said_tags = parse_wheel_filename(self.file)
        except InvalidWheelFilename:
            self.fault("name-mismatch", "Its file name is not that of a wheel.")
            return
        if (said, str(said_version)) != (name, version):
            self.fault("name-mismatch", f"Its metadata is of {name} {version}.")
        if said_tags != tags:
            self.fault("tags-mismatch", "The tags of its file name are not those of WHEEL.")

    def _record(self, dist_info: str, members: dict[str, Member]) -> None:
        path = f"{dist_info}/RECORD"
        text = self._text(path)
        if text is None:
            return
        listed: set[str] = set()
        for row in _rows(text):
            if len(row) != 3:
                self.fault("record-invalid", "A line has not three parts.", path)
                continue
            name, digest, size = row
            if name in listed:
                self.fault("record-invalid", "RECORD lists it twice.", name)
            listed.add(name)
            if name not in self.entries:
                self.fault("record-invalid", "RECORD lists it, and it is not there.", name)
            elif name != path and name in members:
                self._recorded(name, digest, size)
        for name in self.entries.keys() - listed:
            self.fault("record-invalid", "RECORD does not list it.", name)

    def _recorded(self, name: str, digest: str, size: str) -> None:
        algorithm, _, value = digest.partition("=")
        if algorithm not in _STRONG:
            self.fault("record-weak", "RECORD has no digest of it of SHA-256 or stronger.", name)
            return
        content = self._read(name) or b""
        raw = hashlib.new(algorithm, content).digest()
        if value != base64.urlsafe_b64encode(raw).decode().rstrip("=") or size != str(len(content)):
            self.fault("record-mismatch", "It is not what RECORD says.", name)

    def _entry_points(self, dist_info: str) -> dict[str, dict[str, str]]:
        path = f"{dist_info}/entry_points.txt"
        text = self._text(path, needed=False)
        if text is None:
            return {}
        parser = configparser.ConfigParser(
            delimiters=("=",), interpolation=None, default_section="\0", strict=True
        )
        parser.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
        try:
            parser.read_string(text)
        except configparser.Error as error:
            self.fault("entry-points", printable(str(error)), path)
            return {}
        return {group: dict(parser.items(group)) for group in parser.sections()}


def _rows(text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(text.splitlines())
    except csv.Error:
        yield []
