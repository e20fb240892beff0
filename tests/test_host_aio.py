"""Plugins in a host with an event loop: many calls at once, cancelling, streams, threads beside."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git import AsyncPluginManager
from heimnetz_git.errors import (
    InvalidParameters,
    OperationFailed,
    PluginCrashed,
    PluginTimedOut,
)
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.limits import Limits
from tests.pluginkit import plugin

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="plugins run on Linux and macOS")

HEAD = """\
import asyncio, os, time
from collections.abc import Iterator
from typing import Any
from heimnetz_git import BasePlugin, operation

class Plugin(BasePlugin):
"""
BODY = """
    closed = False
    napped = False

    @operation
    def echo(self, value: Any) -> Any:
        return value

    @operation
    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    @operation
    async def nap(self, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.napped = True
            raise

    @operation
    def fail(self) -> None:
        raise ValueError("no")

    @operation
    def count(self, n: int) -> Iterator[int]:
        try:
            yield from range(n)
        finally:
            self.closed = True

    @operation
    def look(self) -> dict[str, bool]:
        return {"closed": self.closed, "napped": self.napped}
"""


def go(folder: Path, story: Callable[[AsyncPluginManager], Awaitable[Any]], **limits: str) -> Any:
    """Run a story with one running plugin, on an event loop of its own."""
    made = Limits(**{"start": "20s", "call": "20s", **limits})  # type: ignore[arg-type]

    async def tell(spec: LaunchSpec) -> Any:
        options: dict[str, Any] = {"sandbox": "off", "on_warning": len, "restart": None}
        async with AsyncPluginManager([spec], **options) as plugins:
            report = await plugins.start_all()
            assert report.ok, str(report)
            return await story(plugins)

    return asyncio.run(tell(plugin(folder, BODY, head=HEAD, limits=made)))


def test_a_thousand_calls_at_once_get_their_own_answers(tmp_path: Path) -> None:
    """On one connection, from one event loop, without a thread for each."""

    async def story(plugins: AsyncPluginManager) -> list[int]:
        calls = [plugins.call("probe", "echo", value=n) for n in range(1000)]
        before = threading.active_count()
        answers = await asyncio.gather(*calls)
        assert threading.active_count() <= before + 1
        return list(answers)

    assert go(tmp_path, story) == list(range(1000))


def test_errors_are_those_of_the_synchronous_face(tmp_path: Path) -> None:
    """What the plugin raises, and what is wrong with the call."""

    async def story(plugins: AsyncPluginManager) -> None:
        with pytest.raises(OperationFailed, match=r"probe\.fail failed: ValueError: no"):
            await plugins.call("probe", "fail")
        with pytest.raises(InvalidParameters, match="Did you mean"):
            await plugins.call("probe", "echo", valu=1)
        assert await plugins.call("probe", "echo", value=1) == 1

    go(tmp_path, story)


def test_a_task_that_is_cancelled_cancels_its_call(tmp_path: Path) -> None:
    """A coroutine of the plugin hears of it; what waits behind goes on."""

    async def story(plugins: AsyncPluginManager) -> None:
        nap = asyncio.create_task(plugins.call("probe", "nap", seconds=60))
        dropped = asyncio.create_task(plugins.call("probe", "echo", value=1))
        await asyncio.sleep(0.2)
        dropped.cancel()
        nap.cancel()
        assert await plugins.call("probe", "look") == {"closed": False, "napped": True}
        assert nap.cancelled()
        assert dropped.cancelled()

    go(tmp_path, story)


def test_a_call_that_takes_too_long_ends_the_plugin_and_all_who_wait(tmp_path: Path) -> None:
    """The loop goes on; the one that hung is named."""

    async def story(plugins: AsyncPluginManager) -> list[Any]:
        calls = [plugins.call("probe", "sleep", seconds=60), plugins.call("probe", "look")]
        return list(await asyncio.gather(*calls, return_exceptions=True))

    hung, waited = go(tmp_path, story, call="300ms")
    assert isinstance(hung, PluginTimedOut)
    assert isinstance(waited, PluginTimedOut)


def test_a_plugin_that_dies_is_noticed_by_whoever_waits(tmp_path: Path) -> None:
    """In milliseconds, not at the end of the time limit."""

    async def story(plugins: AsyncPluginManager) -> None:
        waits = asyncio.create_task(plugins.call("probe", "sleep", seconds=15))
        await asyncio.sleep(0.2)
        os.kill(plugins.plugins.pid("probe"), signal.SIGKILL)
        with pytest.raises(PluginCrashed, match="SIGKILL"):
            await waits

    go(tmp_path, story)


def test_a_stream_is_read_item_by_item_and_can_be_left(tmp_path: Path) -> None:
    """Leaving it ends the generator in the plugin."""

    async def story(plugins: AsyncPluginManager) -> None:
        assert [one async for one in plugins.stream("probe", "count", n=500)] == list(range(500))
        items = plugins.stream("probe", "count", n=100_000)
        assert [await anext(items) for _ in range(3)] == [0, 1, 2]
        await items.aclose()  # type: ignore[attr-defined]  # it is a generator
        assert (await plugins.call("probe", "look"))["closed"]

    go(tmp_path, story)


def test_threads_may_call_beside_the_loop_even_if_it_is_blocked(tmp_path: Path) -> None:
    """Whoever needs an answer reads, if the loop that reads does not come to it."""

    async def story(plugins: AsyncPluginManager) -> list[Any]:
        heard: list[Any] = []
        opened = asyncio.create_task(plugins.call("probe", "echo", value="loop"))
        await asyncio.sleep(0)
        thread = threading.Thread(
            target=lambda: heard.append(plugins.plugins.call("probe", "echo", value="thread"))
        )
        thread.start()
        thread.join(10)  # blocks the loop
        heard.append(plugins.plugins.call("probe", "echo", value="here"))
        heard.append(await opened)
        return heard

    assert go(tmp_path, story) == ["thread", "here", "loop"]


def test_the_reading_is_taken_back_from_a_loop_that_was_closed(tmp_path: Path) -> None:
    """What the plugin says afterwards is still heard."""
    heard: list[str] = []
    body = BODY + (
        "\n    @operation\n    def say(self) -> None:\n"
        "        import threading\n"
        "        later = lambda: (time.sleep(0.1), print('hello', flush=True),\n"
        "                         self.context.logger.warning('logged'))\n"
        "        threading.Thread(target=later).start()\n"
    )
    options: dict[str, Any] = {"sandbox": "off", "on_warning": len}
    manager = AsyncPluginManager(
        [plugin(tmp_path, body, head=HEAD)],
        on_log=lambda _name, _level, line: heard.append(line),
        **options,
    )
    manager.plugins.start()
    asyncio.run(manager.call("probe", "say"))
    deadline = time.monotonic() + 20
    while set(heard) != {"hello", "logged"} and time.monotonic() < deadline:
        time.sleep(0.01)
    manager.plugins.close()
    assert set(heard) == {"hello", "logged"}
