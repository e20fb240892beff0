"""The guides about exports and locks do what they say: every command in them is run, in order."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exportkit import served, with_wheel
from tests.flows.kit import KEPT, Machine, Registry
from tests.flows.test_tutorial import BLOCK, run_block
from tests.indexkit import entry_file
from tests.s3kit import bucket

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
ADDRESS = "https://plugins.example.org"
PATIENCE = 30.0
OLD = {"requires": {"clock": ">=1.0,<2"}}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the guides are for a POSIX shell")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry that holds the wheels of clock and of lamp, which needs clock below 2."""
    found = Registry(tmp_path / "registry.git")
    put: dict[str, bytes | None] = dict(entry_file("clock") | entry_file("lamp"))
    for name, version, month, manifest in (
        ("clock", "1.0.0", "01", {}),
        ("clock", "1.1.0", "02", {}),
        ("clock", "2.0.0", "03", {}),
        ("lamp", "1.0.0", "01", OLD),
        ("lamp", "1.1.0", "04", OLD),
    ):
        merged = f"2026-{month}-01T00:00:00Z"
        put |= with_wheel(tmp_path / "dist", name, version, merged=merged, manifest=manifest)
    found.put(put)
    return found


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Nobody's configuration, and the programs of this environment first."""
    inherited = {name: os.environ[name] for name in KEPT if name in os.environ}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {
        **inherited,
        "PATH": path,
        "HOME": str(folder),
        "HEIMNETZ_GIT_HOME": str(folder / "home"),
        "NO_COLOR": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(folder / "uv-cache"),
        **more,
    }


def typed(guide: str, folder: Path, environ: dict[str, str], address: str) -> str:
    """Type a guide into a folder, with another address in the place of the example's."""
    said = ""
    for block in BLOCK.finditer((GUIDES / guide).read_text(encoding="utf-8")):
        body = block["body"].replace(ADDRESS, address)
        if block["file"]:
            (folder / block["file"]).write_text(body, encoding="utf-8")
        elif block["kind"] == "console":
            said += run_block(body, folder, environ)
    return said


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """nginx with the guide's own configuration, on a port that is free; skips where there is none.

    What it serves need not be there yet.
    """
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("no nginx")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    blocks = BLOCK.finditer((GUIDES / "serve-an-export.md").read_text(encoding="utf-8"))
    text = next(block["body"] for block in blocks if block["kind"] == "nginx")
    (folder / "served.conf").write_text(text.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
    words = [program, "-p", f"{folder}/", "-c", "served.conf"]
    if os.geteuid() == 0:  # else its workers are nobody, who may not read this folder
        words += ["-g", "user root;"]
    with (folder / "nginx.log").open("wb") as log, subprocess.Popen(words, stderr=log) as server:
        try:
            _await(port, server, folder / "nginx.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _await(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert server.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < end, log.read_text("utf-8", "replace")
            time.sleep(0.02)
        else:
            return


def test_the_guide_to_exports_works_with_nginx_and_a_bucket(
    tmp_path: Path, registry: Registry
) -> None:
    """Exported, signed, served by nginx as the guide configures it, installed from by all three."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    with bucket(tmp_path) as s3, nginx(tmp_path) as url:
        said = typed("serve-an-export.md", tmp_path, environment(tmp_path, **s3.environ), url)
    assert "all as promised" in said
    for folder in ("by-pip", "by-uv"):
        assert (tmp_path / folder / "clock" / "__init__.py").is_file()


def test_nginx_answers_as_clients_want_it(tmp_path: Path, registry: Registry) -> None:
    """Validators, ranges, both forms of a page, and how long each file holds."""
    Machine(tmp_path).do("index", "export", registry.path, tmp_path / "public")

    def ask(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(f"{url}/{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, dict(response.headers), response.read()

    with nginx(tmp_path) as url:
        _, head, root = ask("root.json")
        assert head["Cache-Control"] == "max-age=60"
        with pytest.raises(urllib.error.HTTPError, match="304"):
            ask("root.json", **{"If-None-Match": head["ETag"]})
        status, _, rest = ask("root.json", Range="bytes=10-", **{"If-Range": head["ETag"]})
        assert (status, rest) == (206, root[10:])
        kind = "application/vnd.pypi.simple.v1+json"
        assert ask("simple/clock/", Accept=kind)[1]["Content-Type"] == kind
        assert ask("simple/clock/", Accept="text/html")[1]["Content-Type"] == "text/html"
        wheel = next((tmp_path / "public").glob("artifacts/*/clock/*-1.0.0-*.whl"))
        place = wheel.relative_to(tmp_path / "public").as_posix()
        assert "immutable" in ask(place)[1]["Cache-Control"]


def test_the_guide_to_locks_does_what_it_says(tmp_path: Path, registry: Registry) -> None:
    """From a project's wishes to a lock, its reasons, and other programs' forms."""
    machine = Machine(tmp_path)
    machine.do("index", "export", registry.path, tmp_path / "out")
    with served(tmp_path / "out") as web:
        machine.do("index", "add", "lab", f"{web.url}/root.json")
        work = tmp_path / "work"
        said = typed("lock-and-explain.md", work, environment(tmp_path), web.url)
    assert "Because lamp 1.0.0 and 1.1.0 require clock >=1.0,<2" in said
    assert "asked for -> lamp 1.1.0 (>=1) -> clock 1.1.0 (>=1.0,<2)" in said
    for folder in ("by-pip", "by-uv"):
        assert (work / folder / "lamp" / "__init__.py").is_file()
    assert (tmp_path / "elsewhere" / "heimnetz.lock").is_file()
