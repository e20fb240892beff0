"""The rule on what happens as soon as a module is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.scan.apis import BY_NAME, Kind
from heimnetz_git.scan.atoms import HOLE
from heimnetz_git.scan.capabilities import commands, target_of
from heimnetz_git.scan.program import Event
from heimnetz_git.scan.signs import BUILD_PROGRAM, is_public_host
from heimnetz_git.scan.submission import Submission, found

__all__ = ["import_effect"]


def import_effect(submission: Submission) -> Iterator[Finding]:
    """Importing the module runs a program or reaches into the internet (ATT&CK T1204, T1195.002).

    Nobody has asked for anything yet: whoever merely lists or tests the package runs it. Of ninety
    popular packages one does. A note in a large program. Do it in a function that is called. False
    alarms: questions to the system, such as its libraries. CWE-506.
    """
    for event in submission.events(Kind.RUN, Kind.CONNECT):
        if not event.scope.is_import_time or event.file.endswith("setup.py") or _is_main(event):
            continue
        what = _program_run(submission, event) or _host_reached(submission, event)
        if what:
            yield found(
                import_effect,
                Severity.MEDIUM if submission.is_small else Severity.LOW,
                event.location,
                f"Importing this module {what}.",
                hint="Do it in a function, when it is asked for.",
                capability=Kind.IMPORT,
            )


def _is_main(event: Event) -> bool:
    """Whether it only happens when the module is started as a program."""
    guard = event.guard
    while guard is not None:
        if any(isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(guard.test)):
            return True
        guard = guard.outer
    return False


def _program_run(submission: Submission, event: Event) -> str:
    if not any(api.kind is Kind.RUN for api in BY_NAME.get(event.api, ())):
        return ""
    for text in commands(submission.program, event):
        words = text.strip("'\" ")
        if words and not words.startswith(HOLE) and not BUILD_PROGRAM.match(words):
            return f"runs {printable(words.replace(HOLE, '*')[:60])!r}"
    return ""


def _host_reached(submission: Submission, event: Event) -> str:
    for api in BY_NAME.get(event.api, ()):
        if api.kind is Kind.CONNECT:
            target = target_of(submission.program, Kind.CONNECT, api, event)
            if is_public_host(target):
                return f"reaches {printable(target)}"
    return ""
