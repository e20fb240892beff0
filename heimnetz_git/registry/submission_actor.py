"""Who asks for a submission, as far as something proves it; and proving it: signing one's own."""

from __future__ import annotations

from heimnetz_git.errors import InvalidFile, SignatureInvalid
from heimnetz_git.model.layout import ALLOWED_SIGNERS
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.submission_seen import Seen
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_objects import object_id
from heimnetz_git.trust.allowed_signers import Signer, parse_allowed_signers
from heimnetz_git.trust.commits import named_principals, sign_commit, verify_commit

__all__ = ["actor_of", "sign_head", "signers_at"]


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
        signer = verify_commit(repo.objects.read(head, "commit"), signers_at(repo, base), at=moment)
    except (SignatureInvalid, InvalidFile):
        names: tuple[str, ...] = ()
    else:
        names = named_principals(signer)
    if names:
        return Actor(names[0], proof="signature", also=names[1:])
    if seen is not None and seen.head == head and seen.by:
        return Actor(seen.by, proof="transport")
    return None


def signers_at(repo: Repository, commit: str) -> tuple[Signer, ...]:
    """Who may sign, as a commit of main says; nobody without the file. Raises InvalidFile."""
    entry = repo.entry(repo.tree(commit), ALLOWED_SIGNERS)
    return parse_allowed_signers(repo.read(entry.oid), ALLOWED_SIGNERS) if entry else ()


def sign_head(repo: Repository, commit: str, private_key: bytes | None) -> str:
    """The same commit signed by an SSH key; itself without a key. Raises SignatureInvalid."""
    if private_key is None:
        return commit
    data = sign_commit(repo.objects.read(commit, "commit"), private_key)
    repo.objects.add([("commit", data)])
    return object_id("commit", data)
