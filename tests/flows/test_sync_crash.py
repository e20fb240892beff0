"""An update that is killed at any step leaves the old index or the new one; the next finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.registry.cache import Cache
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.repo import Repository
from tests.gitkit import WHEN, fsck, put
from tests.indexkit import confined, entry_file, index_files, release_file

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")

OLD = index_files({"clock": ("1.0.0", "1.1.0")})
NEW = release_file("radio") | entry_file("radio") | entry_file("clock", yanked={"1.1.0": "no"})
OLD_STATE = (["clock"], [None, None])
NEW_STATE = (["clock", "radio"], ["no", None])

# What the other process runs: one call, ended by SIGKILL after the step that it is told.
VICTIM = """
import os, signal, sys
from pathlib import Path
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.storage.home import Home

call, root, url, last = sys.argv[1:]

def checkpoint(step):
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)

home = Home(Path(root))
if call == "remove":
    sync.remove(home, "acme", checkpoint=checkpoint)
else:
    sync.update(home, "acme", IndexSettings(url=url), checkpoint=checkpoint, clock=lambda: 0)
"""


def killed(call: str, home: Home, url: str, step: str) -> bool:
    """Runs the call in a process that dies after ``step``; False when it never got there."""
    words = [sys.executable, "-c", VICTIM, call, str(home.root), url, step]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode != 0


def seen(home: Home, settings: IndexSettings) -> tuple[list[str], list[str | None]]:
    """What a reader finds now: the names, and which releases of the clock are yanked."""
    with Catalog(home, {"acme": settings}) as catalog:
        return list(catalog.names()), [one.yanked for one in catalog.releases("clock")]


def settled(home: Home) -> None:
    """After the next run nothing is half done and nothing is left over."""
    with (
        Repository.open(home.index("acme")) as repo,
        Cache.open(home.index_cache("acme"), index="acme") as cache,
    ):
        assert cache.commit == repo.branch("main")
    fsck(home.index("acme"))
    assert list(home.staging.iterdir()) == []
    assert os.listdir(home.cache) == ["acme.sqlite"]  # noqa: PTH208 # names alone


def write(folder: Path, files: dict[str, bytes]) -> None:
    """These files as a plain folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def with_repository(folder: Path) -> tuple[str, Callable[[], object]]:
    """A registry as a repository, and how it changes."""
    with Repository.create(folder / "remote.git") as repo:
        put(repo, OLD)

    def change() -> None:
        with Repository.open(folder / "remote.git") as repo:
            put(repo, NEW)

    return str(folder / "remote.git"), change


def with_folder(folder: Path) -> tuple[str, Callable[[], object]]:
    """A registry as a plain folder, and how it changes."""
    write(folder / "stick", OLD)
    return str(folder / "stick"), lambda: write(folder / "stick", NEW)


UPDATE_STEPS = ["fetched", "judged", "cache-written", "cached", "accepted"]


@pytest.mark.parametrize("source", [with_repository, with_folder])
@pytest.mark.parametrize("step", UPDATE_STEPS)
def test_an_update_killed_at_a_step(
    tmp_path: Path, step: str, source: Callable[[Path], tuple[str, Callable[[], object]]]
) -> None:
    """A reader sees the old index until the new one is accepted; the next update completes it."""
    url, change = source(tmp_path)
    home, settings = Home(tmp_path / "home"), IndexSettings(url=url)
    sync.add(home, "acme", settings, clock=lambda: WHEN)
    change()
    assert killed("update", home, url, step)
    assert seen(home, settings) == (NEW_STATE if step == "accepted" else OLD_STATE)
    sync.update(home, "acme", settings)
    assert seen(home, settings) == NEW_STATE
    settled(home)


def test_an_update_killed_when_half_of_it_is_on_the_disk(tmp_path: Path) -> None:
    """A change too large for memory reaches the file early; its journal takes it back."""
    url, _ = with_repository(tmp_path)
    home, settings = Home(tmp_path / "home"), IndexSettings(url=url)
    sync.add(home, "acme", settings)
    size = home.index_cache("acme").stat().st_size
    large = {"description": "x" * 30_000}
    files = [release_file("clock", f"2.{minor}.0", config=large) for minor in range(200)]
    with Repository.open(tmp_path / "remote.git") as repo:
        put(repo, {path: data for file in files for path, data in file.items()})
    assert killed("update", home, url, "cache-written")
    assert home.index_cache("acme").stat().st_size > size
    assert home.index_cache("acme").with_name("acme.sqlite-journal").exists()
    assert seen(home, settings) == OLD_STATE
    assert sync.update(home, "acme", settings).added == 200
    settled(home)


@pytest.mark.parametrize("step", ["cache-built", "cached"])
def test_a_rebuild_killed_at_a_step(tmp_path: Path, step: str) -> None:
    """A torn cache that was being built anew is built anew by whoever comes next."""
    url, change = with_repository(tmp_path)
    home, settings = Home(tmp_path / "home"), IndexSettings(url=url)
    sync.add(home, "acme", settings)
    change()
    home.index_cache("acme").write_bytes(b"torn")
    assert killed("update", home, url, step)
    assert seen(home, settings) == OLD_STATE
    sync.update(home, "acme", settings)
    assert seen(home, settings) == NEW_STATE
    settled(home)


@pytest.mark.parametrize(
    "step", ["fetched", "judged", "cache-built", "cached", "accepted", "placed"]
)
def test_an_add_killed_at_a_step(tmp_path: Path, step: str) -> None:
    """There is no index or a whole one; adding again gives it."""
    url, _ = with_repository(tmp_path)
    home, settings = Home(tmp_path / "home"), IndexSettings(url=url)
    assert killed("update", home, url, step)
    assert home.index("acme").exists() is (step == "placed")
    if step == "placed":
        assert seen(home, settings) == OLD_STATE
    sync.add(home, "acme", settings)
    assert seen(home, settings) == OLD_STATE
    settled(home)


def test_a_removal_killed_halfway(tmp_path: Path) -> None:
    """The index is gone; what is left of it does not stand in the way of the next."""
    url, _ = with_repository(tmp_path)
    home, settings = Home(tmp_path / "home"), IndexSettings(url=url)
    sync.add(home, "acme", settings)
    assert killed("remove", home, url, "taken")
    assert not home.index("acme").exists()
    sync.add(home, "acme", settings)
    assert seen(home, settings) == OLD_STATE
    settled(home)


# What runs where the home has 1 MB: an index is added, grows beyond that, and is asked.
FULL = """
import sys
from pathlib import Path
from heimnetz_git.errors import DiskFull
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.storage.home import Home

home, url = Home(Path(sys.argv[1])), sys.argv[2]
for address in (url, sys.argv[3], url):
    try:
        print(sync.update(home, "acme", IndexSettings(url=address)).added)
    except DiskFull as error:
        print("full", list(home.staging.iterdir()))
    with Catalog(home, {"acme": IndexSettings(url=url)}) as catalog:
        print(*catalog.names())
"""


@pytest.mark.parametrize("random", [True, False], ids=["in the clone", "in the cache"])
def test_a_full_disk_leaves_the_old_state(tmp_path: Path, random: bool) -> None:
    """The update says so, cleans up, and the index goes on being used."""
    url, _ = with_repository(tmp_path)
    text = os.urandom(15_000).hex() if random else "x" * 30_000
    files = [release_file("clock", f"2.{n}.0", config={"description": text}) for n in range(60)]
    files = [*files, *([{"noise": os.urandom(2_000_000)}] if random else [])]
    with Repository.create(tmp_path / "grown.git") as repo:
        put(repo, OLD)
        put(repo, {path: data for file in files for path, data in file.items()})
    home = tmp_path / "home"
    home.mkdir()
    mounts = ["--size", "1000000", "--tmpfs", str(home)]
    done = confined(mounts, FULL, str(home), url, str(tmp_path / "grown.git"))
    assert done.stderr == ""
    assert done.stdout.split("\n") == ["2", "clock", "full []", "clock", "0", "clock", ""]


def test_every_step_is_one_that_is_killed_at() -> None:
    """A new step of an update needs its place above."""
    named = {*UPDATE_STEPS, "cache-built", "placed"}
    assert named == set(sync.STEPS)
