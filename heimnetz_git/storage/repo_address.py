"""Addresses of repositories: folders and servers, and how they may be printed."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from heimnetz_git.errors import UsageError, printable
from heimnetz_git.model.config import without_password

__all__ = ["NETWORK", "SCP", "local_folder", "shown"]

SCP = re.compile(r"(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.-]{2,}):(?P<path>[^:].*)")
NETWORK = frozenset({"http", "https", "git", "ssh", "git+ssh"})


def shown(url: str) -> str:
    """An address as it may be printed: without the password, if it holds one."""
    return printable(without_password(url))


def local_folder(url: str) -> Path | None:
    """The folder that an address means, None when it is on the network.

    Raises UsageError for kinds of addresses that are not supported, such as ``ext::``.
    """
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme == "file":
        return _folder_of_file_url(url)
    if scheme in NETWORK:
        return None
    if scheme or "::" in url or not url or url.startswith("-"):
        raise UsageError(
            f"{shown(url)!r} is not an address of a Git repository.",
            hint="Use a folder, file://, https://, http://, git://, ssh:// or user@host:path.",
            url=shown(url),
        )
    match = SCP.fullmatch(url)
    return None if match and not Path(url).exists() else Path(url)


def _folder_of_file_url(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise UsageError(f"{shown(url)!r} names a folder on another machine.", url=shown(url))
    path = unquote(parts.path)
    return Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path)
