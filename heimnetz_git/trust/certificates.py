"""OpenSSH certificates (PROTOCOL.certkeys): an authority's word that a key speaks for somebody."""

from __future__ import annotations

import msgspec

from heimnetz_git.errors import SignatureInvalid
from heimnetz_git.trust.keys import verify_raw
from heimnetz_git.trust.wire import Malformed, Reader, string

__all__ = ["Certificate", "is_certificate", "parse_certificate", "why_not_valid"]

_SUFFIX = b"-cert-v01@openssh.com"
_USER = 1
LARGEST = 16 << 10
MOST_PRINCIPALS = 256

# How many strings a public key has after its type (numbers are strings too).
_FIELDS = {
    b"ssh-ed25519": 1,
    b"ssh-rsa": 2,
    b"ecdsa-sha2-nistp256": 2,
    b"ecdsa-sha2-nistp384": 2,
    b"ecdsa-sha2-nistp521": 2,
    b"sk-ssh-ed25519@openssh.com": 2,
    b"sk-ecdsa-sha2-nistp256@openssh.com": 3,
}


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate whose authority's signature is good: whether that one counts is another matter.

    ``key`` and ``authority`` are public keys in wire format; times are Unix seconds, the first
    included and the second not.
    """

    key: bytes
    authority: bytes
    serial: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int


def is_certificate(key: bytes) -> bool:
    """Is a key in wire format a certificate? Raises Malformed when it is nothing."""
    return Reader(key).string().endswith(_SUFFIX)


def parse_certificate(data: bytes) -> Certificate:
    """The certificate in wire format. Raises Malformed, SignatureInvalid.

    Refused: certificates of hosts, for anybody at all (no principals), with a restriction
    (a critical option), and ones that their authority did not sign.
    """
    if len(data) > LARGEST:
        raise Malformed(f"the certificate is larger than {LARGEST} bytes")
    reader = Reader(data)
    plain = reader.string().removesuffix(_SUFFIX)
    # RSA and ECDSA write their names otherwise only in signatures.
    if plain not in _FIELDS:
        raise SignatureInvalid("Certificates of this type of key are not accepted.")
    reader.string()  # a random number
    key = string(plain) + b"".join(string(reader.string()) for _ in range(_FIELDS[plain]))
    serial, kind, key_id = reader.uint64(), reader.uint32(), reader.string()
    principals, after, before = _strings(reader.string()), reader.uint64(), reader.uint64()
    options = reader.string()
    reader.string()  # extensions, which grant what has nothing to do with signing
    reader.string()  # reserved
    authority = reader.string()
    end = reader.place
    signature = reader.string()
    reader.end()
    if kind != _USER:
        raise SignatureInvalid("The certificate is not one of a user.")
    if not principals:
        raise SignatureInvalid("The certificate names nobody.")
    if options:
        raise SignatureInvalid("The certificate has a restriction, which is not known here.")
    if is_certificate(authority):
        raise SignatureInvalid("The certificate's authority is a certificate itself.")
    verify_raw(authority, signature, data[:end])
    return Certificate(
        key=key,
        authority=authority,
        serial=serial,
        key_id=key_id.decode("utf-8", "replace"),
        principals=principals,
        valid_after=after,
        valid_before=before,
    )


def why_not_valid(certificate: Certificate, at: int) -> str:
    """Why it does not count at the Unix time ``at``, as the end of a sentence; empty if it does."""
    if at < certificate.valid_after:
        return "is not valid yet"
    if at >= certificate.valid_before:
        return "is no longer valid"
    return ""


def _strings(data: bytes) -> tuple[str, ...]:
    reader = Reader(data)
    found: list[str] = []
    while not reader.done:
        found.append(reader.string().decode("utf-8", "replace"))
        if len(found) > MOST_PRINCIPALS:
            raise Malformed(f"the certificate names more than {MOST_PRINCIPALS} principals")
    return tuple(found)
