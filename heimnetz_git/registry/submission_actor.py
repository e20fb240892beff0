"""Who asks for a submission, as far as something proves it; and proving it: signing one's own."""

from __future__ import annotations

import re

from heimnetz_git.errors import InvalidFile, SignatureInvalid
from heimnetz_git.model.registry import RegistryInfo
from heimnetz_git.registry import index
from heimnetz_git.registry.keyring import keyring_of
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.submission_seen import Seen
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_objects import object_id
from heimnetz_git.trust.commits import named_principals, sign_commit
from heimnetz_git.trust.signatures import SigningKey

__all__ = ["actor_of", "registry_trailer", "sign_head"]

_TRAILER = re.compile(r"^Registry: (\S+)$", re.MULTILINE)


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
    if names and not _is_for_another(repo, base, head):
        return Actor(names[0], proof="signature", also=names[1:])
    if seen is not None and seen.head == head and seen.by:
        return Actor(seen.by, seen.account, proof="transport")
    return None


def _is_for_another(repo: Repository, base: str, head: str) -> bool:
    """Does the commit, which its signature covers, say that it was meant for another registry?

    A fork shares its history: what an owner asked of one must not be asked of the other by whoever
    kept it.
    """
    meant = _TRAILER.findall(repo.commit_message(head))
    info = index.registry_info(repo, repo.tree(base)) if meant else None
    return info is not None and any(one != info.id for one in meant)


def registry_trailer(info: RegistryInfo) -> str:
    """The line of a commit's message that says which registry it is meant for."""
    return f"Registry: {info.id}\n"


def sign_head(repo: Repository, commit: str, key: SigningKey | None) -> str:
    """The same commit signed by an SSH key; itself without a key. Raises SignatureInvalid."""
    if key is None:
        return commit
    data = sign_commit(repo.objects.read(commit, "commit"), key)
    repo.objects.add([("commit", data)])
    return object_id("commit", data)
