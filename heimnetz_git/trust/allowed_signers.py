"""Who may sign what: OpenSSH's ``allowed_signers`` (ssh-keygen(1), "ALLOWED SIGNERS")."""

from __future__ import annotations

import base64
import binascii
import calendar
import hashlib
import re
import time
from collections.abc import Iterable, Iterator

import msgspec

from heimnetz_git.errors import InvalidFile, printable
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.trust.wire import Malformed, Reader

__all__ = ["Signer", "fingerprint", "matches", "parse_allowed_signers", "why_not"]

LARGEST = 1 << 20
_LINE = re.compile(r'(?P<principals>"[^"]*"|[^\s"]+)\s+(?P<rest>.+)')
_OPTION = re.compile(r'(?P<name>[A-Za-z-]+)(?:="(?P<value>[^"]*)")?(?P<more>,|\s+)')
_TIMES = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_KNOWN = frozenset({"cert-authority", "namespaces", "valid-after", "valid-before"})


class Signer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: a public key, the principals that it speaks for, what it may sign, and when.

    ``principals`` and ``namespaces`` are patterns with ``*``, ``?`` and a leading ``!``; no
    namespaces means all. ``key`` is the key in SSH wire format; times are Unix seconds, both ends
    included. ``authority`` marks a key that signs certificates and never files.
    """

    principals: tuple[str, ...]
    key: bytes
    namespaces: tuple[str, ...] = ()
    valid_after: int | None = None
    valid_before: int | None = None
    authority: bool = False
    line: int = 0


def fingerprint(key: bytes) -> str:
    """``SHA256:...`` of a key in wire format, as ssh-keygen shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def why_not(signer: Signer, *, namespace: str, principal: str | None, at: int) -> str:
    """Why this line does not allow it, as the end of a sentence; empty when it does.

    ``principal`` None asks about the key alone; ``at`` is the Unix time of signing.
    """
    if signer.authority:
        return "is a certificate authority's"
    if principal is not None and not matches(principal, signer.principals):
        return f"does not speak for {printable(principal)}"
    if signer.namespaces and not matches(namespace, signer.namespaces):
        return f"may not sign for {printable(namespace)!r}"
    if signer.valid_after is not None and at < signer.valid_after:
        return "is not valid yet"
    if signer.valid_before is not None and at > signer.valid_before:
        return "is no longer valid"
    return ""


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern fits and no ``!pattern`` does (ssh_config(5), "PATTERNS")."""
    fits = False
    for pattern in patterns:
        if _fits(text, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            fits = True
    return fits


def _fits(text: str, pattern: str) -> bool:
    """``*`` and ``?`` in time of at most ``len(text) * len(pattern)``."""
    at = seen = 0
    star, resume = -1, 0
    while at < len(text):
        if seen < len(pattern) and pattern[seen] == "*":
            star, resume, seen = seen, at, seen + 1
        elif seen < len(pattern) and pattern[seen] in ("?", text[at]):
            at, seen = at + 1, seen + 1
        elif star >= 0:
            resume += 1
            at, seen = resume, star + 1
        else:
            return False
    return not pattern[seen:].strip("*")


def parse_allowed_signers(data: bytes, source: str = "allowed_signers") -> tuple[Signer, ...]:
    """Every signer in the file, in its order. Raises InvalidFile with all problems.

    Times without ``Z`` are taken as UTC: the same file means the same on every machine.
    """
    if len(data) > LARGEST:
        raise InvalidFile(f"{printable(source)} is larger than {LARGEST} bytes.")
    signers: list[Signer] = []
    problems: list[Problem] = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        try:
            signers.append(_signer(said, number))
        except ValueError as error:
            place = Location(source, number)
            problems.append(Problem("invalid-signer", f"{printable(str(error))}.", place))
    if problems:
        raise InvalidFile(
            f"{printable(source)} has {len(problems)} wrong lines.", problems=problems
        )
    return tuple(signers)


def _signer(line: str, number: int) -> Signer:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("A line is 'PRINCIPALS [OPTIONS] TYPE KEY'")
    options, rest = _options(match["rest"])
    kind, encoded = (*rest.split(None, 2), "", "")[:2]
    namespaces = options.get("namespaces", "")
    return Signer(
        principals=_list(match["principals"].strip('"'), "principals"),
        key=_key(kind, encoded),
        namespaces=_list(namespaces, "namespaces") if "namespaces" in options else (),
        valid_after=_time(options.get("valid-after")),
        valid_before=_time(options.get("valid-before")),
        authority="cert-authority" in options,
        line=number,
    )


def _options(text: str) -> tuple[dict[str, str], str]:
    """The options in front of the key's type, and the rest of the line."""
    found: dict[str, str] = {}
    while (match := _OPTION.match(text)) and _is_option(match):
        name = match["name"].lower()
        if name not in _KNOWN or (name == "cert-authority") == (match["value"] is not None):
            raise ValueError(f"{name!r} is not an option here")
        if name in found:
            raise ValueError(f"The option {name!r} is there twice")
        found[name] = match["value"] or ""
        text = text[match.end() :]
        if match["more"] != ",":
            break
    return found, text


def _is_option(match: re.Match[str]) -> bool:
    """A key's type looks like an option without a value; only one option has none."""
    bare = match["value"] is None and match["more"] != ","
    return not bare or match["name"].lower() == "cert-authority"


def _list(text: str, what: str) -> tuple[str, ...]:
    items = tuple(text.split(","))
    if not all(items):
        raise ValueError(f"One of the {what} is empty")
    return items


def _key(kind: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
        named = Reader(key).string()
    except (binascii.Error, Malformed):
        raise ValueError("The key is not one") from None
    if named != kind.encode():
        raise ValueError(f"The key is not of the type {kind!r}")
    return key


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.removesuffix("Z")
    form = _TIMES.get(len(digits))
    if form is None or not digits.isdigit() or not digits.isascii():
        raise ValueError(f"{text!r} is not a time such as 20260131 or 202601311200Z")
    return calendar.timegm(time.strptime(digits, form))


def signers_of(key: bytes, signers: Iterable[Signer]) -> Iterator[Signer]:
    """The lines that name this key."""
    return (signer for signer in signers if signer.key == key)
