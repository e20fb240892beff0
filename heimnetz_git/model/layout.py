"""Which path of an index holds what (design: registry format 1); the only place that knows."""

from __future__ import annotations

import re
from typing import NamedTuple

from heimnetz_git.model.names import shard

__all__ = [
    "ALLOWED_SIGNERS",
    "PLUGINS",
    "POLICY",
    "RECORDS",
    "REGISTRY",
    "REVOKED_KEYS",
    "UPSTREAM_NAMES",
    "PathKind",
    "artifact_path",
    "classify",
    "plugin_folder",
    "plugin_path",
    "record_path",
    "release_path",
    "signature_path",
    "submission_branch",
]

REGISTRY = "registry.yaml"
POLICY = "policy.yaml"
ALLOWED_SIGNERS = "trust/allowed_signers"
REVOKED_KEYS = "trust/revoked_keys"
PLUGINS = "plugins"
RECORDS = "records"
UPSTREAM_NAMES = "trust/upstream_names"

_PLUGIN_FILE = re.compile(
    r"(?P<top>plugins|artifacts|records|reviews)/(?P<shard>[0-9a-f]{2})/(?P<name>[^/]+)/(?P<file>[^/]+)"
)


class PathKind(NamedTuple):
    """What a path of an index is.

    ``kind`` is ``plugin``, ``release``, ``signature``, ``artifact``, ``record``, ``review`` for a
    file of the plugin ``name`` (``version`` where the path says one), or ``shared`` for the rest.
    """

    kind: str
    name: str = ""
    version: str = ""


def plugin_folder(name: str) -> str:
    """``plugins/<shard>/<name>``."""
    return f"plugins/{shard(name)}/{name}"


def plugin_path(name: str) -> str:
    """The mutable file of a plugin: owners, status, yanks."""
    return f"{plugin_folder(name)}/plugin.yaml"


def release_path(name: str, version: str) -> str:
    """The immutable file of one release."""
    return f"{plugin_folder(name)}/{version}.yaml"


def signature_path(name: str, version: str) -> str:
    """The SSH signature over a release file's exact bytes."""
    return f"{release_path(name, version)}.sig"


def artifact_path(name: str, wheel: str) -> str:
    """The wheel in the embedded store."""
    return f"artifacts/{shard(name)}/{name}/{wheel}"


def record_path(name: str, version: str) -> str:
    """The registry's own word on a release, written by the merge job."""
    return f"records/{shard(name)}/{name}/{version}.yaml"


def submission_branch(name: str, version: str) -> str:
    """The branch that asks for a release to be merged, without ``refs/heads/``."""
    return f"submit/{name}/{version}"


def classify(path: str) -> PathKind:
    """What the file at ``path`` is; a path in a wrong shard is ``shared``, as nothing claims it."""
    match = _PLUGIN_FILE.fullmatch(path)
    if not match or not match["name"].isascii() or match["shard"] != shard(match["name"]):
        return PathKind("shared")
    top, name, file = match["top"], match["name"], match["file"]
    if top == "artifacts":
        return PathKind("artifact", name)
    if not file.endswith((".yaml", ".yaml.sig")):
        return PathKind("shared")
    if top == "reviews":
        return PathKind("review", name)
    version = file.removesuffix(".sig").removesuffix(".yaml")
    if top == "records":
        return PathKind("record", name, version)
    if file == "plugin.yaml":
        return PathKind("plugin", name)
    return PathKind("signature" if file.endswith(".sig") else "release", name, version)
