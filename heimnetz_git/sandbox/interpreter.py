"""The interpreter that plugins run on, what it needs of the files, and facts of the machine."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

import heimnetz_git
from heimnetz_git.sandbox import landlock, seccomp
from heimnetz_git.sandbox.layout import SYSTEM_LIBRARIES, Machine
from heimnetz_git.sandbox.users import is_root, mapped_users, plugin_user

__all__ = ["FLAGS", "interpreter", "interpreter_files", "machine", "own_packages"]

FLAGS = ("-I", "-S", "-P", "-B", "-X", "utf8")
"""No environment, no site-packages, no current folder, no bytecode written, always UTF-8."""

LOADERS = (
    *("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"),
    *("/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1"),
)
DEEPEST_SCRIPT = 4


def own_packages() -> tuple[Path, Path]:
    """The folders of heimnetz_git and msgspec, which a plugin's process needs to start."""
    return Path(heimnetz_git.__file__).parent, Path(msgspec.__file__).parent


def interpreter() -> str:
    """The real path of an interpreter that this user may start, outside of any environment."""
    base = getattr(sys, "_base_executable", "") or sys.executable
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = (os.path.realpath(base), os.path.join(sys.base_prefix, "bin", name))
    return next((path for path in places if os.access(path, os.X_OK)), places[0])


def interpreter_files() -> tuple[str, ...]:
    """What the interpreter needs to start: itself, its library, its standard library."""
    own = {sys.base_prefix, os.path.realpath(sys.base_prefix)} - {"/", "/usr", "/usr/local"}
    places = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    parts = {sysconfig.get_path(name, vars=places) for name in ("stdlib", "platstdlib")}
    outside = {
        path
        for path in {interpreter(), *parts}
        if not any(Path(path).is_relative_to(prefix) for prefix in own)
    }
    return tuple(sorted(own | outside))


def machine(owner: str, programs: Iterable[str] = ()) -> Machine:
    """What a profile has to know about this machine.

    ``owner`` tells whose data it is for, ``programs`` which ones it may start.
    """
    links = {
        path: str(Path(path).readlink())
        for path in SYSTEM_LIBRARIES
        if Path(path).is_symlink() and Path(path).parent == Path("/")
    }
    return Machine(
        system=sys.platform,
        processor=platform.machine(),
        python=interpreter_files(),
        links=links,
        uid=plugin_user(owner, mapped_users()) if is_root() else 0,
        landlock=landlock.version() if sys.platform == "linux" else 0,
        seccomp=sys.platform == "linux" and seccomp.supported(platform.machine()),
        loaders=tuple(dict.fromkeys(_loaders(tuple(programs)))),
    )


def _loaders(programs: tuple[str, ...]) -> Iterator[str]:
    """What starting ``programs`` takes: the system's loader, and the interpreters of scripts."""
    if not programs:
        return
    for path in LOADERS:
        if os.path.exists(path):
            yield os.path.realpath(path)
    for program in programs:
        yield os.path.realpath(program)
        yield from _interpreters(program, DEEPEST_SCRIPT)


def _interpreters(program: str, depth: int) -> Iterator[str]:
    """The interpreter that the first line of a script names, and that one's own."""
    try:
        with open(program, "rb") as file:
            first = file.readline(256)
    except OSError:
        return
    words = first[2:].split() if first.startswith(b"#!") else []
    if words and depth:
        found = os.fsdecode(words[0])
        yield from (found, os.path.realpath(found))
        yield from _interpreters(found, depth - 1)
