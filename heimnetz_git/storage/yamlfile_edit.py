"""Changes single values of a YAML file that people wrote, and leaves every other line as it is.

In block style, the usual one, the text itself is cut and filled at the places that the parser
names. Where that is not enough (flow style), ruamel's round trip writes the file anew. Either way
the result is read back and compared with what it should say before anyone gets it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import StringIO
from typing import Any

import msgspec

from heimnetz_git.errors import InvalidFile, printable
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.storage.canonical import dump, scalar
from heimnetz_git.storage.yamlfile_nodes import Node, nodes
from heimnetz_git.storage.yamlfile_parse import Bounds, Doubt, values

__all__ = ["edit"]

_BOUNDS = Bounds()
_STEP = re.compile(r'(?:"(?P<quoted>[^"]+)"|(?P<plain>[^".]+))(?:\.|\Z)')
Path = tuple[str, ...]
Changes = Mapping[str, object] | Mapping[Path, object] | Mapping[str | Path, object]


def edit(data: bytes, changes: Changes, source: str) -> bytes:
    """``data`` with values set at dotted paths; None deletes what is there, if it is.

    A key with dots in it stands in quotes (``yanked."1.2.0"``), or the path is a tuple of keys.
    Mappings on the way are made. Comments, order, quotes and unknown keys stay. Raises InvalidFile
    when ``data`` has structural problems or a path leads through what is no mapping, ValueError
    for a path or value that cannot be written.
    """
    text = _text(data, source)
    windows = "\r\n" in text
    text = text.replace("\r\n", "\n") if windows else text
    for path, value in changes.items():
        text = _changed(text, _steps(path), _plain(value), source)
    return (text.replace("\n", "\r\n") if windows else text).encode()


def _plain(value: object) -> Any:
    """``value`` as what the parser gives back: text, numbers, dictionaries and lists."""
    found = msgspec.to_builtins(value)
    if isinstance(found, dict):
        return {key: _plain(inner) for key, inner in found.items()}
    return [_plain(inner) for inner in found] if isinstance(found, (list, tuple)) else found


def _steps(path: str | Path) -> Path:
    if isinstance(path, tuple):
        return path
    steps, end = [], 0
    while match := _STEP.match(path, end):
        steps.append(match["quoted"] or match["plain"])
        end = match.end()
    if end != len(path) or not steps or path.endswith("."):
        raise ValueError(f"{printable(path)!r} is not a dotted path")
    return tuple(steps)


def _text(data: bytes, source: str) -> str:
    _tree(data, source)
    text = data.decode()
    return text if text.endswith("\n") or not text else text + "\n"


def _tree(data: bytes, source: str) -> Node:
    tree, problems = nodes(data, source, _BOUNDS)
    if tree is not None and not isinstance(tree.value, dict) and tree.value is not None:
        place = Location(source, tree.line, tree.column)
        problems.append(Problem("wrong-type", "The document is no mapping.", place))
    if problems or tree is None:
        raise InvalidFile(f"{printable(source)} cannot be changed.", problems=problems, file=source)
    return tree


def _changed(text: str, steps: Path, value: Any, source: str) -> str:
    tree = _tree(text.encode(), source)
    before = tree.data() or {}
    wanted = _planned(before, steps, value, source)
    if wanted == before:
        return text
    for way in (_cut, _round_trip):
        after = way(text, tree, steps, value)
        if after is not None and _says(after, wanted):
            return after
    place = Location(source)
    problem = Problem("not-editable", "The file is written in a way that cannot be changed.", place)
    raise InvalidFile(f"{printable(source)} cannot be changed.", problems=[problem], file=source)


def _says(text: str, wanted: Any) -> bool:
    try:
        found = values(text.encode(), _BOUNDS)
    except Doubt:
        return False
    return bool((found or {}) == wanted)


def _planned(data: Any, steps: Path, value: Any, source: str) -> Any:
    """Plain data with the change made; the original is left alone."""
    if not isinstance(data, dict):
        message = f"{printable(steps[0])} cannot be set within what is no mapping."
        problem = Problem("wrong-type", message, Location(source), ".".join(steps))
        raise InvalidFile(f"{printable(source)} cannot be changed.", problems=[problem])
    rest = {key: inner for key, inner in data.items() if key != steps[0] or len(steps) > 1}
    if len(steps) == 1:
        return rest if value is None else {**data, steps[0]: value}
    inner = rest.get(steps[0])
    if value is None and (steps[0] not in rest or inner is None):
        return rest
    return {**rest, steps[0]: _planned({} if inner is None else inner, steps[1:], value, source)}


def _cut(text: str, tree: Node, steps: Path, value: Any) -> str | None:
    """The text changed in place; None when it is not in block style where it matters."""
    if not isinstance(tree.value, dict):
        return text + _block(_nested(steps, value), 0)
    node, parent, depth = tree, tree, 0
    while depth < len(steps) and isinstance(node.value, dict) and steps[depth] in node.value:
        if node.flow:
            return None
        node, parent, depth = node.value[steps[depth]], node, depth + 1
    rest = steps[depth:]
    if value is None:
        return _deleted(text, tree, parent, steps)
    if not rest:
        return _replaced(text, parent, steps[-1], value)
    if isinstance(node.value, dict) and node.value:
        return None if node.flow else _added(text, node, _nested(rest, value))
    return _replaced(text, parent, steps[depth - 1], _nested(rest, value)) if depth else None


def _nested(steps: Path, value: Any) -> dict[str, Any]:
    for step in reversed(steps):
        value = {step: value}
    found: dict[str, Any] = value
    return found


def _block(value: dict[str, Any] | list[Any], column: int) -> str:
    """Lines of a filled mapping or list, indented by ``column``."""
    lines = dump(value if isinstance(value, dict) else {"-": value}).decode().splitlines()
    if isinstance(value, list):
        lines = [line[2:] for line in lines[1:]]
    return "".join(f"{' ' * column}{line}\n" for line in lines)


def _added(text: str, mapping: Node, entry: dict[str, Any]) -> str:
    column = next(iter(mapping.keys.values())).column - 1
    end = _line_end(text, _last(text, mapping))
    return text[:end] + _block(entry, column) + text[end:]


def _replaced(text: str, parent: Node, key: str, value: Any) -> str | None:
    place, old = parent.keys[key], parent.value[key]
    colon = text.index(":", place.end) + 1
    head_end = _line_end(text, colon)
    below = old.start >= head_end
    last = _last(text, old)
    end = _line_end(text, last)
    filled = isinstance(value, (dict, list)) and bool(value)
    if below:
        kept = text[colon:head_end]
    elif old.start == old.end or last > head_end:
        kept = text[max(colon, old.end if old.start == old.end else last) : end]
    else:
        kept = text[last:end]
    if filled:
        return text[:colon] + kept + _block(value, place.column + 1) + text[end:]
    return f"{text[:colon]} {scalar(value)}{kept}{text[end:]}"


def _deleted(text: str, tree: Node, parent: Node, steps: Path) -> str | None:
    place = parent.keys[steps[-1]]
    if len(parent.value) == 1 and parent is tree:
        start, end = place.start, _line_end(text, _last(text, parent))
        return text[:start] + "{}\n" + text[end:]
    if len(parent.value) == 1:
        above = tree
        for step in steps[:-2]:
            above = above.value[step]
        return _replaced(text, above, steps[-2], {})
    start = text.rfind("\n", 0, place.start) + 1
    if text[start : place.start].strip():
        return None
    end = _line_end(text, max(place.end, _last(text, parent.value[steps[-1]])))
    return text[:start] + text[end:]


def _last(text: str, node: Node) -> int:
    """Where a node's own text ends; a block's marks reach to the next entry, so ask its last."""
    inner = list(node.value.values()) if isinstance(node.value, dict) else node.value
    if not node.flow and isinstance(inner, list) and inner:
        keys = [place.end for place in node.keys.values()]
        return max(*keys, 0, *(_last(text, one) for one in inner))
    end = node.end
    while end > node.start and text[end - 1] == "\n":
        end -= 1
    return end


def _line_end(text: str, place: int) -> int:
    """Just behind the line end that follows ``place``."""
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1


def _round_trip(text: str, _tree: Node, steps: Path, value: Any) -> str | None:
    """The file as ruamel writes it after the change: quotes and comments kept."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1 << 16
    if re.search(r"^ +- ", text, re.MULTILINE):
        yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        document = yaml.load(text)
    except YAMLError:  # the two parsers do not agree on this file
        return None
    if document is None:
        return None
    place = document
    for step in steps[:-1]:
        if place.get(step) is None:
            place[step] = {}
        place = place[step]
    if value is None:
        del place[steps[-1]]
    else:
        place[steps[-1]] = _quoted(value)
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _quoted(value: Any) -> Any:
    """Plain data whose text is quoted where the canonical form would."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        return {key: _quoted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_quoted(inner) for inner in value]
    if isinstance(value, str) and scalar(value).startswith('"'):
        return DoubleQuotedScalarString(value)
    return value
