"""Rules on covert ways: names that carry data, shells for others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Severity, Step
from heimnetz_git.scan.apis import Kind
from heimnetz_git.scan.atoms import UNKNOWN, Ref, plain
from heimnetz_git.scan.capabilities import commands
from heimnetz_git.scan.flows import flow_into, texts_in
from heimnetz_git.scan.program import Event
from heimnetz_git.scan.rules_flows import LOOKUPS
from heimnetz_git.scan.signs import (
    REVERSE_SHELL,
    SECRET_VARIABLE,
)
from heimnetz_git.scan.submission import Submission, found

__all__ = ["dns_tunnel", "reverse_shell"]


def dns_tunnel(submission: Submission) -> Iterator[Finding]:
    """A name is looked up that carries data in its labels (ATT&CK T1048.003, T1071.004).

    The resolver hands it to whoever owns the domain, past most firewalls. High when encoded text,
    files or facts about the machine flow into the name. False alarms: checks of block lists.
    """
    grave = {"encoded", "environment", "file", "user", "host", "password", "clipboard", "output"}
    for event in submission.program.calls(*LOOKUPS):
        flow = submission.flow(event)
        texts = list(texts_in(submission.program, event.args[:1]))
        dotted = any("." in one.strip(".\ue000") for one in texts)
        origin = next(
            (
                one
                for one in flow.origins
                if one.label in grave
                or (one.label == "variable" and SECRET_VARIABLE.search(one.detail))
            ),
            None,
        )
        if origin is not None and dotted and (origin.label != "host" or len(flow.labels()) > 1):
            trail = (*origin.trail, Step(event.location, f"{event.api}() asks for it"))
            yield found(
                dns_tunnel,
                submission.certainty(origin, event),
                event.location,
                f"{event.api}() looks up a name that carries data of"
                f" {origin.detail or origin.label}.",
                capability=Kind.CONNECT,
                trail=trail,
            )


def reverse_shell(submission: Submission) -> Iterator[Finding]:
    """The machine is handed to whoever is at the other end of a connection (ATT&CK T1059, T1571).

    A socket becomes the input of a shell, commands come from the network and their output goes
    back, or a command does the same (``bash -i >& /dev/tcp/...``). There is no false alarm in a
    plugin: remote control belongs to the host. CWE-506.
    """
    program = submission.program
    for event in submission.events(Kind.RUN, Kind.DYNAMIC, Kind.WRITE):
        for text in commands(program, event):
            match = REVERSE_SHELL.search(text.replace("'", ""))
            if match is not None:
                yield found(
                    reverse_shell,
                    Severity.HIGH,
                    event.location,
                    f"{event.api}() runs a reverse shell ({printable(match[0][:40])!r}).",
                    capability=Kind.RUN,
                )
    for event in program.calls("os.dup2"):
        given = [one for it in event.given for one in submission.program.value(it)]
        stream = plain(submission.program.value(event.argument(1)))
        if (
            any(isinstance(one, Ref) and _SOCKET.search(one.name) for one in given)
            and stream in (UNKNOWN, 0, 1, 2)
            and submission.can(Kind.RUN, event.file)
        ):
            yield found(
                reverse_shell,
                Severity.HIGH,
                event.location,
                "os.dup2() makes a connection the input and output of the process.",
                capability=Kind.RUN,
            )
    for event in submission.events(Kind.RUN):
        for word in ("stdin", "stdout"):
            if word in event.keywords and "network" in _stream_labels(submission, event, word):
                yield found(
                    reverse_shell,
                    Severity.HIGH,
                    event.location,
                    f"{event.api}() gets a connection as its {word}.",
                    capability=Kind.RUN,
                )
                break
    yield from _answers(submission)


_SOCKET = re.compile(r"^(?:socket|ssl)\b.*\.(?:fileno|detach)\(\)|\.accept\(\)\[\]\.fileno\(\)")


def _stream_labels(submission: Submission, event: Event, word: str) -> frozenset[str]:
    argument = event.keywords[word]
    refs = [one.name for one in submission.program.value(argument) if isinstance(one, Ref)]
    if any(name.startswith("socket.") for name in refs):
        return frozenset({"network"})
    return flow_into(submission.program, [argument]).labels()


def _answers(submission: Submission) -> Iterator[Finding]:
    """Output of a command that came from the network goes back to it."""
    for event in submission.events(Kind.CONNECT):
        if not event.given or event.api in LOOKUPS:
            continue
        flow = submission.flow(event)
        output = flow.first("output")
        if output is not None and flow.first("network") is not None and ".send" in event.api:
            trail = (*output.trail, Step(event.location, f"{event.api}() answers"))
            yield found(
                reverse_shell,
                submission.certainty(output, event),
                event.location,
                f"{event.api}() answers with the output of commands that were received.",
                capability=Kind.RUN,
                trail=trail,
            )
