"""Killed, starved or crowded while installing: the old state or the new, and nothing lost.

The kill -9 loop runs in a process of its own (this file as a program), which forks a child for each
point: every named checkpoint, and every single call that touches the file system, as Python's
audit hook sees it.
"""

from __future__ import annotations

import base64
import csv
import errno
import functools
import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from heimnetz_git.errors import DiskFull, HeimnetzError, HomeReadOnly
from heimnetz_git.install.fetch import fetcher
from heimnetz_git.install.garbage import collect_garbage
from heimnetz_git.install.generations import CODE, current, generations, receipts, stored
from heimnetz_git.model.lock import LockedPlugin
from heimnetz_git.model.release import Artifact
from heimnetz_git.storage.home import Home, storage_errors
from tests.installkit import Shelf

ROOT = Path(__file__).resolve().parent.parent.parent
OLD = {"device-registry": "1.0.0"}
NEW = {"device-registry": "1.1.0", "dhcp-leases": "1.0.0"}
TOUCHING = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.listdir")

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="forks, mounts: Linux only")


def shelf_in(folder: Path) -> Shelf:
    """The old release and the new ones."""
    shelf = Shelf(folder)
    shelf.add("device-registry", "1.0.0")
    return shelf


def restock(shelf: Shelf) -> None:
    """An update, and a plugin that requires it and brings Python packages."""
    shelf.add("device-registry", "1.1.0")
    shelf.add("dhcp-leases", requires={"device-registry": ">=1.1,<2"}, packages=["tzones"])


def packages(_: Sequence[str], folder: Path) -> None:
    """An installer of Python packages that writes one file."""
    folder.mkdir()
    (folder / "tzones.py").write_text("")


def no_path(plugin: LockedPlugin, artifact: Artifact) -> bytes:
    """Nothing lies in this index itself."""
    raise AssertionError


def update(home: Home, shelf: Shelf, checkpoint: Callable[[str], None] = lambda _: None) -> None:
    """The install under test, with the real cache of artifacts."""
    shelf.install(
        home,
        "dhcp-leases",
        fetch=fetcher(home, no_path),
        install=packages,
        checkpoint=checkpoint,
    )


def versions(home: Home) -> dict[str, str]:
    """What is active; every receipt must be readable."""
    return {name: each.release.version for name, each in sorted(receipts(home).items())}


def broken(home: Home) -> list[str]:
    """Everything in the store that is not whole: no receipt, or files other than recorded."""
    found = []
    for folder in home.store.glob("*/*"):
        name = folder.relative_to(home.store).as_posix()
        records = list((folder / CODE).glob("*.dist-info/RECORD"))
        if stored(home, name) is None or not records or not _is_recorded(records[0]):
            found.append(name)
    return found


def _is_recorded(record: Path) -> bool:
    rows = [row for row in csv.reader(record.read_text().splitlines()) if row[1]]
    for name, digest, _ in rows:
        data = (record.parent.parent / name).read_bytes()
        raw = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        if digest != f"sha256={raw}":
            return False
    return bool(rows)


def leftovers(home: Home) -> list[str]:
    """What no finished run leaves."""
    files = [*home.staging.glob("*"), *home.root.rglob(".*.tmp"), *home.artifacts.glob("*.part")]
    return [str(path) for path in files]


class Fuse:
    """Kills this process, as the machine's power switch would, at the ``end``-th spark."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.count = 0

    def spark(self, _: object = None) -> None:
        """One more."""
        self.count += 1
        if self.count == self.end:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, event: str, _: object) -> None:
        """For the audit hook."""
        if event in TOUCHING:
            self.spark()


def killed(run: Callable[[], None]) -> bool:
    """Run in a forked child; whether it was killed. Any other end but a good one is an error."""
    child = os.fork()
    if child == 0:
        try:
            run()
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if status:
        raise SystemExit(f"the child ended with {status}")
    return False


def base_home(folder: Path, shelf: Shelf, kind: str) -> Home:
    """The state before: the old generation, and older ones when garbage is to be collected."""
    base = Home(folder / "base")
    if kind == "garbage":
        for version in ("0.8.0", "0.9.0"):
            shelf.add("device-registry", version)
            shelf.install(base, "device-registry", fetch=fetcher(base, no_path))
    shelf.add("device-registry", "1.0.0")
    shelf.install(base, "device-registry", fetch=fetcher(base, no_path))
    restock(shelf)
    return base


def step(home: Home, shelf: Shelf, kind: str, fuse: Fuse | None = None) -> None:
    """The work that is killed, with the fuse where its sparks come from."""
    if fuse is not None and kind != "checkpoints":
        sys.addaudithook(fuse.hear)
    if kind == "garbage":
        collect_garbage(home, keep=1)
    elif fuse is not None and kind == "checkpoints":
        update(home, shelf, fuse.spark)
    else:
        update(home, shelf)


def dangling(home: Home) -> list[int]:
    """Generations whose plugins are not all whole in the store."""
    return [
        each.number
        for each in generations(home)
        if any(stored(home, folder) is None for folder in each.active.values())
    ]


def crash_everywhere(folder: Path, kind: str) -> dict[str, object]:
    """Kill the work at every point of that kind; what was wrong afterwards, and the figures."""
    shelf = Shelf(folder / "shelf")
    base = base_home(folder, shelf, kind)
    after = OLD if kind == "garbage" else NEW
    wrong: list[str] = []
    seen = {"old": 0, "new": 0}
    for point in itertools.count(1):
        home = Home(folder / "home")
        shutil.rmtree(home.root, ignore_errors=True)
        shutil.copytree(base.root, home.root)
        if not killed(functools.partial(step, home, shelf, kind, Fuse(point))):
            return {"points": point - 1, "wrong": wrong} | seen
        state = versions(home)
        if state not in (OLD, after) or broken(home) or dangling(home):
            wrong.append(f"{point}: {state} {broken(home)} {dangling(home)}")
        seen["old" if state == OLD else "new"] += 1
        step(home, shelf, kind)
        with home.lock():
            pass
        if versions(home) != after or broken(home) or leftovers(home):
            wrong.append(f"{point} again: {versions(home)} {broken(home)} {leftovers(home)}")
    raise AssertionError


@needs_linux
@pytest.mark.parametrize(("kind", "least"), [("checkpoints", 17), ("calls", 100), ("garbage", 30)])
def test_killed_at_every_point(tmp_path: Path, kind: str, least: int) -> None:
    """Afterwards the old or the new generation is active and whole; the next run gets there."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.test_install_crash", str(tmp_path), kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == []
    assert report["points"] >= least
    assert report["old"] > report["new"]
    assert report["new"] >= (kind != "garbage")


INSTALL_ONE = """
import sys
from pathlib import Path
from heimnetz_git.install.garbage import collect_garbage
from heimnetz_git.install.generations import current
from heimnetz_git.storage.home import Home
from tests.installkit import Shelf
home, name = Home(Path(sys.argv[1])), sys.argv[2]
shelf = Shelf(Path(sys.argv[3]))
for each in sys.argv[4:]:
    shelf.add(each)
with home.lock(timeout=60):
    active = current(home)
    shelf.install(home, *(active.active if active else ()), name)
"""


def test_two_installs_at_once_lose_nothing(tmp_path: Path) -> None:
    """Several processes on one home, each with its own plugin: in the end all are active."""
    names = ["alarm", "bell", "clock"]
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", INSTALL_ONE, str(tmp_path / "home"), name),
                *(str(tmp_path / f"shelf-{name}"), *names),
            ],
            cwd=ROOT,
        )
        for name in names
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    home = Home(tmp_path / "home")
    assert sorted(receipts(home)) == names
    active = current(home)
    assert active is not None
    assert active.number == 3
    assert leftovers(home) == []


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EROFS, HomeReadOnly)]
)
def test_a_disk_that_refuses_midway(tmp_path: Path, number: int, kind: type[HeimnetzError]) -> None:
    """The old generation stays, nothing is left behind, and with room the same install works."""
    shelf, home = shelf_in(tmp_path / "shelf"), Home(tmp_path / "home")
    shelf.install(home, "device-registry")
    restock(shelf)
    refusing = Refusing(home.root, number)
    with pytest.raises(kind):
        shelf.install(refusing, "dhcp-leases", install=packages)
    assert versions(home) == OLD
    assert leftovers(home) == []
    update(home, shelf)
    assert versions(home) == NEW


class Refusing(Home):
    """A home on a disk that refuses the receipt of a plugin, after its code was written."""

    def __init__(self, root: Path, number: int) -> None:
        super().__init__(root)
        self.number = number

    def write_atomic(self, path: Path, data: bytes) -> None:
        """As a home does, to where the disk says no."""
        with storage_errors(path):
            raise OSError(self.number, os.strerror(self.number), str(path))


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts something on a folder for one test; skips where that is not allowed."""
    points: list[Path] = []

    def mount(*arguments: str) -> Path:
        point = tmp_path / f"mount-{len(points)}"
        point.mkdir()
        done = subprocess.run(
            ["mount", *arguments, str(point)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
        points.append(point)
        return point

    yield mount
    for point in points:
        subprocess.run(["umount", "-l", str(point)], check=True)


@needs_linux
def test_a_full_disk(tmp_path: Path, mounted: Callable[..., Path]) -> None:
    """On a real small disk: DiskFull, the old generation, and no staging that takes the room."""
    home = Home(mounted("-t", "tmpfs", "-o", "size=256k", "tmpfs") / "home")
    shelf = shelf_in(tmp_path / "shelf")
    shelf.install(home, "device-registry")
    big = {"clock/__init__.py": "", "clock/big.bin": os.urandom(300_000)}
    shelf.add("clock", files=big | {"clock/__init__.py": "class Clock: ..."})
    with pytest.raises(DiskFull):
        shelf.install(home, "device-registry", "clock")
    assert versions(home) == OLD
    assert leftovers(home) == []
    shelf.add("bell")
    shelf.install(home, "device-registry", "bell")
    assert sorted(versions(home)) == ["bell", "device-registry"]


@needs_linux
def test_a_read_only_home(tmp_path: Path, mounted: Callable[..., Path]) -> None:
    """Reading works, every change is HomeReadOnly, and nothing is half done."""
    shelf = shelf_in(tmp_path / "shelf")
    shelf.install(Home(tmp_path / "home"), "device-registry")
    point = mounted("--bind", "-o", "ro", str(tmp_path / "home"))
    home = Home(point)
    assert versions(home) == OLD
    restock(shelf)
    with pytest.raises(HomeReadOnly):
        shelf.install(home, "dhcp-leases", install=packages)
    assert versions(home) == OLD


if __name__ == "__main__":
    sys.stdout.write(json.dumps(crash_everywhere(Path(sys.argv[1]), sys.argv[2])))
