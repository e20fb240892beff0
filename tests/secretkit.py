"""Cases of keys and look-alikes: templates with random parts, so that no key is kept.

``{base62:40}`` and the like are drawn anew for each seed; what stands here opens nothing.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from heimnetz_git.scan.secrets import secrets_in

__all__ = ["FOLDER", "Case", "cases", "fill", "is_found"]

FOLDER = Path(__file__).parent / "cases" / "secrets"
_FIELD = re.compile(r"\{(\w+):?([^{}\n]*)\}")
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_LETTERS: dict[str, str] = {
    "base62": string.ascii_letters + string.digits,
    "base64": string.ascii_letters + string.digits + "+/",
    "url64": string.ascii_letters + string.digits + "-_",
    "hex": "0123456789abcdef",
    "base32": string.ascii_uppercase + "234567",
    "upper": string.ascii_uppercase + string.digits,
    "lower": string.ascii_lowercase + string.digits,
    "digits": string.digits,
    "pass": string.ascii_letters + string.digits + "!#%&*+-_=?",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}


class Case(NamedTuple):
    """One case: whether it holds a key, its name, the file's name, the template of the text."""

    is_key: bool
    name: str
    file: str
    template: str


def cases(half: str) -> Iterator[Case]:
    """The cases of ``known`` or of ``held``, which no rule was written after."""
    blocks = (FOLDER / f"{half}.txt").read_text("utf-8").split("=== ")[1:]
    for block in blocks:
        head, _, text = block.partition("\n")
        kind, name, file = (word.strip() for word in head.split("|"))
        yield Case(kind == "key", name, file, text.rstrip("\n") + "\n")


def fill(template: str, seed: int) -> str:
    """The template with its random parts drawn."""
    chance = random.Random(f"{seed}{template}")
    return _FIELD.sub(lambda match: _drawn(match, chance), template)


def is_found(case: Case, seed: int) -> bool:
    """Whether the scanner says that the case holds a key."""
    return next(secrets_in(fill(case.template, seed), case.file), None) is not None


def _drawn(match: re.Match[str], chance: random.Random) -> str:
    kind, argument = match[1], match[2]
    if kind in _LETTERS and argument.isdigit():
        size = int(argument)
        while True:
            text = "".join(chance.choices(_LETTERS[kind], k=size))
            if size < 8 or (re.search(r"\d", text) and len(set(text)) > min(6, size // 3)):
                return text
    made = _MADE.get(kind)
    return made(argument, chance) if made else match[0]


def _crc(prefix: str, chance: random.Random) -> str:
    body = "".join(chance.choices(_LETTERS["base62"], k=30))
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return prefix + body + digits.rjust(6, "0")


def _token(claims: str, chance: random.Random) -> str:
    payload = json.loads("{" + claims.replace("'", '"') + "}") if claims else {"iss": "a", "iat": 1}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, payload)]
    parts.append(chance.randbytes(32))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _pem(kind: str, chance: random.Random) -> str:
    start = b"openssh-key-v1\0" if kind.startswith("OPENSSH") else b"\x30\x82\x04\xa4\x02\x01"
    body = base64.b64encode(start + chance.randbytes(600)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"


def _macaroon(_: str, chance: random.Random) -> str:
    head = "AgEIcHlwaS5vcmcC"  # version and location, as every such token begins
    return f"pypi-{head}{base64.urlsafe_b64encode(chance.randbytes(120)).decode()}"


def _discord(_: str, chance: random.Random) -> str:
    head = base64.b64encode(str(chance.randrange(10**17, 10**18)).encode()).decode()
    rest = ["".join(chance.choices(_LETTERS["base62"], k=size)) for size in (6, 27)]
    return ".".join([head, *rest])


def _encoded(text: str, chance: random.Random) -> str:
    inner = fill(text.replace("<", "{").replace(">", "}"), chance.getrandbits(32))
    return base64.b64encode(inner.encode()).decode()


def _split(text: str, chance: random.Random) -> str:
    """A text of ``prefix,alphabet,size`` as two pieces, each in quotes."""
    prefix, alphabet, size = text.split(",")
    body = "".join(chance.choices(_LETTERS[alphabet], k=int(size)))
    return f'"{prefix}" + "{body}"'


_MADE: dict[str, Callable[[str, random.Random], str]] = {
    "crc": _crc, "jwt": _token, "pem": _pem, "macaroon": _macaroon, "discord": _discord,
    "encoded": _encoded, "split": _split,
    "json_pem": lambda kind, chance: _pem(kind, chance).replace("\n", "\\n"),
    "bytes": lambda size, chance: base64.b64encode(chance.randbytes(int(size))).decode(),
}  # fmt: skip
