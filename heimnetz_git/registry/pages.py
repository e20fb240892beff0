"""A registry's pages for pip and uv: PEP 503 and 691, with PEP 592, 658, 700 and 792. Pure.

They offer each plugin as what it is, a Python project with wheels. What a plugin requires of other
plugins stands in no wheel's METADATA, because plugins are resolved by heimnetz-git against host and
policy; so pip and uv install from here one plugin and its Python packages. All plugins of a set
together are installed from a lock: ``pylock.toml`` lists every one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from heimnetz_git.model.export import PluginPage
from heimnetz_git.model.release import Artifact, Release
from heimnetz_git.registry.cache import yank
from heimnetz_git.registry.versionorder import sort_key

__all__ = [
    "HTML",
    "JSON",
    "JSON_TYPE",
    "Link",
    "links",
    "names_pages",
    "project_folder",
    "project_pages",
]

HTML, JSON = "index.html", "index.json"
JSON_TYPE = "application/vnd.pypi.simple.v1+json"  # what a server must call index.json (PEP 691)
API = "1.4"
_STATUS = {"archived": "archived", "deprecated": "deprecated"}  # PEP 792; the rest is "active"


class Link(NamedTuple):
    """A wheel as a page offers it.

    ``url`` is relative to the project's page for a wheel in the export. ``yanked`` is the reason,
    None when it is not; ``uploaded`` the registry's time of the merge, or empty; ``metadata`` the
    SHA-256 of the METADATA that lies beside the wheel, or empty.
    """

    file: str
    version: str
    url: str
    sha256: str
    size: int
    python: str
    yanked: str | None
    uploaded: str
    metadata: str


def project_folder(name: str) -> str:
    """Where in an export a plugin's two pages are."""
    return f"simple/{name}"


def links(page: PluginPage, metadata: Mapping[str, str]) -> tuple[Link, ...]:
    """The wheels of a plugin, oldest release first.

    ``metadata`` maps the SHA-256 of each wheel that the export holds to that of its METADATA,
    empty when it could not be read. Wheels that should be there and are not are left out, and so
    are all of a plugin whose facts cannot be read: what it yanks is not known then.
    """
    entry = page.entry.value if page.entry else None
    if page.entry and entry is None:
        return ()
    merged = {(record.version, record.release): record.merged for record in page.records}
    found = []
    for each in sorted(page.releases, key=lambda one: sort_key(one.value.version)):
        version = each.value.version
        reason = yank(entry, version) if entry else None
        for artifact in each.value.artifacts:
            if artifact.url or artifact.sha256 in metadata:
                uploaded = merged.get((version, each.oid), "")
                found.append(_link(each.value, artifact, reason, uploaded, metadata))
    return tuple(found)


def _link(
    release: Release,
    artifact: Artifact,
    yanked: str | None,
    uploaded: str,
    metadata: Mapping[str, str],
) -> Link:
    return Link(
        file=artifact.file,
        version=release.version,
        url=artifact.url or f"../../{quote(artifact.path)}",
        sha256=artifact.sha256,
        size=artifact.size,
        python=release.python,
        yanked=yanked,
        uploaded=uploaded,
        metadata="" if artifact.url else metadata[artifact.sha256],
    )


def project_pages(page: PluginPage, metadata: Mapping[str, str]) -> dict[str, bytes]:
    """A plugin's pages, path in the export -> bytes; as ``links`` about ``metadata``."""
    offered = links(page, metadata)
    folder = project_folder(page.name)
    status = _status(page)
    listed: dict[str, Any] = {
        "meta": {"api-version": API},
        "name": page.name,
        "versions": list(dict.fromkeys(link.version for link in offered)),
        "files": [_file(link) for link in offered],
    }
    head = [f'<meta name="pypi:repository-version" content="{API}">']
    if status:
        listed["project-status"] = status
        head += [
            f'<meta name="pypi:project-{key}" content="{escape(value)}">'
            for key, value in (("status", status["status"]), ("status-reason", status["reason"]))
        ]
    return {
        f"{folder}/{JSON}": _json(listed),
        f"{folder}/{HTML}": _html(page.name, head, map(_anchor, offered)),
    }


def names_pages(names: Iterable[str]) -> dict[str, bytes]:
    """The pages that list all projects, path in the export -> bytes."""
    ordered = sorted(names)
    listed = {
        "meta": {"api-version": API},
        "projects": [{"name": name} for name in ordered],
    }
    head = [f'<meta name="pypi:repository-version" content="{API}">']
    anchors = (f'<a href="{quote(name)}/">{escape(name)}</a>' for name in ordered)
    return {f"simple/{JSON}": _json(listed), f"simple/{HTML}": _html("Plugins", head, anchors)}


def _status(page: PluginPage) -> dict[str, str]:
    entry = page.entry.value if page.entry else None
    word = _STATUS.get(entry.status, "") if entry else ""
    if entry is None or not (word or entry.deprecated):
        return {}
    reason = entry.deprecated.reason if entry.deprecated else ""
    return {"status": word or "deprecated", "reason": reason}


def _file(link: Link) -> dict[str, Any]:
    found: dict[str, Any] = {
        "filename": link.file,
        "url": link.url,
        "hashes": {"sha256": link.sha256},
        "requires-python": link.python,
        "size": link.size,
        "yanked": (link.yanked or True) if link.yanked is not None else False,
    }
    if link.uploaded:
        found["upload-time"] = link.uploaded
    if link.metadata:
        found["core-metadata"] = found["dist-info-metadata"] = {"sha256": link.metadata}
    return found


def _anchor(link: Link) -> str:
    attributes = {
        "href": f"{link.url}#sha256={link.sha256}",
        "data-requires-python": link.python,
        "data-yanked": link.yanked,
        "data-core-metadata": f"sha256={link.metadata}" if link.metadata else None,
        "data-dist-info-metadata": f"sha256={link.metadata}" if link.metadata else None,
        "data-upload-time": link.uploaded or None,  # not in a PEP; uv reads it
    }
    said = (f'{key}="{escape(value)}"' for key, value in attributes.items() if value is not None)
    return f"<a {' '.join(said)}>{escape(link.file)}</a>"


def _json(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _html(title: str, head: Iterable[str], anchors: Iterable[str]) -> bytes:
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        *head,
        f"<title>{escape(title)}</title>",
        "</head>",
        "<body>",
        *(f"{anchor}<br>" for anchor in anchors),
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines).encode()
