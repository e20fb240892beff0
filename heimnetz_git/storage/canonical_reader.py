"""Reading the canonical form without a YAML library: fast, exact, and never in doubt.

A file in canonical form is a row of blocks: the line of a field, with the lines indented below it.
A block's lines are each proven by writing them again, and how they nest by a strict grammar
(storage/canonical_lines); a block whose type converts or orders what is in it is written again as a
whole. Fields stand once each, in the order of the type, and pass the checks of model/check. So what
comes from here is the value that a YAML parser gives, and its canonical form are the very bytes
that were read; for all else there is None, and the parser.

Releases of one plugin repeat most of their blocks word for word: a block that was proven is kept
with its value, and read again by one look-up. The few blocks that are new in every release have
their own grammar in storage/canonical_shapes. Values share what they have in common: treat their
dicts as frozen, as the values are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from heimnetz_git.model.check import check, check_field, check_whole
from heimnetz_git.storage.canonical import dump
from heimnetz_git.storage.canonical_lines import Unclear, value_of
from heimnetz_git.storage.canonical_shapes import SHAPES

__all__ = ["LARGEST", "Reader", "read"]

T = TypeVar("T", bound=msgspec.Struct)
LARGEST = 1 << 17
"""Longer files are the parser's: with two bytes a value, this one never meets its other bounds."""

_BETWEEN = re.compile(r"\n(?! )")
_LONGEST_KEPT = 1 << 13  # characters of one block
_MOST_KEPT = 1 << 21  # characters of all blocks; their values take some twenty times as many bytes
_MOST_ORDERS = 1 << 12


def read(data: bytes, kind: type[T]) -> T | None:
    """The value of a file in canonical form that passes every check; None for all other bytes.

    None says nothing about the file: it may be YAML of another form, or wrong.
    """
    reader: Reader[T] = _reader(kind)
    return reader.read(data)


class _Field(NamedTuple):
    """A field of a type: its name, type and default, and the shape of its block if it has one.

    It is ``plain`` when its values stay what they are in the file: nothing is converted.
    """

    name: str
    type: Any
    default: Any
    required: bool
    plain: bool
    shape: Callable[[str], Any] | None


class Reader(Generic[T]):
    """Reads files of one kind, and remembers their last blocks, some twenty megabytes of them.

    So files of one plugin are best read one after the other, as a tree has them.
    """

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._fields = _fields(kind)
        self._known: dict[str, tuple[str, Any]] = {}
        self._room = _MOST_KEPT
        self._orders: set[tuple[str, ...]] = set()

    def read(self, data: bytes) -> T | None:
        """As the function ``read``."""
        if len(data) > LARGEST or data[-1:] != b"\n":
            return None
        known, learn = self._known, self._learn
        try:
            blocks = _BETWEEN.split(data[:-1].decode())
            found = dict([known.get(block) or learn(block) for block in blocks])
        except (Unclear, ValueError, TypeError, RecursionError):
            return None
        names = tuple(found)
        if len(names) != len(blocks) or (names not in self._orders and not self._orderly(names)):
            return None
        value = self._kind(**found)
        return value if next(check_whole(value), None) is None else None

    def _orderly(self, names: tuple[str, ...]) -> bool:
        """Whether fields stand in the order of the type, with none missing; kept if so."""
        fields = self._fields.values()
        if names != tuple(one.name for one in fields if one.required or one.name in names):
            return False
        if len(self._orders) < _MOST_ORDERS:
            self._orders.add(names)
        return True

    def _learn(self, block: str) -> tuple[str, Any]:
        """The name and value of a field, read from its block. Raises Unclear, ValueError."""
        key = block.partition(":")[0]
        field = self._fields.get(key)
        if field is None:
            raise Unclear
        if field.shape is not None:
            value = field.shape(block)
            if value is not None:
                return field.name, value
        value = msgspec.convert(value_of(block, key, key_order=field.plain), field.type)
        if not field.plain and dump({key: value}) != f"{block}\n".encode():
            raise Unclear
        if value == field.default and not field.required:
            raise Unclear
        if next(check_field(self._kind, field.name, value), None) is not None:
            raise Unclear
        if not field.plain and not all(map(_faultless, _structs(value))):
            raise Unclear
        found = (field.name, value)
        self._keep(block, found)
        return found

    def _keep(self, block: str, found: tuple[str, Any]) -> None:
        if len(block) > _LONGEST_KEPT:
            return
        self._room -= len(block)
        if self._room < 0:
            self._known.clear()
            self._room = _MOST_KEPT
        self._known[block] = found


@lru_cache(maxsize=64)
def _reader(kind: type[T]) -> Reader[T]:
    return Reader(kind)


@lru_cache(maxsize=64)
def _fields(kind: type[msgspec.Struct]) -> dict[str, _Field]:
    """The fields of a type by their key in a file."""
    found = {}
    for field in msgspec.structs.fields(kind):
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            factory: Any = field.default_factory
            default = factory()
        shape = SHAPES.get((kind, field.name))
        required = field.required or field.name == "format"  # which is always written
        plain = _is_plain(msgspec.inspect.type_info(field.type))
        found[field.encode_name] = _Field(field.name, field.type, default, required, plain, shape)
    return found


def _is_plain(kind: msgspec.inspect.Type) -> bool:
    """Whether converting to a type changes no scalar and no order of keys."""
    if isinstance(kind, msgspec.inspect.DictType):
        return _is_plain(kind.value_type)
    if isinstance(kind, (msgspec.inspect.VarTupleType, msgspec.inspect.ListType)):
        return _is_plain(kind.item_type)
    return isinstance(kind, (msgspec.inspect.StrType, msgspec.inspect.AnyType))


def _faultless(value: msgspec.Struct) -> bool:
    return next(check(value), None) is None


def _structs(value: Any) -> Iterator[msgspec.Struct]:
    if isinstance(value, msgspec.Struct):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _structs(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _structs(item)
