"""Submissions to git's own servers: the inbox, ssh, and what a server says when it refuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.kit import Machine, Registry
from tests.gitkit import fsck, git, http_server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="hooks are shell scripts here")
MANY = """#!/bin/sh
printf 'First, \\033[31mwe are closed.\\nThen, come back on Monday.\\n' >&2
exit 1
"""


class Served:
    """A registry with its hooks, at ``acme/plugins.git`` below a folder that is served."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "acme/plugins.git"
        self.machine = Machine(root / "machine", {"HEIMNETZ_GIT_TIMEOUT": "20"})
        self.machine.do("index", "init", self.path, "--name", "plugins", "--hook")
        git(self.path, "config", "http.receivepack", "true")
        self.wheels = Registry(root / "wheels.git")

    def refs(self) -> dict[str, str]:
        """Every ref but main."""
        lines = git(self.path, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        found = dict(line.split() for line in lines)
        return {ref: oid for ref, oid in found.items() if ref != "refs/heads/main"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A fresh one, sound at the end."""
    made = Served(tmp_path)
    yield made
    fsck(made.path)


def test_the_inbox_of_a_plain_server_is_that_of_a_forge(served: Served) -> None:
    """Pushed to refs/for/main with options, judged by the hook, and a branch afterwards."""
    words = ("--driver", "agit", "--owner", "tester")
    with http_server(served.root) as address:
        url = f"{address}/acme/plugins.git"
        first = served.machine.ask("publish", served.wheels.wheel("lamp"), "--to", url, *words)
        assert served.refs() == {"refs/heads/submit/lamp/1.0.0": first["submission"]["head"]}
        assert "submit/lamp/1.0.0" in first["sent"]["server"]
        other = served.wheels.wheel("lamp", summary="A better lamp")
        second = served.machine.ask("publish", other, "--to", url, *words)
        assert served.refs() == {"refs/heads/submit/lamp/1.0.0": second["submission"]["head"]}
        told = served.machine.ask("submissions", url, "--driver", "bare")["submissions"]
        assert [one["name"] for one in told] == ["lamp"]
    assert "Merged lamp 1.0.0" in served.machine.do("merge", served.path, "submit/lamp/1.0.0")


def test_the_inbox_takes_nothing_unlawful(served: Served) -> None:
    """By plain git: the rule is in the server's words, and no ref is made."""
    clone = served.root / "clone"
    git(served.path, "clone", "-q", str(served.path), str(clone))
    (clone / "policy.yaml").write_text("format: 1\nmaintainers: [eve]\n")
    inner = clone / ".git"
    git(inner, f"--work-tree={clone}", "add", "-A")
    who = ("-c", "user.name=Eve", "-c", "user.email=eve@example.org")
    git(inner, f"--work-tree={clone}", *who, "commit", "-q", "-m", "x")
    with pytest.raises(AssertionError, match="shared-file"):
        git(inner, "push", "-q", "origin", "HEAD:refs/for/main/clock/1.0.0")
    with pytest.raises(AssertionError, match="ref-not-taken"):
        git(inner, "push", "-q", "origin", "HEAD:refs/for/other/clock/1.0.0")
    assert served.refs() == {}


@pytest.mark.parametrize("way", ["http", "folder", "ssh"])
def test_a_refusal_has_all_the_servers_words(served: Served, way: str) -> None:
    """Several lines of the sideband, without what a terminal would obey."""
    hook = served.path / "hooks" / "pre-receive"
    hook.write_text(MANY)
    wheel = served.wheels.wheel("lamp")
    with http_server(served.root) as address:
        url = {
            "http": f"{address}/acme/plugins.git",
            "folder": str(served.path),
            "ssh": f"ssh://git@example.invalid{served.path}",
        }[way]
        error = served.machine.refuse(
            7, "publish", wheel, "--to", url, "--driver", "bare", PATH=with_ssh(served.root)
        )
    assert error["code"] == "remote-refused"
    assert "we are closed.; Then, come back on Monday." in error["message"]
    assert "\x1b" not in error["message"]
    assert served.refs() == {}


def test_ssh_asks_nobody_when_there_is_no_input(served: Served) -> None:
    """BatchMode is set with --no-input alone; the submission gets there all the same."""
    url = f"ssh://git@example.invalid{served.path}"
    path = with_ssh(served.root)
    words = ("publish", served.wheels.wheel("lamp"), "--to", url, "--owner", "ada")
    served.machine.do(*words, PATH=path)
    calls = served.root / "calls"
    assert "BatchMode" not in calls.read_text()
    calls.unlink()
    served.machine.do(*words, "--no-input", PATH=path)
    assert all("BatchMode=yes" in line for line in calls.read_text().splitlines())
    assert set(served.refs()) == {"refs/heads/submit/lamp/1.0.0"}


def with_ssh(root: Path) -> str:
    """A PATH with an ssh that notes how it is called and runs what it is asked to, here."""
    folder = root / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "ssh"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> \'{root}/calls\'\nfor last; do :; done\nexec sh -c "$last"\n'
    )
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_an_index_is_not_added_with_a_password(served: Served) -> None:
    """It would be stored; the message does not repeat it."""
    error = served.machine.refuse(2, "index", "add", "x", "https://ada:hush@example.org/r.git")
    assert "hush" not in str(error)
    assert "credential helper" in error["hint"]
