"""A wheel's bill of materials: CycloneDX 1.6 in ``.dist-info/sboms/``, where PEP 770 puts it.

It names the plugin, what it is made under, and all that it needs beside itself: Python packages and
other plugins by their ranges, since nothing is chosen before somebody installs. Nothing in it comes
from a clock or a random number: the same wheel gives the same bytes.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from packaging.utils import canonicalize_name

from heimnetz_git.model.manifest import Manifest
from heimnetz_git.storage.wheelfile import Wheel

__all__ = ["bill_of_materials", "bill_path"]


def bill_path(wheel: Wheel) -> str:
    """Where it lies in the wheel."""
    return f"{wheel.dist_info}/sboms/{wheel.name}.cdx.json"


def bill_of_materials(wheel: Wheel, manifest: Manifest) -> bytes:
    """What the plugin of a wheel consists of and needs, as CycloneDX 1.6 in JSON."""
    reference = f"pkg:generic/{wheel.name}@{quote(wheel.version, safe='')}"
    needs = [*_packages(wheel), *_plugins(manifest)]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{reference}#{_identity(wheel)}')}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "heimnetz-git"}]},
            "component": _itself(wheel, reference),
        },
        "components": needs,
        "dependencies": [
            {"ref": reference, "dependsOn": [need["bom-ref"] for need in needs]},
            *({"ref": need["bom-ref"]} for need in needs),
        ],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _identity(wheel: Wheel) -> str:
    """A digest of all that the back end put into the wheel, whatever archive it lies in."""
    digest = sha256()
    for member in sorted(wheel.members, key=lambda member: member.name):
        if not member.name.endswith(("/RECORD", "/WHEEL")):
            digest.update(f"{member.name}\0".encode() + sha256(wheel.read(member.name)).digest())
    return digest.hexdigest()


def _itself(wheel: Wheel, reference: str) -> dict[str, Any]:
    metadata = wheel.metadata
    found: dict[str, Any] = {
        "type": "application",
        "bom-ref": reference,
        "name": wheel.name,
        "version": wheel.version,
        "purl": reference,
    }
    if metadata.summary:
        found["description"] = metadata.summary
    if metadata.license_expression:
        found["licenses"] = [{"expression": str(metadata.license_expression)}]
    return found


def _packages(wheel: Wheel) -> list[dict[str, Any]]:
    """Python packages; one that is asked for twice, under different markers, is named once."""
    wanted: dict[str, list[str]] = {}
    for requirement in wheel.metadata.requires_dist or []:
        name = str(canonicalize_name(requirement.name))
        wanted.setdefault(name, []).append(str(requirement))
    return [
        _need("library", name, f"pkg:pypi/{name}", "requirement", texts)
        for name, texts in sorted(wanted.items())
    ]


def _plugins(manifest: Manifest) -> list[dict[str, Any]]:
    return [
        _need("application", name, f"pkg:generic/{name}", word, [f"{name} {span}".strip()])
        for word, ranges in (("requires", manifest.requires), ("optional", manifest.optional))
        for name, span in sorted(ranges.items())
    ]


def _need(kind: str, name: str, purl: str, word: str, texts: list[str]) -> dict[str, Any]:
    properties = [{"name": f"heimnetz-git:{word}", "value": text} for text in sorted(texts)]
    return {"type": kind, "bom-ref": purl, "name": name, "purl": purl, "properties": properties}
