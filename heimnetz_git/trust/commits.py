"""SSH signatures of Git commits, as ``git commit -S`` with ``gpg.format=ssh`` writes them. Pure.

The signature is the header ``gpgsig`` of the commit object; it is over the object without it
(git's gpg-interface.c, ``gitformat-signature(5)``).
"""

from __future__ import annotations

from collections.abc import Iterable

from heimnetz_git.errors import SignatureInvalid
from heimnetz_git.trust.allowed_signers import Signer
from heimnetz_git.trust.revoked import NONE, Revoked
from heimnetz_git.trust.signatures import SigningKey, sign, verify

__all__ = ["GIT", "named_principals", "sign_commit", "signature_of", "verify_commit"]

GIT = "git"
_HEADER = b"gpgsig "


def sign_commit(commit: bytes, private_key: SigningKey, *, password: bytes | None = None) -> bytes:
    """A commit object's bytes with a signature in its header; ``git verify-commit`` accepts it.

    Raises SignatureInvalid when the key cannot be used.
    """
    head, blank, message = commit.partition(b"\n\n")
    armored = sign(commit, private_key, namespace=GIT, password=password).strip().encode()
    return head + b"\n" + _HEADER + armored.replace(b"\n", b"\n ") + blank + message


def signature_of(commit: bytes) -> tuple[bytes, bytes] | None:
    """What a signed commit signs, and its signature; None for one that is not signed.

    Raises SignatureInvalid when it has several, of which a reader may take either.
    """
    head, blank, message = commit.partition(b"\n\n")
    kept: list[bytes] = []
    found: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        if line.startswith((_HEADER, b"gpgsig-")):
            inside = True
            found.append(line.partition(b" ")[2])
        elif inside and line.startswith(b" "):
            found[-1] += b"\n" + line[1:]
        else:
            inside = False
            kept.append(line)
    if len(found) > 1:
        raise SignatureInvalid("The commit has more than one signature.")
    return (b"\n".join(kept) + blank + message, found[0]) if found else None


def verify_commit(
    commit: bytes, signers: Iterable[Signer], *, at: int, revoked: Revoked = NONE
) -> Signer:
    """The line of ``signers`` under which a commit object is signed well.

    ``at`` is the Unix time to judge the key by; the commit's own dates are never asked. Raises
    SignatureInvalid with the reason.
    """
    found = signature_of(commit)
    if found is None:
        raise SignatureInvalid("The commit is not signed.")
    return verify(found[0], found[1], signers=signers, at=at, namespace=GIT, revoked=revoked)


def named_principals(signer: Signer) -> tuple[str, ...]:
    """The principals that a line names in full; patterns stand for nobody in particular."""
    return tuple(one for one in signer.principals if not set(one) & set("*?!"))
