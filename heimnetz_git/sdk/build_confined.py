"""A back end that nobody here trusts makes a wheel: run in the sandbox, with no network at all."""

from __future__ import annotations

import json
import shutil
import sysconfig
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from heimnetz_git.errors import BuildFailed, printable
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.launcher import Launcher
from heimnetz_git.sandbox.script import Bounds, Script, run_script
from heimnetz_git.sdk.build_backend import unmet

__all__ = ["confined_wheel"]

LIMITS = Limits(memory="512M", disk="256M", processes=32, files=256)
BOUNDS = Bounds(wall=300.0, output=1 << 20)
LINES_SHOWN = 10

# PEP 517: the hooks are called in the source tree; an object path may follow the module's name.
_SCRIPT = b"""\
import importlib, json, os, sys
backend, paths, environ, out = json.loads(sys.argv[1])
os.environ.update(environ)
os.chdir("source")
sys.path[:0] = [os.path.abspath(path) for path in paths]
module, _, inner = backend.partition(":")
found = importlib.import_module(module)
for part in inner.split(".") if inner else ():
    found = getattr(found, part)
with open(os.path.join(out, "name"), "w") as file:
    file.write(found.build_wheel(out, {}))
"""


def confined_wheel(source: Path, out: Path, *, environ: Mapping[str, str]) -> Path:
    """The wheel of the project in ``source``, made in the sandbox by a back end installed here.

    The wheel lies in ``out``, unchecked. Raises BuildFailed when the back end is not here or fails,
    SandboxUnavailable: it is never run without one.
    """
    backend, paths = _backend(source)
    launcher = Launcher("required")
    said = bytearray()
    with tempfile.TemporaryDirectory(prefix="heimnetz-rebuild-") as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        shutil.copytree(source, data / "source")
        (data / "out").mkdir()
        asked = json.dumps([backend, paths, dict(environ), str(data / "out")])
        path = Path(folder) / "build.py"
        path.write_bytes(_SCRIPT)
        places = sysconfig.get_paths()
        code = tuple(dict.fromkeys((places["purelib"], places["platlib"])))
        job = Script(_SCRIPT, str(path), (asked,), code, str(data))
        ended = run_script(
            job,
            launcher,
            Permissions(),
            LIMITS,
            BOUNDS,
            on_output=lambda _, text: said.extend(text),
        )
        if ended.stopped or ended.status:
            raise _failed(ended.stopped or f"it ended with {ended.status}", bytes(said))
        return _taken_out(data / "out", out)


def _backend(source: Path) -> tuple[str, list[str]]:
    """The back end that pyproject.toml names, and folders of the project to look for it in."""
    try:
        table = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["build-system"]
        requires, backend = list(map(str, table["requires"])), str(table["build-backend"])
        paths = list(map(str, table.get("backend-path", [])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildFailed(f"pyproject.toml names no back end: {printable(str(error))}.") from None
    missing = unmet(requires)
    if missing:
        raise BuildFailed(
            f"The back end is not installed here: {printable(', '.join(missing))}.",
            hint="Install it beside heimnetz-git; nothing is fetched for a build in the sandbox.",
        )
    return backend, paths


def _taken_out(folder: Path, out: Path) -> Path:
    """The one wheel that was written, copied as a plain file."""
    name = (folder / "name").read_text("utf-8", "replace")[:200]
    made = folder / name
    if "/" in name or not name.endswith(".whl") or made.is_symlink() or not made.is_file():
        raise BuildFailed("The back end wrote no wheel.")
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, out / name)
    return out / name


def _failed(why: str, said: bytes) -> BuildFailed:
    lines = [printable(line) for line in said.decode("utf-8", "replace").splitlines()]
    shown = "\n".join(lines[-LINES_SHOWN:])
    return BuildFailed(f"The back end failed in the sandbox: {printable(why)}.\n{shown}".rstrip())
