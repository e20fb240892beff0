"""The process that tries whether a sandbox can be made here: it confines itself and says so."""

from __future__ import annotations

import os
import sys

from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.confine import apply
from heimnetz_git.sandbox.interpreter import machine
from heimnetz_git.sandbox.layout import Folders
from heimnetz_git.sandbox.profile import profile_of

__all__ = ["main"]


def main(data: str) -> None:
    """Make the strictest sandbox that needs no program to be made; print ``confined``.

    Raises OSError where the system refuses.
    """
    folders = Folders((), data, ())
    profile = profile_of(
        Permissions(), Limits(), folders, machine("probe"), engine="namespaces", level="strict"
    )
    apply(profile.confinement)
    sys.stdout.write("confined\n" if os.uname().nodename == "plugin" else "not in a namespace\n")
