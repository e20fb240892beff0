"""Compiled Python beside its source: whether it names what the source does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

__all__ = ["foreign_names", "source_of"]

# A short ASCII text in the marshal format: a type, interned or not, referenced or not, a length.
_TEXT = re.compile(rb"[zZ\xfa\xda](.)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w{3,}")
_HEADER = 16
_OWN_NAMES = re.compile(r"<\w+>|__\w+__|\w+\.<locals>.*|.*\.py[w]?|.*[/\\].*|return|format")


def source_of(file: str, files: Mapping[str, bytes]) -> bytes | None:
    """The source of a ``.pyc`` among ``files``, in ``__pycache__`` or beside it (PEP 3147)."""
    path = PurePosixPath(file)
    folder = path.parent.parent if path.parent.name == "__pycache__" else path.parent
    source = folder / f"{path.name.split('.', 1)[0]}.py"
    return files.get(source.as_posix())


def foreign_names(data: bytes, source: bytes) -> list[str]:
    """Names in compiled code that its source does not have: it was made from something else.

    The texts are read from the bytes; nothing is unmarshalled, which would not be safe.
    """
    known = source.decode("utf-8", "replace")
    return sorted(
        {
            word
            for text in _texts(data[_HEADER:])
            if not _OWN_NAMES.fullmatch(text)
            for word in _WORD.findall(text)
            if word not in known
        }
    )


def _texts(data: bytes) -> Iterator[str]:
    end = 0
    for match in _TEXT.finditer(data):
        if match.start() < end:
            continue  # inside a text
        size = match[1][0]
        text = data[match.end() : match.end() + size]
        if 3 < size == len(text) and all(32 <= one < 127 for one in text):
            end = match.end() + size
            yield text.decode("ascii")
