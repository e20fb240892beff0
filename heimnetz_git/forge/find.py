"""Which driver serves an address: by what it is, by who is known, else by asking the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from heimnetz_git.errors import HeimnetzError, UsageError, printable
from heimnetz_git.forge.agit import AGit
from heimnetz_git.forge.bare import Bare
from heimnetz_git.forge.bundle import Bundle
from heimnetz_git.forge.driver import Driver, Reach
from heimnetz_git.forge.github import GitHub
from heimnetz_git.forge.gitlab import GitLab
from heimnetz_git.forge.place import Place, place_of
from heimnetz_git.storage.download_api import Api
from heimnetz_git.storage.repo_address import local_folder, shown

__all__ = ["FORGES", "NAMES", "Chosen", "driver_for"]

FORGES: dict[str, Callable[[Place, Reach], Driver]] = {
    "agit": AGit,
    "github": GitHub,
    "gitlab": GitLab,
}
NAMES = ("agit", "bare", "bundle", "github", "gitlab")
KNOWN = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "codeberg.org": "agit",
}
_SHORT = 5.0


class Chosen(NamedTuple):
    """A driver, and why it is this one."""

    driver: Driver
    why: str


def driver_for(
    address: str, reach: Reach, *, name: str = "", bundle: Path | None = None, fork: str = ""
) -> Chosen:
    """The driver of a registry's address, or the one of that ``name``.

    A folder is ``bare``; known hosts are what they are; another web server is asked what it is, and
    is ``bare`` when it does not say. With ``bundle`` the submission goes into that file. ``fork``
    is where to push instead, for forges that cannot make one. Raises UsageError.
    """
    if bundle is not None or name == "bundle":
        if bundle is None:
            raise UsageError("The driver 'bundle' needs a file.", hint="Name it with --bundle.")
        return Chosen(Bundle(bundle), "a file was asked for")
    if name and name not in NAMES:
        raise UsageError(f"There is no driver {printable(name)!r}: {', '.join(NAMES)}.")
    if local_folder(address) is not None:
        if name not in {"", "bare"}:
            raise UsageError(f"{shown(address)} is a folder; the driver {name!r} needs a server.")
        return Chosen(Bare(address, reach), "it is a folder")
    place = place_of(address)
    if name == "bare" or place is None:
        if name not in {"", "bare"}:
            raise UsageError(f"{shown(address)} has no owner and name, as {name!r} needs them.")
        why = "it was asked for" if name else "its address is not that of a forge"
        return Chosen(Bare(address, reach), why)
    found, why = (name, "it was asked for") if name else _by_host(place, reach)
    if found == "gitlab":
        return Chosen(GitLab(place, reach, fork=fork), why)
    if fork:
        raise UsageError(f"The driver {found!r} takes no --fork.")
    driver = FORGES[found](place, reach) if found in FORGES else Bare(address, reach)
    return Chosen(driver, why)


def _by_host(place: Place, reach: Reach) -> tuple[str, str]:
    if place.host in KNOWN:
        return KNOWN[place.host], f"its host is {place.host}"
    if place.is_ssh:
        return "bare", f"{printable(place.host)} is not known as a forge"
    short = Reach(min(reach.timeout, _SHORT), reach.proxy)
    for name, said in ASKED.items():
        if said(place, short):
            return name, f"{printable(place.host)} says so"
    return "bare", f"{printable(place.host)} does not say that it is a forge"


def _is_forgejo(place: Place, reach: Reach) -> bool:
    """Forgejo and Gitea tell everybody their version."""
    return _has(f"{place.web}/api/v1", "/version", "version", reach)


def _is_gitlab(place: Place, reach: Reach) -> bool:
    """GitLab tells everybody of a public project; its id is a number."""
    return _has(f"{place.web}/api/v4", f"/projects/{place.quoted}", "path_with_namespace", reach)


def _is_github(place: Place, reach: Reach) -> bool:
    """GitHub Enterprise tells everybody about itself."""
    return _has(f"{place.web}/api/v3", "/meta", "verifiable_password_authentication", reach)


ASKED: dict[str, Callable[[Place, Reach], bool]] = {
    "agit": _is_forgejo,
    "gitlab": _is_gitlab,
    "github": _is_github,
}


def _has(base: str, path: str, key: str, reach: Reach) -> bool:
    """Does an API below ``base`` answer with an object that has this key? Asked once, unnamed."""
    api = Api(base, timeout=reach.timeout, proxy=reach.proxy, tries=1, anonymous=True)
    try:
        found = api.get(path, missing_ok=True)
    except HeimnetzError:
        return False
    return isinstance(found, dict) and key in found
