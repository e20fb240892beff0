"""What a plugin is written with: BasePlugin, operation and Context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, overload

import msgspec

from heimnetz_git.host.values import NoConfig, settle
from heimnetz_git.model.permission import Permissions

if TYPE_CHECKING:
    import logging

__all__ = ["BasePlugin", "Context", "operation"]

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", bound="BasePlugin")

Caller = Callable[[str, str, dict[str, Any]], Any]
LogLine = Callable[[int, str], None]


@overload
def operation(method: F) -> F: ...
@overload
def operation(method: str = "", *, summary: str = "") -> Callable[[F], F]: ...
def operation(method: F | str = "", *, summary: str = "") -> F | Callable[[F], F]:
    """Mark a method as something that others may call: ``@operation`` or ``@operation("Does x.")``.

    Its parameters and its result are described by their type hints (builtins, msgspec Structs,
    dataclasses, TypedDicts); each parameter is passed by name. The summary is the docstring's
    first line unless given here.
    """
    if callable(method):
        return _mark(method, summary)
    words = method or summary
    return lambda function: _mark(function, words)


def _mark(function: F, summary: str) -> F:
    """``function`` with the mark that ``operations.operations_of`` looks for."""
    function.__heimnetz_operation__ = summary  # type: ignore[attr-defined]  # our own attribute
    return function


class BasePlugin:
    """The class that a plugin derives from; its entry point names the subclass.

    Once started, ``self.context`` is its :class:`Context` and ``self.config`` its configuration:
    a value of the inner class ``Config`` (a msgspec Struct or a dataclass), checked against its
    type hints before ``initialize`` is called.
    """

    Config: ClassVar[type] = NoConfig
    context: Context
    config: Any

    def initialize(self, context: Context) -> None:
        """Called once before the first operation. Raise to refuse to start."""

    def cleanup(self) -> None:
        """Called once before the process ends in good order; not after a crash or a time-out."""


class Context:
    """A plugin's view of its host: a logger, a configuration, a data folder, calls to others.

    ``config`` is the configuration (typed once a plugin was started with it), ``permissions`` what
    the user granted, ``name`` and ``version`` the plugin's own.
    """

    def __init__(
        self,
        *,
        name: str = "plugin",
        version: str = "0.0.0",
        data: Path | None = None,
        config: Any = None,
        permissions: Permissions | None = None,
        caller: Caller | None = None,
        log: LogLine | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.config = {} if config is None else config
        self.permissions = permissions or Permissions()
        self._data = data
        self._caller = caller
        self._log = log

    @classmethod
    def for_tests(
        cls,
        *,
        data: Path | str | None = None,
        config: Any = None,
        calls: Mapping[str, Callable[..., Any]] | None = None,
        permissions: Permissions | None = None,
        name: str = "plugin-under-test",
    ) -> Self:
        """A context for an author's own tests: no process, no sandbox, no registry.

        ``calls`` answers ``context.call``: ``{"device-registry.add": lambda mac: {...}}``. Results
        pass through the same encoding as between processes, so a Struct arrives as a dict::

            plugin = Context.for_tests(data=tmp_path, config={"path": "x"}).start(DhcpLeases)
        """
        answers = dict(calls or {})

        def answer(plugin: str, name: str, params: dict[str, Any]) -> Any:
            if f"{plugin}.{name}" not in answers:
                raise LookupError(f"the test gave no answer for {plugin}.{name}; pass it in calls=")
            return as_plain(answers[f"{plugin}.{name}"](**as_plain(params)))

        folder = None if data is None else Path(data)
        return cls(name=name, data=folder, config=config, permissions=permissions, caller=answer)

    @property
    def data(self) -> Path:
        """The plugin's own folder: it may write here, and it stays between runs and updates."""
        if self._data is None:
            raise RuntimeError("this context has no data folder; pass data= to Context.for_tests")
        return self._data

    @property
    def logger(self) -> logging.Logger:
        """A standard logger; its lines reach the host's log under the plugin's name."""
        from heimnetz_git.host.logs import logger_for  # heavy, and most plugins never log

        return logger_for(self.name, self._log)

    def call(self, plugin: str, operation: str, /, **params: Any) -> Any:
        """The result of another plugin's operation, as plain values (dicts, lists, str, ...).

        The other plugin must be named under ``requires:`` (or ``optional:`` and be installed).
        Raises AccessDenied if it is not, and the other's failure as PluginFailed or NotFound.
        """
        if self._caller is None:
            raise RuntimeError("this context is not connected to a host; use Context.for_tests")
        return self._caller(plugin, operation, as_plain(params))

    def start(self, plugin: type[P]) -> P:
        """A ready ``plugin``: configured, with this context, and initialised.

        Raises InvalidParameters, with every problem, if the configuration does not fit its Config.
        """
        self.config = settle(plugin.Config, self.config)
        instance = plugin()
        instance.context = self
        instance.config = self.config
        instance.initialize(self)
        return instance


def as_plain(value: Any) -> Any:
    """``value`` as dicts, lists, strings, numbers, booleans and None: what crosses a process."""
    return msgspec.to_builtins(value, str_keys=True)
