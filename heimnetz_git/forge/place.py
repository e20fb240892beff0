"""Where a registry is, read from its address: the forge's server, and the repository there."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from heimnetz_git.errors import UsageError
from heimnetz_git.storage.repo_address import SCP, shown

__all__ = ["Place", "place_of"]


class Place(NamedTuple):
    """A repository on a server: ``slug`` is ``owner/name``; ``address`` is as the user wrote it.

    ``web`` is where the forge answers browsers and programs, such as ``https://git.example.org``.
    """

    address: str
    host: str
    web: str
    slug: str
    is_ssh: bool

    @property
    def owner(self) -> str:
        """All but the last part of the slug."""
        return self.slug.rpartition("/")[0]

    @property
    def quoted(self) -> str:
        """The slug as one segment of a path, as GitLab takes it."""
        return quote(self.slug, safe="")

    def sibling(self, slug: str) -> str:
        """The address of another repository of the same server, reached in the same way."""
        before, _, after = self.address.rpartition(self.slug)
        return f"{before}{slug}{after}"


def place_of(address: str) -> Place | None:
    """The place of an address; None for a folder or a server without a forge's form of paths.

    Raises UsageError when the address holds a password: tokens have better places.
    """
    match = None if "://" in address else SCP.fullmatch(address)
    if match:
        return _made(address, match["host"], f"https://{match['host']}", match["path"], ssh=True)
    parts = urlsplit(address)
    if parts.password:
        raise UsageError(
            f"{shown(address)!r} holds a password.",
            hint="Leave it out: put the token into the variable HEIMNETZ_TOKEN, or into git's"
            " credential helper or the system's keyring.",
        )
    if parts.scheme in {"http", "https"} and parts.hostname:
        web = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        return _made(address, parts.hostname, web, parts.path, ssh=False)
    if parts.scheme in {"ssh", "git+ssh"} and parts.hostname:
        return _made(address, parts.hostname, f"https://{parts.hostname}", parts.path, ssh=True)
    return None


def _made(address: str, host: str, web: str, path: str, *, ssh: bool) -> Place | None:
    slug = path.strip("/").removesuffix(".git")
    if not re.fullmatch(r"[\w.~-]+(?:/[\w.~-]+)+", slug):
        return None
    return Place(address, host.lower(), web, slug, ssh)
