"""Keys that count no more: a list of public keys and fingerprints, or OpenSSH's binary KRL.

``ssh-keygen -k`` makes the latter (PROTOCOL.krl). What cannot be understood in full is refused: a
key that was taken back must not count because of a section that nobody here knows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable

import msgspec

from heimnetz_git.errors import InvalidFile, printable
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.trust.certificates import Certificate
from heimnetz_git.trust.wire import Malformed, Reader

__all__ = ["NONE", "Revoked", "RevokedSerials", "parse_revoked"]

LARGEST = 4 << 20
LARGEST_BITMAP = 1 << 16
_MAGIC = b"SSHKRL\n\0"
_FORMAT = 1
_CERTIFICATES, _KEYS, _SHA1, _SIGNATURE, _SHA256 = 1, 2, 3, 4, 5
_LIST, _RANGE, _BITMAP, _KEY_ID = 0x20, 0x21, 0x22, 0x23


class RevokedSerials(msgspec.Struct, frozen=True):
    """Certificates of one authority (any, when empty) by serial number, both ends, or by key id."""

    authority: bytes
    ranges: tuple[tuple[int, int], ...] = ()
    key_ids: frozenset[str] = frozenset()

    def has(self, certificate: Certificate) -> bool:
        """Is it among them? A serial number of zero stands for none."""
        if self.authority and self.authority != certificate.authority:
            return False
        if certificate.key_id in self.key_ids:
            return True
        number = certificate.serial
        return number > 0 and any(first <= number <= last for first, last in self.ranges)


class Revoked(msgspec.Struct, frozen=True):
    """What was taken back: keys in wire format, digests of such, and certificates."""

    keys: frozenset[bytes] = frozenset()
    sha1: frozenset[bytes] = frozenset()
    sha256: frozenset[bytes] = frozenset()
    certificates: tuple[RevokedSerials, ...] = ()

    def has(self, key: bytes, certificate: Certificate | None = None) -> bool:
        """Was this key taken back, or the certificate that came with it, or its authority?"""
        if certificate is not None and (
            self._has_key(certificate.authority)
            or any(one.has(certificate) for one in self.certificates)
        ):
            return True
        return self._has_key(key)

    def _has_key(self, key: bytes) -> bool:
        return (
            key in self.keys
            or hashlib.sha256(key).digest() in self.sha256
            or hashlib.sha1(key, usedforsecurity=False).digest() in self.sha1
        )


NONE = Revoked()


def parse_revoked(data: bytes, source: str = "revoked_keys") -> Revoked:
    """What a revocation file says, in either form. Raises InvalidFile with every wrong line."""
    if len(data) > LARGEST:
        raise InvalidFile(f"{printable(source)} is larger than {LARGEST} bytes.")
    if not data.startswith(_MAGIC):
        return _lines(data, source)
    try:
        return _binary(Reader(data))
    except Malformed as error:
        raise InvalidFile(f"{printable(source)} is damaged: {printable(str(error))}.") from None


def _lines(data: bytes, source: str) -> Revoked:
    """Lines ``TYPE KEY [COMMENT]`` and ``SHA256:...``; ``#`` begins a remark."""
    keys: set[bytes] = set()
    digests: set[bytes] = set()
    problems: list[Problem] = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        try:
            if said.startswith("SHA256:"):
                digests.add(_digest(said.split()[0]))
            else:
                keys.add(_public(said))
        except (binascii.Error, Malformed, ValueError):
            problem = "The line is neither a public key nor a fingerprint 'SHA256:...'."
            problems.append(Problem("invalid-revocation", problem, Location(source, number)))
    if problems:
        said = f"{printable(source)} has {len(problems)} wrong lines."
        raise InvalidFile(said, problems=problems)
    return Revoked(frozenset(keys), sha256=frozenset(digests))


def _public(line: str) -> bytes:
    kind, encoded = (*line.split(None, 2), "", "")[:2]
    key = base64.b64decode(encoded, validate=True)
    if not key or Reader(key).string() != kind.encode():
        raise Malformed("the key is not of its type")
    return key


def _digest(text: str) -> bytes:
    found = base64.b64decode(text.removeprefix("SHA256:") + "=", validate=True)
    if len(found) != hashlib.sha256().digest_size:
        raise Malformed("a fingerprint has another length")
    return found


def _binary(reader: Reader) -> Revoked:
    reader.take(len(_MAGIC))
    version = reader.uint32()
    if version != _FORMAT:
        raise Malformed(f"its version {version} is not known")
    for _ in range(3):
        reader.uint64()  # its number, when it was made, flags
    reader.string()  # reserved
    reader.string()  # a remark
    sets: dict[int, set[bytes]] = {_KEYS: set(), _SHA1: set(), _SHA256: set()}
    certificates: list[RevokedSerials] = []
    while not reader.done:
        kind, section = reader.take(1)[0], Reader(reader.string())
        if kind == _CERTIFICATES:
            certificates.append(_certificates(section))
        elif kind in sets:
            while not section.done:
                sets[kind].add(section.string())
        elif kind != _SIGNATURE:
            raise Malformed(f"its section {kind} is not known")
    keys, sha1, sha256 = (frozenset(sets[kind]) for kind in (_KEYS, _SHA1, _SHA256))
    return Revoked(keys, sha1, sha256, tuple(certificates))


def _certificates(section: Reader) -> RevokedSerials:
    authority = section.string()
    section.string()  # reserved
    ranges: list[tuple[int, int]] = []
    key_ids: set[str] = set()
    while not section.done:
        kind, part = section.take(1)[0], Reader(section.string())
        if kind == _KEY_ID:
            while not part.done:
                key_ids.add(part.string().decode("utf-8", "replace"))
        elif kind in _SERIALS:
            ranges += _SERIALS[kind](part)
        else:
            raise Malformed(f"its part {kind:#x} is not known")
    return RevokedSerials(authority, tuple(ranges), frozenset(key_ids))


def _listed(part: Reader) -> list[tuple[int, int]]:
    found = []
    while not part.done:
        number = part.uint64()
        found.append((number, number))
    return found


def _ranged(part: Reader) -> list[tuple[int, int]]:
    found = (part.uint64(), part.uint64())
    part.end()
    return [found]


def _mapped(part: Reader) -> list[tuple[int, int]]:
    """A bit for each serial number from an offset on."""
    offset, raw = part.uint64(), part.string()
    part.end()
    if len(raw) > LARGEST_BITMAP:
        raise Malformed("a bitmap is too large")
    bits = f"{int.from_bytes(raw, 'big'):b}"[::-1]
    runs = (run.span() for run in re.finditer("1+", bits))
    return [(offset + first, offset + end - 1) for first, end in runs]


_SERIALS: dict[int, Callable[[Reader], list[tuple[int, int]]]] = {
    _LIST: _listed,
    _RANGE: _ranged,
    _BITMAP: _mapped,
}
