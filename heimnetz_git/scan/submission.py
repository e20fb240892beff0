"""What a rule looks at: the files of one submission, and all that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from heimnetz_git.model.finding import Finding, Location, Severity, Step
from heimnetz_git.model.permission import Permissions
from heimnetz_git.scan.apis import Kind
from heimnetz_git.scan.capabilities import Capability, kinds_of
from heimnetz_git.scan.flows import Flow, Origin, flow_into
from heimnetz_git.scan.program import Event, Program

__all__ = ["Broken", "Rule", "Submission", "found"]


SMALL_PROGRAM = 4000  # calls: about ten thousand lines
NEAR_HOPS = 2
FAR_HOPS = 12


class Broken(NamedTuple):
    """A module that could not be analysed, and why; ``mended`` if all of it was read after all."""

    location: Location
    reason: str
    mended: bool = False


class Submission:
    """Files by their path, the program they make, what it can do, and what was declared.

    ``permissions`` is None when nobody said, ``before`` when there was no earlier release: the
    rules on them are silent then.
    """

    def __init__(  # noqa: PLR0917 # all that is known
        self,
        files: Mapping[str, bytes],
        program: Program,
        broken: tuple[Broken, ...],
        capabilities: tuple[Capability, ...],
        permissions: Permissions | None,
        before: Permissions | None = None,
    ) -> None:
        self.files = files
        self.program = program
        self.broken = broken
        self.capabilities = capabilities
        self.permissions = permissions
        self.before = before
        self._flows: dict[int, Flow] = {}
        self._acting: list[tuple[Event, tuple[Kind, ...]]] | None = None

    def flow(self, event: Event) -> Flow:
        """Everything that may reach an event's arguments."""
        known = self._flows.get(id(event.node))
        if known is None:
            known = self._flows[id(event.node)] = flow_into(self.program, event.given)
        return known

    def certainty(self, origin: Origin, event: Event) -> Severity:
        """High for a flow that one can follow; low for one through half of a large program.

        The walk knows neither order nor objects: over many functions it finds too much. A small
        program, or what happens on import, is held to longer flows.
        """
        far = FAR_HOPS if self.is_small or event.scope.is_import_time else NEAR_HOPS
        return Severity.HIGH if origin.hops <= far else Severity.LOW

    @property
    def is_small(self) -> bool:
        """Whether the program is of the size of a plugin."""
        return self.program.size <= SMALL_PROGRAM

    def events(self, *kinds: Kind) -> Iterator[Event]:
        """The events that do one of these things."""
        wanted = frozenset(kinds)
        if self._acting is None:
            program = self.program
            acting = ((event, tuple(kinds_of(program, event))) for event in program.events)
            self._acting = [(event, does) for event, does in acting if does]
        for event, does in self._acting:
            if not wanted.isdisjoint(does):
                yield event

    def can(self, kind: Kind, file: str = "") -> bool:
        """Whether the code, or one of its files, can do something."""
        return any(it.kind is kind and file in ("", it.location.file) for it in self.capabilities)


# One rule: its docstring is its page in the manual, its name (with hyphens) its code.
Rule = Callable[[Submission], Iterator[Finding]]


def found(
    rule: Rule,
    severity: Severity,
    location: Location,
    message: str,
    *,
    hint: str = "",
    capability: str = "",
    trail: Iterable[Step] = (),
) -> Finding:
    """A finding of ``rule``, named by its function."""
    name = rule.__name__.replace("_", "-")
    steps = tuple(trail)
    return Finding(name, severity, message, location, hint, capability, steps)
