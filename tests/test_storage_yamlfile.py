"""Reading, writing and changing YAML files: what is taken, what is refused, and in which words."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git.errors import FileMissing, FormatTooNew, InvalidFile
from heimnetz_git.model.config import Project, Settings
from heimnetz_git.model.registry import PluginEntry
from heimnetz_git.model.release import Release
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.yamlfile import Bounds
from tests.valuekit import PLUGIN, RELEASE

CASES = Path(__file__).parent / "cases" / "yaml"
STRUCTURE: list[dict[str, Any]] = json.loads((CASES / "structure.json").read_text("utf-8"))
FLAWS: list[dict[str, Any]] = json.loads((CASES / "release.json").read_text("utf-8"))


def problems(data: bytes | str, kind: type[Any] | None = None, **more: Any) -> tuple[Any, ...]:
    """What reading (or, without a kind, parsing) refuses."""
    data = data.encode() if isinstance(data, str) else data
    with pytest.raises(InvalidFile) as caught:  # noqa: PT012 # one call either way
        if kind is None:
            yamlfile.parse(data, "f.yaml", **more)
        else:
            yamlfile.read(data, kind, "f.yaml", **more)
    assert caught.value.problems
    return caught.value.problems


@pytest.mark.parametrize("case", STRUCTURE, ids=[case["name"] for case in STRUCTURE])
def test_what_is_not_plain_yaml_is_refused(case: dict[str, Any]) -> None:
    """Each oddity has its code and its place; inputs are bytes, written as Latin-1."""
    found = problems(case["input"].encode("latin-1"))
    assert [[one.code, one.location.line, one.location.column] for one in found] == case["problems"]
    assert all(str(one).isprintable() for one in found)


WITHOUT_C = """
import json, sys
sys.modules["_ruamel_yaml"] = sys.modules["_ruamel_yaml_clibz"] = None
from heimnetz_git.errors import InvalidFile
from heimnetz_git.storage import yamlfile
found = []
for text in json.load(sys.stdin):
    try:
        found.append(yamlfile.parse(text.encode("latin-1"), "f.yaml"))
    except InvalidFile as error:
        found.append([problem.code for problem in error.problems])
json.dump(found, sys.stdout)
"""


def test_without_the_c_parser_the_answers_are_the_same() -> None:
    """Where ruamel.yaml.clib has no wheel, the pure parser reads and refuses alike."""
    cases = [case for case in STRUCTURE if case["name"] != "surrogate escape"]
    good = (CASES / "release.yaml").read_text("utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_C],
        input=json.dumps([good, *(case["input"] for case in cases)]),
        capture_output=True,
        text=True,
        check=True,
        cwd=CASES.parents[2],
    )
    first, *others = json.loads(ran.stdout)
    assert first == yamlfile.parse(good.encode(), "f.yaml")
    assert others == [[code for code, _, _ in case["problems"]] for case in cases]


@pytest.mark.parametrize("case", FLAWS, ids=[case["name"] for case in FLAWS])
def test_a_flaw_in_a_release_is_explained(case: dict[str, Any]) -> None:
    """One text of a good release is replaced: code, line:column, path and what was meant."""
    good = (CASES / "release.yaml").read_text("utf-8")
    assert good.count(case["replace"]) == 1
    bad = good.replace(case["replace"], case["by"])
    found = problems(bad, Release, authoring=case.get("authoring", False))
    said = [
        [one.code, f"{one.location.line}:{one.location.column}", one.path]
        + ([one.suggestion] if one.suggestion else [])
        for one in found
    ]
    assert said == case["problems"]
    assert all(str(one).isprintable() for one in found)


def test_a_good_release_is_read() -> None:
    """The file that all these flaws are planted in has none."""
    release = yamlfile.read_file(CASES / "release.yaml", Release)
    assert (release.name, release.version) == ("wake-on-lan", "1.2.0")
    assert release.permissions.network.connect == ("lan:9/udp", "api.example.org:443")


VALUES: list[tuple[str, object]] = [
    ("no", "no"),
    ("on", "on"),
    ("y", "y"),
    ("2026-01-31", "2026-01-31"),
    ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    ("1.2.0", "1.2.0"),
    ("1_000", "1_000"),
    ("0b1", "0b1"),
    ("12:30:45", "12:30:45"),
    ("1.10", 1.1),
    ("017", 17),
    ("0o17", 15),
    ("0x1F", 31),
    ("-9223372036854775808", -(1 << 63)),
    ("1e3", 1000.0),
    ("~", None),
    ("", None),
    ("null", None),
    ("TRUE", True),
    ("'true'", "true"),
    ('"\\u00e4\\t\\x41"', "ä\tA"),
    ("|\n  one\n  two\n", "one\ntwo\n"),
    (">\n  one\n  two\n", "one two\n"),
    ("{a: [1, {b: c}]}", {"a": [1, {"b": "c"}]}),
    ("'<<'", "<<"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    """No truth in 'no', no dates, no sexagesimal numbers."""
    assert yamlfile.parse(f"k: {text}\n".encode(), "f.yaml") == {"k": value}


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n"])
def test_an_empty_document_is_none_and_no_file_of_a_kind(text: str) -> None:
    """An empty settings file is as good as none; an empty release is not one."""
    assert yamlfile.parse(text.encode(), "f.yaml") is None
    assert [one.code for one in problems(text, Release)] == ["wrong-type"]


def test_windows_line_ends_are_read() -> None:
    """People write files on Windows too."""
    assert yamlfile.parse(b"a: 1\r\nb: 2\r\n", "f.yaml") == {"a": 1, "b": 2}


HUGE = [
    ("scalar", b"a: " + b"x" * (50 << 20), "file-too-large"),
    ("long text", b"a: " + b"x" * 70_000, "text-too-long"),
    ("many values", b"[" + b"1," * 200_000 + b"]", "too-many-values"),
    ("many brackets", b"[" * 1_000_000, "too-deep"),
    ("many braces", b"{a: " * 200_000, "too-deep"),
    ("many question marks", b"? " * 200_000, "too-deep"),
    ("many dashes", b"- " * 200_000, "too-deep"),
    ("many duplicates", b"a: 1\n" * 100_000, "duplicate-key"),
    ("a key of a megabyte", b"x" * 1_000_000 + b": 1", "text-too-long"),
    ("quotes that never end", b"a: '" + b"''" * 400_000, "not-yaml"),
    ("many comments", b"#\n" * 500_000 + b"a: *b", "alias"),
]


@pytest.mark.parametrize(("data", "code"), [case[1:] for case in HUGE], ids=[c[0] for c in HUGE])
def test_a_huge_file_costs_nothing(data: bytes, code: str) -> None:
    """It is refused within a moment, with at most a hundred problems."""
    start = time.process_time()
    found = problems(data)
    assert time.process_time() - start < 1.5
    assert found[0].code == code
    assert len(found) <= 100


def test_bounds_are_arguments() -> None:
    """Whoever reads small things may say so."""
    assert problems(b"a: 12345", limits=Bounds(size=5))[0].code == "file-too-large"
    assert problems(b"a: [[1]]", limits=Bounds(depth=2))[0].code == "too-deep"
    assert problems(b"a: '123456'", limits=Bounds(scalar=5))[0].code == "text-too-long"
    assert problems(b"a: [1, 2, 3]", limits=Bounds(nodes=4))[0].code == "too-many-values"


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    """Only as much is read as may be used."""
    file = tmp_path / "big.yaml"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(InvalidFile) as caught:
        yamlfile.read_file(file, Release)
    assert [one.code for one in caught.value.problems] == ["file-too-large"]


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    """With its path, as another error than a broken one."""
    with pytest.raises(FileMissing, match="nowhere"):
        yamlfile.read_file(tmp_path / "nowhere.yaml", Release)
    with pytest.raises(FileMissing):
        yamlfile.read_file(tmp_path, Release)


def test_a_newer_format_is_refused_by_name() -> None:
    """Whatever else is in the file, the way out is to update."""
    with pytest.raises(FormatTooNew, match="format 2") as caught:
        yamlfile.read(b"format: 2\nnovelty: {a: b}\n", Release, "f.yaml")
    assert caught.value.facts["format"] == 2


def test_unknown_keys_are_passed_over_when_reading() -> None:
    """An index of a newer minor format is still usable."""
    data = yamlfile.dump(PLUGIN) + b"novelty: 1\n"
    assert yamlfile.read(data, PluginEntry, "f.yaml") == PLUGIN


def test_unknown_keys_are_refused_when_authoring() -> None:
    """With the word that was probably meant."""
    data = b"format: 1\npluggins: {}\nsettings:\n  ofline: true\n"
    found = problems(data, Project, authoring=True)
    assert [(one.path, one.suggestion, str(one.location)) for one in found] == [
        ("pluggins", "plugins", "f.yaml:2:1"),
        ("settings.ofline", "offline", "f.yaml:4:3"),
    ]


def test_problems_of_all_sorts_come_together_in_order() -> None:
    """Structure, types, missing and unknown keys, and meaning: one report, top to bottom."""
    data = b"""\
format: 1
owners: ada
name: Wake
name: wake
status: retired
titel: Wake
yanked:
  1.0: broken
  1.1.0: "broken\\nbadly"
deprecated: {successor: 7}
"""
    found = problems(data, PluginEntry, authoring=True)
    assert [(one.location.line, one.code) for one in found] == [
        (2, "wrong-type"),
        (3, "invalid-name"),
        (4, "duplicate-key"),
        (5, "unknown-value"),
        (6, "unknown-key"),
        (8, "key-not-text"),
        (9, "text-not-plain"),
        (10, "missing-key"),
        (10, "wrong-type"),
    ]


def test_escape_sequences_never_reach_the_terminal() -> None:
    """Neither from the file's content nor from its name."""
    bad = b'"a\\u202eb": 1\nformat: 1\nname: "\\e]0;title\\a"\nowners: "\\e[2J"\n'
    with pytest.raises(InvalidFile) as caught:
        yamlfile.read(bad, PluginEntry, "evil\x1b[2J.yaml", authoring=True)
    said = [str(caught.value), *map(str, caught.value.problems)]
    assert all(line.isprintable() for line in said)


def test_a_thousand_problems_are_cut() -> None:
    """Nobody reads more than a hundred."""
    data = "format: 1\nplugins:\n" + "".join(f"  p{n}: [1]\n" for n in range(1000))
    assert len(problems(data, Project)) == 100


def test_the_canonical_form() -> None:
    """The form, to the byte: what is written here is what signatures are made over."""
    assert yamlfile.dump(RELEASE) == (CASES / "canonical.yaml").read_bytes()
    assert yamlfile.read_file(CASES / "canonical.yaml", Release) == RELEASE


WRITTEN: list[tuple[object, str]] = [
    ("", '""'),
    ("plain text", "plain text"),
    ("lan:9/udp", "lan:9/udp"),
    ("https://example.org/?a=b", "https://example.org/?a=b"),
    ("it's", "it's"),
    ("a, b (c); d!", "a, b (c); d!"),
    ("Größe", "Größe"),
    ("日本", "日本"),
    ("1.2.0rc1", "1.2.0rc1"),
    ("192.168.1.1", "192.168.1.1"),
    ("1.10", '"1.10"'),
    ("12", '"12"'),
    ("0x1f", '"0x1f"'),
    ("1e5", '"1e5"'),
    ("2026-01-31", '"2026-01-31"'),
    ("Yes", '"Yes"'),
    ("NULL", '"NULL"'),
    ("~", '"~"'),
    ("*", '"*"'),
    ("*.example.org", '"*.example.org"'),
    ("- a", '"- a"'),
    ("a: b", '"a: b"'),
    ("a:", '"a:"'),
    ("a #b", '"a #b"'),
    ("[a]", '"[a]"'),
    ("{a}", '"{a}"'),
    ("@a", '"@a"'),
    ("%a", '"%a"'),
    (">=1,<2", '">=1,<2"'),
    (" a", '" a"'),
    ("a ", '"a "'),
    ("a  b", '"a  b"'),
    ("a\nb\t\r", '"a\\nb\\t\\r"'),
    ('say "hi"', '"say \\"hi\\""'),
    ("C:\\x", '"C:\\\\x"'),
    ("\x1b[31m\x7f\x85", '"\\u001b[31m\\u007f\\u0085"'),
    ("a\u202eb", '"a\\u202eb"'),
    ("\ufeff", '"\\ufeff"'),
    ("\U000e0041", '"\\U000e0041"'),
    ("a\xa0b", '"a\xa0b"'),
    ("👍", "👍"),
    (None, "null"),
    (True, "true"),
    (-1, "-1"),
    (0.5, "0.5"),
    (1e16, "1.0e+16"),
    (1e-7, "1.0e-07"),
    ([], "[]"),
    ({}, "{}"),
]


@pytest.mark.parametrize(("value", "text"), WRITTEN)
def test_how_a_value_is_written(value: object, text: str) -> None:
    """Plain where every reader agrees, else in double quotes on one line."""
    assert yamlfile.dump({"k": value}).decode() == f"k: {text}\n"
    assert yamlfile.parse(f"k: {text}\n".encode(), "f.yaml") == {"k": value}


def test_nesting_is_regular() -> None:
    """Two spaces a level, lists too; the first key of a mapping in a list follows the dash."""
    value = {"z": [[1, []], {"b": {"c": 1}, "a": [2]}, {}], "no": {"x": {}}}
    assert yamlfile.dump(value).decode() == (
        '"no":\n  x: {}\nz:\n  -\n    - 1\n    - []\n'
        "  - a:\n      - 2\n    b:\n      c: 1\n  - {}\n"
    )


def nest(levels: int, inner: object) -> object:
    """Lists and mappings in turn around ``inner``."""
    for level in range(levels):
        inner = {"k": inner} if level % 2 else [inner]
    return inner


@pytest.mark.parametrize("inner", ["x", [], {}])
def test_as_deep_as_can_be_read_is_written_and_no_deeper(inner: object) -> None:
    """What is written can be read: the bounds of both are one."""
    fits = 31 if isinstance(inner, str) else 30
    value = {"k": nest(fits, inner)}
    assert yamlfile.parse(yamlfile.dump(value), "f.yaml") == value
    with pytest.raises(ValueError, match="nested at most 32"):
        yamlfile.dump({"k": nest(fits + 1, inner)})


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        float("nan"),
        float("inf"),
        1 << 63,
        {1: "a"},
        {"k" * 2000: 1},
        "x" * 65537,
        ["x" * 60000] * 20,
    ],
    ids=["surrogate", "nan", "inf", "big", "number as key", "long key", "long text", "long file"],
)
def test_what_no_file_may_hold_is_not_written(value: object) -> None:
    """It would not come back."""
    with pytest.raises(ValueError, match=r"canonical form|key"):
        yamlfile.dump({"k": value})


def test_other_types_are_not_written() -> None:
    """Values are plain data and Structs."""
    with pytest.raises(TypeError):
        yamlfile.dump({"k": {1, 2}})


TEXT = """\
# top
format: 1   # one
name: 'x'   # quoted
nested:   # here
  a: 1

  # about b
  b:
    - 1
    - 2   # two
  # end of nested

empty:
flow: {a: 1, b: [1, 2]}  # fl
text: |
  hello
  world

last: "z"
"""
EDITS: list[tuple[dict[str | tuple[str, ...], object], str, str]] = [
    ({"name": "no"}, "name: 'x'   # quoted", 'name: "no"   # quoted'),
    ({"name": ["a"]}, "name: 'x'   # quoted\n", "name:   # quoted\n  - a\n"),
    ({"nested.a": 2}, "  a: 1\n", "  a: 2\n"),
    ({"nested.b": 5}, "  b:\n    - 1\n    - 2   # two\n", "  b: 5\n"),
    ({"nested.b": [3]}, "    - 1\n    - 2   # two\n", "    - 3\n"),
    ({"nested.c.d": "e"}, "    - 2   # two\n", "    - 2   # two\n  c:\n    d: e\n"),
    ({"nested.a": None}, "  a: 1\n", ""),
    ({"empty": 3}, "empty:\n", "empty: 3\n"),
    ({"empty.x": "z"}, "empty:\n", "empty:\n  x: z\n"),
    ({"flow.a": 2}, "flow: {a: 1,", "flow: {a: 2,"),
    ({"flow.c": "no"}, "flow: {a: 1, b: [1, 2]}  #", 'flow: {a: 1, b: [1, 2], c: "no"} #'),
    ({"flow": None}, "flow: {a: 1, b: [1, 2]}  # fl\n", ""),
    ({"text": "short"}, "text: |\n  hello\n  world\n", "text: short\n"),
    ({"text": None}, "text: |\n  hello\n  world\n", ""),
    ({"last": None}, 'last: "z"\n', ""),
    ({"new": {"b": 1, "a": []}}, '"z"\n', '"z"\nnew:\n  a: []\n  b: 1\n'),
    ({'yanked."1.2.0"': "broken"}, '"z"\n', '"z"\nyanked:\n  1.2.0: broken\n'),
    ({("yanked", "1.2.0"): "broken"}, '"z"\n', '"z"\nyanked:\n  1.2.0: broken\n'),
    ({"nowhere": None, "nested.nowhere.deep": None}, "", ""),
]


@pytest.mark.parametrize(("changes", "before", "after"), EDITS)
def test_an_edit_touches_its_own_lines(
    changes: dict[str | tuple[str, ...], object], before: str, after: str
) -> None:
    """Comments, quotes, order and blank lines elsewhere stay as a person wrote them."""
    edited = yamlfile.edit(TEXT.encode(), changes, "f.yaml").decode()
    assert edited == TEXT.replace(before, after, 1)


SMALL_EDITS: list[tuple[str, dict[str, object], str]] = [
    ("", {"a": 1, "b.c": 2}, "a: 1\nb:\n  c: 2\n"),
    ("# only a comment\n", {"a": 1}, "# only a comment\na: 1\n"),
    ("a: 1", {"b": 2}, "a: 1\nb: 2\n"),
    ("", {"a.b": {"c": ("x-*",)}}, "a:\n  b:\n    c:\n      - x-*\n"),
    ("# c\na: 1\n", {"a": None}, "# c\n{}\n"),
    ("a:\n  b: 1\nc: 2\n", {"a.b": None}, "a: {}\nc: 2\n"),
    ("{a: 1}\n", {"a": 2}, "{a: 2}\n"),
    ("a: 1\r\nb: 2\r\n", {"a": 3}, "a: 3\r\nb: 2\r\n"),
    ("---\na: 1\n...\n", {"b": 2}, "---\na: 1\nb: 2\n...\n"),
]


@pytest.mark.parametrize(("text", "changes", "after"), SMALL_EDITS)
def test_edits_of_small_files(text: str, changes: dict[str, object], after: str) -> None:
    """Empty files, flow style, other line ends, document marks."""
    assert yamlfile.edit(text.encode(), changes, "f.yaml").decode() == after


def test_unknown_keys_stay_when_a_file_is_changed() -> None:
    """A file of a newer minor format is rewritten without loss."""
    data = b"format: 1\nnovelty: {deep: [1]}  # of 1.7\n"
    assert yamlfile.edit(data, {"title": "x"}, "f.yaml") == data + b"title: x\n"


def test_a_broken_file_is_not_changed() -> None:
    """What cannot be understood is left to its author."""
    with pytest.raises(InvalidFile):
        yamlfile.edit(b"a: *b\n", {"c": 1}, "f.yaml")
    with pytest.raises(InvalidFile):
        yamlfile.edit(b"- a\n", {"c": 1}, "f.yaml")


def test_a_path_through_text_is_refused() -> None:
    """A text has no keys."""
    with pytest.raises(InvalidFile) as caught:
        yamlfile.edit(b"a: text\n", {"a.b": 1}, "f.yaml")
    assert [one.code for one in caught.value.problems] == ["wrong-type"]


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b", 'a."b'])
def test_what_is_no_dotted_path(path: str) -> None:
    """It is a mistake of the program, not of the file."""
    with pytest.raises(ValueError, match="dotted path"):
        yamlfile.edit(b"a: 1\n", {path: 1}, "f.yaml")


def test_settings_are_edited_as_values() -> None:
    """Structs may be set; what is read afterwards is what was meant."""
    settings = Settings(offline=True)
    edited = yamlfile.edit(b"format: 1  # mine\n", {"settings": settings}, "f.yaml")
    assert yamlfile.read(edited, Project, "f.yaml") == Project(format=1, settings=settings)
    assert edited.startswith(b"format: 1  # mine\n")
