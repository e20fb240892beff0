"""From a project to a wheel: real back ends, the real sandbox, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from heimnetz_git.errors import BuildFailed, PluginFailed, ProjectInvalid, WheelRejected
from heimnetz_git.model.release import Source
from heimnetz_git.scan.engine import scan_wheel
from heimnetz_git.sdk.build import build
from heimnetz_git.sdk.validate import scan_project, validate
from heimnetz_git.storage.wheelfile import open_wheel
from tests.billkit import fault_of_bill
from tests.projectkit import CLASS, Draft, write_project

BACKEND = '''"""A back end of the project's own."""

from hatchling.build import *  # noqa: F403
import hatchling.build


def build_wheel(directory, settings=None, metadata=None):
    """Fail as told."""
    print("compiling with all one's might")
    raise SystemExit("there is no compiler")
'''


def test_a_project_becomes_a_wheel_and_a_release(tmp_path: Path) -> None:
    """The wheel holds the manifest and what the plugin said of itself; the release says so too."""
    root = write_project(tmp_path, Draft(manifest='host: {heimnetz: ">=0.1,<2"}\ntags: [time]'))
    source = Source("https://example.org/clock", commit="a" * 40)
    built = build(root, tmp_path / "out", isolation="never", source=source)
    wheel = open_wheel(built.wheel)
    assert wheel.file == "clock-1.0.0-py3-none-any.whl"
    assert wheel.plugin_yaml == (root / "plugin.yaml").read_bytes()
    assert wheel.entry_point == "clock:Clock"
    release = built.release
    assert (release.name, release.version, release.license) == ("clock", "1.0.0", "MIT")
    assert release.source == source
    assert release.operations["uptime"]["summary"].startswith("How long the clock")
    assert release.artifacts[0].sha256 == hashlib.sha256(built.wheel.read_bytes()).hexdigest()
    assert validate(built.wheel) == ()
    assert scan_wheel(built.wheel).verdict == "accept"
    assert scan_project(built.wheel).findings == scan_project(root).findings


def test_built_twice_is_the_same_to_the_byte(tmp_path: Path) -> None:
    """Whatever lay about, wherever it was built, and whenever the files were touched."""
    first = build(write_project(tmp_path / "here"), tmp_path / "one", isolation="never")
    litter = {
        "build/lib/clock/old.py": "x",
        "src/clock/__pycache__/a.pyc": "x",
        ".venv/lib/a.py": "x",
        "dist/old.whl": "x",
    }
    there = write_project(tmp_path / "over" / "there", Draft(files=litter))
    (there / "src/clock/__init__.py").chmod(0o755)
    second = build(there, there / "dist", isolation="never")
    assert first.wheel.read_bytes() == second.wheel.read_bytes()
    assert first.release == second.release


def test_a_wheel_carries_its_bill_of_materials(tmp_path: Path) -> None:
    """CycloneDX where PEP 770 puts it: the plugin, its licence, its packages and plugins."""
    manifest = 'host: {heimnetz: ">=1,<2"}\nrequires: {chimes: ">=1,<2"}'
    root = write_project(
        tmp_path, Draft(project='dependencies = ["msgspec>=0.18"]', manifest=manifest)
    )
    wheel = open_wheel(build(root, tmp_path / "out", isolation="never").wheel)
    text = wheel.read("clock-1.0.0.dist-info/sboms/clock.cdx.json").decode()
    assert fault_of_bill(text) == ""
    bill = json.loads(text)
    itself = bill["metadata"]["component"]
    assert (itself["name"], itself["version"]) == ("clock", "1.0.0")
    assert itself["licenses"] == [{"expression": "MIT"}]
    assert [one["purl"] for one in bill["components"]] == ["pkg:pypi/msgspec", "pkg:generic/chimes"]


def test_a_back_end_that_fails_is_quoted(tmp_path: Path) -> None:
    """Its last lines, and nothing in the output folder."""
    root = write_project(tmp_path, Draft(files={"backend/own.py": BACKEND}))
    file = root / "pyproject.toml"
    named = 'build-backend = "own"\nbackend-path = ["backend"]'
    file.write_text(file.read_text().replace('build-backend = "hatchling.build"', named))
    with pytest.raises(BuildFailed, match="there is no compiler") as caught:
        build(root, tmp_path / "out", isolation="never")
    assert "compiling with all one's might" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_missing_back_end_is_named(tmp_path: Path) -> None:
    """Without isolation the environment must have it."""
    root = write_project(tmp_path)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace("hatchling>=1.27", "no-such-back-end>=1"))
    with pytest.raises(BuildFailed, match="no-such-back-end>=1"):
        build(root, tmp_path / "out", isolation="never")


def test_a_missing_dependency_is_named(tmp_path: Path) -> None:
    """The plugin is asked for its operations, so what it imports must be there."""
    root = write_project(tmp_path, Draft(project='dependencies = ["no-such-package>=1"]'))
    with pytest.raises(BuildFailed, match="no-such-package>=1"):
        build(root, tmp_path / "out", isolation="never")


def test_a_plugin_may_import_its_packages(tmp_path: Path) -> None:
    """What it needs and this environment has is there when the plugin is asked."""
    code = CLASS.replace("import time", "import time\n\nimport packaging.version")
    root = write_project(tmp_path, Draft(project='dependencies = ["packaging>=24"]', code=code))
    release = build(root, tmp_path / "out", isolation="never").release
    assert release.packages == ("packaging>=24",)


def test_a_plugin_is_not_initialised_to_be_described(tmp_path: Path) -> None:
    """Its operations are known from its class; nothing of it starts, and it may do nothing."""
    code = CLASS.replace("self.started = ", 'raise RuntimeError("started"); self.started = ')
    root = write_project(tmp_path, Draft(code=code))
    assert "uptime" in build(root, tmp_path / "out", isolation="never").release.operations


def test_a_plugin_that_cannot_be_loaded_is_not_built(tmp_path: Path) -> None:
    """Its own error is what the author reads."""
    code = CLASS.replace("import time", "import time\n\nimport no_such_module")
    root = write_project(tmp_path, Draft(code=code))
    with pytest.raises(PluginFailed, match="no_such_module"):
        build(root, tmp_path / "out", isolation="never")
    assert not (tmp_path / "out").exists()


def test_an_invalid_project_is_not_built(tmp_path: Path) -> None:
    """Its problems are said before any of its code runs."""
    root = write_project(tmp_path, Draft(version="one"))
    with pytest.raises(ProjectInvalid) as caught:
        build(root, tmp_path / "out", isolation="never")
    assert [problem.code for problem in caught.value.problems] == ["invalid-version"]


def test_a_wheel_with_foreign_files_is_refused(tmp_path: Path) -> None:
    """A back end that packs more than the plugin's package is told so."""
    root = write_project(tmp_path, Draft(files={"src/other/__init__.py": CLASS}))
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('["src/clock"]', '["src/clock", "src/other"]'))
    with pytest.raises(WheelRejected, match="other"):
        build(root, tmp_path / "out", isolation="never")
