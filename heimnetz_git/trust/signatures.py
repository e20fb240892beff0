"""Signatures over files in OpenSSH's format (PROTOCOL.sshsig), as ``ssh-keygen -Y`` makes them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from heimnetz_git.errors import SignatureInvalid, printable
from heimnetz_git.trust.agent import AgentKey
from heimnetz_git.trust.allowed_signers import Signer, fingerprint, matches, signers_of, why_not
from heimnetz_git.trust.certificates import (
    Certificate,
    is_certificate,
    parse_certificate,
    why_not_valid,
)
from heimnetz_git.trust.keys import sign_raw, verify_raw
from heimnetz_git.trust.revoked import NONE, Revoked
from heimnetz_git.trust.wire import Malformed, Reader, string

__all__ = ["NAMESPACE", "SigningKey", "checked", "key_of", "sign", "verify"]

SigningKey = bytes | AgentKey
"""What signs: an OpenSSH or PEM private key file's content, or a key that an SSH agent holds."""

NAMESPACE = "heimnetz-git"
LARGEST = 64 << 10
_MAGIC = b"SSHSIG"
_VERSION = 1
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_DIGESTS = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}


class _Envelope(NamedTuple):
    """The parts of a signature blob."""

    key: bytes
    namespace: bytes
    reserved: bytes
    digest: bytes
    signature: bytes


def verify(
    message: bytes,
    armored: bytes | str,
    *,
    signers: Iterable[Signer],
    at: int,
    namespace: str = NAMESPACE,
    principal: str | None = None,
    revoked: Revoked = NONE,
) -> Signer:
    """The line of ``signers`` under which ``armored`` is a good signature over ``message``.

    ``at`` is the Unix time to judge validity by; with ``principal`` the line must speak for it.
    Under an authority's line the principals are those of the certificate that the line allows.
    Raises SignatureInvalid with the reason; a signature never fails because of another signer's
    line.
    """
    key, certificate = checked(message, armored, namespace=namespace)
    if revoked.has(key, certificate):
        shown = fingerprint(key)
        raise SignatureInvalid(f"The key {shown} was taken back.", key=shown)
    lines = _of_authority(certificate, signers, at) if certificate else signers_of(key, signers)
    return _allowed(key, lines, namespace=namespace, principal=principal, at=at)


def checked(
    message: bytes, armored: bytes | str, *, namespace: str = NAMESPACE
) -> tuple[bytes, Certificate | None]:
    """The key, in wire format, that truly made this signature, and the certificate it came with.

    Whether it may is another question (``verify``). Raises SignatureInvalid.
    """
    try:
        envelope = _parse(_unarmored(armored))
        if envelope.namespace != namespace.encode():
            said = printable(envelope.namespace.decode("utf-8", "replace"))
            raise SignatureInvalid(f"The signature is for {said!r}, not for {namespace!r}.")
        signed = _signed(envelope, message)
        certificate = None
        if is_certificate(envelope.key):
            certificate = parse_certificate(envelope.key)
        key = certificate.key if certificate else envelope.key
        verify_raw(key, envelope.signature, signed)
    except Malformed as error:
        raise SignatureInvalid(f"The signature is damaged: {printable(str(error))}.") from None
    return key, certificate


def sign(
    message: bytes,
    private_key: SigningKey,
    *,
    namespace: str = NAMESPACE,
    password: bytes | None = None,
) -> str:
    """An armored signature over ``message`` that ``ssh-keygen -Y verify`` accepts.

    Raises SignatureInvalid when the key cannot be used.
    """
    if not namespace:
        raise SignatureInvalid("A signature needs a namespace.")
    draft = _Envelope(b"", namespace.encode(), b"", b"sha512", b"")
    signed = _signed(draft, message)
    if isinstance(private_key, AgentKey):
        key, signature = private_key.public, private_key.sign(signed)
    else:
        key, signature = sign_raw(private_key, signed, password=password)
    whole = draft._replace(key=key, signature=signature)
    blob = _MAGIC + struct.pack(">I", _VERSION) + b"".join(string(part) for part in whole)
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def key_of(armored: bytes | str) -> str:
    """The fingerprint of the key that a signature claims: to be shown, not to be trusted."""
    try:
        return fingerprint(_parse(_unarmored(armored)).key)
    except Malformed as error:
        raise SignatureInvalid(f"The signature is damaged: {printable(str(error))}.") from None


def _unarmored(armored: bytes | str) -> bytes:
    if len(armored) > LARGEST:
        raise Malformed(f"it is larger than {LARGEST} bytes")
    try:
        text = armored.decode("ascii") if isinstance(armored, bytes) else armored
        lines = text.strip().splitlines()
        if len(lines) < 3 or (lines[0], lines[-1]) != (_BEGIN, _END):
            raise Malformed("it is not between the lines of an SSH signature")
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except (UnicodeDecodeError, binascii.Error, ValueError) as error:
        raise Malformed(str(error)) from None


def _parse(blob: bytes) -> _Envelope:
    reader = Reader(blob)
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise Malformed("it is not an SSH signature")
    version = reader.uint32()
    if version != _VERSION:
        raise Malformed(f"its version {version} is not known")
    envelope = _Envelope(*(reader.string() for _field in _Envelope._fields))
    reader.end()
    if envelope.digest not in _DIGESTS:
        raise Malformed("its digest is neither SHA-256 nor SHA-512")
    return envelope


def _signed(envelope: _Envelope, message: bytes) -> bytes:
    """What the key signs: never the message itself, so that no signature serves another use."""
    digest = _DIGESTS[envelope.digest](message).digest()
    parts = (envelope.namespace, envelope.reserved, envelope.digest, digest)
    return _MAGIC + b"".join(string(part) for part in parts)


def _of_authority(certificate: Certificate, signers: Iterable[Signer], at: int) -> Iterator[Signer]:
    """The lines of a certificate's authority, for those of its principals that they allow."""
    reason = why_not_valid(certificate, at)
    if reason:
        raise SignatureInvalid(f"The certificate {reason}.")
    for signer in signers_of(certificate.authority, signers):
        if signer.authority:
            allowed = tuple(
                one for one in certificate.principals if matches(one, signer.principals)
            )
            yield msgspec.structs.replace(signer, principals=allowed, authority=False)


def _allowed(
    key: bytes, lines: Iterable[Signer], *, namespace: str, principal: str | None, at: int
) -> Signer:
    shown = fingerprint(key)
    reasons: list[str] = []
    for signer in lines:
        reason = why_not(signer, namespace=namespace, principal=principal, at=at)
        if not reason and not signer.principals:
            reason = "does not allow the certificate's principals"
        if not reason:
            return signer
        reasons.append(f"the key of line {signer.line} {reason}")
    said = "; ".join(reasons) or "no line names it"
    raise SignatureInvalid(f"The key {shown} may not sign this: {said}.", key=shown)
