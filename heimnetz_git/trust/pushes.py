"""Signed pushes: the certificate of ``git push --signed`` with an SSH key. Pure.

Format: gitprotocol-pack(5), "push-cert"; the signature is over all lines before it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from heimnetz_git.errors import SignatureInvalid
from heimnetz_git.trust.allowed_signers import Signer
from heimnetz_git.trust.commits import GIT
from heimnetz_git.trust.revoked import NONE, Revoked
from heimnetz_git.trust.signatures import verify

__all__ = ["PushCertificate", "verify_push"]

LARGEST = 1 << 20
_VERSION = "certificate version 0.1"
_BEGIN = b"-----BEGIN SSH SIGNATURE-----"


class PushCertificate(msgspec.Struct, frozen=True):
    """What somebody signed that they push: refs as (old, new, name), and the server's nonce."""

    refs: frozenset[tuple[str, str, str]]
    nonce: str
    signer: Signer


def verify_push(
    data: bytes, signers: Iterable[Signer], *, at: int, revoked: Revoked = NONE
) -> PushCertificate:
    """The certificate of a push, when one of ``signers`` signed it.

    Whether its nonce is the server's and its refs are those pushed is for the caller to compare;
    the name and the time in it prove nothing. Raises SignatureInvalid.
    """
    place = data.find(b"\n" + _BEGIN) + 1
    if not 0 < place <= LARGEST or len(data) > LARGEST:
        raise SignatureInvalid("The push is not signed by an SSH key.")
    signed, armored = data[:place], data[place:]
    signer = verify(signed, armored, signers=signers, at=at, namespace=GIT, revoked=revoked)
    head, _, body = signed.decode("utf-8", "replace").partition("\n\n")
    lines = head.split("\n")
    nonces = [line.partition(" ")[2] for line in lines if line.startswith("nonce ")]
    if lines[0] != _VERSION or len(nonces) != 1:
        raise SignatureInvalid("The push has no certificate with a nonce.")
    refs = frozenset(tuple(line.split(" ", 2)) for line in body.splitlines() if line)
    if not refs or any(len(ref) != 3 for ref in refs):
        raise SignatureInvalid("The push's certificate names no refs.")
    return PushCertificate(refs, nonces[0], signer)  # type: ignore[arg-type] # of three, as checked
