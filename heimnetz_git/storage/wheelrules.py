"""What a plugin's wheel may not hold: code that runs unasked, commands, other people's packages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from heimnetz_git.errors import printable
from heimnetz_git.model.manifest import ENTRY_POINT_GROUP
from heimnetz_git.model.names import import_name
from heimnetz_git.storage.archive import Fault

__all__ = ["entry_point_faults", "importable", "layout_faults", "stem"]

_STARTUP = {"sitecustomize", "usercustomize"}
_SCRIPTS = ("console_scripts", "gui_scripts")
_OBJECT = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def stem(path: str) -> str:
    """The root folder of a member's path."""
    return path.partition("/")[0]


def importable(path: str) -> str:
    """What a root folder or module is imported as: ``clock.cpython-311.so`` -> ``clock``."""
    top, _, below = path.partition("/")
    return top if below else top.split(".")[0]


def layout_faults(names: Mapping[str, object], dist_info: str, own: str) -> Iterator[Fault]:
    """Files that could run unasked, or lie where other packages do; ``own`` is the one allowed."""
    foreign = set()
    for name in names:
        top, file = importable(name), name.rpartition("/")[2]
        if file.endswith(".pth"):
            yield Fault("pth-file", "A .pth file runs code at every start of Python.", name)
        if top in _STARTUP:
            yield Fault("startup-module", "Python runs this module at every start.", name)
        if file.endswith((".pyc", ".pyo")):
            yield Fault("bytecode", "A plugin brings its source, no compiled Python.", name)
        if stem(name).endswith(".data"):
            yield Fault("data-folder", "A plugin brings no scripts, headers or data files.", name)
        elif top not in {own, f"{own}.libs", dist_info, *_STARTUP}:
            foreign.add(top)
    for top in sorted(foreign):
        yield Fault("foreign-package", f"Only the package {own!r} belongs to the plugin.", top)


def entry_point_faults(groups: Mapping[str, Mapping[str, str]], name: str) -> Iterator[Fault]:
    """Commands, and entry points of the plugin group that are not the plugin ``name``'s own."""
    for group in _SCRIPTS:
        for script in groups.get(group, {}):
            yield Fault("script", "A plugin installs no commands.", f"{group}: {script}")
    own = groups.get(ENTRY_POINT_GROUP, {})
    for said, target in own.items():
        where = f"{ENTRY_POINT_GROUP}: {said}"
        if said != name:
            yield Fault("entry-points", f"The plugin's only name is {name!r}.", where)
        if not _OBJECT.fullmatch(target):
            yield Fault("entry-points", f"{printable(target)!r} is not 'module:Class'.", where)
        elif re.split("[.:]", target)[0] != import_name(name):
            yield Fault("entry-points", f"{printable(target)!r} is not in the plugin.", where)
