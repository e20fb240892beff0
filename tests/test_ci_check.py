"""What a check says of a submission, in every form, and how a merge job keeps to what it read."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.ci import page
from heimnetz_git.ci.check import examine
from heimnetz_git.errors import NetworkError, RemoteRefused
from heimnetz_git.forge.bare import Bare
from heimnetz_git.forge.collect import Job, merge_open, standings
from heimnetz_git.forge.driver import Open, Reach
from heimnetz_git.registry.submission import workdir_of
from heimnetz_git.storage.repo import Repository
from tests.flows.kit import Machine, Registry
from tests.gitkit import ADA, fsck, git, http_server, put

LAN = {"permissions": {"network": {"connect": ["lan:9/udp"]}}}
SHELL = '"""A plugin."""\n\nimport os\n\n\ndef f(x):\n    os.system(x)\n'
START = int(time.time())  # main is from now, and a registry's clock runs forward
LATER = START + 30 * 86400


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with a clock, and a submission that asks for more and runs a shell."""
    registry = Registry(tmp_path_factory.mktemp("made") / "lab.git")
    registry.publish("clock", "1.0.0")
    wheel = registry.wheel("clock", "1.1.0", manifest=LAN, files={"clock/extra.py": SHELL})
    registry.do("publish", str(wheel), "--to", str(registry.path))
    return registry


@pytest.fixture
def registry(made: Registry, tmp_path: Path) -> Iterator[Registry]:
    """A copy, sound at the end."""
    copy = made.copy(tmp_path)
    yield copy
    fsck(copy.path)


def test_a_page_says_the_verdict_first(made: Registry) -> None:
    """Then the commit, permissions, findings, what it does to others, the scanner, sizes."""
    with Repository.open(made.path) as repo:
        found = examine(repo, "main", "submit/clock/1.1.0")
        text = page.markdown(repo, found, "https://git.example.org/acme/plugins/blob/abc")
    order = [
        "## ",
        found.head,
        "lan",
        "### Findings",
        "### What it does to others",
        "### Scanner",
        "### Files",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places), text
    assert "extra" in text
    assert "since 1.0.0" in text
    assert "1.1.0.yaml" in text.replace("\\", "")


def test_sarif_has_a_run_for_the_law_and_one_for_each_wheel(made: Registry) -> None:
    """Bound to the commit; the wheel's findings lie below the wheel's own path."""
    with Repository.open(made.path) as repo:
        found = examine(repo, "main", "submit/clock/1.1.0")
        log = json.loads(page.sarif(repo, found))
    law, wheel = log["runs"]
    assert law["properties"]["verdict"] == found.verdict
    assert law["automationDetails"]["id"] != wheel["automationDetails"]["id"]
    assert law["versionControlProvenance"][0]["revisionId"] == found.head
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in wheel["results"]
    }
    assert uris
    assert all(re.fullmatch(r"artifacts/../clock/[^/]+\.whl/.+", uri) for uri in uris), uris


def test_annotations_cannot_be_forged(registry: Registry, tmp_path: Path) -> None:
    """What a plugin writes into its files never begins a command of its own."""
    code = '"""A plugin."""\n\nimport os\n\nos.system("::error::x\\n::set-output name=a::b")\n'
    wheel = registry.wheel("lamp", files={"lamp/__init__.py": code})
    registry.do("publish", str(wheel), "--to", str(registry.path))
    with Repository.open(registry.path) as repo:
        text = page.github(repo, examine(repo, "main", "submit/lamp/1.0.0"))
    for line in text.splitlines()[:-1]:
        assert re.match(r"::(error|warning|notice) file=", line), line
    assert "\n::set-output" not in text


def test_the_command_writes_every_form_at_once(registry: Registry, tmp_path: Path) -> None:
    """One look, as many files as are asked for; the exit code says refused and nothing else."""
    machine = Machine(tmp_path / "machine")
    words = [f"--write={form}={form}.out" for form in page.FORMS]
    ended = machine.run(
        "ci", "check", registry.path, "--head", "submit/clock/1.1.0", *words, "--json"
    )
    found = ended.document
    assert (ended.code, found["verdict"]) == (9, "refused")
    assert json.loads((machine.work / "json.out").read_text())["head"] == found["head"]
    assert (machine.work / "text.out").read_text().startswith(f"refused: {found['head']}")
    assert json.loads((machine.work / "sarif.out").read_text())["version"] == "2.1.0"
    error = machine.refuse(2, "ci", "check", registry.path, "--head", "main", "--write", "x")
    assert "FORMAT=FILE" in error["message"]


def job(registry: Registry, tmp_path: Path, when: int = LATER, **options: object) -> Job:
    """One run of the merge job on the registry's folder."""
    driver = Bare(str(registry.path), Reach())
    with workdir_of(tmp_path / "work.git") as repo:
        return merge_open(driver, repo, when=when, author=ADA, **options)  # type: ignore[arg-type]


def test_a_folder_remembers_since_when_a_submission_waits(
    registry: Registry, tmp_path: Path
) -> None:
    """The first run sees it, a later one takes it in; the queue is told meanwhile."""
    registry.do("publish", str(registry.wheel("lamp")), "--to", str(registry.path))
    first = job(registry, tmp_path, START)
    assert {one.submission.name: one.state for one in first.waiting}["lamp"] == "period"
    driver = Bare(str(registry.path), Reach())
    told = standings(driver, lambda: workdir_of(tmp_path / "x.git"), when=LATER)
    assert (told[0].submission.name, told[0].state, told[0].position) == ("lamp", "ready", 1)
    second = job(registry, tmp_path)
    assert [one.name for one in second.merged] == ["lamp"]
    assert second.commit == registry.commit


def moved(registry: Registry, number: int) -> None:
    """Somebody changes main."""
    with Repository.open(registry.path) as repo:
        put(repo, {"README.md": b"%d\n" % number}, when=int(time.time()) + number)


def test_main_that_moved_is_read_again(registry: Registry, tmp_path: Path) -> None:
    """Compare and swap: what came between is kept, and what was ready goes on top of it."""
    registry.do("publish", str(registry.wheel("lamp")), "--to", str(registry.path))
    job(registry, tmp_path, START)
    moves = iter(range(2))

    def gate(_: Repository, one: Open) -> tuple[str, str]:
        if one.submission.name == "lamp":
            for number in moves:
                moved(registry, number)
                break
        return "", ""

    done = job(registry, tmp_path, gate=gate)
    assert [one.name for one in done.merged] == ["lamp"]
    assert registry.read("README.md") == b"1\n"


def test_what_was_pushed_during_the_merge_is_not_lost(registry: Registry, tmp_path: Path) -> None:
    """The commit that was judged is merged; the later one stays open, and is judged by itself."""
    registry.do("publish", str(registry.wheel("lamp")), "--to", str(registry.path))
    job(registry, tmp_path, START)
    later = registry.wheel("lamp", summary="Another lamp")
    heads: list[str | None] = []

    def gate(_: Repository, one: Open) -> tuple[str, str]:
        if one.submission.name == "lamp" and not heads:
            registry.do("publish", str(later), "--to", str(registry.path))
            with Repository.open(registry.path) as repo:
                heads.append(repo.branch("submit/lamp/1.0.0"))
        return "", ""

    done = job(registry, tmp_path, gate=gate)
    assert [one.name for one in done.merged] == ["lamp"]
    with Repository.open(registry.path) as repo:
        assert repo.branch("submit/lamp/1.0.0") == heads[0]
    again = job(registry, tmp_path)
    assert again.merged == ()
    assert {one.submission.name: one.state for one in again.waiting}["lamp"] == "refused"


def test_a_job_that_died_before_closing_ends_it_the_next_time(
    registry: Registry, tmp_path: Path
) -> None:
    """Main has it, the branch is still there: the next run closes it and changes nothing else."""
    registry.do("publish", str(registry.wheel("lamp")), "--to", str(registry.path))
    job(registry, tmp_path, START)
    driver = Dying(str(registry.path), Reach())
    with pytest.raises(NetworkError), workdir_of(tmp_path / "work.git") as repo:
        merge_open(driver, repo, when=LATER, author=ADA)
    after = registry.commit
    done = job(registry, tmp_path)
    assert [one.name for one in done.merged] == ["lamp"], done.waiting
    assert registry.commit == after
    with Repository.open(registry.path) as repo:
        assert repo.branch("submit/lamp/1.0.0") is None


class Dying(Bare):
    """A server that goes away once main was pushed."""

    def finish(self, repo: Repository, found: Open, words: str) -> None:
        """Nothing is closed any more."""
        raise NetworkError("The server went away.")


def test_main_that_never_rests_is_given_up(registry: Registry, tmp_path: Path) -> None:
    """After some attempts, and nothing was lost or merged."""
    registry.do("publish", str(registry.wheel("lamp")), "--to", str(registry.path))
    job(registry, tmp_path, START)
    numbers = iter(range(100))

    def gate(_: Repository, one: Open) -> tuple[str, str]:
        moved(registry, next(numbers))
        return "", ""

    with pytest.raises(RemoteRefused):
        job(registry, tmp_path, gate=gate)
    with Repository.open(registry.path) as repo:
        assert repo.branch("submit/lamp/1.0.0")


def test_a_plain_server_is_merged_over_http(registry: Registry, tmp_path: Path) -> None:
    """With a folder of its own the job knows since when each submission waits."""
    registry.do("publish", str(registry.wheel("lamp")), "--to", str(registry.path))
    git(registry.path, "config", "http.receivepack", "true")
    machine = Machine(tmp_path / "machine")
    with http_server(tmp_path) as address:
        url = f"{address}/{registry.path.name}"
        words = ("ci", "merge", url, "--driver", "bare", "--workdir", "kept.git")
        first = machine.ask(*words, SOURCE_DATE_EPOCH=str(START))
        assert first["merged"] == []
        second = machine.ask(*words, SOURCE_DATE_EPOCH=str(LATER))
    assert [one["name"] for one in second["merged"]] == ["lamp"]
    assert second["commit"] == registry.commit
