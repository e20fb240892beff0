"""Errors on their way between processes: exceptions as text, and text as exceptions again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType

from heimnetz_git import errors
from heimnetz_git.errors import HeimnetzError, OperationFailed, printable
from heimnetz_git.host.messages import Failure
from heimnetz_git.model.finding import Location, Problem

__all__ = ["Raised", "describe_error", "to_error"]

LONGEST_MESSAGE = 1000
MOST_FRAMES = 8
MOST_CAUSES = 8

# What a failure may become on the other side; whatever else it claims to be, it is OperationFailed.
CROSSING: dict[str, type[HeimnetzError]] = {
    kind.code: kind
    for kind in (
        errors.AccessDenied,
        errors.InvalidParameters,
        errors.OperationFailed,
        errors.OperationNotFound,
        errors.PluginCrashed,
        errors.PluginFailed,
        errors.PluginNotFound,
        errors.PluginTimedOut,
        errors.ProtocolViolation,
    )
}


class Raised(Exception):  # named for what it says
    """The plugin answered with an error; carries it as text until somebody explains it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.type}: {failure.message}")
        self.failure = failure


def describe_error(error: BaseException, folders: Iterable[str] = ()) -> Failure:
    """An exception as text; the trace has only the frames of files in ``folders``."""
    doing, path, number = _system_error(error)
    known = isinstance(error, HeimnetzError) and error.code in CROSSING
    return Failure(
        type=printable(type(error).__name__),
        message=printable(_said(error), longest=LONGEST_MESSAGE),
        code=error.code if isinstance(error, HeimnetzError) and known else "",
        trace=tuple(_frames(error.__traceback__, tuple(folders))),
        path=path[:4096],
        number=number,
        doing=doing,
        problems=tuple(_problems(error)),
    )


def to_error(failure: Failure) -> HeimnetzError:
    """The exception that a failure stands for; OperationFailed if it is none of ours."""
    kind = CROSSING.get(failure.code, OperationFailed)
    said = printable(failure.message, longest=LONGEST_MESSAGE)
    problems = [
        Problem("does-not-fit", printable(message), Location("plugin"), path=printable(path))
        for path, message in failure.problems[:20]
    ]
    if failure.code not in CROSSING:
        said = f"{printable(failure.type)}: {said}" if said else printable(failure.type)
    return kind(said, problems=problems, type=printable(failure.type))


def _said(error: BaseException) -> str:
    """``str(error)``, even if that raises."""
    try:
        return str(error)
    except Exception as inner:  # a plugin's __str__ may raise anything
        return f"(its message cannot be read: {type(inner).__name__})"


def _frames(trace: TracebackType | None, folders: tuple[str, ...]) -> Iterator[str]:
    """``file:line in function`` for the plugin's own frames, the last MOST_FRAMES of them."""
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        inside = [folder for folder in folders if code.co_filename.startswith(folder + "/")]
        if inside:
            short = code.co_filename.removeprefix(inside[0] + "/")
            found.append(printable(f"{short}:{trace.tb_lineno} in {code.co_name}"))
        trace = trace.tb_next
    yield from found[-MOST_FRAMES:]


def _system_error(error: BaseException | None) -> tuple[str, str, int]:
    """What an OSError among the causes was about: the deed, the path, the errno."""
    for _ in range(MOST_CAUSES):
        if isinstance(error, OSError) and error.errno is not None:
            path = error.filename if isinstance(error.filename, str) else ""
            return _deed(error), path, error.errno
        if error is None:
            break
        error = error.__cause__ or error.__context__
    return "", "", 0


def _deed(error: OSError) -> str:
    """``network`` or ``run`` if the standard library's socket or subprocess module raised it."""
    if any(kind.__module__ in {"socket", "_socket"} for kind in type(error).__mro__):
        return "network"
    trace = error.__traceback__
    deed = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.endswith("/subprocess.py"):
            deed = "run"
        elif file.endswith(("/socket.py", "/asyncio/base_events.py", "/ssl.py")):
            deed = "network"
        trace = trace.tb_next
    return deed


def _problems(error: BaseException) -> Iterator[tuple[str, str]]:
    """The single problems of one of our own errors as pairs of path and message."""
    for problem in getattr(error, "problems", ())[:20] if isinstance(error, HeimnetzError) else ():
        said = f"{problem.message} Expected {problem.expected}." if problem.expected else ""
        yield problem.path, said or problem.message
