"""Comprehensions over plain data, gone through step by step."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from heimnetz_git.scan import folding
from heimnetz_git.scan.atoms import JOINED, UNKNOWN, Atom, Atoms, Map, Seq, plain, wrap
from heimnetz_git.scan.lookups import hashable, made_of
from heimnetz_git.scan.machine import Machine
from heimnetz_git.scan.tables import Scope

__all__ = ["LOOPS", "assign", "looped"]

MOST_ITEMS = 20_000
MOST_PARTS = 200


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
    """What a comprehension over plain data makes: plain data, or its parts as they are."""
    inside = scope.module.scopes.get(id(node), scope)
    keys: list[Any] = []
    items: list[Atoms] = []
    with machine.framed(dict(machine.frame or {})):
        try:
            for _ in looped(machine, node, inside):
                if isinstance(node, ast.DictComp):
                    keys.append(plain(machine.value(node.key, inside)))
                items.append(machine.value(getattr(node, "elt", None) or node.value, inside))
                if len(items) > (MOST_ITEMS * 4 if plain(items[-1]) is not UNKNOWN else MOST_PARTS):
                    return ()
        except folding.Unfoldable:
            return ()
    made = max(JOINED, made_of(*items))
    if isinstance(node, ast.DictComp):
        if not all(hashable(key) for key in keys):
            return ()
        whole: Atom = Map(dict(zip(keys, items, strict=True)))
    else:
        whole = Seq(tuple(items))
    known = plain((whole,))
    return (whole,) if known is UNKNOWN and any(items) else wrap(known, made)


LOOPS: dict[type, Any] = dict.fromkeys(
    (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp), comprehension
)
