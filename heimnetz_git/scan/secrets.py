"""Keys that were published by mistake: known formats, told from look-alikes by their structure."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["Secret", "secrets_in"]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Secret(NamedTuple):
    """A key: what it opens, where it begins in the text (never the key itself), how sure we are."""

    what: str
    offset: int
    certain: bool


class _Format(NamedTuple):
    """A key's form; ``check`` says True (its check digits hold), False, or None (it has none)."""

    what: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool | None]


def secrets_in(text: str) -> Iterator[Secret]:
    """Every key in ``text``, at its offset; a look-alike whose structure is wrong is not one."""
    if _ANY.search(text) is None:
        return
    for form in _FORMATS:
        for match in form.pattern.finditer(text):
            verdict = form.check(match[0])
            if verdict is not False:
                yield Secret(form.what, match.start(), certain=bool(verdict))


def _crc_token(token: str) -> bool:
    """GitHub's and npm's tokens end in the CRC-32 of the rest, six digits of base 62.

    Source: github.blog, "Behind GitHub's new authentication token formats" (2021).
    """
    body = token.partition("_")[2]
    number, digits = zlib.crc32(body[:-6].encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0") == body[-6:]


def _aws_key(key: str) -> bool | None:
    """Base 32 after the prefix (letters A-Z, digits 2-7); the manual's example is no key."""
    if key.endswith("EXAMPLE"):
        return False
    return None if re.fullmatch(r"[A-Z2-7]{16}", key[4:]) and len(set(key[4:])) > 7 else False


def _pypi_token(token: str) -> bool:
    """A macaroon (version 2) that names its location."""
    body = token.removeprefix("pypi-")
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except (ValueError, binascii.Error):
        return False
    return raw[:1] == b"\x02" and b"pypi." in raw[:24]


def _private_key(block: str) -> bool:
    """A PEM block whose body is base 64 of a DER sequence or of an OpenSSH key."""
    body = "".join(block.split("-----")[2].replace("\\n", "\n").split())
    try:
        raw = base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error):
        return False
    return raw[:1] == b"\x30" or raw.startswith(b"openssh-key-v1\0")


def _varied(token: str) -> bool | None:
    """Not a placeholder: a key of one or two letters repeated is none."""
    return None if len(set(token)) > 12 else False


# What every format has, in one look: most files have none of it.
_ANY = re.compile(
    r"gh[pousr]_|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9]|A[KS]IA[A-Z0-9]|glpat-|AIza|xox[bpars]-"
    r"|[sr]k_live_|:AA[A-Za-z0-9_-]{33}|PRIVATE KEY"
)
_FORMATS = (
    _Format("a GitHub token", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"), _crc_token),
    _Format("an npm token", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"), _crc_token),
    _Format("a PyPI token", re.compile(r"\bpypi-[A-Za-z0-9_-]{80,1000}"), _pypi_token),
    _Format("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _aws_key),
    _Format("a GitLab token", re.compile(r"\bglpat-[A-Za-z0-9_-]{20}\b"), _varied),
    _Format("a Google API key", re.compile(r"\bAIza[A-Za-z0-9_-]{35}(?![\w-])"), _varied),
    _Format("a Slack token", re.compile(r"\bxox[bpars]-\d{10,13}-[A-Za-z0-9-]{20,80}"), _varied),
    _Format("a Stripe key", re.compile(r"\b[sr]k_live_[A-Za-z0-9]{24,99}\b"), _varied),
    _Format(
        "a Telegram bot token", re.compile(r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}(?![\w-])"), _varied
    ),
    _Format(
        "a private key",
        re.compile(
            r"-----BEGIN (?:[A-Z]{2,8} )?PRIVATE KEY-----"
            r"[A-Za-z0-9+/=\s\\]{64,8000}-----END"
        ),
        _private_key,
    ),
)
