"""The plugins of this house are what the bundled index says they are, to the byte, and they run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git.model.layout import artifact_path, release_path
from heimnetz_git.model.registry import Collection
from heimnetz_git.model.release import Release
from heimnetz_git.registry.create import import_tree
from heimnetz_git.registry.law import judge_update
from heimnetz_git.sdk.build import build
from heimnetz_git.sdk.project import read_project
from heimnetz_git.sdk.validate import scan_project, validate
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "index"
PROJECTS = sorted(path.parent for path in (ROOT / "plugins").glob("*/plugin.yaml"))
NAMES = [project.name for project in PROJECTS]


@pytest.mark.parametrize("project", PROJECTS, ids=NAMES)
def test_a_rebuilt_plugin_is_the_published_one_to_the_byte(project: Path, tmp_path: Path) -> None:
    """Wheel and release file come out of the source as they are in the index."""
    built = build(project, tmp_path)
    release = built.release
    assert (
        built.wheel.read_bytes()
        == (INDEX / artifact_path(release.name, built.wheel.name)).read_bytes()
    )
    assert (
        yamlfile.dump(release) == (INDEX / release_path(release.name, release.version)).read_bytes()
    )


@pytest.mark.parametrize("project", PROJECTS, ids=NAMES)
def test_a_plugin_is_worth_showing(project: Path) -> None:
    """The validator and the scanner have nothing against it, beyond remarks."""
    assert [str(found) for found in validate(project) if found.severity != "info"] == []
    report = scan_project(project)
    assert report.verdict == "accept"


@pytest.mark.parametrize("project", PROJECTS, ids=NAMES)
def test_a_plugin_passes_its_own_tests(project: Path) -> None:
    """As its author would run them."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:]


@pytest.mark.parametrize("project", PROJECTS, ids=NAMES)
def test_a_plugin_is_typed(project: Path, tmp_path: Path) -> None:
    """mypy --strict is content with it and its tests."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path)]
    ended = subprocess.run(
        [*command, "src", "tests"], cwd=project, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-2000:]


def test_the_bundled_index_keeps_the_law(tmp_path: Path) -> None:
    """A client that takes it whole finds nothing wrong, and every release is canonical."""
    with Repository.create(tmp_path / "index.git") as repo:
        commit = import_tree(repo, INDEX, when=0, message="The bundled index")
        assert judge_update(repo, None, repo.tree(commit)) == ()
    for file in INDEX.glob("plugins/*/*/[0-9]*.yaml"):
        data = file.read_bytes()
        assert yamlfile.dump(yamlfile.read(data, Release, str(file))) == data


def test_every_first_party_plugin_is_published() -> None:
    """The version in a project is in the index: nobody forgot."""
    for project in PROJECTS:
        read = read_project(project)
        assert (INDEX / release_path(read.name, read.version)).is_file(), read.name


@pytest.mark.parametrize(
    "file", sorted(INDEX.glob("collections/*.yaml")), ids=lambda file: file.stem
)
def test_a_collection_lists_plugins_of_the_index(file: Path) -> None:
    """It is canonical, called as its file is, and nothing in it or required by it is missing."""
    data = file.read_bytes()
    listed = yamlfile.read(data, Collection, str(file))
    assert yamlfile.dump(listed) == data
    assert listed.slug == file.stem
    needed = set(listed.plugins)
    for name in listed.plugins:
        needed |= set(read_project(ROOT / "plugins" / name).manifest.requires)
    published = {path.parent.name for path in INDEX.glob("plugins/*/*/plugin.yaml")}
    assert needed <= published


def test_the_plugins_need_each_other_in_a_graph() -> None:
    """Required and optional ones, and a Python package: the resolver has real work."""
    read = {project.name: read_project(project) for project in PROJECTS}
    requires = {name: set(one.manifest.requires) for name, one in read.items()}
    assert requires["presence"] == requires["mdns-browser"] == {"device-registry"}
    assert set(read["prometheus-exporter"].manifest.optional) < set(read)
    assert read["mdns-browser"].table.packages
    for name, needed in requires.items():
        assert needed | set(read[name].manifest.optional) <= set(read) - {name}


def tool(home: Path, *words: str) -> Any:
    """The document that a command prints."""
    command = [sys.executable, "-m", "heimnetz_git", *words]
    command += ["--json", "--offline", "--home", str(home)]
    ended = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def test_a_fresh_home_finds_installs_and_runs_offline(tmp_path: Path) -> None:
    """No index was added, no network is there: the bundled one serves."""
    leases = tmp_path / "dnsmasq.leases"
    leases.write_bytes((ROOT / "plugins/dhcp-leases/tests/dnsmasq.leases").read_bytes())
    assert tool(tmp_path, "search", "leases")["hits"][0]["name"] == "dhcp-leases"
    tool(tmp_path, "install", "dhcp-leases", "wake-on-lan", "--yes")
    path = str(leases)
    words = ("run", "dhcp-leases", "update", "--allow-read", path, "--param", f"path={path}")
    assert tool(tmp_path, *words)["result"] == {"leases": 5, "new": 5, "updated": 0}
    found = tool(tmp_path, "run", "device-registry", "find", "--param", "vendor=raspberry")
    assert sorted(device["name"] for device in found["result"]) == ["mediacenter", "printer"]
