"""Logins of this machine: from the environment, git's credential helpers, the system's keyring.

Git's protocol: gitcredentials(7), git-credential(1). Nothing is written anywhere, but what git's
own helpers keep of a login that a server accepted.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from heimnetz_git.storage.access import Login

__all__ = ["SystemLogins", "origin_of", "token_variable"]

TOKEN = "HEIMNETZ_TOKEN"  # noqa: S105 # the name of a variable, not a secret
KEYRING_SERVICE = "heimnetz-git"
PATIENCE = 60.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FORGES = {
    "github.com": ("GH_TOKEN", "GITHUB_TOKEN"),
    "gitlab.com": ("GITLAB_TOKEN",),
}
_ANY_USER = "x-access-token"  # forges look at the token alone and want some name beside it


def origin_of(url: str) -> str:
    """``https://host:port`` in lower case: what a login belongs to. Empty for other addresses."""
    parts = urlsplit(url) if "://" in url else SplitResult("", "", "", "", "")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def token_variable(host: str) -> str:
    """The variable that holds the token for a host: ``HEIMNETZ_TOKEN_git_example_org``.

    Every character that a variable's name cannot have becomes ``_``.
    """
    return f"{TOKEN}_{re.sub('[^A-Za-z0-9]', '_', host)}"


class SystemLogins:
    """Asked in this order: the environment, ``git credential fill``, the keyring.

    ``HEIMNETZ_TOKEN_<host>`` is for that host; plain ``HEIMNETZ_TOKEN`` for the registries that
    ``trust`` names and nobody else; ``GH_TOKEN``, ``GITHUB_TOKEN`` and ``GITLAB_TOKEN`` for the
    forges whose own they are. A token of the environment goes over https or stays on this machine.
    """

    def __init__(self, environ: Mapping[str, str], *, may_ask: bool) -> None:
        self._environ = environ
        self._may_ask = may_ask
        self._trusted: set[str] = set()
        self._failed: set[tuple[str, str]] = set()

    def trust(self, url: str) -> None:
        """The user named this registry: ``HEIMNETZ_TOKEN`` is for its server."""
        origin = origin_of(url)
        if origin:
            self._trusted.add(origin)

    def find(self, url: str) -> Login | None:
        """The first login for the server of ``url`` that was not refused before."""
        origin = origin_of(url)
        if not origin:
            return None
        for ask in (self._of_environment, self._of_git, self._of_keyring):
            found = ask(origin)
            if found is not None and (origin, found.password) not in self._failed:
                return found
        return None

    def settled(self, url: str, login: Login, *, accepted: bool) -> None:
        """Tell git's helpers, if it was theirs; one that was refused is not given out again."""
        origin = origin_of(url)
        if not accepted:
            self._failed.add((origin, login.password))
        if login.origin == "git credential":
            self._git("approve" if accepted else "reject", origin, login)

    def _of_environment(self, origin: str) -> Login | None:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        if parts.scheme != "https" and host not in _LOOPBACK:
            return None
        names = [token_variable(parts.netloc), token_variable(host)]
        names += [TOKEN] if origin in self._trusted else []
        names += _FORGES.get(host, ()) if parts.scheme == "https" else ()
        for name in names:
            token = self._environ.get(name, "").strip()
            if token:
                return Login(_ANY_USER, token, f"the variable {name}")
        return None

    def _of_git(self, origin: str) -> Login | None:
        said = self._git("fill", origin)
        user, password = said.get("username", ""), said.get("password", "")
        return Login(user, password, "git credential") if password else None

    def _git(self, verb: str, origin: str, login: Login | None = None) -> dict[str, str]:
        import subprocess

        program = shutil.which("git", path=self._environ.get("PATH"))
        if program is None:
            return {}
        parts = urlsplit(origin)
        lines = [f"protocol={parts.scheme}", f"host={parts.netloc}"]
        lines += [f"username={login.user}", f"password={login.password}"] if login else []
        silent = {} if self._may_ask else {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true"}
        try:
            done = subprocess.run(
                [program, "credential", verb],
                input="".join(f"{line}\n" for line in [*lines, ""]),
                env={**self._environ, **silent},
                stdout=subprocess.PIPE,
                stderr=None if self._may_ask else subprocess.DEVNULL,
                text=True,
                check=False,
                timeout=None if self._may_ask else PATIENCE,
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeError):
            return {}
        if done.returncode != 0:
            return {}
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {name: value for name, _, value in pairs}

    def _of_keyring(self, origin: str) -> Login | None:
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError:
            return None
        host = urlsplit(origin).netloc
        try:
            found = keyring.get_credential(f"{KEYRING_SERVICE}:{host}", None)
        except (KeyringError, OSError):
            return None
        if found is None or not found.password:
            return None
        return Login(found.username or _ANY_USER, found.password, "the system's keyring")
