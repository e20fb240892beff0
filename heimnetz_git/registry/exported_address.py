"""Which addresses are those of static exports, and where an export's files are.

An address is that of an export when it ends in ``/root.json``, begins with ``export+``
(``export+https://example.org/plugins``), or is a folder that holds a ``root.json`` and no
``registry.yaml``. Every other address is Git's.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from heimnetz_git.model.export import ROOT
from heimnetz_git.model.layout import REGISTRY

__all__ = ["base_of", "is_export"]

_PREFIX = "export+"


def is_export(url: str) -> bool:
    """Whether an address is that of a static export, not of a Git repository."""
    if url.startswith(_PREFIX) or url.endswith(f"/{ROOT}"):
        return True
    if "://" in url:
        return False
    folder = Path(url)
    return (folder / ROOT).is_file() and not (folder / REGISTRY).exists()


def base_of(url: str) -> str:
    """The address of the folder that an export is in, as http(s) or file."""
    plain = url.removeprefix(_PREFIX).removesuffix(ROOT)
    return plain if urlsplit(plain).scheme and "://" in plain else Path(plain).absolute().as_uri()
