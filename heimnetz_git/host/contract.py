"""What a running plugin says it can do, and holding callers and plugin to it."""

from __future__ import annotations

from typing import Any

from heimnetz_git.errors import OperationNotFound, ProtocolViolation, printable
from heimnetz_git.host.messages import Ready
from heimnetz_git.host.schema import Schema, check, parse
from heimnetz_git.host.values import refuse

__all__ = ["Contract"]

MOST_OPERATIONS = 256
LONGEST_CACHE = 86_400


class Contract:
    """A plugin's operations, with their schemas. Raises ProtocolViolation if they are none."""

    def __init__(self, name: str, ready: Ready) -> None:
        self._name = name
        self.operations = ready.operations
        self.config = ready.config
        self.ready = ready
        if len(ready.operations) > MOST_OPERATIONS:
            raise ProtocolViolation(f"{name} offers more than {MOST_OPERATIONS} operations.")
        try:
            self._schemas = {
                operation: (_part(described, "parameters"), _part(described, "result"))
                for operation, described in ready.operations.items()
            }
            self.cacheable = {
                operation: _period(described["cache"])
                for operation, described in ready.operations.items()
                if "cache" in described
            }
            self.streaming = frozenset(
                operation for operation, one in ready.operations.items() if one.get("stream")
            )
        except ValueError as error:
            raise ProtocolViolation(f"{name} describes its operations wrongly: {error}.") from error

    def check_call(self, operation: str, params: dict[str, Any]) -> None:
        """Raise OperationNotFound, or InvalidParameters with every problem."""
        if operation not in self._schemas:
            known = printable(", ".join(self._schemas) or "none", longest=500)
            raise OperationNotFound(
                f"{self._name} has no operation {printable(operation)!r}; it has: {known}.",
                plugin=self._name,
                operation=operation,
            )
        problems = check(params, self._schemas[operation][0], f"parameters of {operation}")
        refuse(f"The parameters of {self._name}.{operation} do not fit", problems)

    def check_result(self, operation: str, value: Any) -> None:
        """Raise InvalidParameters unless the plugin gave what it promised.

        Of an operation that streams, ``value`` is one item.
        """
        problems = check(value, self._schemas[operation][1], f"result of {operation}")
        refuse(f"The result of {self._name}.{operation} is not what it promises", problems)


def _part(described: dict[str, Any], key: str) -> Schema:
    """One schema out of an operation's description. Raises ValueError."""
    part = described.get(key, {})
    if not isinstance(part, dict):
        raise ValueError(f"{key!r} is not a schema")
    return parse(part)


def _period(value: object) -> float:
    """For how many seconds an answer may be remembered. Raises ValueError."""
    if not isinstance(value, int | float) or not 0 < value <= LONGEST_CACHE:
        raise ValueError(f"'cache' is 0 to {LONGEST_CACHE:,} seconds")
    return float(value)
