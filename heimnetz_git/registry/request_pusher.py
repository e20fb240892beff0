"""Who pushes: whom the transport knows, or who signed the push; and an SSH account's shell.

``REMOTE_USER`` is set by a web server that asked for a password, and by ``registry shell``, which
an SSH server runs for a key (sshd(8), ``command=``). Signed pushes: git-push(1), ``--signed``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from heimnetz_git.errors import HeimnetzError, UsageError, printable
from heimnetz_git.registry.keyring import keyring_of
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.commits import named_principals
from heimnetz_git.trust.pushes import PushCertificate, verify_push

__all__ = ["USER", "Wish", "pusher_of", "shell_wish"]

USER = "REMOTE_USER"
_SERVICES = ("receive-pack", "upload-pack")


class Wish(NamedTuple):
    """What an SSH client asks for: a service of git, and a repository."""

    service: str
    path: Path


def shell_wish(command: str, root: Path) -> Wish:
    """What ``SSH_ORIGINAL_COMMAND`` asks for, of a repository that is ``root`` or lies in it.

    Raises UsageError for any other program, and for a place outside: both are spelt as git spells
    them, ``git-receive-pack '/path'``, and nothing is given to a shell.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if words[:1] == ["git"]:
        words = [f"git-{words[1]}" if len(words) > 1 else "", *words[2:]]
    service = words[0].removeprefix("git-") if words else ""
    if len(words) != 2 or not words[0].startswith("git-") or service not in _SERVICES:
        raise UsageError(
            "This account takes and gives repositories by git, and does nothing else.",
            hint="Use its address with git or heimnetz-git.",
        )
    top = root.resolve()
    asked = (top / words[1].lstrip("/")).resolve()
    direct = Path(words[1]).resolve()
    found = next((one for one in (direct, asked, top) if _is_in(one, top, words[1])), None)
    if found is None:
        raise UsageError(f"There is no repository {printable(words[1])!r} here.")
    return Wish(service, found)


def _is_in(path: Path, top: Path, said: str) -> bool:
    """Is it a bare repository that is ``top`` or lies in it? ``top`` itself has any address."""
    if not (path / "objects").is_dir() or not (path / "HEAD").is_file():
        return False
    return path.is_relative_to(top) and (path != top or ".." not in Path(said).parts)


def pusher_of(
    repo: Repository,
    base: str,
    environ: Mapping[str, str],
    refs: Iterable[tuple[str, str, str]],
    *,
    at: int,
) -> str:
    """Who pushes these (old, new, ref) as main's commit ``base`` knows them; empty for nobody.

    A signed push counts when git found its nonce to be this server's own and fresh, and it names
    exactly these refs: an old one cannot be sent again. ``at`` is the Unix time.
    """
    user = environ.get(USER, "")
    oid = environ.get("GIT_PUSH_CERT", "").strip("0")
    if user or not oid or environ.get("GIT_PUSH_CERT_NONCE_STATUS") != "OK":
        return user
    try:
        keyring = keyring_of(repo, repo.tree(base) if base else None)
        data = repo.read(environ["GIT_PUSH_CERT"])
        found = verify_push(data, keyring.signers, at=at, revoked=keyring.revoked)
    except HeimnetzError:
        return ""
    return _named(found, environ, frozenset(refs))


def _named(
    found: PushCertificate, environ: Mapping[str, str], refs: frozenset[tuple[str, str, str]]
) -> str:
    if found.nonce != environ.get("GIT_PUSH_CERT_NONCE") or found.refs != refs:
        return ""
    return next(iter(named_principals(found.signer)), "")
