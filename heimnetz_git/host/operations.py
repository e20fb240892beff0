"""A plugin's operations as found on its class: what they take, what they give, how to run them."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from heimnetz_git.errors import InvalidParameters, OperationNotFound, printable
from heimnetz_git.host.plugin import BasePlugin, as_plain
from heimnetz_git.host.schema import Schema, check, parse
from heimnetz_git.host.values import refuse, schema_of

__all__ = ["Operation", "operations_of"]

VARARGS, VARKEYWORDS, GENERATOR, COROUTINE, ASYNC_GENERATOR = 0x04, 0x08, 0x20, 0x80, 0x200
"""Flags of a code object (``inspect`` names them CO_*; it is too heavy to import here)."""


class Operation:
    """One operation: its description, and a way to run it on plain values.

    ``streams`` if it is a generator, ``waits`` if it is a coroutine; its answers may be remembered
    for ``cache`` seconds.
    """

    def __init__(self, name: str, function: Callable[..., Any], summary: str) -> None:
        self.name = name
        self.summary = summary or _first_line(function.__doc__)
        self._function = function
        hints = typing.get_type_hints(function, include_extras=True)
        flags = function.__code__.co_flags
        self.streams = bool(flags & GENERATOR)
        self.waits = bool(flags & COROUTINE)
        self.cache = float(getattr(function, "__heimnetz_cache__", 0.0))
        self._returns = _returned(hints.pop("return", Any), streams=self.streams)
        self._takes, self._rest = _parameters(name, function, hints)
        self._parsed: Schema | None = None

    def describe(self) -> dict[str, Any]:
        """``{summary, parameters, result}`` with JSON Schemas, as in ``plugin.json``."""
        result = {} if self._returns is Any else schema_of(self._returns)
        described: dict[str, Any] = {
            "summary": self.summary,
            "parameters": self._schema(),
            "result": result,
        }
        if self.streams:
            described["stream"] = True
        if self.cache:
            described["cache"] = self.cache
        return described

    def run(
        self,
        plugin: BasePlugin,
        params: Mapping[str, Any],
        wait: Callable[[Any], Any] = lambda coroutine: coroutine,
    ) -> Any:
        """The operation's result as plain values; ``wait`` runs a coroutine to its end.

        Raises InvalidParameters, and what it raises.
        """
        value = self._function(plugin, **self._convert(params))
        return self._checked(wait(value) if self.waits else value)

    def items(self, plugin: BasePlugin, params: Mapping[str, Any]) -> Iterator[Any]:
        """The items of an operation that streams, as plain values, as they come."""
        made = self._function(plugin, **self._convert(params))
        try:
            for value in made:
                yield self._checked(value)
        finally:
            made.close()

    def _schema(self) -> dict[str, Any]:
        """The JSON Schema of the parameters."""
        schema = schema_of(self._takes)
        schema.pop("title", None)
        schema["additionalProperties"] = self._rest
        return schema

    def _convert(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as what their type hints say."""
        names = self._takes.__struct_fields__
        rest = {name: params[name] for name in params if name not in names} if self._rest else {}
        given = {name: value for name, value in params.items() if name not in rest}
        try:
            value = msgspec.convert(given, self._takes)
        except msgspec.ValidationError as error:
            self._explain(params)
            raise InvalidParameters(f"Parameters of {self.name!r} do not fit: {error}.") from error
        return {name: getattr(value, name) for name in names} | rest

    def _explain(self, params: Mapping[str, Any]) -> None:
        """Raise InvalidParameters with every problem that the schema knows of."""
        self._parsed = self._parsed or parse(self._schema())
        subject = f"parameters of {self.name}"
        problems = check(dict(params), self._parsed, subject, patterns=True)
        refuse(f"The parameters of {self.name!r} do not fit", problems)

    def _checked(self, value: Any) -> Any:
        """The result as plain values. Raises TypeError if it is not what the hints promise."""
        plain = as_plain(value)
        if self._returns is not Any:
            try:
                msgspec.convert(plain, self._returns)
            except msgspec.ValidationError as error:
                raise TypeError(f"{self.name} returned what its hint denies: {error}") from error
        return plain


def operations_of(plugin: type[BasePlugin]) -> dict[str, Operation]:
    """All operations of a plugin class by name, sorted; ``execute`` is one without a mark.

    Raises TypeError for a method that cannot be an operation.
    """
    found = {}
    for name in sorted(dir(plugin)):
        function = getattr(plugin, name)
        summary = getattr(function, "__heimnetz_operation__", None)
        if summary is not None or (name == "execute" and callable(function)):
            found[name] = Operation(name, function, summary or "")
    return found


def pick(operations: Mapping[str, Operation], name: str) -> Operation:
    """The operation ``name``. Raises OperationNotFound, naming those that there are."""
    if name in operations:
        return operations[name]
    known = ", ".join(operations) or "none"
    raise OperationNotFound(f"There is no operation {printable(name)!r}; there are: {known}.")


def _first_line(text: str | None) -> str:
    """The first line of a docstring."""
    return (text or "").strip().partition("\n")[0].strip()


def _returned(hint: Any, *, streams: bool) -> Any:
    """What an operation gives: for a generator the type of its items."""
    if not streams or hint is Any:
        return hint
    arguments = typing.get_args(hint)
    if not arguments:
        raise TypeError(f"a generator returns Iterator[TYPE], not {hint!r}")
    return arguments[0]


def _parameters(
    name: str, function: Callable[..., Any], hints: Mapping[str, Any]
) -> tuple[type[msgspec.Struct], bool]:
    """A Struct with a field for each parameter, and whether any others are taken as well."""
    code = function.__code__
    if code.co_flags & (VARARGS | ASYNC_GENERATOR) or code.co_posonlyargcount:
        raise TypeError(
            f"operation {name!r}: a method, coroutine or generator whose parameters can be passed"
            " by name"
        )
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    count = code.co_argcount
    values = function.__defaults__ or ()
    defaults = dict(zip(code.co_varnames[count - len(values) : count], values, strict=True))
    defaults |= function.__kwdefaults__ or {}
    fields = [
        (one, hints.get(one, Any), _default(defaults[one]))
        if one in defaults
        else (one, hints.get(one, Any))
        for one in names
    ]
    takes = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
    return takes, bool(code.co_flags & VARKEYWORDS)


def _default(value: Any) -> Any:
    """A default as msgspec takes it: what may be shared as it is, anything else from a factory."""
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return value
    return msgspec.field(default_factory=lambda: value)
