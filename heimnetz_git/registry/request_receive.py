"""What a registry on a plain Git server takes in a push: its pre-receive hook, as a function.

``githooks(5)``: new objects lie in a quarantine until the hook lets them in.
"""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from heimnetz_git.errors import SubmissionRefused, UsageError, printable
from heimnetz_git.model.finding import Finding
from heimnetz_git.registry import index
from heimnetz_git.registry.law import judge, judge_update
from heimnetz_git.registry.law_case import Actor, finding
from heimnetz_git.registry.law_outcome import refuses
from heimnetz_git.registry.replay import replay
from heimnetz_git.registry.request_inbox import asked_ref
from heimnetz_git.registry.request_pusher import pusher_of
from heimnetz_git.registry.submission_actor import actor_of
from heimnetz_git.registry.submission_approve import APPROVALS, approval_at
from heimnetz_git.registry.submission_seen import Seen, note_seen, read_seen
from heimnetz_git.registry.submission_value import MAIN, PREFIX, judge_replayed, submission_of
from heimnetz_git.storage.home import write_atomic
from heimnetz_git.storage.repo import Repository

__all__ = ["Push", "install_hook", "receive"]

HEADS = "refs/heads/"
NOTHING = "0" * 40
_HOOK = """\
#!/bin/sh
# Holds every push to the law of the index. Made by heimnetz-git; remove it to take any push.
exec {command} registry receive . --no-input
"""
_AFTER = """\
#!/bin/sh
# Makes branches of what was pushed to refs/for/main. Made by heimnetz-git.
exec {command} registry receive . --settle --no-input
"""


_HOOKS = {"pre-receive": _HOOK, "post-receive": _AFTER}


class Push(NamedTuple):
    """One line of what a pre-receive hook reads: a ref, what it was and what it would be."""

    old: str
    new: str
    ref: str


def install_hook(path: Path, command: Iterable[str], *, seed: str = "") -> Path:
    """Write the hooks of the bare repository at ``path``; ``command`` runs heimnetz-git.

    The path of the one that judges.

    With ``seed``, a secret of letters and digits, the server takes signed pushes (git-config(1),
    ``receive.certNonceSeed``). Raises UsageError when there is a hook of another make.
    """
    words = shlex.join(command)
    hooks = {path / "hooks" / name: text for name, text in _HOOKS.items()}
    for target in hooks:
        if target.exists() and b"heimnetz-git" not in target.read_bytes():
            said = f"{target} is there already."
            raise UsageError(said, hint="Call heimnetz-git from it yourself.")
    for target, text in hooks.items():
        target.parent.mkdir(exist_ok=True)
        write_atomic(target, text.format(command=words).encode())
        target.chmod(0o755)
    _configure(path / "config", {"advertisePushOptions": "true", "certNonceSeed": seed})
    return path / "hooks" / "pre-receive"


def _configure(config: Path, wanted: Mapping[str, str]) -> None:
    """Set what is not set yet in the section ``receive``."""
    said = config.read_bytes()
    lines = [
        f"\t{name} = {value}\n"
        for name, value in wanted.items()
        if value and name.lower().encode() not in said.lower()
    ]
    if lines:
        write_atomic(config, said + "".join(["[receive]\n", *lines]).encode())


def receive(path: Path, lines: Iterable[str], environ: Mapping[str, str], *, now: int) -> int:
    """Judge a push into the repository at ``path``: all of it is taken, or none; how many refs.

    ``lines`` are ``OLD NEW REF``; ``environ`` tells who pushes (``pusher_of``). Only a maintainer
    pushes main, only within the law; submissions are judged as before a merge, approvals are a
    maintainer's; a push to the inbox is one of a submission; other refs are not taken. Raises
    SubmissionRefused with every finding.
    """
    pushes = [_push(line) for line in lines if line.strip()]
    with Repository.open(path) as real:
        seen = read_seen(real)
        with _with_quarantine(real, environ) as repo:
            user = pusher_of(repo, repo.branch(MAIN) or "", environ, pushes, at=now)
            pushes = [push._replace(ref=asked_ref(push.ref)) for push in pushes]
            found = [one for push in pushes for one in _judged(repo, push, user, seen, now)]
        against = [one for one in found if refuses(one)]
        if against:
            raise SubmissionRefused(
                f"The registry does not take this push: {against[0].message}", problems=against
            )
        heads = {
            push.ref.removeprefix(HEADS): push.new
            for push in pushes
            if push.ref.startswith(HEADS + PREFIX) and push.new != NOTHING
        }
        note_seen(real, heads, now=now, by=user)
    return len(pushes)


def _push(line: str) -> Push:
    words = line.split(None, 2)
    if len(words) != 3:
        raise UsageError(f"{printable(line)!r} is not OLD NEW REF.")
    return Push(words[0], words[1], words[2].rstrip("\n"))


@contextlib.contextmanager
def _with_quarantine(real: Repository, environ: Mapping[str, str]) -> Iterator[Repository]:
    """The repository as it would be: with the objects that wait in git's quarantine."""
    quarantine = environ.get("GIT_QUARANTINE_PATH") or environ.get("GIT_OBJECT_DIRECTORY", "")
    if not quarantine:
        yield real
        return
    stores = [(real.path / quarantine).resolve(), (real.path / "objects").resolve()]
    with tempfile.TemporaryDirectory(prefix="heimnetz-receive-") as folder:
        with Repository.create(Path(folder) / "view.git") as made:
            lines = "".join(f"{store}\n" for store in stores)
            (made.path / "objects" / "info" / "alternates").write_text(lines, encoding="utf-8")
        with Repository.open(Path(folder) / "view.git") as view:
            main = real.branch(MAIN)
            if main is not None:
                view.set_branch(MAIN, main, expect=None)
            yield view


def _judged(
    repo: Repository, push: Push, user: str, seen: Mapping[str, Seen], now: int
) -> Iterable[Finding]:
    branch = push.ref.removeprefix(HEADS)
    if push.ref == HEADS + MAIN:
        return _main(repo, push, user)
    if push.ref.startswith(HEADS + APPROVALS):
        return _approval(repo, push, branch, user, now)
    if not push.ref.startswith(HEADS + PREFIX):
        return (finding("ref-not-taken", push.ref, "A registry takes submissions, no other ref."),)
    if push.new == NOTHING:
        return _withdrawn(repo, branch, user, seen)
    base = repo.branch(MAIN) or ""
    brought = Seen(push.new, now, user)
    asked = submission_of(branch, push.new)
    actor = actor_of(repo, base, push.new, brought, at=now)
    trees = replay(repo, base, push.new)
    return judge_replayed(repo, trees, expected=asked, actor=actor, at=now)


def _main(repo: Repository, push: Push, user: str) -> Iterable[Finding]:
    """A push to main: by a maintainer of main as it was, forward, and within the law."""
    maintainers = index.policy(repo, repo.tree(push.old)).maintainers if push.old != NOTHING else ()
    if not user or user not in maintainers:
        said = "Main is changed by merging submissions; only a maintainer pushes it."
        return (finding("main-not-taken", push.ref, said),)
    if push.new == NOTHING or not repo.is_ancestor(push.old, push.new):
        return (finding("main-rewritten", push.ref, "Main's past is never changed."),)
    old, new = repo.tree(push.old), repo.tree(push.new)
    actor = Actor(user, proof="transport")
    return (*judge_update(repo, old, new), *judge(repo, old, new, submission=False, actor=actor))


def _approval(repo: Repository, push: Push, branch: str, user: str, now: int) -> Iterable[Finding]:
    """An approval is signed by a maintainer, and is about a submission's commit that is here."""
    if push.new == NOTHING:
        if user and user in index.policy(repo, repo.tree(repo.branch(MAIN) or "")).maintainers:
            return ()
        return (finding("approval-not-taken", push.ref, "Only a maintainer takes it back."),)
    found = approval_at(repo, repo.branch(MAIN) or "", branch, push.new, at=now)
    if found is None:
        said = "It is no approval that a maintainer signed."
        return (finding("approval-not-taken", push.ref, said),)
    return ()


def _withdrawn(
    repo: Repository, branch: str, user: str, seen: Mapping[str, Seen]
) -> Iterable[Finding]:
    """A submission is taken back by who brought it, or by a maintainer."""
    owner = seen[branch].by if branch in seen else ""
    main = repo.branch(MAIN)
    maintainers = index.policy(repo, repo.tree(main)).maintainers if main else ()
    if owner and user != owner and user not in maintainers:
        said = f"{printable(owner)} brought it."
        return (finding("not-withdrawn", HEADS + branch, said),)
    return ()
