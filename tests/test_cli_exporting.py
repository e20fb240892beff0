"""A registry becomes plain files, and a lock becomes what other programs read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.clikit import World, copy_of, make_world


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


def test_an_export_is_verified_and_served_as_an_index(world: World) -> None:
    """What was exported holds, and a client that adds its root.json finds the same plugins."""
    world.do("index export registry.git public")
    assert world.json("index verify public")["verified"]["problems"] == []
    world.do("index remove home-lab")
    world.do("index add files public/root.json")
    assert [hit["name"] for hit in world.json("search lamp")["hits"]] == ["lamp"]
    world.do("install lamp --yes")


def test_a_touched_export_is_told_by_name(world: World) -> None:
    """One byte in one page: the page is named and the exit code says that it is not as promised."""
    world.do("index export registry.git public")
    page = next((world.root / "public" / "plugins").rglob("*.json"))
    page.write_bytes(page.read_bytes().replace(b"1", b"2", 1))
    found = world.run("index verify public")
    assert found.exit_code == 5
    assert page.stem in found.output


def test_a_lock_speaks_to_other_programs(world: World) -> None:
    """pylock, requirements and CycloneDX name what is locked, with its digest."""
    (world.root / "heimnetz.yaml").write_text("format: 1\nplugins:\n  lamp: '>=1'\n", "utf-8")
    base = "--base-url https://plugins.example.org"
    pylock = tomllib.loads(world.json(f"lock --format pylock {base}")["text"])
    listed = {package["name"] for package in pylock["packages"]}
    assert "lamp" in listed
    digest = pylock["packages"][0]["wheels"][0]["hashes"]["sha256"]
    assert digest in world.json("lock --format requirements")["text"]
    bill = json.loads(world.json("lock --format cyclonedx")["text"])
    assert listed <= {component["name"] for component in bill["components"]}


def test_a_pylock_needs_to_know_where_wheels_are(world: World) -> None:
    """A wheel that lies in its registry has no address of its own; the way out is named."""
    (world.root / "heimnetz.yaml").write_text("format: 1\nplugins:\n  lamp: '>=1'\n", "utf-8")
    refused = world.run("lock --format pylock")
    assert refused.exit_code == 2
    assert "--base-url" in refused.output


def test_an_index_that_must_be_signed_is_not_taken_unsigned(world: World) -> None:
    """Nor are signers taken for a Git address, which nobody would hold to them."""
    line = "lab ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHKvCXO0s2BTLIXzVbRBJrSjGBrN5rG1Jy7cTLrk0kAA"
    (world.root / "signers").write_text(f"# who exports\n{line}\n", "utf-8")
    world.do("index export registry.git public")
    refused = world.json("index add files public/root.json --signers signers")["error"]
    assert (refused["code"], refused["exit_code"]) == ("signature-invalid", 4)
    refused = world.json("index add other registry.git --signers signers")["error"]
    assert refused["code"] == "usage"
    (world.root / "signers").write_text("# nobody\n", "utf-8")
    refused = world.json("index add files public/root.json --signers signers")["error"]
    assert refused["code"] == "usage"
    assert {one["index"] for one in world.json("index list")["indexes"]} == {"home-lab"}
