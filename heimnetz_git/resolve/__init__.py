"""Resolves requests: one release of each plugin that is needed, or why there is no such set."""

from heimnetz_git.resolve.artifact import best_artifact
from heimnetz_git.resolve.graph import Branch, Link, tree, why
from heimnetz_git.resolve.lock import Difference, from_lock, to_lock
from heimnetz_git.resolve.outdated import Outdated, outdated
from heimnetz_git.resolve.request import Edge, Note, Request, Resolution, Universe
from heimnetz_git.resolve.resolver import resolve

__all__ = [
    "Branch",
    "Difference",
    "Edge",
    "Link",
    "Note",
    "Outdated",
    "Request",
    "Resolution",
    "Universe",
    "best_artifact",
    "from_lock",
    "outdated",
    "resolve",
    "to_lock",
    "tree",
    "why",
]
