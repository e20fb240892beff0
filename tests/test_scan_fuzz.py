"""Whatever is scanned: an answer, within bounds, with nothing imported and nothing run."""

from __future__ import annotations

import ast
import sys
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heimnetz_git.scan.engine import Report, scan, scan_wheel
from heimnetz_git.scan.sarif import sarif

UNUSED = frozenset({"this", "antigravity"})  # what nobody imports but for what was scanned
NAMES = ["os", "x", "eval", "exec", "getattr", "__import__", "self", "open", "base64", "requests"]
ATTRIBUTES = ["system", "environ", "post", "b64decode", "__globals__", "join", "read", "format"]
CONSTANTS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["os", "sys" + "tem", "aGk=", "http://x.invalid", "{}", "%s", b"\0", None]),
    st.integers(-3, 1 << 70),
    st.text(max_size=8),
)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _expressions(inner: st.SearchStrategy[ast.expr]) -> st.SearchStrategy[ast.expr]:
    """Larger expressions of smaller ones."""
    names = st.sampled_from(NAMES)
    return st.one_of(
        st.builds(lambda f, a: ast.Call(f, a, []), inner, st.lists(inner, max_size=3)),
        st.builds(lambda v, n: ast.Attribute(v, n, ast.Load()), inner, st.sampled_from(ATTRIBUTES)),
        st.builds(lambda a, b: ast.BinOp(a, ast.Add(), b), inner, inner),
        st.builds(lambda a, b: ast.BinOp(a, ast.Mult(), b), inner, inner),
        st.builds(lambda a, b: ast.Subscript(a, b, ast.Load()), inner, inner),
        st.builds(lambda items: ast.List(items, ast.Load()), st.lists(inner, max_size=3)),
        st.builds(lambda keys: ast.Dict(list(keys), list(keys)), st.lists(inner, max_size=2)),
        st.builds(lambda n, v: ast.NamedExpr(ast.Name(n, ast.Store()), v), names, inner),
        st.builds(ast.Await, inner),
    )


EXPRESSIONS = st.recursive(
    st.one_of(
        st.builds(ast.Constant, CONSTANTS),
        st.builds(lambda name: ast.Name(name, ast.Load()), st.sampled_from(NAMES)),
    ),
    _expressions,
    max_leaves=12,
)


def source(expressions: list[ast.expr]) -> bytes:
    """A module that binds and calls what was made."""
    body: list[ast.stmt] = [ast.Import([ast.alias(name)]) for name in ("os", "base64", *UNUSED)]
    for number, made in enumerate(expressions):
        target = ast.Name(NAMES[number % len(NAMES)], ast.Store())
        body.append(ast.Assign([target], made) if number % 2 else ast.Expr(made))
    tree = ast.fix_missing_locations(ast.Module(body, []))
    return ast.unparse(tree).encode("utf-8", "surrogatepass")


def whole(report: Report) -> None:
    """Every question that a report answers has an answer."""
    assert report.verdict in ("accept", "review", "reject")
    assert 0 <= report.score <= 100
    assert len({it.fingerprint for it in report.findings}) == len(report.findings)
    assert len(sarif(report)["runs"][0]["results"]) == len(report.findings)


@SETTINGS
@given(st.lists(EXPRESSIONS, min_size=1, max_size=6))
def test_any_tree_is_answered(expressions: list[ast.expr]) -> None:
    """However names, calls, texts and numbers are put together."""
    whole(scan({"pkg/a.py": source(expressions)}))
    assert UNUSED.isdisjoint(sys.modules)


@SETTINGS
@given(st.binary(max_size=600), st.sampled_from(["a.py", "a.pyc", "a.pth", "a.pkl", "a.so", "a"]))
def test_any_bytes_are_answered(data: bytes, name: str) -> None:
    """Under any name."""
    whole(scan({name: data}))


@SETTINGS
@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]))
def test_no_wheel_is_an_answer_too(data: bytes, head: bytes) -> None:
    """What may not be opened is rejected."""
    assert scan_wheel(head + data).verdict == "reject"
