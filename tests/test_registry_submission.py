"""Publishing, checking and merging releases, on a bare repository and over git's own servers."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import (
    FileMissing,
    HeimnetzError,
    RemoteRefused,
    SubmissionNotFound,
    SubmissionRefused,
    UsageError,
)
from heimnetz_git.model.layout import plugin_path, record_path, release_path, submission_branch
from heimnetz_git.model.registry import Owner, PluginEntry, Record
from heimnetz_git.model.release import Release, Source
from heimnetz_git.registry.create import create
from heimnetz_git.registry.submission import (
    Merged,
    Submission,
    check,
    merge,
    prepare,
    publish,
    submissions,
)
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from tests.gitkit import ADA, WHEN, fsck, git, http_server, put
from tests.wheelkit import make_wheel

UUID = "6f1c1f0e-8d35-4d0c-9a53-0d5d1b7f9d11"


class Desk:
    """A registry and an author's place to publish from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "registry.git"
        create(self.path, name="home", uuid=UUID, when=WHEN)

    def wheel(self, name: str = "clock", version: str = "1.0.0", **how: object) -> Path:
        """A wheel to publish."""
        return make_wheel(self.folder / "dist", name, version, **how)  # type: ignore[arg-type] # as given

    def publish(self, name: str = "clock", version: str = "1.0.0", **how: object) -> Submission:
        """Publish a release to the folder, as its owner ada."""
        settings: dict[str, object] = {"owner": "ada", "when": WHEN, "author": ADA, **how}
        url = str(settings.pop("url", self.path))
        work = self.folder / "work.git"
        return publish(url, self.wheel(name, version), work, **settings)  # type: ignore[arg-type] # as given

    def merge(self, what: Submission | str) -> Merged:
        """Merge it as the maintainer."""
        with self.open() as repo:
            return merge(repo, what, when=WHEN + 60, author="Max <max@example.org>")

    def open(self) -> Repository:
        """The registry."""
        return Repository.open(self.path)

    def files(self) -> dict[str, bytes]:
        """What main holds."""
        with self.open() as repo:
            tree = repo.tree(str(repo.branch("main")))
            return {entry.path: repo.read(entry.oid) for entry in repo.entries(tree)}

    def commits(self) -> int:
        """How many commits main has."""
        return int(git(self.path, "rev-list", "--count", "main"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A fresh registry; whatever was done to it, it is sound."""
    made = Desk(tmp_path)
    yield made
    fsck(made.path)


def test_from_a_wheel_to_main(desk: Desk) -> None:
    """One branch with one commit; then one commit on main with the files and the record."""
    made = desk.publish(source=Source("https://example.org/clock", "1" * 40))
    assert made.branch == submission_branch("clock", "1.0.0")
    assert submissions(str(desk.path)) == (made,)
    before = desk.files()
    merged = desk.merge(made)
    assert (merged.name, merged.version, merged.findings) == ("clock", "1.0.0", ())
    files = desk.files()
    assert sorted(files.keys() - before.keys()) == [
        "artifacts/d8/clock/clock-1.0.0-py3-none-any.whl",
        "plugins/d8/clock/1.0.0.yaml",
        "plugins/d8/clock/plugin.yaml",
        "records/d8/clock/1.0.0.yaml",
    ]
    assert desk.commits() == 2
    assert submissions(str(desk.path)) == ()
    release = yamlfile.read(files[release_path("clock", "1.0.0")], Release, "r")
    assert release.source == Source("https://example.org/clock", "1" * 40)
    entry = yamlfile.read(files[plugin_path("clock")], PluginEntry, "p")
    assert entry.owners == (Owner("ada"),)
    record = yamlfile.read(files[record_path("clock", "1.0.0")], Record, "r")
    assert record.merged == "2026-01-01T00:01:00Z"
    oid = git(desk.path, "rev-parse", f"main:{release_path('clock', '1.0.0')}").strip()
    assert record.release == oid


def test_publishing_again_updates_the_submission(desk: Desk) -> None:
    """The branch is replaced; there is one submission with one commit, the newer one."""
    first = desk.publish()
    again = desk.publish(when=WHEN + 5)
    assert first.head != again.head
    assert submissions(str(desk.path)) == (again,)
    assert desk.publish(when=WHEN + 5) == again


def test_a_later_version_needs_no_owner_and_leaves_the_facts_alone(desk: Desk) -> None:
    """The plugin's facts are those of the first release."""
    desk.merge(desk.publish())
    facts = desk.files()[plugin_path("clock")]
    desk.merge(desk.publish(version="1.1.0", owner="eve"))
    assert desk.files()[plugin_path("clock")] == facts


def test_what_is_published_cannot_be_published_again(desk: Desk) -> None:
    """Neither changed nor unchanged."""
    desk.merge(desk.publish())
    with pytest.raises(SubmissionRefused, match="published already"):
        desk.publish()


def test_an_unlawful_release_is_not_sent(desk: Desk) -> None:
    """The author reads every finding; the registry hears nothing of it."""
    desk.merge(desk.publish(version="1.1.0"))
    with pytest.raises(SubmissionRefused) as caught:
        desk.publish(version="1.1.0rc1")
    assert [one.rule for one in caught.value.problems] == ["version-order"]
    assert submissions(str(desk.path)) == ()


def test_a_new_plugin_needs_an_owner(desk: Desk) -> None:
    """It is asked for before anything is sent."""
    with pytest.raises(UsageError, match="owner"):
        desk.publish(owner="")


def test_wheels_can_stay_at_an_address(desk: Desk) -> None:
    """The registry then holds their size and digest alone."""
    merged = desk.merge(desk.publish(artifact_url="https://example.org/wheels/"))
    assert not any(path.startswith("artifacts/") for path in desk.files())
    release = yamlfile.read(desk.files()[release_path("clock", "1.0.0")], Release, "r")
    assert release.artifacts[0].url == "https://example.org/wheels/clock-1.0.0-py3-none-any.whl"
    assert [one.rule for one in merged.findings] == ["artifact-missing"]


def test_wheels_for_several_platforms_are_one_release(desk: Desk, tmp_path: Path) -> None:
    """All of them are compared with the release."""
    tags = ("py3-none-any", "py3-none-win_amd64")
    wheels = [desk.wheel(tag=tag) for tag in tags]
    made = publish(str(desk.path), wheels, tmp_path / "w.git", owner="ada", when=WHEN, author=ADA)
    desk.merge(made)
    assert len([path for path in desk.files() if path.startswith("artifacts/")]) == 2


def test_main_that_moved_is_no_obstacle(desk: Desk) -> None:
    """Submissions made on the same main are merged one after the other, in any order."""
    made = [desk.publish(name) for name in ("clock", "lamp", "radio")]
    assert len({one.base for one in made}) == 1
    for one in reversed(made):
        desk.merge(one)
    assert desk.commits() == 4
    merged = {path for path in desk.files() if path.startswith("records/")}
    assert merged == {record_path(name, "1.0.0") for name in ("clock", "lamp", "radio")}


def test_a_file_that_main_changed_too_is_a_conflict(desk: Desk) -> None:
    """Two first releases of one plugin both bring its facts: the second is built anew."""
    first, second = desk.publish(), desk.publish(version="2.0.0", owner="eve")
    desk.merge(first)
    with pytest.raises(SubmissionRefused) as caught:
        desk.merge(second)
    assert [one.rule for one in caught.value.problems] == ["conflict"]
    assert desk.merge(desk.publish(version="2.0.0", owner="eve")).version == "2.0.0"


def test_many_merges_at_once_lose_nothing(desk: Desk) -> None:
    """Compare and swap on main: each submission is there in the end, each as one commit."""
    names = ["clock", "lamp", "radio", "stove"]
    made = [desk.publish(name) for name in names]
    failures: list[BaseException] = []

    def work(one: Submission) -> None:
        try:
            desk.merge(one)
        except BaseException as error:  # whatever it is, the test must tell it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert desk.commits() == 1 + len(names)
    assert {record_path(name, "1.0.0") for name in names} <= desk.files().keys()


def test_the_same_submission_merged_twice_at_once_lands_once(desk: Desk) -> None:
    """The second is told that there is none, or finds the work done."""
    made = desk.publish()
    results: list[object] = []

    def work() -> None:
        try:
            results.append(desk.merge(made))
        except HeimnetzError as error:
            results.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(isinstance(result, Merged) for result in results)
    refused = [result for result in results if not isinstance(result, Merged)]
    assert all(isinstance(result, SubmissionNotFound) for result in refused)
    assert desk.commits() == 2


def test_a_merge_that_died_before_its_branch_was_removed_is_ended(desk: Desk) -> None:
    """Merging again makes no second commit."""
    made = desk.publish()
    merged = desk.merge(made)
    with desk.open() as repo:
        repo.set_branch(made.branch, made.head, expect=None)
    assert desk.merge(made.branch).commit == merged.commit
    assert desk.commits() == 2
    assert submissions(str(desk.path)) == ()


DYING = """
import os, sys
from pathlib import Path
from heimnetz_git.registry import submission
from heimnetz_git.storage.repo import Repository
step, seen = int(sys.argv[3]), 0
def counted(event, args):
    global seen
    if event in ("open", "os.rename", "os.remove", "os.mkdir") and "registry.git" in str(args[0]):
        seen += 1
        if seen == step: os.kill(os.getpid(), 9)
with Repository.open(Path(sys.argv[1])) as repo:
    sys.addaudithook(counted)
    submission.merge(repo, sys.argv[2], when=1767225660, author="Max <max@example.org>")
"""


@pytest.mark.slow
def test_killed_at_any_step_main_is_the_old_or_the_new(desk: Desk) -> None:
    """At each touch of the disk in turn: nothing between, and the next merge ends the work."""
    desk.merge(desk.publish("lamp"))
    for step in range(1, 200):
        made = desk.publish(version=f"1.{step}.0", when=WHEN + step)
        before = desk.commits()
        words = [sys.executable, "-c", DYING, str(desk.path), made.branch, str(step)]
        done = subprocess.run(words, capture_output=True, check=False)
        assert desk.commits() in {before, before + 1}
        fsck(desk.path)
        if submissions(str(desk.path)):
            desk.merge(made.branch)
        assert desk.commits() == before + 1
        if done.returncode == 0:
            break
    else:
        pytest.fail("it never came to the end")


def test_a_submission_that_changed_after_it_was_read_is_refused(desk: Desk) -> None:
    """What is merged is what was looked at."""
    seen = desk.publish()
    desk.publish(when=WHEN + 9)
    with pytest.raises(SubmissionRefused, match="changed after"):
        desk.merge(seen)


@pytest.mark.parametrize("branch", ["submit/none/1.0.0", "submit/clock", "main", "submit/a/b/c"])
def test_no_such_submission(desk: Desk, branch: str) -> None:
    """Neither main nor a branch of another form is one."""
    with pytest.raises(HeimnetzError) as caught:
        desk.merge(branch)
    assert caught.value.exit_code in {2, 3}


def test_a_branch_that_brings_another_release_is_refused(desk: Desk) -> None:
    """The name of the branch is what was asked for."""
    made = desk.publish()
    with desk.open() as repo:
        repo.set_branch("submit/clock/9.0.0", made.head, expect=None)
    with pytest.raises(SubmissionRefused) as caught:
        desk.merge("submit/clock/9.0.0")
    assert [one.rule for one in caught.value.problems] == ["branch-name"]


def test_only_files_travel_to_main(desk: Desk) -> None:
    """Further commits and merges within a submission leave no trace in main's history."""
    made = desk.publish()
    desk.merge(desk.publish("lamp"))
    with desk.open() as repo:
        main = str(repo.branch("main"))
        secret = repo.commit(repo.write(None, {"s": b"1"}), [], "other", author=ADA, when=WHEN)
        tree = repo.write(
            repo.tree(main),
            {
                change.path: change.new
                for change in repo.diff(repo.tree(made.base), repo.tree(made.head))
            },
        )
        parents = [made.head, main, secret]
        octopus = repo.commit(tree, parents, "all", author="Max <m@x>", when=WHEN + 9)
        assert repo.set_branch(made.branch, octopus, expect=made.head)
        assert check(repo, "main", made.branch) == ()
        merged = merge(repo, made.branch, when=WHEN, author=ADA)
        assert repo.parents(merged.commit) == (main,)
    assert secret not in git(desk.path, "rev-list", "main")


def test_a_merge_commit_cannot_hide_a_change(desk: Desk) -> None:
    """What the last commit holds is judged, whatever its parents are."""
    desk.merge(desk.publish("lamp"))
    made = desk.publish()
    with desk.open() as repo:
        main = str(repo.branch("main"))
        tree = repo.write(repo.tree(made.head), {release_path("lamp", "1.0.0"): b"evil"})
        evil = repo.commit(tree, [made.head, main], "merge main", author=ADA, when=WHEN)
        assert repo.set_branch(made.branch, evil, expect=made.head)
    with pytest.raises(SubmissionRefused) as caught:
        desk.merge(made.branch)
    assert "release-changed" in {one.rule for one in caught.value.problems}


def test_a_history_of_its_own_is_refused(desk: Desk) -> None:
    """A submission builds on main."""
    made = desk.publish()
    with desk.open() as repo:
        alone = repo.commit(repo.tree(made.head), [], "alone", author=ADA, when=WHEN)
        assert [one.rule for one in check(repo, "main", alone)] == ["history-tangled"]


def test_removing_what_main_gained_is_no_way_to_remove_it(desk: Desk) -> None:
    """A submission that is older than a release does not take it away again."""
    made = desk.publish()
    desk.merge(desk.publish("lamp"))
    desk.merge(made)
    assert release_path("lamp", "1.0.0") in desk.files()


def test_prepare_is_a_function_of_its_arguments(desk: Desk) -> None:
    """The same wheel, base, time and author give the same commit."""
    with desk.open() as repo:
        base = str(repo.branch("main"))

        def head() -> str:
            made = prepare(repo, base, desk.wheel(), owner="ada", when=WHEN, author=ADA)
            return made.head

        assert head() == head()
        with pytest.raises(UsageError):
            prepare(repo, base, desk.wheel(), embedded=False, when=WHEN, author=ADA)


def test_over_http_with_gits_own_server(desk: Desk) -> None:
    """Publishing, updating, listing and merging behind `git http-backend`."""
    git(desk.path, "config", "http.receivepack", "true")
    with http_server(desk.folder) as address:
        url = f"{address}/registry.git"
        made = desk.publish(url=url)
        again = desk.publish(url=url, when=WHEN + 5)
        (listed,) = submissions(url)
        assert (listed.head, listed.base) == (again.head, "")
        assert made.head != again.head
        desk.merge(again)
        assert submissions(url) == ()
        desk.merge(desk.publish(url=url, version="1.1.0"))


def test_a_registry_that_declines_says_why(desk: Desk) -> None:
    """The words of its hook come through."""
    hook = desk.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho closed for today >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RemoteRefused, match="closed for today"):
        desk.publish()


def test_what_is_no_registry_is_said_to_be_none(desk: Desk, tmp_path: Path) -> None:
    """An empty repository, one without registry.yaml, and no repository at all."""
    with Repository.create(tmp_path / "other.git") as repo:
        with pytest.raises(FileMissing, match="no registry"):
            desk.publish(url=str(tmp_path / "other.git"))
        put(repo, {"x": b"1"})
    for url in ("other.git", "none.git"):
        with pytest.raises(FileMissing):
            desk.publish(url=str(tmp_path / url))


def test_check_takes_branches_and_commits(desk: Desk) -> None:
    """As the workflow of a registry calls it; what is not there is said."""
    made = desk.publish()
    with desk.open() as repo:
        assert check(repo, "main", made.branch) == check(repo, made.base, made.head) == ()
        for word in ("none", "0" * 40):
            with pytest.raises(SubmissionNotFound):
                check(repo, "main", word)
        assert [one.rule for one in check(repo, "main", "main")] == ["one-release"]
