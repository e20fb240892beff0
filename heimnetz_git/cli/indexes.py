"""Commands of the operator about indexes: init, add, list, show, update, remove, path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer, plain
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.terminal import table
from heimnetz_git.cli.words import count, fields, time_of
from heimnetz_git.errors import (
    HeimnetzError,
    IndexNotFound,
    StorageError,
    UsageError,
    printable,
)
from heimnetz_git.model.config import DEFAULT_INDEX, IndexSettings, without_password
from heimnetz_git.model.layout import plugin_path, release_path
from heimnetz_git.model.names import index_name

if TYPE_CHECKING:
    from heimnetz_git.registry.status import IndexStatus
    from heimnetz_git.registry.sync import Synced

__all__ = [
    "index_add",
    "index_init",
    "index_list",
    "index_path",
    "index_remove",
    "index_show",
    "index_update",
]


@command(examples=("index init registry.git --name home-lab", "index init r.git --from my-index/"))
@click.argument("path", type=click.Path())
@click.option("--name", help="The registry's name [default: that of the folder].")
@click.option("--title", default="", help="What people call it.")
@click.option("--from", "tree", metavar="FOLDER", help="Begin with the files of this folder.")
@click.option("--hook", is_flag=True, help="Hold every push to the law, by a pre-receive hook.")
def index_init(
    session: Session, path: str, *, name: str | None, title: str, tree: str | None, hook: bool
) -> Answer:
    """Make a new registry.

    PATH becomes a bare Git repository with registry.yaml, policy.yaml, a README and a workflow.
    Any Git host can serve it.
    """
    import sys
    from secrets import token_hex
    from uuid import uuid4

    from heimnetz_git.registry.create import create
    from heimnetz_git.registry.request_receive import install_hook

    target = session.path(path)
    created = create(
        target,
        name=name or target.name.removesuffix(".git"),
        title=title,
        uuid=str(uuid4()),
        when=session.now(),
        tree=session.existing(tree) if tree else None,
    )
    if hook:
        install_hook(target, (sys.executable, "-m", "heimnetz_git"), seed=token_hex(20))
    said = f"Made the registry {created.id} in {printable(path, longest=400)}."
    return Answer({"created": created}, [said], narrates=True)


@command(
    examples=(
        "index add home-lab registry.git",
        "index add acme https://git.example.org/acme/plugins.git --pattern 'acme-*'",
        "index add lab https://plugins.example.org/root.json --signers signers",
    )
)
@click.argument("name")
@click.argument("url", metavar="URL|PATH")
@click.option("--priority", type=int, default=0, help="The highest that has a name wins.")
@click.option(
    "--pattern", "patterns", multiple=True, help="Names such as acme-* come from here alone."
)
@click.option("--signers", metavar="FILE",
              help="Who must sign the export, as in OpenSSH's allowed_signers.")  # fmt: skip
def index_add(
    session: Session,
    name: str,
    url: str,
    *,
    priority: int,
    patterns: tuple[str, ...],
    signers: str | None,
) -> Answer:
    """Add an index and fetch it.

    URL is any address that Git knows, a bare repository, a plain folder with a registry.yaml, or
    the root.json of an export.
    """
    from heimnetz_git.registry.sync import add

    _no_password(url)
    if index_name(name) in session.settings.indexes:
        raise UsageError(
            f"There is an index '{name}' already.",
            hint=f"Remove it first: 'heimnetz-git index remove {name}'.",
            index=name,
        )
    address = session.address(url)
    settings = IndexSettings(
        url=address,
        priority=priority,
        patterns=patterns,
        signers=_signers(session, signers, address),
    )
    synced = add(session.home, name, settings, **session.transport())
    session.change_settings({f"indexes.{name}": _plain(settings)})
    return Answer({"synced": synced}, [_said(synced)], narrates=True)


@command(examples=("index list", "index list --json"))
def index_list(session: Session) -> Answer:
    """List the indexes.

    With how much each offers and how old that is.
    """
    states = [session.catalog.status(name) for name in sorted(session.catalog.indexes)]
    rows, found = [], []
    for state in states:
        settings = session.catalog.indexes[state.index]
        patterns = ",".join(settings.patterns)
        seen = time_of(state.checked)
        rows.append(
            (
                state.index,
                settings.priority,
                patterns,
                state.plugins,
                seen,
                without_password(state.url),
            )
        )
        more = {"priority": settings.priority, "patterns": settings.patterns}
        found.append({**_state(state), **more})
    for state in states:
        for skipped in state.skipped:
            session.output.warn(f"In the index '{state.index}', a file cannot be used: {skipped}")
    head = ("NAME", "PRIORITY", "PATTERNS", "PLUGINS", "AS OF", "URL")
    return Answer({"indexes": found}, table(head, rows, columns=session.output.columns))


@command(examples=("index show home-lab", "index show acme --json"))
@click.argument("name", shell_complete=completion.indexes)
def index_show(session: Session, name: str) -> Answer:
    """Show an index at a glance.

    How many plugins of which types and licences it offers, and what is new, as last fetched.
    """
    from heimnetz_git.market.overview import overview

    known = session.catalog.indexes
    if name not in known:
        raise _no_index(name, known)
    state = session.catalog.status(name)
    found = overview(session.catalog.cache(name))
    facts = fields(
        (
            ("Title", state.registry.title),
            ("Registry", f"{state.registry.name} ({state.registry.id})"),
            ("URL", without_password(state.url)),
            ("As of", time_of(state.checked)),
            ("Commit", state.commit),
            ("Plugins", count(found.plugins, "plugin")),
            ("Releases", count(found.releases, "release")),
            ("Yanked", count(found.yanked, "release") if found.yanked else ""),
            ("Deprecated", count(found.deprecated, "plugin") if found.deprecated else ""),
            ("Types", _counts(found.types)),
            ("Licenses", _counts(found.licenses)),
        )
    )
    rows = [(one.merged, one.name, one.version) for one in found.newest]
    new = ["", *table(("MERGED", "NAME", "VERSION"), rows, columns=session.output.columns)]
    return Answer({"index": _state(state), "overview": found}, [*facts, *(new if rows else [])])


def _state(status: IndexStatus) -> dict[str, Any]:
    """For programs; a password in the address is for nobody."""
    return {**plain(status), "url": without_password(status.url)}


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{word} {number:,}" for word, number in found.items())


@command(examples=("index update", "index update acme", "index update acme --accept-rewrite"))
@click.argument("names", nargs=-1, shell_complete=completion.indexes)
@click.option("--accept-rewrite", is_flag=True, help="Take an index that replaced its own past.")
def index_update(session: Session, names: tuple[str, ...], accept_rewrite: bool) -> Answer:
    """Fetch what is new in the indexes.

    Without NAMES, in all of them. Only what changed is read. An index that edits or removes what
    it has published is refused, and what was there before stays; the others are updated.
    """
    from heimnetz_git.registry.sync import update

    synced, failed = [], []
    for name, settings in _chosen(session, names).items():
        try:
            with_rewrite = {"accept_rewrite": accept_rewrite, **session.transport()}
            synced.append(update(session.home, name, settings, **with_rewrite))
        except StorageError:  # the next one would fare no better
            raise
        except HeimnetzError as error:
            failed.append(error)
    if failed:
        raise _partly(session, synced, failed)
    return Answer({"synced": synced}, [_said(one) for one in synced], narrates=True)


def _no_password(url: str) -> None:
    """Raise UsageError for an address with a password: it would be stored for all to read."""
    if without_password(url) != url:
        raise UsageError(
            f"{printable(without_password(url))!r} holds a password.",
            hint="Leave it out: put the token into git's credential helper, the system's keyring or"
            " a variable HEIMNETZ_TOKEN_host.",
        )


def _partly(
    session: Session, synced: Sequence[Synced], failed: Sequence[HeimnetzError]
) -> HeimnetzError:
    """The first failure, after what is known of the other indexes was said."""
    for one in synced:
        session.output.note(_said(one))
    for other in failed[1:]:
        session.output.warn(str(other))
    first = failed[0]
    first.facts |= {"synced": plain(synced), "also_failed": [str(other) for other in failed[1:]]}
    return first


@command(examples=("index remove acme",))
@click.argument("name", shell_complete=completion.indexes)
def index_remove(session: Session, name: str) -> Answer:
    """Forget an index.

    Plugins that came from it stay installed.
    """
    from heimnetz_git.registry.sync import remove

    known = session.user_sets(f"indexes.{name}")
    if not known and name not in session.settings.indexes:
        raise _no_index(name, session.settings.indexes)
    if known:
        session.change_settings({f"indexes.{name}": None})
    else:
        session.output.warn(f"The index '{name}' is named in a file that is not the user's.")
    if session.home.index(name).is_dir():
        remove(session.home, name)
    return Answer({"removed": name}, [f"The index '{name}' is gone."], narrates=True)


@command(examples=("index path wake-on-lan", "index path wake-on-lan@1.0.0"))
@click.argument("name", metavar="NAME[@VERSION]", shell_complete=completion.offered)
def index_path(session: Session, name: str) -> Answer:
    """Say where in an index a plugin is.

    The path of its file in the registry's repository, or of one release.
    """
    plugin, _, version = name.partition("@")
    entry = session.catalog.entry(plugin)
    path = release_path(entry.name, version) if version else plugin_path(entry.name)
    return Answer({"name": entry.name, "path": path}, [path])


def _chosen(session: Session, names: tuple[str, ...]) -> dict[str, IndexSettings]:
    """The indexes of those names; all of them when there are none."""
    known = session.catalog.indexes
    if not session.settings.indexes and not names:
        known = {DEFAULT_INDEX: known[DEFAULT_INDEX]}
    for name in names:
        if name not in known:
            raise _no_index(name, known)
    return {name: known[name] for name in (names or sorted(known))}


def _no_index(name: str, known: Iterable[str]) -> IndexNotFound:
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return IndexNotFound(f"There is no index '{printable(name)}'.{guess}", index=name)


def _plain(settings: IndexSettings) -> dict[str, Any]:
    """As it stands in the user's file: defaults left out."""
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(settings)
    return found


def _said(synced: Synced) -> str:
    """One line about an update."""
    if synced.before == synced.after:
        return f"{synced.index}: nothing new."
    parts = [f"{count(synced.added, 'release')} added"]
    parts += [f"{count(synced.changed, 'plugin')} changed"] if synced.changed else []
    parts += [f"{count(synced.removed, 'release')} removed"] if synced.removed else []
    parts += ["its history was rewritten"] if synced.rewritten else []
    return f"{synced.index}: {', '.join(parts)}; now at {synced.after[:12]}."


def _signers(session: Session, file: str | None, address: str) -> tuple[str, ...]:
    """The lines of a file of signers. Raises UsageError where nobody would read them."""
    from heimnetz_git.registry.exported_address import is_export
    from heimnetz_git.trust.allowed_signers import parse_allowed_signers

    if file is None:
        return ()
    if not is_export(address):
        raise UsageError(
            "--signers is for the root.json of an export; a Git address has none to sign.",
            hint="Add the export's address, or leave --signers out.",
        )
    data = session.existing(file).read_bytes()
    if not parse_allowed_signers(data, file):
        raise UsageError(f"{printable(file, longest=400)} names no signer.")
    lines = (line.strip() for line in data.decode().splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
