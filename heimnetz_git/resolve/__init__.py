"""Resolves requests: one release of each plugin that is needed, or why there is no such set.

Every name is loaded when it is first used: a resolution needs few of the modules behind them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names again, for type checkers and editors
    from heimnetz_git.resolve.artifact import best_artifact
    from heimnetz_git.resolve.choice import Choice, Refusal, explain_choice, why_not
    from heimnetz_git.resolve.comparison import Outdated, outdated
    from heimnetz_git.resolve.graph import Branch, Link, tree, why
    from heimnetz_git.resolve.lock import Difference, from_lock, to_lock
    from heimnetz_git.resolve.request import Edge, Note, Outlined, Request, Resolution, Universe
    from heimnetz_git.resolve.resolver import resolve

__all__ = [
    "Branch",
    "Choice",
    "Difference",
    "Edge",
    "Link",
    "Note",
    "Outdated",
    "Outlined",
    "Refusal",
    "Request",
    "Resolution",
    "Universe",
    "best_artifact",
    "explain_choice",
    "from_lock",
    "outdated",
    "resolve",
    "to_lock",
    "tree",
    "why",
    "why_not",
]

_HOMES = {
    "artifact": ("best_artifact",),
    "choice": ("Choice", "Refusal", "explain_choice", "why_not"),
    "graph": ("Branch", "Link", "tree", "why"),
    "lock": ("Difference", "from_lock", "to_lock"),
    "comparison": ("Outdated", "outdated"),
    "request": ("Edge", "Note", "Outlined", "Request", "Resolution", "Universe"),
    "resolver": ("resolve",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public ``name``, imported now."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
