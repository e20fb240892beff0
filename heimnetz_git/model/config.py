"""Settings of the client and a project's wishes."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

__all__ = ["DEFAULT_INDEX", "HOST_API", "IndexSettings", "Project", "Settings", "without_password"]

HOST_API = {"heimnetz": "1.0.0"}
DEFAULT_INDEX = "default"
_PASSWORD = re.compile(r"(?<=//)([^/@:]*):[^/@]*@")


def without_password(url: str) -> str:
    """An address as it may be shown: without the password, if it holds one."""
    return _PASSWORD.sub(r"\1@", url)


class IndexSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One index that the client asks.

    ``url`` is a Git address or a folder. The highest ``priority`` that has a name wins; equal
    priorities make it ambiguous. Names that match one of ``patterns`` (``acme-*``) are looked for
    in this index and nowhere else. ``url`` may also be that of a static export, whose root must be
    signed by a key of ``signers`` if there are any: lines as in OpenSSH's allowed_signers.
    """

    url: str
    priority: int = 0
    patterns: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user, a site, a project or the environment can set."""

    home: str = ""
    offline: bool = False
    color: Literal["auto", "always", "never"] = "auto"
    prereleases: bool = False
    sandbox: Literal["auto", "required", "off"] = "auto"
    timeout: float = 30.0
    package_installer: Literal["auto", "uv", "pip"] = "auto"
    package_index: str = ""
    host: dict[str, str] = msgspec.field(default_factory=lambda: dict(HOST_API))
    indexes: dict[str, IndexSettings] = {}


class Project(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``heimnetz.yaml``: the plugins that an application wants, and settings of its own.

    ``constraints`` bind plugins if they are needed at all, ``overrides`` stand for whatever anybody
    asks of a plugin, ``exclude_newer`` (``2026-01-31``, or with a UTC time) leaves out what was
    merged later, ``resolution`` says which fitting versions are tried first.
    """

    format: Literal[1]
    plugins: dict[str, str] = {}
    constraints: dict[str, str] = {}
    overrides: dict[str, str] = {}
    exclude_newer: str = ""
    resolution: Literal["highest", "lowest", "lowest-direct"] = "highest"
    settings: Settings | None = None
