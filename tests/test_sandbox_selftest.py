"""What a user learns of the sandbox: what the machine can do, what holds, what was tried."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox import abilities as remembered
from heimnetz_git.sandbox.explain import as_document, as_lines
from heimnetz_git.sandbox.layout import Folders, Machine
from heimnetz_git.sandbox.levels import LEVELS, Abilities, engine_for, missing
from heimnetz_git.sandbox.profile import profile_of
from heimnetz_git.sandbox.selftest import self_test
from tests.pluginkit import granted
from tests.sandboxkit import needs_levels

ABLE = Abilities(
    system="linux", processor="x86_64", landlock=7, seccomp=True, namespaces=True, users=True
)
FORBIDDEN = msgspec.structs.replace(
    ABLE, namespaces=False, reasons={"namespaces": "they are forbidden"}
)
WRAPPED = msgspec.structs.replace(FORBIDDEN, bubblewrap="/usr/bin/bwrap")
BARE = msgspec.structs.replace(FORBIDDEN, landlock=0)
MAC = Abilities(system="darwin", processor="arm64")
ROOT = msgspec.structs.replace(ABLE, root=True, users=False)

KEPT = {
    "all of it": (ABLE, "yyyy", "namespaces"),
    "no namespaces": (FORBIDDEN, "yynn", ""),
    "bubblewrap may": (WRAPPED, "yyyn", "bubblewrap"),
    "no Landlock either": (BARE, "ynnn", ""),
    "not Linux": (MAC, "ynnn", ""),
    "root without other users": (ROOT, "ynnn", "namespaces"),
}


@pytest.mark.parametrize(("abilities", "kept", "engine"), KEPT.values(), ids=KEPT.keys())
def test_a_level_is_promised_only_where_it_can_be_kept(
    abilities: Abilities, kept: str, engine: str
) -> None:
    """With a reason where it cannot; never a weaker one under the same name."""
    found = "".join("n" if missing(level, abilities) else "y" for level in LEVELS)
    assert found == kept
    assert engine_for("strict", abilities) == engine
    assert engine_for("minimal", abilities) == ""


@needs_levels
def test_the_self_test_attacks_and_counts() -> None:
    """Nothing escapes that the level promises to stop."""
    (tested,) = self_test(("strict",))
    assert tested.escaped == ()
    assert sum(count for _, count in tested.groups.values()) >= 120


def test_a_level_that_cannot_be_kept_is_not_tried() -> None:
    """It says why."""
    (tested,) = self_test(("strict",), abilities=lambda: FORBIDDEN)
    assert "forbidden" in tested.unkept
    assert tested.groups == {}


def test_what_was_found_out_is_remembered_for_this_machine_only(tmp_path: Path) -> None:
    """A file about another kernel is not believed, nor one that cannot be read."""
    first = remembered.abilities(tmp_path)
    file = tmp_path / "sandbox.json"
    remembered.forget()
    assert remembered.abilities(tmp_path) == first
    stale = msgspec.json.decode(file.read_bytes())
    stale["key"] = "another kernel"
    stale["abilities"]["landlock"] = 99
    file.write_bytes(msgspec.json.encode(stale))
    remembered.forget()
    assert remembered.abilities(tmp_path) == first
    file.write_bytes(b"{")
    remembered.forget()
    assert remembered.abilities(tmp_path) == first
    remembered.forget(tmp_path)
    assert not file.exists()


def test_a_profile_is_explained_whole() -> None:
    """Mounts, files, system calls, limits, network, promises."""
    machine = Machine("linux", "x86_64", ("/opt/python",), {"/lib": "usr/lib"}, landlock=7)
    folders = Folders(("/store/x",), "/data/x", ("/sdk",))
    grants: Permissions = granted(read=("/srv",), connect=("example.org:443",))
    profile = profile_of(grants, Limits(), folders, machine, engine="namespaces", level="maximum")
    document = as_document(profile)
    assert document["level"] == "maximum"
    assert "/srv" in document["landlock"]["read"]
    assert {"connect", "execve", "ptrace", "socket"} <= set(document["system_calls"]["refused"])
    assert "read" in document["system_calls"]["only"]
    assert document["network"]["brokered"]
    said = "\n".join(as_lines(profile))
    assert "/data/x: writable, no code from it" in said
    assert "Enforced by the host: it makes every connection itself" in said
