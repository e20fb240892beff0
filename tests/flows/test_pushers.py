"""Who pushes to a plain Git server: a signed push, an SSH key's own shell, an approval."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import RemoteRefused, UsageError
from heimnetz_git.model.layout import ALLOWED_SIGNERS, POLICY
from heimnetz_git.model.registry import Policy
from heimnetz_git.registry.request_pusher import Wish, pusher_of, shell_wish
from heimnetz_git.registry.submission import merge, submissions
from heimnetz_git.registry.submission_approve import approve
from heimnetz_git.registry.submission_seen import read_seen
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from tests.attacks.kit import new_key
from tests.flows.test_submissions import ALONE, Server
from tests.gitkit import ADA, WHEN, fsck, git, put

NOBODY = "0" * 40


class Keys(Server):
    """The server, and two keys that its allowed_signers names: ada's, and max's, a maintainer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.keys: dict[str, bytes] = {}
        lines = ""
        for name in ("ada", "max"):
            private, public = new_key()
            self.keys[name] = private
            lines += f"{name} {public}\n"
            (folder / name).write_bytes(private)
            (folder / f"{name}.pub").write_text(public)
            (folder / name).chmod(0o600)
        policy = Policy(format=1, maintainers=("max",))
        with Repository.open(self.path) as repo:
            put(repo, {ALLOWED_SIGNERS: lines.encode(), POLICY: yamlfile.dump(policy)})
        self.git("fetch", "-q", "origin")

    def sign_as(self, name: str) -> None:
        """Let git sign by this key."""
        for key, value in (("gpg.format", "ssh"), ("user.signingkey", str(self.folder / name))):
            self.git("config", key, value)

    def waiting(self) -> str:
        """A release that lies in the clone, not pushed yet; its commit."""
        made = self.publish(str(self.path))
        with Repository.open(self.path) as repo:
            repo.delete_branch(made.branch)
        self.git("fetch", "-q", str(self.folder / "work.git"), f"{made.branch}:ready")
        return made.head

    def by(self, branch: str = "submit/clock/1.0.0") -> str:
        """Whom the registry remembers to have pushed it."""
        with Repository.open(self.path) as repo:
            return read_seen(repo)[branch].by


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Keys]:
    """A fresh server, sound at the end."""
    made = Keys(tmp_path)
    yield made
    fsck(made.path)


def test_a_signed_push_says_who_pushes(server: Keys) -> None:
    """By ``git push --signed``: the server knows the key, and its own fresh nonce."""
    server.waiting()
    server.sign_as("ada")
    done = server.git("push", "--signed", "origin", "ready:refs/heads/submit/clock/1.0.0")
    assert done.returncode == 0, done.stderr
    assert server.by() == "ada"


def test_a_push_signed_by_a_maintainer_reaches_main(server: Keys) -> None:
    """And one by an owner does not, nor one that is not signed."""
    for name, code in (("ada", 1), ("max", 0)):
        server.sign_as(name)
        server.git("checkout", "-q", "-B", "work", "origin/main")
        (server.clone / "README.md").write_text(f"{name} was here\n")
        server.git("commit", "-q", "-a", "-m", "x")
        assert server.git("push", "-q", "origin", "HEAD:main").returncode != 0
        assert server.git("push", "-q", "--signed", "origin", "HEAD:main").returncode == code
    assert "max was here" in git(server.path, "show", "main:README.md")


def test_a_stranger_s_signed_push_is_nobody_s(server: Keys) -> None:
    """A submission it may still be; nobody proved anything."""
    server.waiting()
    (server.folder / "eve").write_bytes(new_key()[0])
    (server.folder / "eve").chmod(0o600)
    server.sign_as("eve")
    done = server.git("push", "--signed", "origin", "ready:refs/heads/submit/clock/1.0.0")
    assert done.returncode == 0, done.stderr
    assert server.by() == ""


@pytest.mark.parametrize("how", ["as it was", "other refs", "stale nonce", "other nonce", "cut"])
def test_a_certificate_is_for_one_push(server: Keys, how: str) -> None:
    """Kept and shown again for something else, it counts for nothing."""
    head = server.waiting()
    server.sign_as("ada")
    server.git("push", "--signed", "origin", "ready:refs/heads/submit/clock/1.0.0")
    certificate = certificates(server)[0]
    nonce = next(
        line[6:] for line in git(server.path, "cat-file", "blob", certificate).splitlines()
        if line.startswith("nonce ")
    )  # fmt: skip
    refs = [(NOBODY, head, "refs/heads/submit/clock/1.0.0")]
    environ = {
        "GIT_PUSH_CERT": certificate,
        "GIT_PUSH_CERT_NONCE": "x" if how == "other nonce" else nonce,
        "GIT_PUSH_CERT_NONCE_STATUS": "SLOP" if how == "stale nonce" else "OK",
    }
    if how == "other refs":
        refs = [(NOBODY, head, "refs/heads/main")]
    with Repository.open(server.path) as repo:
        if how == "cut":
            data = repo.read(certificate)[:-40]
            tree = repo.write(None, {"x": data})
            entry = repo.entry(tree, "x")
            environ["GIT_PUSH_CERT"] = entry.oid if entry else ""
        found = pusher_of(repo, str(repo.branch("main")), environ, refs, at=WHEN)
    assert found == ("ada" if how == "as it was" else "")


def certificates(server: Server) -> list[str]:
    """The blobs of the registry that are certificates of pushes."""
    every = git(server.path, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    blobs = [line.split()[0] for line in every if " blob " in line]
    with Repository.open(server.path) as repo:
        return [oid for oid in blobs if repo.read(oid).startswith(b"certificate version")]


def ssh_of(server: Server, user: str) -> str:
    """What sshd does with a forced command, as a program in the place of ssh."""
    script = server.folder / f"ssh-{user}"
    command = [sys.executable, "-m", "heimnetz_git", "registry", "shell", str(server.folder)]
    line = shlex.join([*command, "--user", user])
    script.write_text(
        "#!/bin/sh\n# drop the options and the host; the rest is what the client asks for\n"
        'while [ "$1" != "git@lab.invalid" ]; do shift; done; shift\n'
        f'SSH_ORIGINAL_COMMAND="$*" exec {line}\n'
    )
    script.chmod(0o755)
    return str(script)


def test_an_ssh_key_s_shell_says_who_pushes(server: Keys) -> None:
    """Over an address like any other; the hook hears the name that stands beside the key."""
    server.waiting()
    address = "git@lab.invalid:registry.git"
    environ = {**os.environ, **ALONE, "GIT_SSH": ssh_of(server, "ada"), "GIT_SSH_VARIANT": "ssh"}
    words = ["git", "push", "-q", address, "ready:refs/heads/submit/clock/1.0.0"]
    done = subprocess.run(
        words, cwd=server.clone, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert server.by() == "ada"
    refused = subprocess.run(
        [*words[:3], address, "origin/main~1:refs/heads/main"],
        cwd=server.clone, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert refused.returncode != 0


WISHES = [
    ("git-receive-pack 'registry.git'", "receive-pack"),
    ("git-upload-pack '/registry.git'", "upload-pack"),
    ("git upload-pack registry.git", "upload-pack"),
    ("git-upload-archive 'registry.git'", ""),
    ("git-receive-pack '../registry.git'", ""),
    ("git-receive-pack 'registry.git/../../elsewhere.git'", ""),
    ("git-receive-pack '/etc'", ""),
    ("git-receive-pack 'registry.git'; id", ""),
    ("git-receive-pack registry.git --upload-pack=id", ""),
    ("git-shell -c id", ""),
    ("sh", ""),
    ("'", ""),
    ("", ""),
]


@pytest.mark.parametrize(("command", "service"), WISHES)
def test_the_shell_serves_git_and_nothing_else(tmp_path: Path, command: str, service: str) -> None:
    """Two services, of repositories below its folder."""
    root = tmp_path / "root"
    for path in (root / "registry.git", tmp_path / "elsewhere.git"):
        path.parent.mkdir(exist_ok=True)
        Repository.create(path).close()
    if service:
        assert shell_wish(command, root) == Wish(service, (root / "registry.git").resolve())
    else:
        with pytest.raises(UsageError):
            shell_wish(command, root)


def test_an_approval_goes_through_the_hook(server: Keys) -> None:
    """A maintainer's does; an owner's, and one that nobody signed, do not."""
    made = server.publish(str(server.path))
    work = server.folder / "approve.git"
    url, key = str(server.path), server.keys["max"]
    done = approve(url, made.branch, ["name-similar"], work, when=WHEN, author=ADA, key=key)
    assert done.by == "max"
    with Repository.open(work) as repo:
        other = repo.commit(repo.tree(made.head), [made.head], "Approve", author=ADA, when=WHEN)
        with pytest.raises(RemoteRefused, match="approval-not-taken"):
            repo.push(str(server.path), "approve/clock/1.0.0/x", other)
    with Repository.open(server.path) as repo:
        assert len(repo.branches("approve/")) == 1
        merge(repo, made, when=WHEN, author=ADA)
        assert repo.branches("approve/") == {}
    assert submissions(str(server.path)) == ()
