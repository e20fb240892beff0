"""What a command is given: settings, the home, the catalog, a reporter, someone to ask."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from heimnetz_git.cli.output import Output
from heimnetz_git.cli.progress import reporter_for
from heimnetz_git.cli.settings import Effective, change, load, user_values
from heimnetz_git.errors import FileMissing, Offline, PluginNotFound, UsageError, printable
from heimnetz_git.model.config import Settings
from heimnetz_git.model.lock import Environment, Generation, Receipt
from heimnetz_git.model.names import plugin_name
from heimnetz_git.model.report import Reporter
from heimnetz_git.storage.access import Access, using
from heimnetz_git.storage.credentials import SystemLogins
from heimnetz_git.storage.home import Home, site_settings

if TYPE_CHECKING:
    from heimnetz_git.registry.catalog import Catalog
    from heimnetz_git.registry.exported_remote import RemoteIndex
    from heimnetz_git.sandbox.levels import Abilities

__all__ = ["Session", "not_installed"]

WARNING = 30  # of the logging module, which costs too much to import for a number
REMOTE = re.compile(r"(?:[\w.-]+@)?[\w.-]+:[^\\].*")  # user@host:path, as ssh and git write it


class Session:
    """One run of one command; closes on leaving what it opened."""

    def __init__(
        self, flags: Mapping[str, Any], *, environ: Mapping[str, str] | None = None, cwd: Path
    ) -> None:
        """``flags`` are the shared options that were given."""
        self.flags = dict(flags)
        self.environ = os.environ if environ is None else environ
        self.cwd = cwd
        self.output = Output.of(flags)
        self._open = ExitStack()

    @classmethod
    def of(cls, flags: Mapping[str, Any]) -> Session:
        """A session of this process: its environment, its working folder."""
        return cls(flags, cwd=Path.cwd())

    def __enter__(self) -> Self:
        batch = bool(self.flags.get("no_input"))
        self._open.enter_context(using(Access(self.logins, batch=batch)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    @cached_property
    def effective(self) -> Effective:
        """The settings with their origins."""
        found = load(self.flags, self.environ, self.cwd)
        self.output.color = found.settings.color
        return found

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.effective.settings

    @cached_property
    def logins(self) -> SystemLogins:
        """Whoever knows logins on this machine; a person is asked only where there is one."""
        return SystemLogins(self.environ, may_ask=self.may_ask)

    @cached_property
    def home(self) -> Home:
        """Where plugins and indexes are kept."""
        return Home(self.effective.home)

    @cached_property
    def catalog(self) -> Catalog:
        """The indexes that are asked, opened when first used."""
        from heimnetz_git.registry.catalog import Catalog

        catalog = Catalog(self.home, self.settings.indexes, offline=self.settings.offline)
        return self._open.enter_context(catalog)

    def remote(self, text: str) -> RemoteIndex:
        """The export at an address, asked for no more than is needed; closed with the session.

        An index that is known there lends its name and its signers. Raises as RemoteIndex does.
        """
        from heimnetz_git.registry.exported_remote import RemoteIndex

        url = self.address(text)
        known = {one.url: (name, one.signers) for name, one in self.settings.indexes.items()}
        name, signers = known.get(url, ("export", ()))
        remote = RemoteIndex(
            url,
            index=name,
            signers=signers,
            timeout=self.settings.timeout,
            offline=self.settings.offline,
            clock=self.now,
        )
        return self._open.enter_context(remote)

    def sandbox_abilities(self) -> Abilities:
        """What sandbox this machine can make, remembered in the home if there is one."""
        from heimnetz_git.sandbox.abilities import abilities

        root = self.home.root
        return abilities(root if root.is_dir() else None)

    @cached_property
    def environment(self) -> Environment:
        """This machine, as releases are chosen for it."""
        from heimnetz_git.storage.machine import environment

        return environment(dict(self.settings.host))

    @cached_property
    def reporter(self) -> Reporter:
        """Who hears of progress."""
        return reporter_for(self.output)

    def change_settings(self, changes: Mapping[str, Any]) -> None:
        """Set dotted keys in the user's file, None takes one out; one process at a time."""
        with self.home.lock():
            change(self.effective.user_file, changes)
        self.__dict__.pop("effective", None)

    def user_sets(self, key: str) -> bool:
        """Whether the user's own file has the dotted ``key``."""
        found: Any = user_values(self.effective.user_file)
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                return False
            found = found[part]
        return True

    @cached_property
    def generation(self) -> Generation | None:
        """What is active; None before the first installation."""
        from heimnetz_git.install.generations import current

        return current(self.home)

    @property
    def active_number(self) -> int | None:
        """The number of the active generation; None before the first."""
        return self.generation.number if self.generation else None

    @cached_property
    def receipts(self) -> dict[str, Receipt]:
        """What is installed, by name."""
        from heimnetz_git.install.generations import receipts

        return dict(receipts(self.home))

    def receipt(self, name: str) -> Receipt | None:
        """The receipt of an installed plugin, however its name is spelt."""
        return self.receipts.get(plugin_name(name))

    def installed(self, name: str) -> Receipt:
        """As ``receipt``. Raises PluginNotFound, with the name that was probably meant."""
        found = self.receipt(name)
        if found is None:
            raise not_installed(name, self.receipts)
        return found

    def installed_version(self, name: str) -> str:
        """The version that is installed; empty if none is."""
        found = self.receipts.get(name)
        return found.release.version if found else ""

    @property
    def policy_file(self) -> Path:
        """The policy of this machine's operator, beside the machine's settings."""
        return site_settings().with_name("policy.yaml")

    @property
    def proxy(self) -> str:
        """The proxy that the environment names, or nothing."""
        names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        return next((self.environ[name] for name in names if self.environ.get(name)), "")

    def transport(self) -> dict[str, Any]:
        """How to reach the outside: what every function that fetches takes."""
        return {
            "offline": self.settings.offline,
            "reporter": self.reporter,
            "timeout": self.settings.timeout,
        }

    def address(self, text: str) -> str:
        """The address of a registry: an index by its name, a folder, or a URL as it is.

        Raises FileMissing for what is none of them.
        """
        if text in self.settings.indexes:
            return self.settings.indexes[text].url
        if self.path(text).exists():
            return str(self.path(text).resolve())
        if "://" in text or REMOTE.fullmatch(text):
            return text
        raise FileMissing(
            f"There is no index and no folder '{printable(text)}'.",
            hint="See 'heimnetz-git index list', or name a folder or a URL.",
            path=text,
        )

    def hold_offline(self, address: str) -> None:
        """With --offline, raise Offline for an address on the network."""
        from heimnetz_git.storage.repo_address import local_folder, shown

        if self.settings.offline and local_folder(address) is None:
            raise Offline(f"The registry is at {shown(address)}, which needs the network.")

    def existing(self, text: str) -> Path:
        """A path as typed that must exist. Raises FileMissing."""
        path = self.path(text)
        if not path.exists():
            raise FileMissing(f"There is no {printable(text, longest=400)}.", path=str(path))
        return path.resolve()

    def author(self) -> str:
        """Who a commit is by: as git's own variables say, else the program."""
        name = self.environ.get("GIT_AUTHOR_NAME", "")
        mail = self.environ.get("GIT_AUTHOR_EMAIL", "")
        return f"{name} <{mail}>" if name else "heimnetz-git <>"

    def path(self, text: str) -> Path:
        """A path as typed, from the working folder. Raises UsageError for what can be none."""
        if "\0" in text:
            raise UsageError(f"'{printable(text)}' is not a path.", path=text)
        return self.cwd / Path(text).expanduser()

    def now(self) -> int:
        """The time in seconds since 1970; SOURCE_DATE_EPOCH fixes it."""
        fixed = self.environ.get("SOURCE_DATE_EPOCH", "")
        return int(fixed) if fixed.isdigit() else int(time.time())

    def plugin_log(self, plugin: str, level: int, line: str) -> None:
        """A line that a plugin logged: warnings, with -v information, with -vv everything."""
        if level >= WARNING - 10 * self.output.verbose:
            self.output.note(f"{plugin}: {printable(line, longest=4000)}")

    @property
    def may_ask(self) -> bool:
        """Whether there is a person to ask."""
        silent = self.flags.get("no_input") or self.output.as_json
        return not silent and sys.stdin is not None and sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """A yes or no from the terminal; no is the default."""
        return click.confirm(question, default=False, err=True)


def not_installed(name: str, known: Iterable[str]) -> PluginNotFound:
    """The error for a plugin that is not installed."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return PluginNotFound(
        f"'{printable(name)}' is not installed.{guess}",
        hint="See 'heimnetz-git list', or install it with 'heimnetz-git install'.",
        name=name,
    )
