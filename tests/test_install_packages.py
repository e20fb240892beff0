"""Python packages of a plugin: real uv and pip, a folder of wheels, and no network."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heimnetz_git.errors import InvalidConfiguration, Offline, PackagesFailed
from heimnetz_git.install.packages import PackageSettings, install_packages
from tests.installkit import files_of
from tests.wheelkit import make_package

INSTALLERS = ["uv", "pip"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that needs another, in two versions; one that exists as source only."""
    folder = tmp_path_factory.mktemp("wheels")
    make_package(folder, "tzones", "1.0.0")
    make_package(folder, "tzones", "2.0.0")
    make_package(folder, "calendar-of-tests", "1.0.0", requires=["tzones<2"])
    (folder / "sourceonly-1.0.tar.gz").write_bytes(b"")
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment with caches of its own, and settings that would lead pip astray."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_CACHE_DIR": str(tmp_path / "pip"),
        "PIP_USER": "1",
        "PYTHONPATH": "/nowhere",
    }


def digest(wheel: Path) -> str:
    """As a requirements file has it."""
    return f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


@pytest.mark.parametrize("tool", INSTALLERS)
def test_packages_and_what_they_need_come_from_a_folder(
    tool: str, wheels: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    """They can be imported from the target, and nothing else is written beside it."""
    target = tmp_path / "plugin" / "packages"
    settings = PackageSettings(installer=tool, index=str(wheels), offline=True)  # type: ignore[arg-type] # a literal
    install_packages(["calendar-of-tests>=1"], target, settings, environ=environ)
    code = "import calendar_of_tests, tzones; print(tzones.VERSION)"
    shown = subprocess.run(
        [sys.executable, "-S", "-B", "-c", code],
        env={"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "1.0.0\n"
    assert not [name for name in files_of(target) if name.endswith(".pyc")]
    assert [path.name for path in target.parent.iterdir()] == ["packages"]


@pytest.mark.parametrize("tool", INSTALLERS)
def test_hashes_are_held(tool: str, wheels: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    """With the right digests it installs, with a wrong one it does not."""
    settings = PackageSettings(installer=tool, index=wheels.as_uri())  # type: ignore[arg-type] # a literal
    right = digest(wheels / "tzones-2.0.0-py3-none-any.whl")
    install_packages([f"tzones==2.0.0 {right}"], tmp_path / "a", settings, environ=environ)
    assert "tzones/__init__.py" in files_of(tmp_path / "a")
    wrong = f"--hash=sha256:{'0' * 64}"
    with pytest.raises(PackagesFailed):
        install_packages([f"tzones==2.0.0 {wrong}"], tmp_path / "b", settings, environ=environ)


@pytest.mark.parametrize("tool", INSTALLERS)
def test_a_failure_has_the_installers_last_lines(
    tool: str, wheels: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    """A package that is not there, or only as source, is named."""
    settings = PackageSettings(installer=tool, index=str(wheels))  # type: ignore[arg-type] # a literal
    with pytest.raises(PackagesFailed, match="nosuchthing") as caught:
        install_packages(["nosuchthing>=1"], tmp_path / "a", settings, environ=environ)
    assert caught.value.facts["packages"] == ["nosuchthing>=1"]
    assert 0 < len(caught.value.facts["output"]) <= 20
    with pytest.raises(PackagesFailed):
        install_packages(["sourceonly"], tmp_path / "b", settings, environ=environ)


@pytest.mark.parametrize("tool", INSTALLERS)
def test_offline_names_the_packages(tool: str, tmp_path: Path, environ: dict[str, str]) -> None:
    """Without a folder and without a cache there is nothing to install from."""
    settings = PackageSettings(
        installer=tool,  # type: ignore[arg-type] # a literal
        index="http://127.0.0.1:9/simple",
        offline=True,
    )
    with pytest.raises(Offline, match="tzones, calendar-of-tests>=1") as caught:
        install_packages(
            ["tzones", "calendar-of-tests>=1"], tmp_path / "a", settings, environ=environ
        )
    assert "package_index" in caught.value.hint


def test_extra_arguments_reach_the_installer(
    wheels: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    """Offline, pip takes a folder given that way for its only source."""
    settings = PackageSettings(
        installer="pip", offline=True, extra=("--find-links", str(wheels)), python="3.11"
    )
    install_packages(["tzones"], tmp_path / "a", settings, environ=environ)
    assert "tzones/__init__.py" in files_of(tmp_path / "a")


@pytest.mark.parametrize(
    "line",
    [
        "--index-url=https://evil.example/simple",
        "tzones\n--index-url https://evil.example",
        "tzones @ https://evil.example/tzones-1.0-py3-none-any.whl",
        "tzones @ file:///etc",
        "-r /etc/passwd",
        "../folder",
        "tzones --hash=md5:00",
        "tzones --hash=sha256:00 --pre",
        "",
    ],
)
def test_a_requirement_can_only_name_a_package(line: str, tmp_path: Path) -> None:
    """A release cannot hand options, addresses or paths to the installer."""
    with pytest.raises(PackagesFailed):
        install_packages([line], tmp_path / "a", environ={})
    assert list(tmp_path.iterdir()) == []


def test_an_installer_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The setting cannot be met, and what to do is in the hint."""
    settings = PackageSettings(installer="conda")  # type: ignore[arg-type] # what a caller might pass
    with pytest.raises(InvalidConfiguration, match="conda is not installed"):
        install_packages(["tzones"], tmp_path / "a", settings, environ={"PATH": ""})


@pytest.mark.skipif(os.name != "posix", reason="the fake installer is a shell script")
def test_an_installer_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """After its time neither it nor what it started is left."""
    fake = tmp_path / "bin" / "uv"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho begun\nsleep 60 & echo $! > {tmp_path}/child\nwait\n")
    fake.chmod(0o755)
    settings = PackageSettings(installer="uv", timeout=0.5)
    environ = {"PATH": f"{fake.parent}:/usr/bin:/bin"}
    with pytest.raises(PackagesFailed, match="took longer") as caught:
        install_packages(["tzones"], tmp_path / "a", settings, environ=environ)
    assert caught.value.facts["output"] == ["begun"]
    child = Path("/proc") / (tmp_path / "child").read_text().strip()
    deadline = time.monotonic() + 5
    while (
        child.exists() and "Z" not in (child / "stat").read_text() and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    assert not child.exists() or "Z" in (child / "stat").read_text()


@pytest.mark.skipif(os.name != "posix", reason="the fake installer is a shell script")
def test_what_an_installer_prints_is_bounded_and_clean(tmp_path: Path) -> None:
    """The last lines, without what would steer a terminal."""
    fake = tmp_path / "bin" / "uv"
    fake.parent.mkdir()
    script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done"
    fake.write_text(f"#!/bin/sh\n{script}\nprintf '\\033[31mred\\n'\nexit 3\n")
    fake.chmod(0o755)
    environ = {"PATH": f"{fake.parent}:/usr/bin:/bin"}
    with pytest.raises(PackagesFailed) as caught:
        install_packages(
            ["tzones"], tmp_path / "a", PackageSettings(installer="uv"), environ=environ
        )
    output = caught.value.facts["output"]
    assert (len(output), output[-2], output[-1]) == (20, "line 2999", "\\x1b[31mred")
