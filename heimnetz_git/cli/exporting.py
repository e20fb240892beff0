"""Commands about the static export of a registry: index export and index verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.words import count
from heimnetz_git.errors import IndexNotFound, Offline, printable

if TYPE_CHECKING:
    from heimnetz_git.registry.export_target import ExportTarget

__all__ = ["index_export", "index_verify"]

DAY = 24 * 3600


@command(
    examples=(
        "index export registry.git public/",
        "index export registry.git public/ --key ~/.ssh/id_ed25519 --days 7",
        "index export registry.git s3://plugins.example.org/home-lab --prune",
    )
)
@click.argument("registry", type=click.Path())
@click.argument("target", metavar="DIR|s3://BUCKET/PREFIX")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True,
              help="How long clients may trust it without a newer one.")  # fmt: skip
@click.option("--key", metavar="FILE", help="Sign it with this OpenSSH private key.")
@click.option("--serial", type=click.IntRange(min=1), help="For a clone without its past.")
@click.option("--whole", is_flag=True, help="Write all of it anew.")
@click.option("--accept-rewrite", is_flag=True, help="Go on after the registry's past changed.")
@click.option("--prune", "pruned", is_flag=True,
              help="Remove what nothing has referred to for a week.")  # fmt: skip
def index_export(session: Session, registry: str, target: str, **options: object) -> Answer:
    """Write a registry as plain files.

    Any web server, bucket, folder or stick can serve them; clients add them by the address of
    their root.json, and pip and uv install from their simple/ pages. What did not change since the
    last export is left alone. A bucket needs the extra heimnetz-git[s3], and credentials as AWS's
    own programs read them.
    """
    from heimnetz_git.registry.export import Edition, export, prune
    from heimnetz_git.storage.repo import Repository

    key, days = options["key"], options["days"]
    edition = Edition(
        created=session.now(),
        expires=session.now() + int(str(days)) * DAY,
        key=session.existing(str(key)).read_bytes() if key else None,
        serial=int(str(options["serial"])) if options["serial"] else None,
    )
    place = _target(session, target)
    gone: tuple[str, ...] = ()
    with Repository.open(session.existing(registry)) as repo:
        commit = repo.branch("main")
        if commit is None:
            raise IndexNotFound(f"{printable(registry, longest=400)} has no branch 'main'.")
        done = export(
            repo,
            commit,
            place,
            edition,
            whole=bool(options["whole"]),
            accept_rewrite=bool(options["accept_rewrite"]),
            reporter=session.reporter,
        )
    if options["pruned"]:
        gone = prune(place, now=session.now())
    removed = f", {len(gone)} removed" if options["pruned"] else ""
    said = f"Exported serial {done.root.serial}: {count(done.written, 'file')} written{removed}."
    lines = [said, *(f"Missing: {printable(one, longest=400)}" for one in done.missing)]
    return Answer({"export": done, "removed": gone}, lines, narrates=True)


@command(examples=("index verify public/", "index verify public/ --signers allowed_signers"))
@click.argument("target", metavar="DIR|s3://BUCKET/PREFIX")
@click.option("--signers", metavar="FILE", help="Who may sign it, as in trust/allowed_signers.")
def index_verify(session: Session, target: str, signers: str | None) -> Answer:
    """Recompute all that an export says.

    Every digest, and with --signers the signature. Ends with code 5 when something is wrong.
    """
    from heimnetz_git.registry.export_verify import verify
    from heimnetz_git.trust.allowed_signers import parse_allowed_signers

    allowed = None
    if signers is not None:
        file = session.existing(signers)
        allowed = parse_allowed_signers(file.read_bytes(), str(file))
    place = _target(session, target)
    if isinstance(place, Path):
        place = session.existing(target)
    found = verify(place, at=session.now(), signers=allowed)
    lines = [str(problem) for problem in found.problems]
    lines.append(
        f"{count(found.plugins, 'plugin')}, {count(found.releases, 'release')},"
        f" {count(found.wheels, 'wheel')}: "
        + (f"{count(len(found.problems), 'problem')}." if found.problems else "all as promised.")
    )
    return Answer({"verified": found}, lines, exit_code=5 if found.problems else 0)


def _target(session: Session, text: str) -> Path | ExportTarget:
    """A folder, or a place in a bucket. Raises UsageError, and Offline for a bucket."""
    from heimnetz_git.storage.objectstore import is_bucket, open_store

    if not is_bucket(text):
        return session.path(text)
    if session.settings.offline:
        raise Offline(f"{printable(text)} is a bucket, which needs the network.")
    from heimnetz_git.registry.export_bucket import ExportBucket

    return ExportBucket(open_store(text))
