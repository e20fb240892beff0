"""What makes a text a key and no look-alike: check digits, structure, variety."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import math
import re
import zlib
from collections import Counter

__all__ = [
    "aws_key",
    "basic_login",
    "crc_token",
    "discord_token",
    "entropy",
    "is_dummy",
    "json_web_token",
    "private_key",
    "pypi_token",
    "storage_key",
    "varied",
]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DUMMY = re.compile(
    r"example|sample|dummy|fake|change.?(?:me|this|it)|replace|your.?(?:\w|$)|redacted|placeholder|insert"
    r"|not.?(?:a|real|set|used)|x{4,}|\*{3,}|\.{3}|todo|fixme|foo.?bar|default|lorem|\btest|[-_.]test"
    r"|test[-_.]|testing|mock|invalid|undefined|deadbeef|qwertz?y?|asdf|\bdemo\b|00000000|11111111",
    re.IGNORECASE,
)


def entropy(text: str) -> float:
    """Shannon's entropy of the characters, in bits each; 0.0 for an empty text."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values()) if size else 0.0


def is_dummy(value: str) -> bool:
    """Whether it is written for the eye: a placeholder, a sequence, one letter many times."""
    if _DUMMY.search(value) is not None:
        return True
    steps = [ord(after) - ord(before) for before, after in itertools.pairwise(value)]
    straight = sum(step in (0, 1) for step in steps)
    return bool(steps) and straight / len(steps) > 0.5


def varied(token: str) -> bool | None:
    """Not a placeholder: a key of a few letters repeated, or of a sequence, is none."""
    body = token[len(token) // 4 :]
    return None if len(set(body)) > min(10, len(body) // 2) and not is_dummy(token) else False


def crc_token(token: str) -> bool | None:
    """GitHub's and npm's tokens end in the CRC-32 of the rest, six digits of base 62.

    One whose digits do not hold was altered or invented: None. Source: github.blog, "Behind
    GitHub's new authentication token formats" (2021).
    """
    body = token.partition("_")[2]
    number, digits = zlib.crc32(body[:-6].encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return True if digits.rjust(6, "0") == body[-6:] else varied(token)


def aws_key(key: str) -> bool | None:
    """Base 32 after the prefix (letters A-Z, digits 2-7); the manual's example is no key."""
    if key.endswith("EXAMPLE"):
        return False
    return None if re.fullmatch(r"[A-Z2-7]{16}", key[4:]) and len(set(key[4:])) > 7 else False


def pypi_token(token: str) -> bool:
    """A macaroon (version 2) that names its location."""
    raw = _decoded(token.removeprefix("pypi-"))
    return raw[:1] == b"\x02" and b"pypi." in raw[:24]


def private_key(block: str) -> bool:
    """A PEM block whose body is base 64 of a DER sequence or of an OpenSSH key."""
    body = "".join(block.split("-----")[2].replace("\\n", "\n").replace("\\", "").split())
    body = body.replace('"', "").replace("'", "")
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (ValueError, binascii.Error):
        return False
    if b"EXAMPLE" in raw[:64] or is_dummy(body[40:]):
        return False
    return raw[:1] == b"\x30" or raw.startswith(b"openssh-key-v1\0")


def json_web_token(token: str) -> bool | None:
    """Three parts, of which two are JSON objects and the first names an algorithm (RFC 7519).

    The examples of the RFC and of well-known pages are none, nor is one that nobody signed.
    """
    head, payload = (_object(part) for part in token.split(".")[:2])
    if head is None or payload is None or str(head.get("alg", "none")).lower() == "none":
        return False
    told = {str(value).lower() for value in payload.values()}
    known = {"john doe", "jane doe", "1234567890", "joe", "alice", "bob"}
    words = " ".join(value for value in payload.values() if isinstance(value, str))
    return False if told & known or is_dummy(words) else None


def discord_token(token: str) -> bool | None:
    """Its first part is the number of an account, in base 64."""
    raw = _decoded(token.split(".", 1)[0])
    return None if raw.isdigit() and 15 <= len(raw) <= 20 and varied(token) is None else False


def storage_key(text: str) -> bool | None:
    """64 bytes in base 64; the emulator's well-known key opens nothing."""
    body = text.partition("=")[2]
    return None if len(_decoded(body)) == 64 and not body.startswith("Eby8vdM02xNO") else False


def basic_login(value: str) -> str:
    """The password of an HTTP Basic login; empty when it is none."""
    try:
        name, _, password = _decoded(value).decode().partition(":")
    except UnicodeDecodeError:
        return ""
    return password if name.isprintable() and password.isprintable() else ""


def _decoded(body: str) -> bytes:
    plain = body.rstrip("=").translate(str.maketrans("+/", "-_"))
    try:
        return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except (ValueError, binascii.Error):
        return b""


def _object(part: str) -> dict[str, object] | None:
    try:
        value = json.loads(_decoded(part))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
