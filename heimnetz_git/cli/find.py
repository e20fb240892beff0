"""Commands that look: search, info, permissions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer, plain
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.terminal import table
from heimnetz_git.cli.words import bullet_permissions, count, fields
from heimnetz_git.errors import ReleaseNotFound, printable
from heimnetz_git.model.lock import Candidate
from heimnetz_git.model.permission import describe
from heimnetz_git.model.registry import PluginEntry
from heimnetz_git.model.release import PLUGIN_TYPES, Need
from heimnetz_git.model.versionkey import is_prerelease

__all__ = ["info", "permissions", "search"]

MOST_VERSIONS = 10


@command(examples=("search lease", "search --type network", "search wake --json"))
@click.argument("words", nargs=-1)
@click.option("--type", "kind", type=click.Choice(PLUGIN_TYPES), help="Only this type of plugin.")
@click.option("--category", help="Only this category.")
@click.option("--tag", help="Only this tag.")
@click.option(
    "--sort",
    type=click.Choice(["relevance", "name", "updated"]),
    default="relevance",
    show_default=True,
    help="What comes first.",
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many."
)
def search(session: Session, words: tuple[str, ...], kind: str | None, **options: Any) -> Answer:
    """Find plugins by words.

    All indexes are asked, with what was last fetched. The beginning of a word is enough, and a
    typing error is forgiven. Without words, everything is listed.
    """
    hits = session.catalog.search(" ".join(words), type=kind, **options)
    head = ("NAME", "VERSION", "TYPE", "INDEX", "SUMMARY")
    rows = [(hit.name, hit.version, hit.type, hit.index, hit.summary) for hit in hits]
    lines = table(head, rows, columns=session.output.columns) if hits else ["Nothing was found."]
    return Answer({"hits": hits}, lines)


@command(examples=("info wake-on-lan", "info dhcp-leases@1.0.0", "info acme/camera --json"))
@click.argument("name", metavar="NAME[@VERSION]", shell_complete=completion.offered)
def info(session: Session, name: str) -> Answer:
    """Show all about a plugin, or one version of it.

    NAME may say the index too: index/name.
    """
    plugin, _, version = name.partition("@")
    releases = releases_of(session, plugin)
    entry = session.catalog.entry(plugin)
    chosen = pick(releases, version, plugin)
    installed = session.installed_version(chosen.release.name)
    return Answer(
        {
            "release": chosen.release,
            "plugin": entry,
            "index": chosen.index,
            "registry": chosen.registry,
            "oid": chosen.oid,
            "merged": chosen.merged,
            "yanked": chosen.yanked,
            "installed": installed,
            "permissions": describe(chosen.release.permissions),
            "versions": [version_of(candidate) for candidate in releases],
        },
        [*_facts(chosen, entry, installed), *_details(chosen, releases)],
    )


@command(examples=("permissions dhcp-leases", "permissions dhcp-leases@1.0.0"))
@click.argument("name", metavar="NAME[@VERSION]", shell_complete=completion.offered)
def permissions(session: Session, name: str) -> Answer:
    """Say in words what a plugin may do.

    Of the installed version if there is one, else of the newest.
    """
    plugin, _, version = name.partition("@")
    receipt = None if version else session.receipt(plugin)
    if receipt is not None:
        release, granted = receipt.release, True
    else:
        release, granted = pick(releases_of(session, plugin), version, plugin).release, False
    changes = describe(release.permissions)
    what = f"{release.name} {release.version}"
    said = f"{what}:" if granted else f"{what} asks for permission (it is not installed):"
    nothing = f"{what} asks for nothing: it computes and keeps its own data."
    return Answer(
        {
            "name": release.name,
            "version": release.version,
            "installed": granted,
            "permissions": release.permissions,
            "words": changes,
        },
        [said, *bullet_permissions(changes)] if changes else [nothing],
    )


def releases_of(session: Session, name: str) -> tuple[Candidate, ...]:
    """Every release of ``name`` or ``index/name``, newest first. Raises as ``Catalog.find``."""
    session.catalog.find(name)
    return session.catalog.releases(name)


def pick(releases: Sequence[Candidate], version: str, name: str) -> Candidate:
    """The release of that version; without one the newest that is stable and not yanked."""
    if version:
        for candidate in releases:
            if candidate.release.version == version:
                return candidate
        known = ", ".join(candidate.release.version for candidate in releases[:MOST_VERSIONS])
        raise ReleaseNotFound(
            f"{printable(name)} has no version {printable(version)}; it has {known}.",
            name=name,
            version=version,
        )
    good = [candidate for candidate in releases if candidate.yanked is None]
    stable = [one for one in good if not is_prerelease(one.release.version)]
    return (stable or good or list(releases))[0]


def version_of(candidate: Candidate) -> dict[str, Any]:
    """What a list of versions says of one."""
    return {
        "version": candidate.release.version,
        "merged": candidate.merged,
        "yanked": candidate.yanked,
    }


def _facts(chosen: Candidate, entry: PluginEntry, installed: str) -> list[str]:
    release = chosen.release
    head = click.style(f"{release.name} {release.version}", bold=True)
    authors = ", ".join(author.name for author in release.authors)
    deprecated = entry.deprecated
    return [
        f"{head}  {printable(release.summary, longest=400)}",
        "",
        *fields(
            (
                ("Installed", installed),
                ("Type", release.type),
                ("Status", entry.status if entry.status != "active" else ""),
                ("Yanked", chosen.yanked if chosen.yanked is None else chosen.yanked or "yes"),
                ("Deprecated", deprecated.reason if deprecated else ""),
                ("Use instead", deprecated.successor if deprecated else ""),
                ("Authors", authors),
                ("Owners", ", ".join(owner.name for owner in entry.owners)),
                ("License", release.license),
                ("Index", f"{chosen.index} ({chosen.registry})"),
                ("Published", chosen.merged),
                ("Host", ", ".join(f"{api} {span}" for api, span in release.host.items())),
                ("Python", release.python),
                ("Requires", _ranges(release.requires)),
                ("Optional", _ranges(release.optional)),
                ("Packages", ", ".join(release.packages)),
                ("Programs", _needs(release.binaries)),
                ("Services", _needs(release.services)),
                ("Source", release.source.repository if release.source else ""),
                *(sorted(entry.links.items())),
            )
        ),
    ]


def _ranges(wanted: dict[str, str]) -> str:
    return ", ".join(f"{name} {span}".strip() for name, span in wanted.items())


def _needs(needs: Sequence[Need]) -> str:
    return ", ".join(f"{need.name} (optional)" if need.optional else need.name for need in needs)


def _details(chosen: Candidate, releases: Sequence[Candidate]) -> Iterator[str]:
    release = chosen.release
    changes = describe(release.permissions)
    yield from ("", click.style("Permissions", bold=True))
    yield from bullet_permissions(changes) or ["  none: it computes and keeps its own data"]
    if release.operations:
        yield from ("", click.style("Operations", bold=True))
        for name, operation in release.operations.items():
            summary = printable(str(operation.get("summary", "")))
            yield f"  {printable(name)}({_signature(operation)})  {summary}".rstrip()
    if release.changes:
        yield from ("", click.style(f"Changes in {release.version}", bold=True))
        yield from (f"  {change.kind}: {printable(change.text)}" for change in release.changes)
    yield from ("", click.style(f"Versions ({count(len(releases), 'release')})", bold=True))
    for candidate in releases[:MOST_VERSIONS]:
        marks = ["yanked"] if candidate.yanked is not None else []
        yield "  " + "  ".join([candidate.release.version, candidate.merged, *marks]).rstrip()


def _signature(operation: dict[str, Any]) -> str:
    """``mac, port=9``: the parameters with their defaults."""
    import json

    schema = operation.get("parameters", {})
    parts = []
    for name, wanted in schema.get("properties", {}).items():
        default = f"={json.dumps(plain(wanted['default']))}" if "default" in wanted else ""
        parts.append(printable(f"{name}{default}"))
    return ", ".join(parts)
