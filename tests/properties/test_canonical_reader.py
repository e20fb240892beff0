"""The fast reader against the parser, on files that were broken in every way we know."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from benchmarks.universe import Universe
from heimnetz_git.model.check import check
from heimnetz_git.model.registry import Owner, PluginEntry, Record
from heimnetz_git.model.release import Artifact, Change, Release, Source
from heimnetz_git.storage.canonical import dump
from heimnetz_git.storage.canonical_reader import read
from heimnetz_git.storage.yamlfile import canonical
from heimnetz_git.storage.yamlfile_parse import Bounds, Doubt, values
from tests.properties.test_yaml_roundtrip import DATA, SCALARS, TEXTS, TRICKY
from tests.valuekit import EXAMPLES, RELEASE

Kind = type[msgspec.Struct]
File = tuple[bytes, Kind]
MANY = settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOME = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

INDEX = Path(__file__).parent.parent.parent / "index"


def corpus() -> list[File]:
    """Files of every kind: examples, the bundled index with its schemas, a small universe."""
    found = [(dump(value), type(value)) for value in EXAMPLES.values()]
    found += [(path.read_bytes(), Release) for path in INDEX.glob("plugins/*/*/1*.yaml")]
    for path, data in Universe(7, 40, records=True).files():
        if path.startswith("plugins/"):
            found.append((data, PluginEntry if path.endswith("plugin.yaml") else Release))
        elif path.startswith("records/"):
            found.append((data, Record))
    return found


def slowly(data: bytes, kind: Kind) -> msgspec.Struct | None:
    """What reading gives without the fast reader, None when it refuses."""
    try:
        value: msgspec.Struct = msgspec.convert(values(data, Bounds()), kind)
    except (Doubt, msgspec.ValidationError):
        return None
    return value if next(check(value), None) is None else None


def agree(data: bytes, kind: Kind) -> None:
    """The fast reader has the parser's value, when it has one; and it has one when it should."""
    fast, slow = read(data, kind), slowly(data, kind)
    if fast is not None:
        assert exactly(fast) == exactly(slow)
        assert exactly(fast) == exactly(msgspec.convert(YAML(typ="safe").load(data), kind))
        assert dump(fast) == data
    elif slow is not None:
        assert dump(slow) != data or b"\\U" in data  # an escape that it leaves to the parser


def exactly(value: object) -> bytes:
    """A value's bytes: 1, 1.0 and true are three."""
    return msgspec.msgpack.encode(value)


def test_the_whole_corpus_is_read() -> None:
    """Every file of it is in canonical form."""
    for data, kind in corpus():
        assert read(data, kind) is not None
        agree(data, kind)


CORPUS = corpus()
PIECES = st.sampled_from([
    "\n", "\r\n", "\r", "\t", " ", "  ", "- ", "-", ":", ": ", '"', "'", "\\", "#", " #", "{}",
    "[]", "|", ">", "&a ", "*a", "!t ", "? ", "---\n", "...\n", "\x00", "\x07", "\x85", "\u2028",
    "\u2029", "\ufeff", "\u202e", "\xa0", "\u200b", "é", "\U000e0041", "\\u0041", "\\U000e0041",
    "\\ud800", "0", "1", "_", "~", "null", "true", "1e3", "0x1", "a: 1\n", "  a: 1\n", "- a: 1\n",
])  # fmt: skip


def _insert(text: str, draw: Any) -> str:
    at = draw(st.integers(0, len(text)))
    piece: str = draw(PIECES)
    return text[:at] + piece + text[at:]


def _delete(text: str, draw: Any) -> str:
    at = draw(st.integers(0, len(text)))
    return text[:at] + text[at + draw(st.integers(1, 3)) :]


def _flip(text: str, draw: Any) -> str:
    at = draw(st.integers(0, max(0, len(text) - 1)))
    other: str = draw(st.characters(exclude_categories=["Cs"]))
    return text[:at] + other + text[at + 1 :]


def _on_lines(change: Callable[[list[str], int, Any], None]) -> Callable[[str, Any], str]:
    def mutate(text: str, draw: Any) -> str:
        lines = text.split("\n")
        change(lines, draw(st.integers(0, len(lines) - 1)), draw)
        return "\n".join(lines)

    return mutate


def _swap(lines: list[str], at: int, draw: Any) -> None:
    other = draw(st.integers(max(0, at - 6), min(len(lines) - 1, at + 6)))
    lines[at], lines[other] = lines[other], lines[at]


def _repeat(lines: list[str], at: int, draw: Any) -> None:
    lines.insert(draw(st.integers(at, min(len(lines), at + 6))), lines[at])


def _drop(lines: list[str], at: int, draw: Any) -> None:
    del lines[at]


def _indent(lines: list[str], at: int, draw: Any) -> None:
    by = draw(st.sampled_from([-2, -1, 1, 2]))
    for place in range(at, min(len(lines), at + draw(st.integers(1, 8)))):
        lines[place] = " " * by + lines[place] if by > 0 else lines[place][-by:]


def _end(lines: list[str], at: int, draw: Any) -> None:
    lines[at] += draw(st.sampled_from([" ", "\t", "\r", " # said", "\u2028", "\x85", "\n"]))


def _requote(lines: list[str], at: int, draw: Any) -> None:
    """Take quotes away, or set them, or set the other ones."""
    head, found, value = re.fullmatch(r"([^\"]*?(?:: |- )|)(\"?)(.*?)\"?", lines[at]).groups()  # type: ignore[union-attr] # takes any line
    quote = draw(st.sampled_from(["", "'"] if found else ['"', "'"]))
    lines[at] = head + quote + value + quote


def _rescale(lines: list[str], at: int, draw: Any) -> None:
    """Another value in a line's place."""
    head = re.match(r" *(?:- )*(?:[^:]*: )?", lines[at])
    lines[at] = (head[0] if head else "") + draw(TRICKY)


MUTATIONS: tuple[Callable[[str, Any], str], ...] = (
    _insert, _delete, _flip, lambda text, draw: text.replace("\n", "\r\n"),
    *map(_on_lines, (_swap, _repeat, _drop, _indent, _end, _requote, _rescale)),
)  # fmt: skip


@st.composite
def mutated(draw: Any) -> File:
    """A file of the corpus, changed in one place to four."""
    data, kind = draw(st.sampled_from(CORPUS))
    text = data.decode()
    for mutate in draw(st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=4)):
        text = mutate(text, draw)
    return text.encode("utf-8", "surrogatepass"), kind


@MANY
@given(mutated())
def test_a_changed_file_is_read_as_the_parser_reads_it(file: File) -> None:
    """Lines moved, doubled, indented, quoted otherwise; characters that look like nothing."""
    agree(*file)


@SOME
@given(st.sampled_from(CORPUS), st.integers(0, 1 << 20), st.integers(0, 255))
def test_a_flipped_byte_is_read_as_the_parser_reads_it(file: File, at: int, byte: int) -> None:
    """Most are no UTF-8 any more, some are another text, a few the same value."""
    data = bytearray(file[0])
    data[at % len(data)] = byte
    agree(bytes(data), file[1])


@SOME
@given(DATA, st.dictionaries(TEXTS, st.dictionaries(TEXTS, SCALARS), max_size=3))
def test_any_schema_is_read_as_it_was_written(
    config: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    """Nested keys and values of any kind, where any are allowed."""
    agree(dump(msgspec.structs.replace(RELEASE, config=config)), Release)
    agree(dump(msgspec.structs.replace(RELEASE, operations=operations)), Release)


WORDS = st.one_of(
    TEXTS,
    st.text(st.sampled_from("aZ0/_-.,:;!?%=<>~^$*'\"#&|[]{}@`\\ é"), max_size=16),
    st.sampled_from(["1.2.0", "1.2.0rc1", "1.2", "false", "No", "falsely", "    ", "a: b", "a #b"]),
)
DIGITS = st.text("0123456789abcdef", min_size=40, max_size=40) | WORDS
ADDRESSES = st.one_of(
    st.builds("https://example.org/{}".format, WORDS),
    st.sampled_from(["a/b.whl", "a/.b.whl", "a//b.whl", "-a/b.whl", "https://a@b.org/c.whl"]),
    st.builds("{}.whl".format, WORDS),
)
SIZES = st.integers(-1, 1 << 41) | st.sampled_from([1 << 40, (1 << 40) + 1, 10**12 - 1, 10**12])
ARTIFACTS = st.builds(
    Artifact, path=ADDRESSES | st.just(""), url=ADDRESSES | st.just(""), size=SIZES,
    sha256=st.builds("{}{}".format, DIGITS, st.sampled_from(["0" * 24, "f" * 24, "0" * 23])),
)  # fmt: skip
CHANGES = st.builds(Change, st.sampled_from(["added", "fixed", "other"]), WORDS)
RANGES = st.sampled_from([">=1", ">=1,<2", "<2", "==1.*", "", "1", "==1.0.0 ", "=>1", "===1"])
NAMES = st.sampled_from(["a", "y", "no", "null", "a-b", "a--b", "A", "b1", "1b", "x" * 65, "a b"])


@SOME
@given(
    st.builds(Source, ADDRESSES | WORDS, DIGITS, WORDS | st.builds("v{}".format, WORDS)),
    st.lists(ARTIFACTS, max_size=3).map(tuple),
    st.lists(CHANGES, max_size=3).map(tuple),
    st.dictionaries(NAMES, RANGES | WORDS, max_size=4),
)
def test_what_is_new_in_each_release_is_read_as_the_parser_reads_it(
    source: Source,
    artifacts: tuple[Artifact, ...],
    changes: tuple[Change, ...],
    requires: dict[str, str],
) -> None:
    """The blocks with a grammar of their own: no text gets past a check that others meet."""
    for fields in ({"source": source}, {"artifacts": artifacts}, {"changes": changes}):
        agree(dump(msgspec.structs.replace(RELEASE, **fields)), Release)
    agree(dump(msgspec.structs.replace(RELEASE, requires=requires)), Release)


ASIDE = st.one_of(
    st.just(""),
    st.text(" ", max_size=6),
    st.builds("{}#{}".format, st.text(" ", max_size=6), st.text(max_size=20)),
    st.sampled_from(
        ["# Für später", "#\tno", "  # 1\r", "#\x85", "#\u2028", "---", "# \ud800", "\t"]
    ),
)


@MANY
@given(st.data())
def test_lines_of_comment_stand_aside(data: st.DataObject) -> None:
    """Wherever people put them: what is read with them is what the parser reads with them."""
    whole, kind = data.draw(st.sampled_from(CORPUS))
    lines = whole.decode().split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        lines.insert(data.draw(st.integers(0, len(lines) - 1)), data.draw(ASIDE))
    written = "\n".join(lines).encode("utf-8", "surrogatepass")
    found = canonical(written, kind)
    assert found is None or exactly(found) == exactly(slowly(written, kind))


def test_what_people_comment_is_read_without_the_parser() -> None:
    """The usual ways to comment a file of settings."""
    written = b'# Mine.\n\nname: a\n  # Below.\nid: "1"\n#name: b\n'
    assert canonical(written, Owner) == Owner("a", "1")
    assert canonical(b"name: a # no\n", Owner) is None
    assert canonical(b"name: a\n\t# no\n", Owner) is None
