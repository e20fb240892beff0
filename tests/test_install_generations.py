"""Generations: what is active, the way back, and what may be thrown away."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heimnetz_git.errors import (
    FormatTooNew,
    GenerationNotFound,
    InvalidFile,
    PluginNotFound,
    StorageError,
    UsageError,
)
from heimnetz_git.install.garbage import collect_garbage
from heimnetz_git.install.generations import (
    current,
    generation,
    generations,
    installed,
    receipt,
    receipts,
    rollback,
)
from heimnetz_git.storage.home import Home
from tests.installkit import Shelf


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty shelf."""
    return Shelf(tmp_path / "shelf")


def grow(home: Home, shelf: Shelf, *versions: str) -> None:
    """One generation of ``clock`` for each version."""
    for version in versions:
        shelf.add("clock", version)
        shelf.install(home, "clock")


def version(home: Home) -> str:
    """The active version of ``clock``."""
    return receipt(home, "clock").release.version


def test_an_empty_home_has_nothing(home: Home) -> None:
    """No generation, no receipts, nothing to go back to; and nothing is made by asking."""
    assert current(home) is None
    assert generations(home) == ()
    assert receipts(home) == {}
    assert installed(home).receipts == {}
    with pytest.raises(PluginNotFound):
        receipt(home, "clock")
    assert not home.root.exists()
    with pytest.raises(GenerationNotFound):
        rollback(home)


def test_rolling_back_goes_to_the_parent(home: Home, shelf: Shelf) -> None:
    """One step each time; at the first generation there is no further back."""
    grow(home, shelf, "1.0.0", "1.1.0", "1.2.0")
    assert (rollback(home).number, version(home)) == (2, "1.1.0")
    assert (rollback(home).number, version(home)) == (1, "1.0.0")
    with pytest.raises(GenerationNotFound, match="before the active"):
        rollback(home)
    assert [each.number for each in generations(home)] == [1, 2, 3]


def test_any_generation_can_be_made_active(home: Home, shelf: Shelf) -> None:
    """Forwards as well as backwards, by its number."""
    grow(home, shelf, "1.0.0", "1.1.0", "1.2.0")
    rollback(home, 1)
    assert rollback(home, 3).number == 3
    assert version(home) == "1.2.0"
    with pytest.raises(GenerationNotFound, match="no generation 9"):
        rollback(home, 9)


def test_a_change_after_a_rollback_counts_on(home: Home, shelf: Shelf) -> None:
    """Numbers are never used twice; the parent is the generation that was active."""
    grow(home, shelf, "1.0.0", "1.1.0")
    rollback(home)
    grow(home, shelf, "1.3.0")
    active = current(home)
    assert active is not None
    assert (active.number, active.parent) == (3, 1)


def test_a_rollback_to_what_is_gone_is_refused(home: Home, shelf: Shelf) -> None:
    """Nothing is switched to a generation whose plugin is no longer whole."""
    grow(home, shelf, "1.0.0", "1.1.0")
    old = generation(home, 1)
    shutil.rmtree(home.store / old.active["clock"] / "code")
    with pytest.raises(StorageError, match="not complete"):
        rollback(home)
    assert version(home) == "1.1.0"


@pytest.mark.parametrize("content", [b"", b"x", b"-1", b"\xff\xfe", b"1 2"])
def test_a_damaged_pointer_is_explained_and_mended(
    home: Home, shelf: Shelf, content: bytes
) -> None:
    """A rollback to a number needs no readable pointer."""
    grow(home, shelf, "1.0.0")
    home.current.write_bytes(content)
    with pytest.raises(GenerationNotFound, match="does not hold"):
        current(home)
    rollback(home, 1)
    assert version(home) == "1.0.0"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", InvalidFile),
        (b'{"format":1}', InvalidFile),
        (b"\xff", InvalidFile),
        (b"[" * 100_000, InvalidFile),
        (b'{"format":2}', FormatTooNew),
    ],
)
def test_a_damaged_generation_is_explained(
    home: Home, shelf: Shelf, content: bytes, kind: type[InvalidFile]
) -> None:
    """It is named, with what is wrong; one of a newer format by its own error."""
    grow(home, shelf, "1.0.0")
    home.generation(1).write_bytes(content)
    with pytest.raises(kind) as caught:
        current(home)
    assert type(caught.value) is kind
    assert "1.json" in str(caught.value)


def test_garbage_is_what_no_kept_generation_needs(home: Home, shelf: Shelf) -> None:
    """Old generations, their folders and cached wheels go; the newest ones can still be used."""
    grow(home, shelf, "1.0.0", "1.1.0", "1.2.0")
    for candidate in ("old", shelf.candidates["clock"].release.artifacts[0].sha256):
        home.write_atomic(home.artifact(candidate), b"wheel")
    oldest = generation(home, 1).active["clock"]
    got = collect_garbage(home, keep=2)
    assert (got.generations, got.folders, got.artifacts) == ((1,), (oldest,), ("old",))
    assert got.freed > 500
    assert not (home.store / oldest).exists()
    assert rollback(home).number == 2
    assert collect_garbage(home, keep=2).freed == 0


def test_the_active_generation_is_never_garbage(home: Home, shelf: Shelf) -> None:
    """Rolled back far, it stays though it is the oldest."""
    grow(home, shelf, "1.0.0", "1.1.0", "1.2.0")
    rollback(home, 1)
    assert collect_garbage(home, keep=1).generations == (2,)
    assert version(home) == "1.0.0"
    assert rollback(home, 3).number == 3


def test_at_least_one_generation_is_kept(home: Home) -> None:
    """To keep none is no request."""
    with pytest.raises(UsageError):
        collect_garbage(home, keep=0)
    assert collect_garbage(home, keep=1).freed == 0


def test_folders_that_never_became_active_are_garbage(home: Home, shelf: Shelf) -> None:
    """What a killed install left in the store goes, and its empty parent with it."""
    grow(home, shelf, "1.0.0")
    (home.store / "alarm" / "1.0.0-0123456789ab" / "code").mkdir(parents=True)
    assert collect_garbage(home).folders == ("alarm/1.0.0-0123456789ab",)
    assert [path.name for path in home.store.iterdir()] == ["clock"]


def test_running_a_plugin_needs_none_of_the_heavy_libraries() -> None:
    """Reading receipts is JSON only: no YAML, no Git, no HTTP, no installer."""
    heavy = "{'ruamel', 'dulwich', 'urllib3', 'installer', 'packaging', 'sqlite3'}"
    code = f"import sys, heimnetz_git.install.generations; print({heavy} & sys.modules.keys())"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert shown == "set()\n"
