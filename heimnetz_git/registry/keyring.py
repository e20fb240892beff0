"""Whose signatures an index believes: ``trust/allowed_signers``, but for ``trust/revoked_keys``."""

from __future__ import annotations

from typing import NamedTuple

from heimnetz_git.model.layout import ALLOWED_SIGNERS, REVOKED_KEYS
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.allowed_signers import Signer, parse_allowed_signers
from heimnetz_git.trust.commits import verify_commit
from heimnetz_git.trust.revoked import NONE, Revoked, parse_revoked
from heimnetz_git.trust.signatures import verify

__all__ = ["Keyring", "keyring_of"]


class Keyring(NamedTuple):
    """The signers of one tree, and the keys that were taken back."""

    signers: tuple[Signer, ...] = ()
    revoked: Revoked = NONE

    def signer_of(self, message: bytes, armored: bytes | str, *, at: int) -> Signer:
        """The line under which a file is signed well at the Unix time. Raises SignatureInvalid."""
        return verify(message, armored, signers=self.signers, at=at, revoked=self.revoked)

    def signer_of_commit(self, commit: bytes, *, at: int) -> Signer:
        """The line under which a commit object is signed well. Raises SignatureInvalid."""
        return verify_commit(commit, self.signers, at=at, revoked=self.revoked)


def keyring_of(repo: Repository, tree: str | None) -> Keyring:
    """What the tree of an index says about keys; nobody's are believed without the first file.

    Raises InvalidFile when one of the two cannot be read: then nobody is believed either.
    """
    if tree is None:
        return Keyring()
    signers, revoked = repo.entry(tree, ALLOWED_SIGNERS), repo.entry(tree, REVOKED_KEYS)
    return Keyring(
        parse_allowed_signers(repo.read(signers.oid), ALLOWED_SIGNERS) if signers else (),
        parse_revoked(repo.read(revoked.oid), REVOKED_KEYS) if revoked else NONE,
    )
