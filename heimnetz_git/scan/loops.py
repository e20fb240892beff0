"""Comprehensions over plain data, gone through step by step."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from heimnetz_git.scan import folding
from heimnetz_git.scan.atoms import JOINED, UNKNOWN, Atoms, plain, wrap
from heimnetz_git.scan.lookups import made_of
from heimnetz_git.scan.machine import Machine
from heimnetz_git.scan.tables import Scope

__all__ = ["LOOPS", "assign", "looped"]

MOST_ITEMS = 20_000


def looped(machine: Machine, node: Any, scope: Scope) -> Iterator[None]:
    """Go through a comprehension's loops; each step is a state of the frame."""
    yield from _loop(machine, node.generators, scope)


def _loop(machine: Machine, generators: list[ast.comprehension], scope: Scope) -> Iterator[None]:
    if not generators:
        yield
        return
    first = generators[0]
    values = plain(machine.value(first.iter, scope))
    if values is UNKNOWN or not isinstance(values, list | tuple | str | bytes | dict):
        raise folding.Unfoldable("loop")
    for value in list(values)[:MOST_ITEMS]:
        assign(machine, first.target, value)
        tests = [plain(machine.value(one, scope)) for one in first.ifs]
        if any(test is UNKNOWN for test in tests):
            raise folding.Unfoldable("condition")
        if all(tests):
            yield from _loop(machine, generators[1:], scope)


def assign(machine: Machine, target: ast.expr, value: Any) -> None:
    """Set the names of a target in the frame to the parts of a plain value."""
    frame = machine.frame
    if frame is None:
        return
    if isinstance(target, ast.Name):
        frame[target.id] = wrap(value)
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value if isinstance(value, list | tuple | str | bytes) else ()
        if len(parts) != len(target.elts):
            raise folding.Unfoldable("unpack")
        for one, part in zip(target.elts, parts, strict=True):
            assign(machine, one, part)


def comprehension(machine: Machine, node: Any, scope: Scope) -> Atoms:
    """The list that a comprehension over plain data makes."""
    inside = scope.module.scopes.get(id(node), scope)
    found: list[Any] = []
    made = JOINED
    with machine.framed(dict(machine.frame or {})):
        try:
            for _ in looped(machine, node, inside):
                if isinstance(node, ast.DictComp):
                    atoms = machine.value(node.key, inside)
                    pair = (plain(atoms), plain(machine.value(node.value, inside)))
                    part = UNKNOWN if UNKNOWN in pair else pair
                else:
                    atoms = machine.value(node.elt, inside)
                    part = plain(atoms)
                if part is UNKNOWN or len(found) > MOST_ITEMS * 4:
                    return ()
                made = max(made, made_of(atoms))
                found.append(part)
        except folding.Unfoldable:
            return ()
    if isinstance(node, ast.DictComp):
        return wrap(dict(found), made)
    return wrap(found, made)


LOOPS: dict[type, Any] = dict.fromkeys(
    (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp), comprehension
)
