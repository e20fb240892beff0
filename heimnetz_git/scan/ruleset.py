"""Which rules scanned: a name that changes whenever the scanner would say something else."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from importlib.util import find_spec

__all__ = ["rule_set"]


@cache
def rule_set() -> str:
    """16 hex digits over the scanner's own source: a change of any rule or table changes it.

    So does the presence of yara-x, without which some rules are silent.
    """
    digest = hashlib.sha256(b"yara-x" if find_spec("yara_x") else b"")
    folder = files("heimnetz_git.scan")
    modules = [*folder.iterdir(), *(folder / "yara").iterdir()]
    for module in sorted(modules, key=lambda it: it.name):
        if module.name.endswith((".py", ".yar")):
            digest.update(f"{module.name}\0".encode() + module.read_bytes())
    return digest.hexdigest()[:16]
