"""``dev``: the plugin being written runs, reloads on change, and answers what is typed."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clikit import World
from tests.projectkit import Draft, write_project

CODE = '''"""A clock."""

from pathlib import Path

from heimnetz_git import BasePlugin, operation


class Clock(BasePlugin):
    """Tells the time."""

    @operation
    def tell(self, digits: int = 1) -> str:
        """Tell the time."""
        return "ONE" * digits

    @operation
    def peek(self) -> str:
        """Look where it may not."""
        return Path("/etc/hostname").read_text()
'''


class Dev:
    """The command in a process: what is typed, and what was said so far."""

    def __init__(self, world: World, line: str) -> None:
        self.process = world.start(line, stdin=subprocess.PIPE)
        self.out: list[str] = []
        self.err: list[str] = []
        self.readers = [
            threading.Thread(target=self._read, args=pair)
            for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def _read(stream: Iterator[str], into: list[str]) -> None:
        into.extend(stream)

    def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Until it has said something that often."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if "".join([*self.out, *self.err]).count(text) >= times:
                return
            time.sleep(0.02)
        raise AssertionError((text, self.out, self.err))

    def end(self) -> int:
        """End of input; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(60)
        for reader in self.readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with that clock."""
    return write_project(tmp_path / "work", Draft(files={"src/clock/__init__.py": CODE}))


def test_a_change_is_served_and_a_broken_one_is_not(tmp_path: Path, project: Path) -> None:
    """Saved, built, swapped in; what does not build leaves the old one running."""
    dev = Dev(World(tmp_path), f"dev {project} --data {tmp_path / 'data'}")
    module = project / "src" / "clock" / "__init__.py"
    dev.wait_for("clock 1.0.0 serves")
    dev.type("tell digits=2")
    dev.wait_for("ONEONE")
    module.write_text(CODE.replace("ONE", "TWO"), "utf-8")
    dev.wait_for("clock 1.0.0 serves", times=2)
    dev.type("tell")
    dev.wait_for("TWO")
    module.write_text("this is no Python\n", "utf-8")
    dev.wait_for("goes on; save a file")
    dev.type("tell digits=3")
    dev.wait_for("TWOTWOTWO")
    assert dev.end() == 0
    assert "3 calls, 1 reload" in "".join(dev.out + dev.err)


def test_what_is_typed_wrong_is_told_and_nothing_ends(tmp_path: Path, project: Path) -> None:
    """Unknown operations and parameters, quotes left open, and what the sandbox refuses."""
    dev = Dev(World(tmp_path), f"dev {project} --data {tmp_path / 'data'} --sandbox required")
    dev.wait_for("serves")
    for line, said in (
        ("", "tell  Tell the time."),
        ("tell hours=1", "hours"),
        ("sing", "sing"),
        ("tell 'open", "error: No closing quotation"),
        ("peek", "read: [/etc/hostname]"),
        ("tell", "ONE"),
    ):
        dev.type(line)
        dev.wait_for(said)
    dev.type("quit")
    assert dev.end() == 0


def test_a_project_that_never_builds_can_be_mended(tmp_path: Path, project: Path) -> None:
    """It waits for the mended file."""
    manifest = (project / "plugin.yaml").read_text("utf-8")
    (project / "plugin.yaml").write_text(f"{manifest}nonsense: 1\n", "utf-8")
    dev = Dev(World(tmp_path), f"dev {project} --data {tmp_path / 'data'}")
    dev.wait_for("nonsense")
    dev.type("tell")
    dev.wait_for("has not been built yet")
    (project / "plugin.yaml").write_text(manifest, "utf-8")
    dev.wait_for("serves")
    assert dev.end() == 0
