"""The host in an author's tests: answers for other plugins, and a record of what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from heimnetz_git.errors import HeimnetzError, OperationNotFound, printable
from heimnetz_git.host.calls import Chain
from heimnetz_git.host.failures import Raised, describe_error
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.messages import HostCall
from heimnetz_git.host.plugin import as_plain
from heimnetz_git.host.spec import LaunchSpec

__all__ = ["Asked", "Bench", "Host"]


class Asked(msgspec.Struct, frozen=True):
    """One call of a plugin under test to another one."""

    plugin: str
    operation: str
    params: dict[str, Any]


class Host:
    """Plays the plugins that the one under test requires.

    ``calls`` are all that it asked for, in order, answered or not.
    """

    def __init__(self) -> None:
        self.calls: list[Asked] = []
        self._answers: dict[tuple[str, str], Any] = {}

    def answer(self, plugin: str, operation: str, answer: Any) -> None:
        """What an operation of another plugin answers from now on.

        A function is called with the parameters, an exception is raised, any other value is the
        result; it crosses the process as it would from a real plugin::

            host.answer("device-registry", "find", [{"vendor": "Acme"}])
        """
        self._answers[plugin, operation] = answer

    def respond(self, asked: Asked) -> Any:
        """The plain result of a call. Raises OperationNotFound when the test gave no answer."""
        self.calls.append(asked)
        key = asked.plugin, asked.operation
        if key not in self._answers:
            raise OperationNotFound(
                f"The test gave no answer for {printable(asked.plugin)}."
                f"{printable(asked.operation)}; give one with host.answer(...)."
            )
        answer = self._answers[key]
        if isinstance(answer, BaseException):
            raise answer
        return as_plain(answer(**asked.params) if callable(answer) else answer)


class Bench(PluginManager):
    """A PluginManager in which ``host`` plays what the plugins require and that is not there.

    All else is as in production: processes, sandbox, schemas, and who may call whom.
    """

    def __init__(self, specs: Iterable[LaunchSpec], host: Host, **options: Any) -> None:
        """``options`` are those of PluginManager."""
        found = {spec.name: spec for spec in specs}
        self._host = host
        self._played = {name: frozenset(spec.requires) - set(found) for name, spec in found.items()}
        options = {"restart": None, **options}  # a crash is what the test wants to see
        super().__init__(
            [_without(spec, self._played[spec.name]) for spec in found.values()], **options
        )

    def _route(self, caller: LaunchSpec, message: HostCall, chain: Chain) -> Any:
        """A call to a plugin that is played goes to the test; any other where it always goes."""
        if message.plugin not in self._played[caller.name]:
            return super()._route(caller, message, chain)
        asked = Asked(message.plugin, message.operation, message.params)
        try:
            return self._host.respond(asked)
        except HeimnetzError:
            raise
        except Exception as error:  # whatever a test's function raises is what the plugin gets
            raise Raised(describe_error(error)) from None


def _without(spec: LaunchSpec, played: frozenset[str]) -> LaunchSpec:
    real = tuple(name for name in spec.requires if name not in played)
    return msgspec.structs.replace(spec, requires=real)
