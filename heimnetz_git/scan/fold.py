"""Constant expressions: the text that a module puts together without running it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

__all__ = ["DEEPEST", "UNKNOWN", "fold"]

DEEPEST = 60
LONGEST_FOLDED = 1 << 16


class _Unknown:
    """A value that reading alone cannot tell."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


def fold(node: ast.expr, constants: Mapping[str, Any], depth: int = 0) -> Any:
    """The value of a constant expression (text, numbers, tuples of them), or UNKNOWN."""
    if depth > DEEPEST:
        return UNKNOWN
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return constants.get(node.id, UNKNOWN)
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(fold(item, constants, depth + 1) for item in node.elts[:64])
    if isinstance(node, ast.JoinedStr):
        return _joined("", [fold(item, constants, depth + 1) for item in node.values])
    if isinstance(node, ast.FormattedValue) and node.format_spec is None:
        return fold(node.value, constants, depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = (fold(side, constants, depth + 1) for side in (node.left, node.right))
        return _sum(left, right)
    return _fold_method(node, constants, depth)


def _fold_method(node: ast.expr, constants: Mapping[str, Any], depth: int) -> Any:
    """``", ".join([...])`` of constants."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 1:
        of = fold(node.func.value, constants, depth + 1)
        given = fold(node.args[0], constants, depth + 1)
        if node.func.attr == "join" and isinstance(of, str) and isinstance(given, tuple):
            return _joined(of, list(given))
    return UNKNOWN


def _sum(left: Any, right: Any) -> Any:
    same = type(left) is type(right) and isinstance(left, str | bytes | tuple)
    return left + right if same and len(left) + len(right) <= LONGEST_FOLDED else UNKNOWN


def _joined(glue: str, parts: list[Any]) -> Any:
    if not all(isinstance(part, str) for part in parts):
        return UNKNOWN
    longest = sum(len(part) + len(glue) for part in parts)
    return glue.join(parts) if longest <= LONGEST_FOLDED else UNKNOWN
