"""A registry on a plain Git server: its hook, real git pushing to it, and the program around it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import RemoteRefused
from heimnetz_git.model.layout import POLICY, plugin_path
from heimnetz_git.model.registry import Policy
from heimnetz_git.registry import request
from heimnetz_git.registry.create import create
from heimnetz_git.registry.submission import Submission, merge, publish, submissions
from heimnetz_git.registry.submission_seen import read_seen
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from tests.flows.kit import Machine
from tests.gitkit import ADA, WHEN, fsck, git, http_server, put
from tests.wheelkit import make_wheel

UUID = "6f1c1f0e-8d35-4d0c-9a53-0d5d1b7f9d11"
ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


class Server:
    """A bare repository with the hook, made by the program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "registry.git"
        made = Machine(folder / "m").run("index", "init", self.path, "--name", "home", "--hook")
        assert made.code == 0, made.err
        policy = yamlfile.dump(Policy(format=1, maintainers=("tester",)))
        with Repository.open(self.path) as repo:
            put(repo, {POLICY: policy})
        git(self.path, "config", "http.receivepack", "true")
        self.clone = folder / "clone"
        self.git("clone", "-q", str(self.path), str(self.clone), cwd=folder)
        self.git("config", "user.name", "Eve")
        self.git("config", "user.email", "eve@example.org")

    def git(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """The real git."""
        return subprocess.run(
            ["git", *words], cwd=cwd or self.clone, env={**os.environ, **ALONE},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def publish(self, url: str, version: str = "1.0.0", owner: str = "ada") -> Submission:
        """Publish clock by the program's own transport."""
        wheel = make_wheel(self.folder / "dist", "clock", version)
        work = self.folder / "work.git"
        return publish(url, wheel, work, owner=owner, when=WHEN, author=ADA)

    def push(self, path: str, text: str, ref: str, *, to: str = "origin") -> tuple[int, str]:
        """Commit a file to the clone and push it to a ref; exit code, and what the server said."""
        self.git("checkout", "-q", "-B", "work", "origin/main")
        (self.clone / path).parent.mkdir(parents=True, exist_ok=True)
        (self.clone / path).write_text(text, encoding="utf-8")
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "-m", "x")
        done = self.git("push", "-q", to, f"HEAD:{ref}")
        return done.returncode, done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A fresh server, sound at the end."""
    made = Server(tmp_path)
    yield made
    fsck(made.path)


REFUSED = [
    ("refs/heads/main", "x.txt", "main-not-taken"),
    ("refs/heads/other", "x.txt", "ref-not-taken"),
    ("refs/tags/v1", "x.txt", "ref-not-taken"),
    ("refs/replace/" + "1" * 40, "x.txt", "ref-not-taken"),
    ("refs/heads/submit/clock/1.0.0", ".github/workflows/x.yml", "shared-file"),
    ("refs/heads/submit/clock/1.0.0", "policy.yaml", "shared-file"),
]


@pytest.mark.parametrize(("ref", "path", "rule"), REFUSED)
def test_the_hook_takes_nothing_but_lawful_submissions(
    server: Server, ref: str, path: str, rule: str
) -> None:
    """Pushed by real git over a folder: refused with the rule in the server's words."""
    before = git(server.path, "for-each-ref")
    code, said = server.push(path, "format: 1\n", ref)
    assert code != 0
    assert rule in said
    assert git(server.path, "for-each-ref") == before


def test_a_lawful_submission_passes_the_hook(server: Server) -> None:
    """Over a folder with the program's own transport, which asks git to receive it."""
    made = server.publish(str(server.path))
    assert submissions(str(server.path)) == (made,)
    with Repository.open(server.path) as repo:
        merge(repo, made, when=WHEN, author=ADA)
        assert repo.entry(repo.tree(str(repo.branch("main"))), plugin_path("clock"))


def test_over_http_the_server_knows_who_pushes(server: Server) -> None:
    """Its word is the proof: the owner it names may, another may not; main is a maintainer's."""
    with http_server(server.folder) as address:
        url = f"{address}/registry.git"
        with pytest.raises(RemoteRefused, match="not-owner"):
            publish_as_owner(server, url, "nobody", maintainers=())
        made = publish_as_owner(server, url, "tester", maintainers=("tester",))
        with Repository.open(server.path) as repo:
            assert read_seen(repo)[made.branch].by == "tester"
            merge(repo, made, when=WHEN, author=ADA)
        server.git("fetch", "-q", "origin")
        code, said = server.push("collections/best.yaml", "x\n", "refs/heads/main", to=url)
        assert code == 0, said
        code, said = server.push(
            "plugins/d8/clock/1.0.0.yaml", "format: 1\n", "refs/heads/main", to=url
        )
        assert code != 0
        server.git("push", "-q", "--force", url, "HEAD~2:refs/heads/main")
    assert "Merge clock" in git(server.path, "log", "--format=%s", "main")


def publish_as_owner(
    server: Server, url: str, owner: str, *, maintainers: tuple[str, ...]
) -> Submission:
    """Publish with a policy that names these maintainers."""
    with Repository.open(server.path) as repo:
        put(repo, {POLICY: yamlfile.dump(Policy(format=1, maintainers=maintainers))})
    return server.publish(url, owner=owner)


def test_a_yank_goes_through_the_hook_and_back(server: Server) -> None:
    """Asked for, and taken back by the branch's removal."""
    with Repository.open(server.path) as repo:
        merge(repo, server.publish(str(server.path)), when=WHEN, author=ADA)
    url, work = str(server.path), server.folder / "yank.git"
    wish = request.yank("1.0.0", "bad")
    made = request.request(url, "clock", wish, work, when=WHEN, author=ADA)
    assert submissions(url) == (made,)
    request.withdraw(url, made.branch, work)
    assert submissions(url) == ()


def test_a_hook_of_another_make_stays(tmp_path: Path) -> None:
    """It is not written over."""
    from heimnetz_git.errors import UsageError
    from heimnetz_git.registry.request_receive import install_hook

    create(tmp_path / "r.git", name="home", uuid=UUID, when=WHEN)
    hook = tmp_path / "r.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(UsageError):
        install_hook(tmp_path / "r.git", ["heimnetz-git"])
    assert hook.read_text().endswith("exit 0\n")
