"""Keys that were published by mistake: by their form, by their place, and told from look-alikes."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from heimnetz_git.scan.secrets_formats import FORMATS, Format
from heimnetz_git.scan.secrets_values import named_values

__all__ = ["Secret", "secrets_in"]

_SEAM = re.compile(r"([\"'])\s*(?:\+\s*|\\\n\s*|,\s*|\s)[rbu]?([\"'])")
_PYTHON = (".py", ".pyw")
# Two texts that may be pieces of one key, as far as one look tells.
_PIECES = re.compile(
    r"[\"'][\w.-]{3,80}[\"']\s*(?:\+|\\\n)?\s*(?<![\"'])[rbu]?[\"'][\w+/=.-]{6,300}[\"']"
)
_JOINED = re.compile(r"\.join\(\s*[\[(]\s*[\"'][\w.-]{3,80}[\"']\s*,")
# No key of a known form is shorter, but for those in blocks of lines.
_SHORTEST = 20
_NAMES = frozenset(["discord", "Discord", "DISCORD", "airtable", "Airtable", "AIRTABLE"])
_BLOCKS = ("PRIVATE KEY", "PuTTY-User-Key-File-")
MOST = 200
_ENCODED, LONGEST = 32, 4000
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4}){7,100}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class Secret(NamedTuple):
    """A key: what it opens, where it begins in the text (never the key itself), how sure we are.

    ``digest`` is what an allow-list names it by. ``certain`` are those whose check digits hold,
    ``faint`` those that open nothing of worth, or whose digits do not hold.
    """

    what: str
    offset: int
    certain: bool
    digest: str
    faint: bool = False


def secrets_in(text: str, file: str = "") -> Iterator[Secret]:
    """Every key in ``text``, by its offset; a look-alike whose structure is wrong is not one.

    ``file`` is its name: in Python a key may be put together of pieces, in configuration it stands
    without quotes. At most 200.
    """
    found: dict[int, Secret] = {}
    taken: list[tuple[int, int]] = []
    for secret, end in _formed(text):
        taken.append((secret.offset, end))
        found.setdefault(secret.offset, secret)
    for what, offset, value in named_values(text, file):
        if not any(start <= offset + len(value) and offset < end for start, end in taken):
            found.setdefault(offset, Secret(what, offset, certain=False, digest=_digest(value)))
        if len(found) >= MOST:
            break
    known = {secret.digest for secret in found.values()}
    for secret in (*_in_pieces(text, file), *_encoded(text)):
        if secret.digest not in known:
            found.setdefault(secret.offset, secret)
    yield from (found[offset] for offset in sorted(found)[:MOST])


def _formed(text: str) -> Iterator[tuple[Secret, int]]:
    """The keys of a known form, each with where it ends."""
    long = [word for word in text.split() if len(word) >= _SHORTEST]
    short = "\n".join([*long, *(block for block in _BLOCKS if block in text)])
    near = text if "iscord" in text.lower() or "irtable" in text.lower() else short
    for form in FORMATS:
        if not any(mark in (near if mark in _NAMES else short) for mark in form.marks):
            continue
        for match in re.compile(form.pattern).finditer(text):
            before = text[match.start() - 1 : match.start()]
            if form.apart and (before.isalnum() or before == "_"):
                continue
            verdict = form.check(match[0])
            if verdict is not False:
                yield _secret(form, match, certain=bool(verdict)), match.end()


def _secret(form: Format, match: re.Match[str], *, certain: bool) -> Secret:
    faint = form.faint or (form.digits and not certain)
    return Secret(form.what, match.start(), certain, _digest(match[0]), faint)


def _in_pieces(text: str, file: str) -> Iterator[Secret]:
    """The keys that stand in pieces, ``"ghp_" + "..."``, at the line of their first piece."""
    if not file.endswith(_PYTHON) or not (
        _PIECES.search(text) or (".join" in text and _JOINED.search(text))
    ):
        return
    pieces, seams, last, size = [], [(0, 0)], 0, 0
    for match in _SEAM.finditer(text):
        if match[1] != match[2] or ("," in match[0] and ".join" not in text):
            continue
        pieces.append(text[last : match.start()])
        size += len(pieces[-1])
        last = match.end()
        seams.append((size, last))
    if not pieces:
        return
    whole = "".join([*pieces, text[last:]])
    for secret, _ in _formed(whole):
        start, real = max(seam for seam in seams if seam[0] <= secret.offset)
        yield secret._replace(offset=real + secret.offset - start)


def _encoded(text: str) -> Iterator[Secret]:
    """The keys of a known form that stand in base 64, which hides nothing."""
    words = [word for word in text.split() if _ENCODED <= len(word) <= LONGEST]
    for match in islice(_BASE64.finditer(" ".join(words)), MOST):
        try:
            inner = base64.b64decode(match[0]).decode("ascii")
        except ValueError:
            continue
        for secret, _ in _formed(inner):
            yield secret._replace(offset=text.find(match[0]))


def _digest(value: str) -> str:
    """Names a key without telling it."""
    return hashlib.sha256(b"heimnetz-git/secret\0" + value.encode()).hexdigest()
