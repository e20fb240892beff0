"""A project's lock from the command line: terms, reasons, other programs' forms and back."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.exportkit import served, with_wheel
from tests.flows.kit import Machine, Registry
from tests.indexkit import entry_file, release_file

OLD = {"requires": {"clock": ">=1.0,<2"}}
MERGED: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "clock": {"1.0.0": ("01", {}), "1.1.0": ("02", {}), "2.0.0": ("03", {})},
    "lamp": {"1.0.0": ("01", OLD), "1.1.0": ("04", OLD)},
    "radio": {"1.0.0": ("02", {"requires": {"clock": ">=2"}})},
}


def files(shelf: Path, name: str, version: str, month: str, manifest: dict[str, Any]) -> Any:
    """A release that the registry merged on the first of a month of 2026."""
    when = f"2026-{month}-01T00:00:00Z"
    return with_wheel(shelf, name, version, merged=when, manifest=manifest)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry: clock; lamp, which needs clock below 2; radio, which needs 2."""
    folder = tmp_path_factory.mktemp("made")
    registry = Registry(folder / "lab.git")
    put: dict[str, bytes | None] = {}
    for name, versions in MERGED.items():
        put |= entry_file(name)
        for version, (month, manifest) in versions.items():
            put |= files(folder / "lab.dist", name, version, month, manifest)
    registry.put(put)
    return folder


@pytest.fixture(scope="module")
def template(made: Path) -> Machine:
    """A machine with that registry as its index; not to be changed."""
    found = Machine(made / "template")
    found.do("index", "add", "lab", made / "lab.git")
    return found


@pytest.fixture
def machine(template: Machine, tmp_path: Path) -> Machine:
    """A copy of that machine; the registry itself is shared."""
    shutil.copytree(template.home, tmp_path / "home")
    return Machine(tmp_path)


def project(machine: Machine, plugins: str, more: str = "") -> None:
    """Write a project's file."""
    text = f"format: 1\nplugins: {plugins}\n{more}"
    (machine.work / "heimnetz.yaml").write_text(text, "utf-8")


def locked(machine: Machine, *words: str) -> dict[str, str]:
    """What ``lock`` chooses, by name."""
    found = machine.ask("lock", *words)["lock"]["plugins"]
    return {one["name"]: one["version"] for one in found}


TERMS = {
    "nothing said": ((), {"clock": "1.1.0", "lamp": "1.1.0"}),
    "a constraint": (("--constraint", "clock<1.1"), {"clock": "1.0.0", "lamp": "1.1.0"}),
    "one on what is not needed": (("--constraint", "radio<1"), {"clock": "1.1.0", "lamp": "1.1.0"}),
    "two that add up": (
        ("--constraint", "clock>=1.0.0", "--constraint", "Clock<1.1"),
        {"clock": "1.0.0", "lamp": "1.1.0"},
    ),
    "an override": (("--override", "clock>=2"), {"clock": "2.0.0", "lamp": "1.1.0"}),
    "a date": (("--exclude-newer", "2026-01-31"), {"clock": "1.0.0", "lamp": "1.0.0"}),
    "a moment": (
        ("--exclude-newer", "2026-02-01T00:00:00Z"),
        {"clock": "1.1.0", "lamp": "1.0.0"},
    ),
    "lowest": (("--resolution", "lowest"), {"clock": "1.0.0", "lamp": "1.0.0"}),
    "lowest direct": (("--resolution", "lowest-direct"), {"clock": "1.1.0", "lamp": "1.0.0"}),
}


@pytest.mark.parametrize(("words", "chosen"), TERMS.values(), ids=TERMS)
def test_the_terms_bind_the_choice(
    machine: Machine, words: tuple[str, ...], chosen: dict[str, str]
) -> None:
    """Each option of lock, on one project."""
    project(machine, "{lamp: ''}")
    assert locked(machine, *words) == chosen


def test_terms_in_the_projects_file_hold_for_everyone(machine: Machine) -> None:
    """What lock read there, sync --locked holds the lock to; the command line comes on top."""
    terms = "constraints: {lamp: <1.1}\noverrides: {clock: '>=2'}\nexclude_newer: 2026-12-31\n"
    project(machine, "{lamp: ''}", terms)
    assert locked(machine) == {"clock": "2.0.0", "lamp": "1.0.0"}
    machine.do("sync", "--locked", "--yes")
    assert machine.versions == {"clock": "2.0.0", "lamp": "1.0.0"}
    assert machine.ask("lock", "--check")["changed"] is False
    assert locked(machine, "--override", "clock==1.0.0")["clock"] == "1.0.0"

    machine.do("lock")
    project(machine, "{lamp: ''}", "constraints: {lamp: '>=1.1'}\noverrides: {clock: '>=2'}\n")
    error = machine.refuse(8, "sync", "--locked", "--yes")
    assert "lamp is bound to >=1.1, and 1.0.0 is locked" in error["message"]
    project(machine, "{lamp: ''}")
    assert machine.refuse(8, "sync", "--locked", "--yes")["code"] == "lock-out-of-date"


def test_terms_come_from_files_and_every_bad_line_is_told(machine: Machine) -> None:
    """One range on a line, comments; otherwise file, line and column of each."""
    project(machine, "{lamp: ''}")
    listed = machine.work / "bounds.txt"
    listed.write_text("# known to work\nclock == 1.0.0  # slow\n\nlamp<1.1\n", "utf-8")
    assert locked(machine, "--constraint", "bounds.txt") == {"clock": "1.0.0", "lamp": "1.0.0"}
    listed.write_text("clock>>1\nlamp<1.1\n-r other.txt\nlamp\n", "utf-8")
    error = machine.refuse(1, "lock", "--constraint", "bounds.txt")
    places = [(one["location"]["line"], one["location"]["column"]) for one in error["problems"]]
    assert places == [(1, 1), (3, 1), (4, 1)]
    assert machine.refuse(3, "lock", "--constraint", "gone.txt")["code"] == "file-missing"
    words = ("--override", "clock==1.0.0", "--override", "clock==2.0.0")
    assert "overridden twice" in machine.refuse(2, "lock", *words)["message"]
    assert "UTC date" in machine.refuse(2, "lock", "--exclude-newer", "yesterday")["message"]


def test_one_plugin_is_upgraded_and_nothing_else_moves(machine: Machine) -> None:
    """A lock is kept but for what is named; a new wish changes no more than it must."""
    project(machine, "{lamp: ''}")
    locked(machine, "--resolution", "lowest")
    assert locked(machine) == {"clock": "1.0.0", "lamp": "1.0.0"}
    assert "Did you mean 'lamp'" in machine.refuse(3, "lock", "--upgrade", "lmap")["message"]
    assert locked(machine, "--upgrade", "lamp") == {"clock": "1.0.0", "lamp": "1.1.0"}
    project(machine, "{lamp: '<1.1', clock: ''}")
    assert locked(machine) == {"clock": "1.0.0", "lamp": "1.0.0"}
    assert locked(machine, "--upgrade") == {"clock": "1.1.0", "lamp": "1.0.0"}


def test_a_yanked_release_stays_for_who_locked_it(made: Path, tmp_path: Path) -> None:
    """Even when something else is chosen anew; nobody else gets it."""
    registry = Registry(made / "lab.git").copy(tmp_path)
    machine = Machine(tmp_path)
    machine.do("index", "add", "lab", registry.path)
    project(machine, "{lamp: ''}")
    assert locked(machine)["clock"] == "1.1.0"
    registry.put(entry_file("clock", yanked={"1.1.0": "slow"}))
    machine.do("index", "update")
    project(machine, "{lamp: '<1.1'}")
    assert locked(machine) == {"clock": "1.1.0", "lamp": "1.0.0"}
    assert locked(machine, "--upgrade", "clock")["clock"] == "1.0.0"


def test_an_overlay_serves_some_names_and_the_rest_comes_from_below(
    machine: Machine, tmp_path: Path
) -> None:
    """A registry of higher priority patches one plugin; the lock says which is from where."""
    own = Registry(tmp_path / "own.git")
    own.put(entry_file("clock") | files(tmp_path / "own.dist", "clock", "1.9.0", "05", {}))
    machine.do("index", "add", "own", own.path, "--priority", "5")
    project(machine, "{lamp: ''}")
    found = machine.ask("lock")["lock"]
    origin = {one["name"]: found["registries"][one["registry"]] for one in found["plugins"]}
    assert origin == {"clock": "own", "lamp": "lab"}
    assert locked(machine) == {"clock": "1.9.0", "lamp": "1.1.0"}


def test_a_choice_is_explained(machine: Machine) -> None:
    """Who asked, along which way, and what keeps each newer release away; nothing is written."""
    project(machine, "{lamp: ''}")
    said = machine.do("lock", "--explain", "clock")
    assert said.splitlines()[:2] == [
        "clock 1.1.0",
        "  asked for -> lamp 1.1.0 -> clock 1.1.0 (>=1.0,<2)",
    ]
    assert "Not 2.0.0:" in said
    assert "require clock >=1.0,<2" in said
    assert not (machine.work / "heimnetz.lock").exists()
    found = machine.ask("lock", "--explain", "clock")["choice"]
    assert (found["version"], found["newer"][0]["version"]) == ("1.1.0", "2.0.0")
    assert machine.refuse(3, "lock", "--explain", "radio")["code"] == "plugin-not-found"


WHY_NOT = {
    "another's range": ("clock==2.0.0", (), "require clock >=1.0,<2"),
    "merely older": ("clock==1.0.0", (), "1.1.0 is preferred"),
    "the very one": ("clock@1.1.0", (), "is what is chosen"),
    "not needed": ("radio==1.0.0", (), "clock >=2"),
    "a constraint": ("lamp==1.1.0", ("--constraint", "lamp<1.1"), "lamp <1.1"),
    "the date": ("lamp==1.1.0", ("--exclude-newer", "2026-03-01"), "2026-03-01"),
}


@pytest.mark.parametrize(("release", "words", "said"), WHY_NOT.values(), ids=WHY_NOT)
def test_why_not_says_what_keeps_a_release_away(
    machine: Machine, release: str, words: tuple[str, ...], said: str
) -> None:
    """In a project, before anything is locked."""
    project(machine, "{lamp: ''}")
    assert said in machine.do("why-not", release, *words)


def test_why_not_of_what_is_installed(machine: Machine) -> None:
    """Where there is no project."""
    machine.do("install", "lamp", "--yes")
    assert "require clock >=1.0,<2" in machine.do("why-not", "clock==2.0.0")
    assert machine.ask("why-not", "clock==1.0.0")["possible"] is True


def test_why_not_refuses_what_is_no_release(machine: Machine) -> None:
    """A range, a stranger, a version that nobody published."""
    for text, code in (
        ("clock>=1", "usage"),
        ("clock==1.*", "usage"),
        ("clokc==1.0.0", "plugin-not-found"),
        ("clock==7.0.0", "release-not-found"),
    ):
        assert machine.run("why-not", text, "--json").error["code"] == code


def test_install_and_update_take_the_terms_too(machine: Machine) -> None:
    """For this one choice; the next is made without them."""
    machine.do("install", "lamp", "--yes", "--exclude-newer", "2026-01-31")
    assert machine.versions == {"clock": "1.0.0", "lamp": "1.0.0"}
    machine.do("update", "--yes", "--constraint", "clock<1.1")
    assert machine.versions == {"clock": "1.0.0", "lamp": "1.1.0"}
    machine.do("update", "--yes")
    assert machine.versions == {"clock": "1.1.0", "lamp": "1.1.0"}


PYLOCK = ("--format", "pylock", "--base-url", "https://plugins.example.org", "--output")


def test_a_pylock_becomes_the_lock_again(machine: Machine) -> None:
    """In a folder with nothing else: the same lock, a project that asks for the same."""
    project(machine, "{lamp: ''}", "overrides: {clock: '>=2'}\n")
    machine.do("lock", *PYLOCK, "pylock.toml")
    before = (machine.work / "heimnetz.lock").read_bytes()
    for name in ("heimnetz.yaml", "heimnetz.lock"):
        (machine.work / name).unlink()
    assert machine.refuse(8, "import-pylock", "pylock.toml")["code"] == "lock-out-of-date"
    assert not (machine.work / "heimnetz.lock").exists()
    machine.do("import-pylock", "pylock.toml", "--override", "clock>=2")
    assert (machine.work / "heimnetz.lock").read_bytes() == before
    assert "lamp" in (machine.work / "heimnetz.yaml").read_text("utf-8")
    machine.do("sync", "--locked", "--yes", "--override", "clock>=2")
    assert machine.versions == {"clock": "2.0.0", "lamp": "1.1.0"}


def test_a_pylock_that_the_index_does_not_confirm_is_refused(machine: Machine) -> None:
    """A wheel's digest was changed on the way: nothing is written."""
    project(machine, "{lamp: ''}")
    machine.do("lock", *PYLOCK, "pylock.toml")
    (machine.work / "heimnetz.lock").unlink()
    path = machine.work / "pylock.toml"
    text = path.read_text("utf-8")
    path.write_text(re.sub(r'sha256 = "[0-9a-f]{4}', 'sha256 = "beef', text), "utf-8")
    error = machine.refuse(8, "import-pylock", "pylock.toml")
    assert "is not the release that was locked" in error["message"]
    assert not (machine.work / "heimnetz.lock").exists()


def test_another_programs_pylock_binds_what_the_project_asks_for(machine: Machine) -> None:
    """Its pins of plugins count, its other packages are no matter."""
    pins = {"clock": "1.0.0", "attrs": "25.1.0"}
    packages = "".join(
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\n[[packages.wheels]]\n'
        f'url = "https://example.org/{name}-{version}-py3-none-any.whl"\n'
        f'hashes = {{ sha256 = "{"a" * 64}" }}\n'
        for name, version in pins.items()
    )
    head = 'lock-version = "1.0"\ncreated-by = "another"\n'
    (machine.work / "pylock.toml").write_text(head + packages, "utf-8")
    assert machine.refuse(3, "import-pylock", "pylock.toml")["code"] == "file-missing"
    project(machine, "{lamp: ''}")
    found = machine.ask("import-pylock", "pylock.toml")["lock"]["plugins"]
    assert {one["name"]: one["version"] for one in found} == {"clock": "1.0.0", "lamp": "1.1.0"}
    assert locked(machine) == {"clock": "1.0.0", "lamp": "1.1.0"}, "it is a lock like any other"
    (machine.work / "pylock.toml").write_text("lock-version = 1", "utf-8")
    assert machine.refuse(1, "import-pylock", "pylock.toml")["code"] == "invalid-file"


def test_a_machine_with_nothing_locks_from_an_export(tmp_path: Path) -> None:
    """It fetches the root, and a shard and a page for each plugin of the answer: nothing else."""
    registry = Registry(tmp_path / "lab.git")
    put: dict[str, bytes | None] = {}
    for number in range(60):
        put |= entry_file(f"plugin-{number}") | release_file(f"plugin-{number}")
    for name, manifest in {"clock": {}, "lamp": OLD}.items():
        put |= entry_file(name) | files(tmp_path / "dist", name, "1.0.0", "01", manifest)
    registry.put(put)
    Machine(tmp_path).do("index", "export", registry.path, tmp_path / "out")
    machine = Machine(tmp_path / "fresh")
    project(machine, "{lamp: ''}")
    with served(tmp_path / "out") as web:
        assert locked(machine, "--from", f"{web.url}/root.json") == {
            "clock": "1.0.0",
            "lamp": "1.0.0",
        }
        tops = sorted(path.split("/")[1] for path in web.asked)
        assert tops == ["plugins", "plugins", "root.json", "shards", "shards"]
        root = (tmp_path / "out" / "root.json").stat().st_size
        pages = sum(path.stat().st_size for path in (tmp_path / "out" / "plugins").iterdir())
        assert web.sent < root + pages / 10
        assert "Not" not in machine.do(
            "lock", "--from", f"{web.url}/root.json", "--explain", "clock"
        )
        before = (machine.work / "heimnetz.lock").read_bytes()
        machine.do("index", "add", "lab", f"{web.url}/root.json")
        assert machine.ask("lock", "--check")["changed"] is False
        machine.do("sync", "--locked", "--yes")
    assert (machine.work / "heimnetz.lock").read_bytes() == before
    assert machine.versions == {"clock": "1.0.0", "lamp": "1.0.0"}
    url = "https://plugins.example.org/root.json"
    assert machine.refuse(7, "lock", "--from", url, "--offline")["code"] == "offline"
