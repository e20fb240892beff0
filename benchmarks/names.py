"""Look-alike names: how many are asked in a second, what is found, and false alarms.

``python benchmarks/names.py`` prints it. The attacks are made from the names of a hundred popular
projects; the unrelated names are two thousand real ones (``tests/cases/project_names.txt``).
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from heimnetz_git.model.lookalike import NameIndex

__all__ = ["POPULAR", "attacks", "main", "unrelated"]

CASES = Path(__file__).resolve().parent.parent / "tests" / "cases" / "project_names.txt"
ASKED_PER_SECOND, TAKEN = 2000, 10_000
FOUND, FALSE = 0.95, 0.01
KEYS = {"a": "qs", "e": "wr", "i": "uo", "o": "ip", "n": "bm", "t": "ry", "s": "ad", "r": "et"}
PRINT = {"o": "0", "l": "1", "m": "rn", "s": "5", "w": "vv"}
WORDS = ("python", "py", "lib", "api", "client", "tools", "plugin", "core")

POPULAR = tuple(
    """
    boto3 packaging urllib3 certifi idna requests typing-extensions charset-normalizer setuptools
    botocore cryptography aiobotocore python-dateutil six pyyaml pydantic pygments cffi click
    numpy pluggy pycparser pydantic-core grpcio-status anyio s3transfer attrs protobuf h11 pytest
    annotated-types iniconfig fsspec httpx httpcore typing-inspection pandas pip s3fs markupsafe
    platformdirs python-dotenv pathspec pyjwt jinja2 rich jmespath markdown-it-py aiohttp filelock
    importlib-metadata yarl starlette multidict jsonschema zipp uvicorn propcache wheel mdurl
    pyasn1 pytz google-auth googleapis-common-protos frozenlist litellm fastapi rpds-py tqdm
    annotated-doc aiosignal referencing jsonschema-specifications trove-classifiers tzdata
    google-api-core aiohappyeyeballs pillow virtualenv greenlet colorama pyasn1-modules typer
    grpcio opentelemetry-sdk tenacity wrapt requests-oauthlib opentelemetry-api pyarrow awscli
    websockets opentelemetry-semantic-conventions python-multipart scipy sniffio pydantic-settings
    sqlalchemy pyparsing shellingham
    """.split()  # noqa: SIM905 # a list of words reads better so
)


def unrelated() -> list[str]:
    """Two thousand names of real projects, drawn at random."""
    return CASES.read_text("ascii").split()


def attacks(name: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Names that are meant to be taken for ``name``, each with its trick."""
    place = chance.randrange(len(name))
    yield "letter left out", name[:place] + name[place + 1 :]
    yield "letter twice", name[:place] + name[place] + name[place:]
    near = chance.randrange(len(name) - 1)
    yield "letters swapped", name[:near] + name[near + 1] + name[near] + name[near + 2 :]
    flipped = chr(ord(name[place]) ^ 1 << chance.randrange(5))
    yield "bit flipped", name[:place] + flipped + name[place + 1 :]
    for char, others in KEYS.items():
        if char in name:
            yield "key beside", name.replace(char, chance.choice(others), 1)
            break
    for char, other in PRINT.items():
        if char in name:
            yield "looks the same", name.replace(char, other, 1)
    word = chance.choice(WORDS)
    yield "word before", f"{word}-{name}"
    yield "word after", f"{name}-{word}"
    if "-" in name:
        yield "words swapped", "-".join(reversed(name.split("-")))
        yield "no hyphen", name.replace("-", "")
    else:
        yield "a hyphen", f"{name[: len(name) // 2]}-{name[len(name) // 2 :]}"


def hostile(seed: int = 4) -> list[tuple[str, str, str]]:
    """(trick, name, target) of every attack that makes another name, well formed and not taken."""
    chance = random.Random(seed)
    made = [(trick, name, one) for one in POPULAR for trick, name in attacks(one, chance)]
    known = set(POPULAR)
    return [one for one in made if one[1] not in known and _is_name(one[1])]


def _is_name(name: str) -> bool:
    parts = name.split("-")
    return all(part and all(char in "abcdefghijklmnopqrstuvwxyz0123456789" for char in part)
               for part in parts)  # fmt: skip


def found_of(index: NameIndex) -> tuple[float, Counter[str]]:
    """The part of the attacks whose very target is named, and how many were missed by trick."""
    made = hostile()
    missed = Counter(
        trick for trick, name, target in made
        if target not in {one.other for one in index.like(name)}
    )  # fmt: skip
    return 1 - missed.total() / len(made), missed


def false_of(index: NameIndex) -> float:
    """The part of the unrelated names that are taken to be like another."""
    names = [name for name in unrelated() if name not in index]
    return sum(bool(index.like(name)) for name in names) / len(names)


def speed() -> tuple[int, float, float]:
    """How many names are taken, names asked in a second, seconds to make the index."""
    chance = random.Random(4)
    parts = sorted({part for name in unrelated() for part in name.split("-") if len(part) > 2})
    taken: set[str] = set(unrelated())
    while len(taken) < TAKEN + len(unrelated()):
        taken.add("-".join(chance.sample(parts, chance.randrange(1, 4))))
    begin = time.perf_counter()
    index = NameIndex(sorted(taken))
    built = time.perf_counter() - begin
    asked = [name for _, name, _ in hostile()] + unrelated()
    begin = time.perf_counter()
    for name in asked:
        index.like(name)
    return len(index), len(asked) / (time.perf_counter() - begin), built


def main() -> int:
    """Print the figures; 1 when one misses its mark."""
    index = NameIndex(POPULAR)
    found, missed = found_of(index)
    false = false_of(index)
    taken, rate, built = speed()
    rows = [
        ("attacks found with their target", f"{found:.2%}", f"of {len(hostile())}, >= {FOUND:.0%}"),
        (
            "false alarms on unrelated names",
            f"{false:.2%}",
            f"of {len(unrelated())}, <= {FALSE:.0%}",
        ),
        ("names asked per second", f"{rate:,.0f}", f"of {taken:,}, >= {ASKED_PER_SECOND:,}"),
        ("seconds to make their index", f"{built:.2f}", ""),
    ]
    for what, figure, mark in rows:
        print(f"{what:<33} {figure:>8}  {mark}")
    print(f"missed: {dict(missed) or 'none'}")
    return int(found < FOUND or false > FALSE or rate < ASKED_PER_SECOND)


if __name__ == "__main__":
    sys.exit(main())
