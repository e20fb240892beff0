"""The main job, from an empty folder to a running plugin: each step is a command you could type."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = ("device-registry", "dhcp-leases", "wake-on-lan")
LEASES = ROOT / "plugins" / "dhcp-leases" / "tests" / "dnsmasq.leases"


class Demo:
    """Prints a command, runs it, and stops when it did not end as it should."""

    def __init__(self, work: Path, environment: Mapping[str, str]) -> None:
        self.work = work
        self.environment = dict(environment)

    def title(self, text: str) -> None:
        """A heading between steps."""
        print(f"\n== {text}", flush=True)

    def run(self, line: str, *, ends_with: int = 0) -> None:
        """Run one ``heimnetz-git`` command line in the work folder."""
        print(f"\n$ heimnetz-git {line}", flush=True)
        command = [sys.executable, "-m", "heimnetz_git", *shlex.split(line)]
        ended = subprocess.run(command, cwd=self.work, env=self.environment, check=False)
        if ended.returncode != ends_with:
            sys.exit(f"demo: that ended with {ended.returncode}, not {ends_with}.")


def main() -> None:
    """Run the demo in ``demo-run/`` of the checkout, made anew."""
    began = time.monotonic()
    work = ROOT / "demo-run"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for name in PLUGINS:
        shutil.copytree(ROOT / "plugins" / name, work / name)
    shutil.copy(LEASES, work / "dnsmasq.leases")
    environment = {**os.environ, "HEIMNETZ_GIT_HOME": str(work / "home")}
    print(f"Everything happens in {work}\nexport HEIMNETZ_GIT_HOME={work / 'home'}")
    demo = Demo(work, environment)

    demo.title("A registry, from nothing")
    demo.run("index init registry.git --name home-lab")
    demo.title("Three authors publish; the maintainer merges")
    for name in PLUGINS:
        publish(demo, name)
    demo.title("A user finds and installs")
    demo.run("index add home-lab registry.git")
    demo.run("search leases")
    demo.run("info dhcp-leases")
    demo.run("install dhcp-leases --yes")
    demo.run("tree")
    demo.title("The plugin runs, in the sandbox, on a real lease file")
    demo.run("run dhcp-leases update --allow-read dnsmasq.leases --param path=dnsmasq.leases")
    demo.run("run device-registry find")
    demo.title("An upgrade, and back")
    raise_version(work / "dhcp-leases", "1.0.1", "1.1.0")
    publish(demo, "dhcp-leases")
    demo.run("index update")
    demo.run("outdated")
    demo.run("update --yes")
    demo.run("list")
    demo.run("rollback")
    demo.run("list")
    demo.title("What was not granted stays shut")
    demo.run("run dhcp-leases leases --param path=/etc/hostname", ends_with=4)
    print(f"\nDone in {time.monotonic() - began:.0f} s; all of it is in {work}.")


def publish(demo: Demo, name: str) -> None:
    """Check, build, submit and merge one plugin."""
    demo.run(f"validate {name}")
    demo.run(f"build {name} --out dist")
    demo.run(f"publish {name} --to registry.git")
    demo.run("submissions registry.git")
    demo.run("merge registry.git --all")


def raise_version(project: Path, old: str, new: str) -> None:
    """Do what an author does before the next release."""
    file = project / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    raised = re.sub(
        rf'^version = "{re.escape(old)}"$', f'version = "{new}"', text, flags=re.MULTILINE
    )
    file.write_text(raised, encoding="utf-8")
    print(f"\n(in {project.name}/pyproject.toml the version is now {new})", flush=True)


if __name__ == "__main__":
    main()
