"""What a plugin is written with: BasePlugin, operation and Context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, overload

import msgspec

from heimnetz_git.host.values import NoConfig, settle
from heimnetz_git.model.limits import period as seconds_of
from heimnetz_git.model.permission import Permissions

if TYPE_CHECKING:
    import logging

__all__ = ["BasePlugin", "Context", "every", "health", "on", "operation"]

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", bound="BasePlugin")

Caller = Callable[[str, str, dict[str, Any]], Any]
LogLine = Callable[[int, str], None]
Emit = Callable[[str, dict[str, Any]], None]


@overload
def operation(method: F) -> F: ...
@overload
def operation(method: str = "", *, summary: str = "", cache: float = 0.0) -> Callable[[F], F]: ...
def operation(
    method: F | str = "", *, summary: str = "", cache: float = 0.0
) -> F | Callable[[F], F]:
    """Mark a method as something that others may call: ``@operation`` or ``@operation("Does x.")``.

    Its parameters and its result are described by their type hints (builtins, msgspec Structs,
    dataclasses, TypedDicts); each parameter is passed by name. The summary is the docstring's
    first line unless given here. A generator's items reach a caller that streams one by one; an
    ``async def`` is run to its end. With ``cache`` the host may answer the same question with the
    same answer for so many seconds.
    """
    if callable(method):
        return _mark(method, summary, cache)
    words = method or summary
    return lambda function: _mark(function, words, cache)


def on(event: str) -> Callable[[F], F]:
    """Have a method called with an event's data: ``@on("device-registry.joined")``.

    The name is the emitting plugin's, which must be among the required ones, a dot and the event's;
    or one that the host application emits. The data's values are passed by name.
    """
    return lambda function: _set(function, "__heimnetz_event__", event)


def every(period: str) -> Callable[[F], F]:
    """Have a method called again and again while the plugin runs: ``@every("15m")``.

    The period is ``30s``, ``10m``, ``2h`` or ``3d``; the next run begins so long after the last
    ended, give or take a tenth.
    """
    return lambda function: _set(function, "__heimnetz_every__", float(seconds_of(period)))


def health(function: F) -> F:
    """Have the host ask this method how the plugin is: raise or return False when it is unwell."""
    return _set(function, "__heimnetz_health__", True)


def _mark(function: F, summary: str, cache: float) -> F:
    """``function`` with the mark that ``operations.operations_of`` looks for."""
    if cache:
        _set(function, "__heimnetz_cache__", cache)
    return _set(function, "__heimnetz_operation__", summary)


def _set(function: F, name: str, value: object) -> F:
    """``function`` with an attribute of ours."""
    setattr(function, name, value)
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

    def __init__(  # noqa: PLR0913  # parts of a host, each with a default
        self,
        *,
        name: str = "plugin",
        version: str = "0.0.0",
        data: Path | None = None,
        config: Any = None,
        permissions: Permissions | None = None,
        caller: Caller | None = None,
        log: LogLine | None = None,
        emit: Emit | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.config = {} if config is None else config
        self.permissions = permissions or Permissions()
        self._data = data
        self._caller = caller
        self._log = log
        self._emit = emit

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

    def host(self, service: str, /, **params: Any) -> Any:
        """The result of a service of the host application, such as ``devices.read``.

        It must be among the granted ``permissions: {host: [...]}``; AccessDenied if it is not.
        """
        if self._caller is None:
            raise RuntimeError("this context is not connected to a host; use Context.for_tests")
        return self._caller("", service, as_plain(params))

    def emit(self, event: str, /, **data: Any) -> None:
        """Tell the host and the plugins that listen that something happened.

        They hear of it as ``PLUGIN.event``; in a test without a host nobody does.
        """
        if self._emit is not None:
            self._emit(event, as_plain(data))

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
