"""Several registries on one machine: who answers for a name, and what becomes of a past undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.kit import Machine, Registry


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A fresh machine."""
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Registry]:
    """Two registries, made once."""
    folder = tmp_path_factory.mktemp("made")
    acme, town = Registry(folder / "acme.git"), Registry(folder / "town.git")
    acme.publish("acme-camera", "1.0.0")
    acme.publish("clock", "1.0.0", summary="The clock of acme")
    town.publish("clock", "2.0.0", summary="The clock of the town")
    town.publish("acme-camera", "9.0.0")
    return {"acme": acme, "town": town}


@pytest.fixture
def acme(made: dict[str, Registry], tmp_path: Path) -> Registry:
    """A company's registry: its camera, and a clock."""
    return made["acme"].copy(tmp_path)


@pytest.fixture
def town(made: dict[str, Registry], tmp_path: Path) -> Registry:
    """A public registry: another clock, newer; and somebody's camera with a tempting version."""
    return made["town"].copy(tmp_path)


def test_a_name_in_two_indexes_is_settled_by_the_user(
    machine: Machine, acme: Registry, town: Registry
) -> None:
    """Ambiguous; then by index/name, by priority, by pattern, each as the message says."""
    machine.do("index", "add", "acme", acme.path)
    machine.do("index", "add", "town", town.path)
    error = machine.refuse(2, "install", "clock", "--yes")
    assert error["code"] == "ambiguous-name"
    assert "'acme/clock'" in error["message"]
    assert "'town/clock'" in error["message"]
    assert machine.versions == {}

    machine.do("install", "acme/clock", "--yes")
    assert machine.versions == {"clock": "1.0.0"}
    assert machine.ask("info", "town/clock")["release"]["version"] == "2.0.0"
    assert machine.run("info", "clock").code == 2

    assert machine.ask("install", "clock", "--yes")["changed"] is False, "it is settled already"
    machine.do("update", "--yes")
    assert machine.versions == {"clock": "1.0.0"}, "an update stays with the registry"

    machine.do("config", "set", "indexes.town.priority", "5")
    assert machine.ask("info", "clock")["release"]["version"] == "2.0.0"
    machine.do("update", "--yes")
    assert machine.versions == {"clock": "1.0.0"}, "priority is for what is not chosen yet"
    machine.do("install", "town/clock", "--yes")
    assert machine.versions == {"clock": "2.0.0"}


def test_a_routed_name_is_looked_for_nowhere_else(
    machine: Machine, acme: Registry, town: Registry
) -> None:
    """The company's names come from the company, whatever version another index shows."""
    machine.do("index", "add", "acme", acme.path, "--pattern", "acme-*")
    machine.do("index", "add", "town", town.path, "--priority", "9")
    machine.do("install", "acme-camera", "--yes")
    assert machine.versions == {"acme-camera": "1.0.0"}
    assert machine.refuse(3, "info", "town/acme-camera")["code"] == "plugin-not-found"
    town.publish("acme-door", "1.0.0")
    machine.do("index", "update")
    assert "acme-door" not in machine.do("search", "door")
    assert machine.refuse(3, "install", "acme-door")["code"] == "plugin-not-found"


def test_a_plugin_stays_with_its_registry_when_that_is_gone(
    machine: Machine, acme: Registry, town: Registry
) -> None:
    """Its namesake elsewhere is another plugin: taken only when the user says so."""
    machine.do("index", "add", "acme", acme.path)
    machine.do("install", "clock", "--yes")
    machine.do("index", "add", "town", town.path)
    machine.do("index", "remove", "acme")
    assert machine.versions == {"clock": "1.0.0"}
    assert machine.do("run", "clock", "hello").strip() == "hello world"

    update = machine.ask("update", "--yes")
    assert update["changed"] is False
    assert any("clock" in warning and "registry" in warning for warning in update["warnings"])
    machine.ask("outdated")
    machine.do("install", "acme-camera", "--yes")
    assert machine.versions == {"acme-camera": "9.0.0", "clock": "1.0.0"}
    assert machine.ask("install", "clock")["changed"] is False

    machine.do("install", "town/clock", "--yes")
    assert machine.versions["clock"] == "2.0.0"
    machine.do("rollback")
    assert machine.versions["clock"] == "1.0.0"
    machine.do("uninstall", "clock")
    assert machine.versions == {"acme-camera": "9.0.0"}


def test_a_lock_of_an_unknown_registry_is_not_answered_by_another(
    machine: Machine, acme: Registry, town: Registry, tmp_path: Path
) -> None:
    """A colleague's lock names a registry that is not here: said so, not guessed."""
    (machine.work / "heimnetz.yaml").write_text("format: 1\nplugins: {clock: ''}\n")
    machine.do("index", "add", "acme", acme.path)
    machine.do("lock")
    other = Machine(tmp_path / "other")
    for name in ("heimnetz.yaml", "heimnetz.lock"):
        (other.work / name).write_bytes((machine.work / name).read_bytes())
    before = (other.work / "heimnetz.lock").read_bytes()
    other.do("index", "add", "town", town.path)
    for words in (("sync", "--yes"), ("sync", "--locked"), ("lock",), ("lock", "--upgrade")):
        error = other.refuse(3, *words)
        assert error["code"] == "index-not-found"
        assert "acme" in error["message"]
    assert (other.work / "heimnetz.lock").read_bytes() == before
    assert other.versions == {}
    other.do("index", "add", "work", acme.path)
    other.do("sync", "--locked", "--yes")
    assert other.versions == {"clock": "1.0.0"}


def test_a_misspelt_name_is_guessed(machine: Machine, acme: Registry) -> None:
    """Plugins, indexes, commands, installed plugins: each with the nearest name."""
    machine.do("index", "add", "acme", acme.path)
    machine.do("install", "clock", "--yes")
    cases = (
        (3, ("install", "acme-camra"), "acme-camera"),
        (3, ("info", "clok"), "clock"),
        (3, ("run", "clok", "hello"), "clock"),
        (3, ("run", "clock", "helo"), "hello"),
        (3, ("why", "clokc"), "clock"),
        (3, ("uninstall", "clck"), "clock"),
        (3, ("index", "update", "acne"), "acme"),
        (3, ("index", "remove", "acne"), "acme"),
        (2, ("instal", "clock"), "install"),
        (2, ("index", "ad", "x", "y"), "add"),
    )
    for exit_code, words, meant in cases:
        error = machine.refuse(exit_code, *words)
        assert f"Did you mean '{meant}'" in error["message"], (words, error)


def test_a_rewritten_registry_is_refused_until_the_user_agrees(
    machine: Machine, acme: Registry
) -> None:
    """Both commits are named; what was accepted stays and goes on working."""
    before = acme.commit
    acme.publish("clock", "1.1.0")
    newest = acme.commit
    machine.do("index", "add", "acme", acme.path)
    acme.reset(before)
    acme.put({"README.md": b"another past\n"})
    error = machine.refuse(4, "index", "update")
    assert error["code"] == "rewrite-refused"
    assert newest in error["message"]
    assert acme.commit in error["message"]
    assert "--accept-rewrite" in error["hint"]
    assert machine.ask("info", "clock")["release"]["version"] == "1.1.0"
    machine.do("install", "clock", "--yes")
    assert machine.ask("index", "update", "--accept-rewrite")["synced"][0]["rewritten"] is True
    assert machine.ask("info", "clock")["release"]["version"] == "1.0.0"
    assert machine.versions == {"clock": "1.1.0"}, "what is installed is the user's"


def test_a_changed_release_is_refused(machine: Machine, acme: Registry) -> None:
    """A published file never changes, not even with a well-behaved history."""
    path = machine_path(machine, acme)
    acme.put({path: acme.read(path).replace(b"The clock of acme", b"The cloak of acme")})
    error = machine.refuse(5, "index", "update")
    assert error["code"] == "release-changed"
    assert path in str(error)
    assert machine.ask("info", "clock")["release"]["summary"] == "The clock of acme"
    acme.put({path: None})
    assert machine.refuse(5, "index", "update")["code"] == "release-changed"


def machine_path(machine: Machine, acme: Registry) -> str:
    """Where the clock's release is, as the program says; the index is added for it."""
    machine.do("index", "add", "acme", acme.path)
    return machine.do("index", "path", "clock@1.0.0").strip()


def test_another_registry_at_the_same_address_is_refused(
    machine: Machine, acme: Registry, town: Registry
) -> None:
    """The UUID is who it is; removing and adding is how to agree."""
    machine.do("index", "add", "acme", acme.path)
    acme.path.rename(acme.path.with_suffix(".old"))
    town.path.rename(acme.path)
    for words in (("index", "update"), ("index", "update", "acme")):
        error = machine.refuse(4, *words)
        assert error["code"] == "rewrite-refused"
        assert "remove the index" in error["hint"]
    machine.do("index", "remove", "acme")
    machine.do("index", "add", "acme", acme.path)
    assert machine.ask("info", "clock")["release"]["version"] == "2.0.0"


def test_a_broken_index_does_not_stop_the_others(
    machine: Machine, acme: Registry, town: Registry
) -> None:
    """Its refusal is reported, the others are brought up to date all the same."""
    machine.do("index", "add", "acme", acme.path)
    machine.do("index", "add", "town", town.path)
    path = machine.do("index", "path", "acme/clock@1.0.0").strip()
    acme.put({path: None})
    town.publish("door", "1.0.0")
    assert machine.refuse(5, "index", "update")["code"] == "release-changed"
    assert machine.ask("info", "door")["release"]["version"] == "1.0.0"


def test_what_an_index_offers_is_counted(machine: Machine, acme: Registry) -> None:
    """`index show` gives its figures and what is new."""
    machine.do("index", "add", "acme", acme.path)
    shown = machine.ask("index", "show", "acme")
    assert (shown["overview"]["plugins"], shown["overview"]["releases"]) == (2, 2)
    assert shown["overview"]["licenses"] == {"MIT": 2}
    assert {one["name"] for one in shown["overview"]["newest"]} == {"acme-camera", "clock"}
    assert "acme-camera" in machine.do("index", "show", "acme")
    assert "acme" in machine.refuse(3, "index", "show", "acne")["message"]
