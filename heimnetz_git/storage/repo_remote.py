"""Git over the network: asking, fetching and pushing, with errors of our own."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol, Self, cast

from dulwich.client import HTTPUnauthorized
from dulwich.errors import HangupException, NotGitRepository, SendPackError
from dulwich.object_store import ObjectStoreGraphWalker
from dulwich.objects import ZERO_SHA, ObjectID, RawObjectID
from dulwich.pack import UnpackedObject
from dulwich.refs import Ref

from heimnetz_git.errors import (
    DownloadFailed,
    FileMissing,
    HeimnetzError,
    LoginRequired,
    NetworkError,
    RemoteRefused,
    printable,
)
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.storage.repo_address import shown
from heimnetz_git.storage.repo_connect import connect
from heimnetz_git.storage.repo_http import Fetched, counted
from heimnetz_git.storage.repo_refs import branches_of, named, whole

__all__ = ["PackSource", "Remote"]

HEADS = b"refs/heads/"
_BROKEN = re.compile(r"connection (reset|broken|aborted)|incomplete ?read", re.IGNORECASE)
_GONE = re.compile(r"not found|does not exist|not appear to be a git|not exported", re.IGNORECASE)


class PackSource(Protocol):
    """What a push sends: given the commits that the server has, (kind number, id, bytes)."""

    def __call__(self, have: frozenset[str]) -> Sequence[tuple[int, str, bytes]]: ...


class Remote:
    """One repository on the network; a context manager."""

    def __init__(self, url: str, *, timeout: float, receive_pack: Path | None = None) -> None:
        self.url = shown(url)
        self._words: list[bytes] = []
        self._patience = timeout
        self._client, self._path = connect(url, timeout, receive_pack)

    def __enter__(self) -> Self:
        """The remote itself; nothing is sent yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self._client.close()

    def heads(self, prefix: str = "") -> dict[str, str]:
        """Branches that begin with ``prefix`` -> commit id."""
        with self._explained():
            found = self._client.get_refs(self._path.encode(), ref_prefix=[HEADS + prefix.encode()])
        return branches_of(cast("Mapping[bytes, bytes]", found.refs), prefix)

    def fetch(
        self,
        branches: Sequence[str],
        out: IO[bytes],
        *,
        walker: ObjectStoreGraphWalker,
        have: frozenset[str],
        depth: int | None = None,
        reporter: Reporter = SILENT,
    ) -> Fetched:
        """Write a pack with what is missing of ``branches`` to ``out``, if anything is."""
        heads: dict[str, str] = {}

        def wanted(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:  # noqa: ARG001 # dulwich names it
            heads.update(named(cast("Mapping[bytes, bytes]", refs), branches))
            return [ObjectID(oid.encode()) for oid in sorted(set(heads.values()) - have)]

        reporter.start(f"Fetching {self.url}")
        try:
            with self._explained():
                result = self._client.fetch_pack(
                    self._path,
                    wanted,
                    walker,
                    counted(out, reporter, self.url),
                    progress=self._words.append,
                    depth=depth,
                    ref_prefix=[whole(name).encode() for name in branches],
                )
        finally:
            reporter.done()
        return Fetched(heads, _texts(result.new_shallow), _texts(result.new_unshallow))

    def push(
        self,
        branch: str,
        commit: str | None,
        source: PackSource,
        *,
        expect: str | None = None,
        whatever: bool = False,
        options: Sequence[str] = (),
    ) -> str:
        """Point ``branch`` to ``commit``, or remove it when None; what the server told its user.

        ``expect`` is what the branch must be at the server now, unless it may be ``whatever``. A
        name that begins with ``refs/`` is a whole ref. ``options`` are push options, as
        gitprotocol-pack(5) has them. Raises RemoteRefused with the server's words.
        """
        ref, new = whole(branch).encode(), commit.encode() if commit else ZERO_SHA
        self._client.needs_options = bool(options)

        def update(refs: dict[bytes, bytes]) -> dict[bytes, bytes]:
            now = refs.get(ref)
            if not whatever and now != (expect.encode() if expect else None) and now != new:
                raise RemoteRefused(
                    f"{branch!r} at {self.url} was changed by somebody else meanwhile."
                )
            return {ref: new} if commit or now else {}

        def pack(
            have: Iterable[bytes],
            want: Iterable[bytes],  # noqa: ARG001 # dulwich names it
            **_: Any,
        ) -> tuple[int, Iterator[UnpackedObject]]:
            objects = source(frozenset(oid.decode() for oid in have if oid != ZERO_SHA))
            return len(objects), (_unpacked(*one) for one in objects)

        with self._explained():
            result = self._client.send_pack(  # refs are bytes there
                self._path,  # type: ignore[arg-type]
                update,  # type: ignore[arg-type]
                pack,
                progress=self._words.append,
                push_options=[option.encode() for option in options],
            )
        refusal = (result.ref_status or {}).get(ref)
        if refusal is not None:
            raise self._refused(branch, refusal)
        return self.words()

    def _refused(self, what: str, reason: str) -> RemoteRefused:
        words = self.words()
        said = f" It said: {words}" if words else ""
        return RemoteRefused(
            f"{self.url} refused {printable(what)!r}: {printable(reason)}.{said}",
            url=self.url,
            reason=printable(reason),
            server=words,
        )

    def words(self) -> str:
        """What the server told its user so far, on one line."""
        lines = b"".join(self._words).decode("utf-8", "replace").splitlines()
        return printable("; ".join(line.strip() for line in lines if line.strip()), longest=2000)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever goes wrong on the way comes as an error of ours."""
        try:
            yield
        except HeimnetzError:
            raise
        except SendPackError as error:
            raise self._refused("the push", str(error)) from error
        except Exception as error:  # urllib3, sockets, ssh and dulwich each raise their own
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> HeimnetzError:
        said = _reason(error)
        words = self.words()
        facts = {"url": self.url, "reason": said, "server": words}
        if isinstance(error, TimeoutError) or _timed_out(error) or self._client.gave_up:
            late = f"{self.url} did not answer within {self._patience:g} s."
            return NetworkError(late, **facts)
        if isinstance(error, HTTPUnauthorized):
            return LoginRequired(f"{self.url} asks for a login that it accepts.", **facts)
        if isinstance(error, NotGitRepository) or _GONE.search(f"{said} {words}"):
            return FileMissing(f"There is no Git repository at {self.url}: {said}.", **facts)
        if isinstance(error, HangupException | EOFError) or _BROKEN.search(said):
            return DownloadFailed(
                f"{self.url} closed the connection: {said or 'no reason given'}.", **facts
            )
        return NetworkError(f"{self.url} cannot be reached or does not speak Git: {said}.", **facts)


def _reason(error: BaseException) -> str:
    if isinstance(error, NotGitRepository) and not str(error):
        return "the server has none there"
    root = error
    while (below := root.__cause__ or root.__context__) is not None:
        root = below
    error = root if isinstance(root, OSError) else error
    lines = getattr(error, "stderr_lines", None)
    text = b" ".join(lines).decode("utf-8", "replace") if lines else str(error)
    return printable(text.strip().rstrip(".") or type(error).__name__, longest=500)


def _timed_out(error: BaseException | None) -> bool:
    """Did a time-out lie behind this error, whatever it was wrapped in?"""
    while error is not None:
        if isinstance(error, TimeoutError) or "timed out" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _texts(oids: Iterable[bytes] | None) -> frozenset[str]:
    return frozenset(oid.decode() for oid in oids or ())


def _unpacked(number: int, oid: str, data: bytes) -> UnpackedObject:
    return UnpackedObject(number, decomp_chunks=[data], sha=RawObjectID(bytes.fromhex(oid)))
