"""Where time went, for people: speedscope's file format, and a page with flame graphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, TypeAlias

__all__ = ["Frame", "Stacks", "flame_page", "speedscope"]

Frame: TypeAlias = tuple[str, str, int]
"""A function's name, its file and line; empty and 0 where there is none."""
Stacks: TypeAlias = tuple[tuple[tuple[Frame, ...], float], ...]
"""Stacks, outermost frame first, and the seconds that were spent in each."""

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
THINNEST = 0.001
"""The share of the whole below which a frame is not drawn."""
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 14px system-ui, sans-serif; margin: 1.5rem; }}
.flame {{ position: relative; }}
.flame span {{ position: absolute; height: 19px; overflow: hidden; white-space: nowrap;
  box-sizing: border-box; border: 1px solid #fff; border-radius: 2px; padding: 0 3px;
  font: 12px/17px monospace; background: #fdba74; color: #111; }}
.flame span:nth-child(3n) {{ background: #fcd34d; }}
.flame span:hover {{ outline: 2px solid #b91c1c; z-index: 1; }}
</style>
<h1>{title}</h1>
{graphs}
</html>
"""


def speedscope(name: str, graphs: Mapping[str, Stacks]) -> dict[str, Any]:
    """The graphs as a speedscope file (its schema: ``SCHEMA``), sampled profiles in seconds."""
    frames: dict[Frame, int] = {}
    profiles = [
        {
            "type": "sampled",
            "name": title,
            "unit": "seconds",
            "startValue": 0,
            "endValue": sum(spent for _, spent in stacks),
            "samples": [
                [frames.setdefault(frame, len(frames)) for frame in stack] for stack, _ in stacks
            ],
            "weights": [spent for _, spent in stacks],
        }
        for title, stacks in graphs.items()
    ]
    return {
        "$schema": SCHEMA,
        "name": name,
        "exporter": "heimnetz-git",
        "activeProfileIndex": 0,
        "shared": {"frames": [_described(frame) for frame in frames]},
        "profiles": profiles,
    }


def flame_page(title: str, graphs: Mapping[str, Stacks]) -> str:
    """One page of HTML that needs nothing else: a flame graph each, the outermost frame on top."""
    drawn = "\n".join(_graph(name, stacks) for name, stacks in graphs.items())
    return _PAGE.format(title=escape(title), graphs=drawn)


def _described(frame: Frame) -> dict[str, Any]:
    name, file, line = frame
    place = {"file": file, "line": line} if file else {}
    return {"name": name, **place}


class _Node:
    """A frame, what was spent in it and below it, and its callees."""

    def __init__(self) -> None:
        self.spent = 0.0
        self.below: dict[Frame, _Node] = {}


def _tree(stacks: Stacks) -> _Node:
    root = _Node()
    for stack, spent in stacks:
        node = root
        node.spent += spent
        for frame in stack:
            node = node.below.setdefault(frame, _Node())
            node.spent += spent
    return root


def _graph(name: str, stacks: Stacks) -> str:
    root = _tree(stacks)
    if not root.spent:
        return f"<h2>{escape(name)}</h2>\n<p>Nothing was seen.</p>"
    rows = list(_boxes(root, root.spent, 0.0, 0))
    depth = max((row for row, _ in rows), default=-1) + 1
    boxes = "\n".join(text for _, text in rows)
    head = f"<h2>{escape(name)}: {root.spent * 1000:.1f} ms</h2>"
    return f'{head}\n<div class="flame" style="height: {depth * 20}px">\n{boxes}\n</div>'


def _boxes(node: _Node, whole: float, left: float, row: int) -> Iterator[tuple[int, str]]:
    for (name, file, line), callee in sorted(node.below.items(), key=lambda one: one[0]):
        share = callee.spent / whole
        if share >= THINNEST:
            place = f" ({file}:{line})" if file else ""
            said = f"{name}{place}: {callee.spent * 1000:.1f} ms, {share:.1%}"
            style = f"left: {left:.3%}; width: {share:.3%}; top: {row * 20}px"
            yield row, f'<span style="{style}" title="{escape(said)}">{escape(name)}</span>'
            yield from _boxes(callee, whole, left, row + 1)
        left += share
