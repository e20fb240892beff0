"""Python packages of a plugin, put into a folder of its own by uv or pip.

Only ready wheels are taken, so that nothing of theirs runs here; nothing goes into the Python that
runs heimnetz-git. A requirement may carry hashes as in a requirements file (``--hash=sha256:...``);
when one does, all must.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
from packaging.requirements import InvalidRequirement, Requirement

from heimnetz_git.errors import InvalidConfiguration, Offline, PackagesFailed, printable
from heimnetz_git.storage.home import storage_errors

__all__ = ["PackageSettings", "install_packages"]

_HASH = re.compile(r"--hash=sha(?:256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})")
_LAST_LINES = 20
_LAST_BYTES = 16_000
# What a user may have set for an own use of pip that would lead the packages astray.
_ASTRAY = ("PIP_USER", "PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_REQUIRE_VIRTUALENV")
_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")


class PackageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How packages are got.

    ``index`` is the address of a Python package index, or a folder of wheels, which then is the
    only source and needs no network; empty leaves it to the installer's own configuration.
    ``python`` is the version to install for, empty is the one that runs. ``extra`` arguments go to
    the installer as they are; ``timeout`` is in seconds, for each plugin.
    """

    installer: Literal["auto", "uv", "pip"] = "auto"
    index: str = ""
    offline: bool = False
    python: str = ""
    extra: tuple[str, ...] = ()
    timeout: float = 600.0


DEFAULT = PackageSettings()


def install_packages(
    requirements: Sequence[str],
    target: Path,
    settings: PackageSettings = DEFAULT,
    *,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Puts ``requirements`` (PEP 508) and what they need into the folder ``target``.

    Raises PackagesFailed with the installer's last lines, Offline naming the packages, or
    InvalidConfiguration when the installer that is asked for is not there.
    """
    lines = [_checked(line) for line in requirements]
    environ = os.environ if environ is None else environ
    tool, command = _tool(settings.installer, environ)
    with storage_errors(target):
        target.mkdir(parents=True, exist_ok=True)
    listing = target.with_name(f"{target.name}.txt")
    with storage_errors(listing):
        listing.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    options = [*_source(tool, settings, lines), *_hashes(lines), *settings.extra]
    arguments = [*command, *_fixed(tool, target, settings.python), *options, "-r", str(listing)]
    _run(arguments, _environment(environ), settings, lines)
    with storage_errors(target):
        listing.unlink()
        shutil.rmtree(target / "bin", ignore_errors=True)
        (target / ".lock").unlink(missing_ok=True)


def _checked(line: str) -> str:
    """A requirement that can only name a package of the index; never an option or an address."""
    requirement, *hashes = re.split(r"\s+(?=--hash=)", line.strip())
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement as error:
        raise PackagesFailed(f"{printable(line)!r} is not a requirement.") from error
    if parsed.url or not all(_HASH.fullmatch(each) for each in hashes):
        raise PackagesFailed(
            f"{printable(line)!r} is not a requirement for a package of an index.",
            hint="Report the plugin to its registry.",
        )
    return " ".join((str(parsed), *hashes))


def _tool(wanted: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Which installer, and how it is started."""
    if wanted in ("auto", "uv"):
        if program := shutil.which("uv", path=environ.get("PATH", "")):
            return "uv", [program]
        if importlib.util.find_spec("uv"):
            return "uv", [sys.executable, "-m", "uv"]
    if wanted in ("auto", "pip") and importlib.util.find_spec("pip"):
        return "pip", [sys.executable, "-m", "pip"]
    missing = "neither uv nor pip is" if wanted == "auto" else f"{wanted} is not"
    raise InvalidConfiguration(
        f"The plugin needs Python packages, and {missing} installed.",
        hint="Install uv, or set package_installer to the one that you have.",
    )


def _fixed(tool: str, target: Path, python: str) -> list[str]:
    """The arguments that never change: where to, and that only wheels are taken."""
    version = ["--python-version", python] if python else []
    shared = ["--target", str(target), "--only-binary", ":all:", *version]
    if tool == "uv":
        quiet = ["--no-progress", "--color", "never", "--link-mode", "copy"]
        return ["pip", "install", *shared, "--python", sys.executable, *quiet]
    quiet = ["--no-input", "--disable-pip-version-check", "--no-compile", "--progress-bar", "off"]
    return ["install", *shared, *quiet, "--no-color", "--no-warn-script-location"]


def _source(tool: str, settings: PackageSettings, lines: Sequence[str]) -> list[str]:
    """Where packages may come from."""
    if folder := _local(settings.index):
        return ["--no-index", "--find-links", str(folder)]
    index = []
    if settings.index:
        index = ["--default-index" if tool == "uv" else "--index-url", settings.index]
    if not settings.offline:
        return index
    if tool == "uv":  # which can install from its cache
        return [*index, "--offline"]
    if {"--no-index", "--find-links", "-f"} & set(settings.extra):
        return ["--no-index"]
    raise _offline(lines)


def _local(index: str) -> Path | None:
    if index.startswith("file:"):
        return Path(url2pathname(urlsplit(index).path))
    return Path(index) if index and "://" not in index else None


def _hashes(lines: Sequence[str]) -> list[str]:
    return ["--require-hashes"] if any("--hash=" in line for line in lines) else []


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    left_out = {*_ASTRAY, *_PYTHON}
    return {name: value for name, value in environ.items() if name not in left_out}


def _run(
    arguments: list[str], environ: dict[str, str], settings: PackageSettings, lines: Sequence[str]
) -> None:
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            arguments,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=os.name == "posix",
        )
        try:
            code: int | None = process.wait(settings.timeout)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        if code == 0:
            return
        tail = _tail(output)
    if settings.offline and code is not None:
        raise _offline(lines, tail)
    took = f"took longer than {settings.timeout:g} s" if code is None else "failed"
    raise PackagesFailed(
        f"Installing the Python packages {_named(lines)} {took}.{_quoted(tail)}",
        packages=[_name(line) for line in lines],
        output=tail,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Neither the installer nor a child of it outlives this call."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(output: IO[bytes]) -> list[str]:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _LAST_BYTES))
    text = output.read(_LAST_BYTES).decode("utf-8", "replace")
    lines = [printable(line.rstrip(), longest=500) for line in text.splitlines() if line.strip()]
    return lines[-_LAST_LINES:]


def _offline(lines: Sequence[str], tail: Sequence[str] = ()) -> Offline:
    return Offline(
        f"Offline, the Python packages {_named(lines)} cannot be fetched.{_quoted(tail)}",
        hint="Run it without --offline, or set package_index to a folder that has their wheels.",
        packages=[_name(line) for line in lines],
        output=list(tail),
    )


def _quoted(tail: Sequence[str]) -> str:
    return "".join(f"\n  {line}" for line in tail)


def _name(line: str) -> str:
    return line.partition(" --hash=")[0]


def _named(lines: Sequence[str]) -> str:
    return ", ".join(_name(line) for line in lines)
