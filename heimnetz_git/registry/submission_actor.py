"""Who asks for a submission, as far as something proves it; and proving it: signing one's own."""

from __future__ import annotations

from heimnetz_git.errors import InvalidFile, SignatureInvalid
from heimnetz_git.registry.keyring import keyring_of
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.submission_seen import Seen
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_objects import object_id
from heimnetz_git.trust.commits import named_principals, sign_commit
from heimnetz_git.trust.signatures import SigningKey

__all__ = ["actor_of", "sign_head"]


def actor_of(
    repo: Repository, base: str, head: str, seen: Seen | None = None, *, at: int | None = None
) -> Actor | None:
    """Who asks for ``head``: who signed it, or whoever the transport knew when it was pushed.

    Signatures are judged by ``trust/allowed_signers`` of the commit ``base`` at the Unix time
    ``at``, that of ``base`` by default. None when nothing proves it; the author that a commit
    names is never asked.
    """
    moment = repo.commit_time(base) if at is None else at
    try:
        keyring = keyring_of(repo, repo.tree(base))
        signer = keyring.signer_of_commit(repo.objects.read(head, "commit"), at=moment)
    except (SignatureInvalid, InvalidFile):
        names: tuple[str, ...] = ()
    else:
        names = named_principals(signer)
    if names:
        return Actor(names[0], proof="signature", also=names[1:])
    if seen is not None and seen.head == head and seen.by:
        return Actor(seen.by, proof="transport")
    return None


def sign_head(repo: Repository, commit: str, key: SigningKey | None) -> str:
    """The same commit signed by an SSH key; itself without a key. Raises SignatureInvalid."""
    if key is None:
        return commit
    data = sign_commit(repo.objects.read(commit, "commit"), key)
    repo.objects.add([("commit", data)])
    return object_id("commit", data)
