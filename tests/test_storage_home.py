"""The local home: paths, the lock over it, safe writing, and what a failing disk says."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from heimnetz_git.errors import DiskFull, HeimnetzError, HomeBusy, HomeReadOnly, StorageError
from heimnetz_git.storage.home import (
    Home,
    default_root,
    move_into_place,
    site_settings,
    storage_errors,
    sync_tree,
    user_settings,
    write_atomic,
)

HOLDER = """
import sys, time
from pathlib import Path
from heimnetz_git.storage.home import Home
with Home(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that does not exist yet."""
    return Home(tmp_path / "home")


def hold(home: Home, seconds: float) -> subprocess.Popen[str]:
    """Another process that holds the lock of ``home``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.root), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """The process is gone, without a word."""
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_the_environment_names_the_home(tmp_path: Path) -> None:
    """HEIMNETZ_GIT_HOME wins; empty counts as unset; a tilde is the user's folder."""
    assert default_root({"HEIMNETZ_GIT_HOME": str(tmp_path)}) == tmp_path
    assert default_root({"HEIMNETZ_GIT_HOME": ""}) == default_root({})
    assert default_root({"HEIMNETZ_GIT_HOME": "~/x"}) == Path.home() / "x"


def test_without_a_name_the_platform_says_where() -> None:
    """The default home and the settings are in folders named for the program."""
    for path in (default_root({}), user_settings().parent, site_settings().parent):
        assert "heimnetz-git" in str(path)


def test_a_home_makes_nothing_by_itself(home: Home) -> None:
    """Looking at paths leaves no folder behind."""
    assert home.index("acme") == home.root / "indexes" / "acme.git"
    assert home.index_cache("acme") == home.root / "cache" / "acme.sqlite"
    assert home.artifact("ab") == home.root / "artifacts" / "ab"
    assert home.generation(3) == home.root / "generations" / "3.json"
    assert home.plugin_data("clock") == home.root / "data" / "clock"
    assert home.plugin_config("clock") == home.root / "config" / "clock.yaml"
    assert not home.root.exists()


def test_writing_replaces_the_whole_file(home: Home) -> None:
    """A written file has the new bytes only, and nothing else lies beside it."""
    home.write_atomic(home.current, b"a longer text")
    home.write_atomic(home.current, b"1")
    assert home.current.read_bytes() == b"1"
    assert [path.name for path in home.root.iterdir()] == ["current"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """When the new file cannot take the place, the old state stays and no leftover remains."""
    (tmp_path / "current").mkdir()
    with pytest.raises(StorageError):
        write_atomic(tmp_path / "current", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["current"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EROFS, HomeReadOnly),
        (errno.EACCES, HomeReadOnly),
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EIO, StorageError),
    ],
)
def test_a_failing_disk_has_a_name(number: int, kind: type[HeimnetzError]) -> None:
    """Each kind of refusal by the disk is the error that says what to do about it."""
    with pytest.raises(kind) as caught, storage_errors(Path("/some/where")):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is kind
    assert "/some/where" in str(caught.value)


def test_a_second_process_is_told_who_holds_the_lock(home: Home) -> None:
    """HomeBusy names the holder's process id when the time to wait is over."""
    holder = hold(home, 60)
    try:
        with pytest.raises(HomeBusy) as caught, home.lock(timeout=0.1):
            pass
        assert caught.value.facts["pid"] == holder.pid
        assert str(holder.pid) in str(caught.value)
    finally:
        end(holder)


def test_a_second_process_waits_for_the_first(home: Home) -> None:
    """Within the time to wait, the lock is taken as soon as it is free."""
    holder = hold(home, 0.3)
    try:
        with home.lock(timeout=20):
            assert holder.wait() == 0
    finally:
        end(holder)


def test_the_lock_of_a_killed_process_is_free(home: Home) -> None:
    """Nobody has to remove a lock by hand."""
    end(hold(home, 60))
    with home.lock(timeout=0):
        pass


def test_the_holder_may_enter_again(home: Home) -> None:
    """A step that locks works inside one that has locked; another thread is kept out throughout."""
    seen: list[type[BaseException] | None] = []

    def intrude() -> None:
        try:
            with home.lock(timeout=0):
                seen.append(None)
        except HomeBusy as error:
            seen.append(type(error))

    with home.lock():
        with home.lock():
            pass
        for _ in range(2):
            thread = threading.Thread(target=intrude)
            thread.start()
            thread.join()
        staged = home.new_staging("again")
        with home.lock():
            assert staged.is_dir()
    assert seen == [HomeBusy, HomeBusy]


def test_taking_the_lock_sweeps_what_a_killed_run_left(home: Home) -> None:
    """Staging and half-written files go; everything else stays."""
    with home.lock():
        left = home.new_staging("clock")
        (left / "half").write_text("x")
    home.write_atomic(home.generation(1), b"{}")
    torn = home.generations / ".2.json.77-0.tmp"
    torn.write_text("{")
    with home.lock():
        assert list(home.staging.iterdir()) == []
        assert [path.name for path in home.generations.iterdir()] == ["1.json"]


def test_a_folder_moves_into_place_whole(home: Home) -> None:
    """The target appears with all that was staged; an existing target is never replaced."""
    with home.lock():
        for number in range(2):
            staged = home.new_staging("clock")
            (staged / "code").mkdir()
            (staged / "code" / "a.py").write_text(str(number))
            sync_tree(staged)
            if number == 0:
                move_into_place(staged, home.store / "clock" / "1")
                continue
            with pytest.raises(StorageError):
                move_into_place(staged, home.store / "clock" / "1")
    assert (home.store / "clock" / "1" / "code" / "a.py").read_text() == "0"


def test_a_home_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    """A nonsense home is explained, not a trace."""
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageError), Home(tmp_path / "home").lock():
        pass
