"""A lock in the forms that other programs read: pylock, requirements, CycloneDX. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import msgspec

from heimnetz_git.model.lock import Candidate, Lock, LockedPlugin
from heimnetz_git.model.permission import describe
from heimnetz_git.resolve.formats_pylock import (
    Address,
    address_of,
    is_ours,
    pins_of,
    pylock,
    read_pylock,
)

__all__ = [
    "FORMATS",
    "Address",
    "address_of",
    "cyclonedx",
    "in_format",
    "is_ours",
    "pins_of",
    "pylock",
    "read_pylock",
    "requirements",
]

FORMATS = ("pylock", "requirements", "cyclonedx")
_ROOT = "plugins"


def in_format(
    form: str, lock: Lock, address: Address, *, chosen: Mapping[str, Candidate] | None = None
) -> str:
    """The lock in one of FORMATS; KeyError for another. ``address`` says where wheels are."""
    writers = {
        "pylock": lambda: pylock(lock, address, chosen=chosen),
        "requirements": lambda: requirements(lock),
        "cyclonedx": lambda: cyclonedx(lock, address, chosen=chosen),
    }
    return writers[form]()


def requirements(lock: Lock, *, index_url: str = "", packages: str = "") -> str:
    """The lock as a requirements file with hashes: pip's and uv's ``--require-hashes`` mode.

    ``index_url`` is the ``simple/`` folder of the registry's export. ``packages`` are further
    lines, such as ``uv pip compile --generate-hashes`` makes them for the plugins' Python packages,
    which pip wants pinned here too.
    """
    lines = ["# Made by heimnetz-git from a lock: change that instead."]
    if index_url:
        lines.append(f"--extra-index-url {index_url}")
    for plugin in lock.plugins:
        digests = sorted({artifact.sha256 for artifact in plugin.artifacts})
        hashes = [f"    --hash=sha256:{digest}" for digest in digests]
        lines.append(" \\\n".join([f"{plugin.name}=={plugin.version}", *hashes]))
    return "\n".join([*lines, packages.rstrip("\n")]).rstrip("\n") + "\n"


def cyclonedx(
    lock: Lock,
    address: Address | None = None,
    *,
    chosen: Mapping[str, Candidate] | None = None,
) -> str:
    """The lock as a bill of materials: CycloneDX 1.6, JSON.

    Without ``address`` only wheels with an address of their own have one here. ``chosen`` (a
    resolution's) adds licences, summaries, authors and what each plugin may do.
    Nothing in it comes from a clock: the same lock gives the same text. Python packages, which a
    lock does not pin, are properties.
    """
    known = chosen or {}
    references = {plugin.name: _purl(plugin) for plugin in lock.plugins}
    needs = {
        references[plugin.name]: sorted(
            references[name]
            for name in plugin.requires.keys() | plugin.optional.keys()
            if name in references
        )
        for plugin in lock.plugins
    }
    wanted = sorted(references[name] for name in lock.requested if name in references)
    identity = sha256(msgspec.json.encode(lock, order="sorted")).hexdigest()
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'heimnetz-git:{identity}')}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "heimnetz-git"}]},
            "component": {"type": "application", "bom-ref": _ROOT, "name": "Plugins"},
        },
        "components": [
            _component(plugin, address, known.get(plugin.name)) for plugin in lock.plugins
        ],
        "dependencies": [
            {"ref": reference, "dependsOn": targets}
            for reference, targets in [(_ROOT, wanted), *sorted(needs.items())]
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _purl(plugin: LockedPlugin) -> str:
    """A package URL (ECMA-427). The type is generic: no public index has these plugins."""
    qualifier = quote(f"urn:uuid:{plugin.registry}", safe=":")
    version = quote(plugin.version, safe="")
    return f"pkg:generic/{plugin.name}@{version}?repository_url={qualifier}"


def _component(
    plugin: LockedPlugin, address: Address | None, candidate: Candidate | None
) -> dict[str, Any]:
    wheels = [
        {
            "type": "distribution",
            "url": address(plugin, artifact) if address else artifact.url,
            "hashes": [{"alg": "SHA-256", "content": artifact.sha256}],
        }
        for artifact in plugin.artifacts
        if address or artifact.url
    ]
    facts = [("registry", plugin.registry), ("release", plugin.release)]
    facts += [("package", package) for package in plugin.packages]
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(plugin),
        "name": plugin.name,
        "version": plugin.version,
    }
    if candidate is not None:
        release = candidate.release
        found["description"] = release.summary
        found["licenses"] = [{"expression": release.license}]
        found["authors"] = [
            {"name": author.name, **({"email": author.email} if author.email else {})}
            for author in release.authors
        ]
        facts += [("permission", change.grant) for change in describe(release.permissions)]
    if len(plugin.artifacts) == 1:
        found["hashes"] = [{"alg": "SHA-256", "content": plugin.artifacts[0].sha256}]
    found["purl"] = _purl(plugin)
    if wheels:
        found["externalReferences"] = wheels
    found["properties"] = [{"name": f"heimnetz:{key}", "value": value} for key, value in facts]
    return found
