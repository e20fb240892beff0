"""``audit`` from the command line: what is installed, lock files, lists; and what is not known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heimnetz_git.storage.repo import Repository
from tests.clikit import World, copy_of, make_world
from tests.osvkit import advisory, affected, dump

ZERO = {"introduced": "0"}
WEAK = advisory("GHSA-1", affected("msgspec", ZERO, {"fixed": "0.5"}), aliases=["CVE-1"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny registry and a home that knows it; not to be changed."""
    root = tmp_path_factory.mktemp("made")
    make_world(root)
    return root


@pytest.fixture
def world(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy that a test may change, as the working folder."""
    copied = copy_of(made, tmp_path)
    monkeypatch.chdir(copied.root)
    return copied


def test_without_advisories_nothing_is_called_safe(world: World) -> None:
    """A list of packages held against nothing is a failure, not a clean bill."""
    (world.root / "requirements.txt").write_text("msgspec==0.4\n", "utf-8")
    ended = world.run("audit requirements.txt")
    assert ended.exit_code == 9
    assert "against nothing" in ended.stdout


def test_a_list_of_requirements_is_audited(world: World) -> None:
    """With hashes, comments and options in it; affected ends with code 9 and names the fix."""
    dump(world.root / "osv.zip", WEAK)
    (world.root / "requirements.txt").write_text(
        "--index-url https://example.invalid/simple\n# ours\n"
        "MsgSpec==0.4 \\\n    --hash=sha256:00\nclick>=8  # a tool\n",
        "utf-8",
    )
    assert "1 of them new" in world.do("audit --import osv.zip")
    ended = world.run("audit requirements.txt")
    assert ended.exit_code == 9
    assert "GHSA-1" in ended.stdout
    assert "fixed in 0.5" in ended.stdout
    found = world.json("audit requirements.txt --ignore CVE-1=unreached")
    assert (found["failed"], found["advisories"][0]["status"]) == (False, "ignored")
    assert world.run("audit requirements.txt --ignore CVE-1").exit_code == 2


def test_a_vex_document_is_believed(world: World) -> None:
    """Its statement clears the finding, with its words."""
    dump(world.root / "osv.zip", WEAK)
    (world.root / "requirements.txt").write_text("msgspec==0.4\n", "utf-8")
    statement = {
        "vulnerability": {"name": "CVE-1"},
        "products": [{"@id": "pkg:pypi/msgspec"}],
        "status": "not_affected",
        "impact_statement": "we never decode what strangers send",
    }
    (world.root / "vex.json").write_text(json.dumps({"statements": [statement]}), "utf-8")
    found = world.json("audit requirements.txt --import osv.zip --vex vex.json")
    assert found["advisories"][0]["status"] == "not-affected"
    assert "strangers" in found["advisories"][0]["reason"]
    (world.root / "vex.json").write_text("{}", "utf-8")
    assert world.json("audit requirements.txt --vex vex.json")["error"]["code"] == "invalid-file"


def test_a_pylock_is_audited(world: World) -> None:
    """PEP 751, of any program."""
    dump(world.root / "osv.zip", WEAK)
    (world.root / "pylock.toml").write_text(
        'lock-version = "1.0"\n[[packages]]\nname = "msgspec"\nversion = "0.4"\n', "utf-8"
    )
    found = world.json("audit pylock.toml --import osv.zip")
    assert [(hit["id"], hit["fixed"]) for hit in found["advisories"]] == [("GHSA-1", ["0.5"])]


def test_a_registry_s_own_advisory_reaches_who_installed_the_plugin(world: World) -> None:
    """From its ``advisories/``, after the next update, without any import."""
    world.do("install clock --yes")
    assert world.json("audit")["advisories"] == []
    text = (
        "id: HNZ-2026-1\nmodified: 2026-05-01T00:00:00Z\nsummary: Tells the wrong time\n"
        "affected:\n  - package:\n      ecosystem: Heimnetz\n      name: clock\n    ranges:\n"
        "      - type: ECOSYSTEM\n        events:\n          - introduced: '0'\n"
        "          - fixed: 1.1.0\n"
    )
    with Repository.open(world.registry) as repository:
        tip = repository.branch("main") or ""
        files = {"advisories/HNZ-2026-1.yaml": text.encode()}
        tree = repository.write(repository.tree(tip), files)
        commit = repository.commit(tree, [tip], "Warn of the clock", author="A <a@b.c>", when=0)
        assert repository.set_branch("main", commit, expect=tip)
    world.do("index update")
    ended = world.run("audit")
    assert ended.exit_code == 9, ended.stdout
    assert "clock 1.0.0: medium: HNZ-2026-1 Tells the wrong time" in ended.stdout
    assert "fixed in 1.1.0" in ended.stdout


def test_a_lock_is_audited_with_its_packages(world: World) -> None:
    """Plugins in their versions, packages by what they may become."""
    world.release("2.0.0", packages=["msgspec==0.4"])
    world.do("index update")
    (world.root / "heimnetz.yaml").write_text("format: 1\nplugins:\n  clock: '>=2'\n", "utf-8")
    world.do("lock")
    dump(world.root / "osv.zip", WEAK)
    found = world.json("audit heimnetz.lock --import osv.zip")
    (hit,) = found["advisories"]
    assert (hit["name"], hit["version"], hit["plugin"]) == ("msgspec", "0.4", "clock")


def test_a_file_of_another_kind_is_refused(world: World) -> None:
    """With what is taken; and so is a broken one, with its line."""
    (world.root / "notes.md").write_text("hello\n", "utf-8")
    assert "requirements.txt" in world.run("audit notes.md").stderr
    (world.root / "requirements.txt").write_text("not a requirement at all\n", "utf-8")
    assert world.json("audit requirements.txt")["error"]["code"] == "invalid-file"
