"""Plugins for the host's benchmarks: as an author writes them, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import msgspec

from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.limits import Limits

__all__ = ["CODE", "spec"]

CODE = """\
import signal, time
from heimnetz_git import BasePlugin, operation


class Plugin(BasePlugin):
    VERSION = 1

    @operation
    def echo(self, value: str) -> str:
        return value

    @operation
    def version(self) -> int:
        return self.VERSION

    @operation
    def nap(self) -> None:
        time.sleep(60)

    @operation
    def be_deaf(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.deaf = True

    def cleanup(self) -> None:
        if getattr(self, "deaf", False):
            time.sleep(60)
"""


def spec(folder: Path, name: str, *, version: int = 1, code: str = CODE) -> LaunchSpec:
    """A plugin ready to be launched; ``version`` is what its operation of that name returns."""
    place = folder / f"{name}-{version}"
    place.mkdir(parents=True)
    module = name.replace("-", "_")
    (place / f"{module}.py").write_text(code.replace("VERSION = 1", f"VERSION = {version}"))
    return LaunchSpec(
        name=name,
        version=f"{version}.0.0",
        entry_point=f"{module}:Plugin",
        paths=(str(place),),
        data=str(folder / "data" / name),
        limits=msgspec.structs.replace(Limits(), start="120s", call="60s"),
    )
