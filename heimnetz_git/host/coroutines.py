"""Running a plugin's coroutines: on one event loop of its process, one call at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from heimnetz_git.host.link import Link

__all__ = ["complete"]

_loops: list[asyncio.AbstractEventLoop] = []


def complete(link: Link, number: int, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of ``coroutine``; raises CancelledError when the host cancels call ``number``.

    The loop stays from call to call, so that what belongs to it (a client, a queue) does too.
    """
    if not _loops:
        _loops.append(asyncio.new_event_loop())
    loop = _loops[0]
    if loop.is_running():
        return _aside(coroutine)
    task = loop.create_task(coroutine)

    def cancel(cancelled: int) -> None:
        if cancelled == number:
            loop.call_soon_threadsafe(task.cancel)

    link.on_cancel = cancel
    loop.add_reader(link.connection.fileno(), _read, link, task)
    try:
        return loop.run_until_complete(task)
    finally:
        loop.remove_reader(link.connection.fileno())
        link.on_cancel = lambda _number: None


def _read(link: Link, task: asyncio.Task[Any]) -> None:
    """Read what came; a host that has gone ends the task."""
    try:
        link.poll()
    except Exception:  # the main thread meets it again as soon as the task has ended
        task.cancel()


def _aside(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that came while another one blocks this thread's loop."""
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(coroutine))
        except BaseException as error:  # told to the caller below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]
