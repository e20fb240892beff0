"""Plain values as TOML 1.0: what a lock in a standard's form needs, the same bytes every time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

__all__ = ["dump_toml"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_INLINE = 3  # entries; a longer table stands by itself


def dump_toml(document: Mapping[str, Any]) -> str:
    """The document as TOML, keys in its own order, tables behind plain values.

    Values are text, numbers, booleans, datetimes (written in UTC), sequences and mappings of them.
    Raises TypeError for others.
    """
    return "\n".join(_table(document, "")).lstrip("\n") + "\n"


def _table(table: Mapping[str, Any], path: str) -> Iterator[str]:
    later: list[tuple[str, Any]] = []
    for key, value in table.items():
        if _stands_by_itself(value):
            later.append((f"{path}.{_key(key)}" if path else _key(key), value))
        else:
            yield f"{_key(key)} = {_value(value)}"
    for name, value in later:
        if isinstance(value, Mapping):
            if not all(map(_is_table, value.values())):
                yield f"\n[{name}]"
            yield from _table(value, name)
            continue
        for entry in value:
            yield f"\n[[{name}]]"
            yield from _table(entry, name)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and _stands_by_itself(value)


def _stands_by_itself(value: Any) -> bool:
    if isinstance(value, Mapping):
        plain = not any(isinstance(one, (Mapping, list, tuple)) for one in value.values())
        return len(value) > _INLINE or not plain
    return _is_list(value) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if _is_list(value):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"a {type(value).__name__} has no form in TOML")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)
