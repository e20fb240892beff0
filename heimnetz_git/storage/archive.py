"""ZIP archives from strangers: what is in them, read with bounds and without trusting a figure.

The central directory is read by ``zipfile``; the members' bytes are inflated here, because
``zipfile`` cuts a member at its declared size where other readers do not, and two readers that see
different bytes are an attack. Format: PKWARE APPNOTE 6.3.
"""

from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

__all__ = ["DEFAULT_LIMITS", "Archive", "ArchiveLimits", "Entry", "Fault", "open_archive"]

_LOCAL = struct.Struct("<4s5H3L2H")
_END = struct.Struct("<4s4H2LH")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_TRAILER = 24  # a data descriptor is at most this long
_SMALL = 1 << 20  # below this, a high ratio is a text file and no bomb
_PORTS = {f"{port}{number}" for port in ("com", "lpt") for number in "123456789"}
_RESERVED = frozenset({"aux", "con", "nul", "prn"} | _PORTS)
_OTHER_NAME = 0x7075  # an extra field with another name, which some readers prefer


class ArchiveLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How large an archive may be: bytes packed and unpacked, members, their ratio, their names."""

    packed: int = 64 << 20
    unpacked: int = 256 << 20
    members: int = 10_000
    ratio: int = 200
    name: int = 240


DEFAULT_LIMITS = ArchiveLimits()


class Fault(NamedTuple):
    """One thing wrong with an archive: a stable code, a sentence, the member (or empty)."""

    code: str
    message: str
    member: str = ""


class Entry(NamedTuple):
    """One file in an archive: its name, declared size, and where its packed bytes are."""

    name: str
    size: int
    crc: int
    deflated: bool
    start: int
    packed: int


class Archive:
    """The files of an archive in its order, and everything that is wrong with their frame."""

    def __init__(self, data: bytes, entries: tuple[Entry, ...], faults: tuple[Fault, ...]) -> None:
        """Made by ``open_archive``."""
        self.entries = entries
        self.faults = faults
        self._data = data

    def read(self, entry: Entry) -> bytes:
        """The member's bytes, exactly as many as declared; ValueError says what does not fit."""
        packed = self._data[entry.start : entry.start + entry.packed]
        content = _inflate(packed, entry.size) if entry.deflated else packed
        if len(content) != entry.size:
            raise ValueError("is not as long as it says")
        if zlib.crc32(content) != entry.crc:
            raise ValueError("does not match its checksum")
        return content


def open_archive(data: bytes, limits: ArchiveLimits = DEFAULT_LIMITS) -> Archive:
    """What ``data`` holds. Never raises: with faults, there may be no entries.

    An archive without faults has only regular files with safe, distinct names, none of which
    overlap, and folders; its bytes are bounded by ``limits`` whatever it declares.
    """
    if len(data) > limits.packed:
        message = f"It has {len(data)} bytes, {limits.packed} are allowed."
        return _broken("archive-too-large", message)
    if fault := _end_fault(data, limits):
        return Archive(data, (), (fault,))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, EOFError) as error:
        return _broken("archive-damaged", f"It cannot be read as a ZIP archive: {error}.")
    if len(listed) > limits.members:
        return _broken("too-many-members", f"It has more than {limits.members} members.")
    directory = _END.unpack(data[-_END.size :])[6]
    faults = [*_name_faults(listed, limits), *_member_faults(listed)]
    faults += _size_faults(listed, len(data), limits)
    spans = [_span(data, member) for member in listed]
    faults += _span_faults(listed, spans, directory)
    entries = tuple(
        Entry(m.orig_filename, m.file_size, m.CRC, m.compress_type != 0, span[1], m.compress_size)
        for m, span in zip(listed, spans, strict=True)
        if span is not None and not m.orig_filename.endswith("/")
    )
    return Archive(data, entries, tuple(faults))


def _broken(code: str, message: str) -> Archive:
    return Archive(b"", (), (Fault(code, message),))


def _end_fault(data: bytes, limits: ArchiveLimits) -> Fault | None:
    """The end record must be the last thing, and plain: then every reader finds the same one."""
    if len(data) < _END.size:
        return Fault("archive-damaged", "It is too short to be a ZIP archive.")
    signature, disk, start, here, total, size, offset, comment = _END.unpack(data[-_END.size :])
    if signature != b"PK\x05\x06" or comment:
        return Fault("archive-damaged", "It does not end as a ZIP archive without comment does.")
    if 0xFFFF in (here, total) or 0xFFFFFFFF in (size, offset):
        return Fault("archive-damaged", "It is of the large kind of ZIP, which no wheel here is.")
    if disk or start or here != total or offset + size != len(data) - _END.size:
        return Fault("archive-damaged", "Its directory is not where its end says.")
    if total > limits.members:
        return Fault("too-many-members", f"It has {total} members, {limits.members} are allowed.")
    return None


def _name_faults(listed: list[zipfile.ZipInfo], limits: ArchiveLimits) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for member in listed:
        name = member.orig_filename
        if len(name.encode()) > limits.name:
            yield Fault("name-too-long", f"A name may have {limits.name} bytes.", name)
        if why := _unsafe(name):
            yield Fault("name-unsafe", f"The name {why}.", name)
        key = _folded(name.rstrip("/"))
        if key in seen:
            if seen[key] == name:
                yield Fault("name-duplicate", "The name is there twice.", name)
            else:
                yield Fault("name-collides", "The name is there in another spelling.", name)
        seen[key] = name
        for end in [index for index, char in enumerate(key) if char == "/"]:
            folders.setdefault(key[:end], name)
    for key in sorted(seen.keys() & folders.keys()):
        if not seen[key].endswith("/"):
            yield Fault("name-collides", "The name is a file and a folder.", seen[key])


def _unsafe(name: str) -> str:
    """Why a name must not become a path, or nothing."""
    if not name.isprintable():
        return "has control characters or others that do not show"
    if "\\" in name or ":" in name:
        return "has a backslash or a colon"
    parts = name.removesuffix("/").split("/")
    if "" in parts:
        return "is absolute or has an empty part"
    if ".." in parts or "." in parts:
        return "steps out of its folder"
    if any(part.endswith((".", " ")) or part.startswith(" ") for part in parts):
        return "has a part that begins or ends with a space or ends with a dot"
    if any(part.split(".")[0].lower() in _RESERVED for part in parts):
        return "is a device on Windows"
    return ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _member_faults(listed: list[zipfile.ZipInfo]) -> Iterator[Fault]:
    for member in listed:
        name, kind = member.orig_filename, stat.S_IFMT(member.external_attr >> 16)
        folder = name.endswith("/")
        if kind not in (0, stat.S_IFDIR if folder else stat.S_IFREG):
            yield Fault("member-special", "It is a link or a special file.", name)
        if folder and (member.file_size or member.compress_size > 2):
            yield Fault("member-special", "It is a folder with content.", name)
        if member.flag_bits & _ENCRYPTED:
            yield Fault("member-encrypted", "It is encrypted.", name)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            method = f"Packing method {member.compress_type} is unknown."
            yield Fault("member-compression", method, name)
        if _has_extra(member.extra, _OTHER_NAME):
            yield Fault("name-unsafe", "It has a second name.", name)


def _has_extra(extra: bytes, wanted: int) -> bool:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == wanted:
            return True
        extra = extra[4 + length :]
    return False


def _size_faults(
    listed: list[zipfile.ZipInfo], packed: int, limits: ArchiveLimits
) -> Iterator[Fault]:
    """Bounds on what is declared; ``Archive.read`` holds each member to its declaration."""
    total = sum(member.file_size for member in listed)
    if total > limits.unpacked:
        message = f"Unpacked it has {total} bytes, {limits.unpacked} are allowed."
        yield Fault("unpacked-too-large", message)
    elif total > max(_SMALL, packed * limits.ratio):
        yield Fault("unpacked-too-large", f"It unpacks to more than {limits.ratio} times its size.")


def _span(data: bytes, member: zipfile.ZipInfo) -> tuple[int, int, int] | None:
    """Where a member's local header, bytes and end are; None when the header is not its own."""
    raw = data[member.header_offset : member.header_offset + _LOCAL.size]
    if len(raw) < _LOCAL.size:
        return None
    header = _LOCAL.unpack(raw)
    flags, method, name_length, extra_length = header[2], header[3], header[9], header[10]
    after = member.header_offset + _LOCAL.size
    encoding = "utf-8" if flags & 0x800 else "cp437"
    name = data[after : after + name_length].decode(encoding, "replace")
    same = (header[0], name, method, flags & _ENCRYPTED) == (
        b"PK\x03\x04",
        member.orig_filename,
        member.compress_type,
        member.flag_bits & _ENCRYPTED,
    )
    start = after + name_length + extra_length
    return (member.header_offset, start, start + member.compress_size) if same else None


def _span_faults(
    listed: list[zipfile.ZipInfo], spans: list[tuple[int, int, int] | None], directory: int
) -> Iterator[Fault]:
    """Members must lie one behind the other from the first byte to the directory."""
    for member, span in zip(listed, spans, strict=True):
        if span is None:
            yield Fault("member-damaged", "Its two headers differ.", member.orig_filename)
    known = [(span, m) for m, span in zip(listed, spans, strict=True) if span is not None]
    end = 0
    for span, member in sorted(known, key=lambda pair: pair[0]):
        if span[0] < end:
            name = member.orig_filename
            yield Fault("member-overlaps", "It shares bytes with another member.", name)
        elif span[0] > end + (_TRAILER if end else 0):
            name = member.orig_filename
            yield Fault("member-damaged", "There are unlisted bytes before it.", name)
        end = max(end, span[2])
    if end > directory:
        yield Fault("member-overlaps", "A member reaches into the directory.")
    elif directory > end + _TRAILER:
        yield Fault("archive-damaged", "There are unlisted bytes before the directory.")


def _inflate(packed: bytes, size: int) -> bytes:
    """Deflated bytes unpacked, never more than ``size``; ValueError when they are not so many."""
    inflater = zlib.decompressobj(-15)
    try:
        content = inflater.decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(f"cannot be unpacked ({error})") from error
    if len(content) > size:
        raise ValueError("is longer than it says")
    if not inflater.eof or inflater.unused_data or inflater.unconsumed_tail:
        raise ValueError("does not end where it says")
    return content
