"""The command that submits a release, and how anything submitted finds its way to a registry."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.author import build_project
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.words import bullet_permissions, count, finding_lines
from heimnetz_git.errors import Offline, UsageError, printable
from heimnetz_git.model.release import Source

if TYPE_CHECKING:
    from heimnetz_git.forge.driver import Sent
    from heimnetz_git.forge.find import Chosen
    from heimnetz_git.forge.preview import Preview
    from heimnetz_git.model.finding import Finding
    from heimnetz_git.model.registry import Owner
    from heimnetz_git.registry.submission import Submission
    from heimnetz_git.storage.repo import Repository
    from heimnetz_git.trust.signatures import SigningKey

__all__ = [
    "Courier",
    "chosen_driver",
    "driver_options",
    "key_of",
    "publish",
    "reachable",
    "sending_options",
    "sign_option",
    "to_option",
]

DRIVERS = ("agit", "bare", "bundle", "github", "gitlab")
Command = Callable[..., Any]


def to_option(function: Command) -> Command:
    """The option that names the registry."""
    option = click.option(
        "--to", "target", required=True, metavar="INDEX|URL", help="The registry.",
        shell_complete=completion.indexes,
    )  # fmt: skip
    return option(function)


def sign_option(function: Command) -> Command:
    """The option that proves who asks."""
    option = click.option(
        "--sign",
        metavar="KEYFILE",
        help="Sign with this SSH key; with the agent's, by a .pub file.",
    )
    return option(function)


def driver_options(function: Command) -> Command:
    """The options that say which kind of forge the registry is at."""
    options = (
        click.option(
            "--driver", type=click.Choice(DRIVERS), default=None,
            help="What the registry's server is [default: found by its address].",
        ),
        click.option("--fork", default="", metavar="URL", help="Your fork, on a GitLab."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def sending_options(function: Command) -> Command:
    """The options of every command that submits something."""
    options = (
        click.option("--bundle", metavar="FILE", help="Write it to a file instead, for carrying."),
        click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing."),
        click.option("--draft", is_flag=True, help="Send it as a draft, where the forge has them."),
    )
    for option in reversed(options):
        function = option(function)
    return driver_options(function)


@command(
    examples=(
        "publish --to registry.git",
        "publish --to https://github.com/acme/plugins --dry-run",
        "publish dist/wake_on_lan-1.0.0-py3-none-any.whl --to acme",
        "publish --to acme --bundle wake-on-lan.bundle",
    )
)
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PROJECT|WHEEL...]")
@to_option
@click.option("--owner", help="Who owns a new plugin [default: your account, or its first author].")
@click.option("--url", default="", help="Where the wheel can be fetched; else it is embedded.")
@click.option("--repository", default="", help="Where the source is.")
@click.option("--commit", default="", help="The source's commit, 40 hex digits.")
@click.option("--tag", default="", help="The source's tag.")
@sign_option
@sending_options
def publish(session: Session, paths: tuple[str, ...], target: str, **options: Any) -> Answer:
    """Submit a release to a registry.

    A project is built first; without one it is the working folder. Several WHEELs are one release
    for several platforms. What is sent is shown first: files, what the plugin may do more than
    before, findings, who must approve, how long it waits. On a forge it becomes a pull request, on
    a plain Git server the branch submit/NAME/VERSION. Publishing again updates it.
    """
    from heimnetz_git.registry.submission import publish as submit

    courier = Courier(session, target, options)
    with tempfile.TemporaryDirectory(prefix="heimnetz-publish-") as folder:
        work = Path(folder)
        wheels, source = _wheels(session, paths, work, options)
        courier.scan(wheels)
        submission = submit(
            courier.address,
            wheels,
            work / "registry.git",
            source=source,
            owner=_owner(options["owner"]) if options["owner"] else courier.owner(wheels),
            artifact_url=options["url"],
            key=key_of(session, options["sign"]),
            when=session.now(),
            author=session.author(),
            reporter=session.reporter,
            timeout=session.settings.timeout,
            send=courier.send,
        )
    return courier.answer(submission)


class Courier:
    """Shows a submission, then takes it to its registry by the right driver; for one command."""

    def __init__(self, session: Session, target: str, options: dict[str, Any]) -> None:
        """``options`` are those of ``sending_options``. Raises Offline, UsageError, FileMissing."""
        self._session = session
        self._dry, self._draft = bool(options["dry_run"]), bool(options["draft"])
        self.address = reachable(session, target)
        bundle = options["bundle"]
        self.chosen = chosen_driver(
            session,
            self.address,
            name=options["driver"] or "",
            bundle=session.path(bundle) if bundle else None,
            fork=options["fork"],
        )
        self._scanned: tuple[Finding, ...] = ()
        self._preview: Preview | None = None
        self._sent: Sent | None = None

    def owner(self, wheels: Sequence[Path]) -> str | Owner:
        """Who owns a new plugin when nobody says: the account on the forge, else its author."""
        from heimnetz_git.registry.manifest import open_wheels, release_of_all

        account = self.chosen.driver.account()
        if account is not None:
            return account
        authors = release_of_all(open_wheels(wheels), None, url="").authors
        return authors[0].name if authors else ""

    def scan(self, wheels: Sequence[Path]) -> None:
        """What the registry's scanner will say, from ``low`` on; the code is read, never run."""
        from heimnetz_git.model.finding import Severity
        from heimnetz_git.scan.engine import scan_wheel

        found = (one for wheel in wheels for one in scan_wheel(wheel).findings)
        self._scanned = tuple(one for one in found if one.severity is not Severity.INFO)

    def send(self, repo: Repository, asked: Submission, found: tuple[Finding, ...]) -> None:
        """Show it; send it unless this is a dry run."""
        from heimnetz_git.forge.letter import letter_of
        from heimnetz_git.forge.preview import page_of, preview_of

        session = self._session
        self._preview = preview_of(repo, asked, (*found, *self._scanned), when=session.now())
        if self._dry:
            return
        for line in self._lines():
            session.output.note(line)
        letter = letter_of(asked, self._preview.registry, page_of(repo, asked, found))
        self._sent = self.chosen.driver.send(repo, asked, letter, draft=self._draft)

    def answer(self, asked: Submission) -> Answer:
        """What was sent, or would be."""
        title = printable(asked.title)
        data = {
            "submission": asked,
            "driver": self.chosen.driver.name,
            "why": self.chosen.why,
            "preview": self._preview,
            "sent": self._sent,
        }
        if self._sent is None:
            return Answer(data, [*self._lines(), f"{title} was not sent: this is a dry run."])
        done = "Updated" if self._sent.updated else "Submitted"
        place = self._sent.url or f"{asked.branch} at {self._sent.address}"
        draft = " as a draft" if self._sent.draft else ""
        said = [f"{done} {title}{draft}: {printable(place, longest=500)}."]
        said += [f"The server said: {self._sent.server}"] if self._sent.server else []
        return Answer(data, said, narrates=True)

    def _lines(self) -> list[str]:
        preview = self._preview
        if preview is None:
            return []
        driver = self.chosen.driver
        lines = [f"To {printable(shown(driver.address), longest=500)}"]
        lines[0] += f" by the driver '{driver.name}': {self.chosen.why}."
        lines += [f"Files ({count(len(preview.files), 'file')}):"]
        lines += [
            f"  {one.change:8}{printable(one.path)}  {one.size:,} bytes" for one in preview.files
        ]
        since = f"since {preview.since}" if preview.since else "as its first release"
        lines += [f"What it may do, {since}:"] if preview.permissions else []
        lines += bullet_permissions(preview.permissions)
        if preview.submission.version and not preview.permissions:
            lines.append(f"It may do nothing more and nothing less, {since}.")
        lines += finding_lines(preview.findings) or ["No findings."]
        lines.append(printable(preview.decides, longest=1000) or "Nobody has to approve it.")
        lines.append(f"Waiting period: {printable(preview.period)}.")
        return lines


def shown(address: str) -> str:
    """An address without a password."""
    from heimnetz_git.model.config import without_password

    return without_password(address)


def chosen_driver(
    session: Session, address: str, *, name: str = "", bundle: Path | None = None, fork: str = ""
) -> Chosen:
    """The driver for a registry's address, as this run may reach it."""
    from heimnetz_git.forge.driver import Reach
    from heimnetz_git.forge.find import driver_for

    reach = Reach(session.settings.timeout, session.proxy)
    return driver_for(address, reach, name=name, bundle=bundle, fork=fork)


def reachable(session: Session, target: str) -> str:
    """The registry's address; its server may have HEIMNETZ_TOKEN from now on.

    Raises Offline when it needs the network and must not use it.
    """
    from heimnetz_git.storage.repo_address import local_folder

    address = session.address(target)
    if session.settings.offline and local_folder(address) is None:
        raise Offline(f"The registry is at {printable(shown(address))}, which needs the network.")
    session.logins.trust(address)
    return address


def key_of(session: Session, sign: str | None) -> SigningKey | None:
    """The key that a file names; None when nothing is to be signed.

    A public key's file (``.pub``, a certificate too) stands for the private key that the SSH agent
    holds; so does a private key's file that wants a password, when its ``.pub`` lies beside it.
    """
    if not sign:
        return None
    from heimnetz_git.trust.agent import AgentKey, public_key_in
    from heimnetz_git.trust.keys import wants_password

    path = session.existing(sign)
    data = path.read_bytes()
    beside = path.with_name(f"{path.name}.pub")
    public = public_key_in(data)
    if public is None and wants_password(data) and beside.exists():
        public = public_key_in(beside.read_bytes())
    return AgentKey(public, session.environ.get("SSH_AUTH_SOCK", "")) if public else data


def _wheels(
    session: Session, paths: Sequence[str], work: Path, options: dict[str, Any]
) -> tuple[list[Path], Source | None]:
    """The wheels of the release, built below ``work`` if need be, and where their source is."""
    sources = [session.existing(path) for path in paths or (".",)]
    if len(sources) > 1 and any(path.is_dir() for path in sources):
        raise UsageError("A release is one project or several wheels, not both.")
    source = None
    if options["repository"]:
        source = Source(options["repository"], options["commit"], options["tag"])
    if not sources[0].is_dir():
        return sources, source
    return [build_project(session, sources[0], work / "dist", source=source).wheel], source


def _owner(text: str) -> Owner:
    """``name``, or ``name:id`` with the id that a forge gave."""
    from heimnetz_git.model.registry import Owner

    return Owner(*text.split(":", 1))
