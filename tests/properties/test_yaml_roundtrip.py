"""Canonical YAML says the same to every reader, and reading never breaks, whatever the bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from heimnetz_git.errors import InvalidFile
from heimnetz_git.model.check import check
from heimnetz_git.model.release import Release
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.yamlfile import Bounds
from heimnetz_git.storage.yamlfile_nodes import nodes
from heimnetz_git.storage.yamlfile_parse import Doubt, values
from tests.valuekit import RELEASE

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOME = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TRICKY = st.sampled_from([
    "null", "Null", "~", "true", "True", "yes", "No", "on", "OFF", "y", "n", "1", "-1", "+1",
    "1.0", "1e3", "1E+3", ".5", ".", "..", "...", "-", "--", "---", "0x1f", "0o7", "017", "0b1",
    "1_0", ".inf", "-.INF", ".nan", "2026-01-31", "2026-01-31T12:00:00Z", "12:30", "12:30:45.1",
    "1.2.0", "1.2.0e5", "1..2", "<<", "=", "?", ":", ",", "[", "]", "{", "}", "#", "&a", "*a",
    "!t", "|", ">", "'", '"', "%", "@", "`", "a:b", "a:", ":a", "a#b", "%YAML",
])  # fmt: skip
CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.text(CHARACTERS, max_size=30),
    TRICKY,
    st.tuples(TRICKY, st.sampled_from([" ", ": ", " #", "\n", ""]), TRICKY).map("".join),
    st.text(st.sampled_from(" :#-'\"\\\n\t\r\x85\u2028,[]{}ab1."), max_size=12),
)
KEYS = st.one_of(
    TRICKY, st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), max_size=12)
).filter(lambda key: not set(key) & {"\ufffe", "\uffff"})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
DATA = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)


@SOME
@given(DATA)
def test_what_is_written_is_read_back_and_written_the_same(data: dict[str, Any]) -> None:
    """Equal values have equal bytes, and the bytes say the value."""
    written = yamlfile.dump(data)
    found = yamlfile.parse(written, "f.yaml")
    assert found == data
    assert isinstance(found, dict)
    assert yamlfile.dump(found) == written


@FEW
@given(st.lists(SCALARS, max_size=8))
@pytest.mark.parametrize("version", [None, "1.1"])
@pytest.mark.parametrize("pure", [True, False])
def test_other_readers_read_the_same_scalars(
    pure: bool, version: str | None, data: list[Any]
) -> None:
    """ruamel's two parsers, and the rules of YAML 1.1 as well: no 'no' becomes false anywhere."""
    reader = YAML(typ="safe", pure=pure)
    if version and pure:
        reader.version = version
    assert reader.load(yamlfile.dump({"k": data}))["k"] == data


@FEW
@given(DATA)
@pytest.mark.parametrize("pure", [True, False])
def test_other_readers_read_the_same_documents(pure: bool, data: dict[str, Any]) -> None:
    """The form is plain YAML, not a dialect."""
    assert YAML(typ="safe", pure=pure).load(yamlfile.dump(data)) == data


PIECES = st.sampled_from([
    "a: 1", "b: *a", "- ", "  ", "\n", "? ", "c: &a [", "]", "{", "}", "<<: 1", "!!str ", "...",
    "---", "%YAML 1.2\n", "'", '"', "|\n", "1: 2", "a: b: c", "\r\n", "\ufeff", "\x85",
])  # fmt: skip
MARKS = st.sampled_from("ab: -\n?[]{},#&*!|>'\"%@`1~.<=\t\\é")
BYTES = st.one_of(
    st.binary(max_size=60),
    st.text(MARKS, max_size=40).map(str.encode),
    st.lists(PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode()),
)


@SOME
@given(BYTES)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """There is a value or a located problem, never another error; both ways of reading agree."""
    tree, problems = nodes(data, "f.yaml", Bounds())
    if problems:
        with pytest.raises(InvalidFile):
            yamlfile.parse(data, "f.yaml")
        with pytest.raises(Doubt):
            values(data, Bounds())
    else:
        assert tree is not None
        assert tree.data() == yamlfile.parse(data, "f.yaml") == values(data, Bounds())


PLAIN: dict[str, Any] = msgspec.to_builtins(RELEASE)
PLACES = st.sampled_from(
    [
        ("name",), ("version",), ("type",), ("authors",), ("authors", 0), ("authors", 0, "name"),
        ("host",), ("host", "heimnetz"), ("packages",), ("packages", 0), ("permissions",),
        ("permissions", "network"), ("permissions", "network", "connect", 0),
        ("permissions", "network", "raw"), ("limits", "cpu"), ("limits", "processes"), ("source",),
        ("artifacts", 0, "size"), ("artifacts", 0, "sha256"), ("changes", 0, "kind"), ("config",),
        ("operations",), ("format",), ("summary",), ("unknown",),
    ]
)  # fmt: skip


@SOME
@given(
    st.lists(
        st.tuples(PLACES, SCALARS | st.builds(list) | st.builds(dict, a=st.just(1))), max_size=3
    )
)
def test_explaining_finds_something_exactly_when_something_is_wrong(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    """The slow way never contradicts the types and rules of the fast one."""
    data = msgspec.json.decode(msgspec.json.encode(PLAIN))
    for path, value in changes:
        _put(data, path, value)
    try:
        good = not list(check(msgspec.convert(data, Release)))
    except msgspec.ValidationError:
        good = False
    written = yamlfile.dump(data)
    if good:
        yamlfile.read(written, Release, "f.yaml")
        return
    with pytest.raises(InvalidFile) as caught:
        yamlfile.read(written, Release, "f.yaml")
    assert caught.value.problems
    assert all(problem.message and problem.location.line for problem in caught.value.problems)


def _put(data: Any, path: tuple[Any, ...], value: Any) -> None:
    """Set a value deep down, if the way there is still as it was."""
    try:
        for step in path[:-1]:
            data = data[step]
        if isinstance(data, dict) == isinstance(path[-1], str):
            data[path[-1]] = value
    except (IndexError, KeyError, TypeError):
        return


STEPS = st.sampled_from(["a", "b", "c", "1.2.0", "no", "x y"])
TREES = st.dictionaries(
    STEPS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STEPS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@SOME
@given(TREES, st.lists(STEPS, min_size=1, max_size=3), SCALARS | TREES)
def test_an_edit_changes_what_was_asked_and_nothing_else(
    data: dict[str, Any], steps: list[str], value: Any
) -> None:
    """Between comments on every line, in any document that the canonical form can write."""
    lines = yamlfile.dump(data).decode().splitlines()
    text = "".join(
        f"# before {number}\n{line}  # at {number}\n" for number, line in enumerate(lines)
    )
    wanted = _with(data, steps, value)
    if wanted is None:
        with pytest.raises(InvalidFile):
            yamlfile.edit(text.encode(), {tuple(steps): value}, "f.yaml")
        return
    edited = yamlfile.edit(text.encode(), {tuple(steps): value}, "f.yaml")
    assert (yamlfile.parse(edited, "f.yaml") or {}) == wanted
    if steps[0] in data:
        untouched = [line for line in text.splitlines() if line.startswith("# before 0")]
        assert set(untouched) <= set(edited.decode().splitlines())


def _with(data: Any, steps: list[str], value: Any) -> Any:
    """The data with the change; None when the way leads through what is no mapping."""
    if data is None:
        data = {}
    if not isinstance(data, dict):
        return None
    if len(steps) == 1:
        rest = {key: inner for key, inner in data.items() if key != steps[0]}
        return rest if value is None else {**data, steps[0]: value}
    if value is None and data.get(steps[0]) is None:
        return data
    below = _with(data.get(steps[0]), steps[1:], value)
    return None if below is None else {**data, steps[0]: below}
