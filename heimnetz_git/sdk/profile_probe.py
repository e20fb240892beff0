"""In a plugin's process while it is profiled: times imports, and samples what a call is doing."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import CodeType, FrameType, ModuleType
from typing import Any

from heimnetz_git.host.plugin import BasePlugin, Context, operation
from heimnetz_git.host.worker import main as worker_main

__all__ = ["ImportTimes", "Sampler", "profiled"]

EVERY = 0.001
DEEPEST = 200
_WORKER = worker_main.__code__.co_filename


class ImportTimes:
    """A finder that times each module that Python finds and runs, by the chain of imports.

    ``spent`` maps that chain, the importing modules first, to the seconds of its last one without
    those that it imported itself.
    """

    def __init__(self) -> None:
        self.spent: dict[tuple[str, ...], float] = {}
        self._chain: list[str] = []
        self._inner: list[float] = [0.0]

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """What the next finders say, with a loader that is timed."""
        begun = time.perf_counter()
        for finder in sys.meta_path:
            found = None if finder is self else finder.find_spec(name, path, target)
            if found is None:
                continue
            searched = time.perf_counter() - begun
            self._add((*self._chain, name), searched)
            self._inner[-1] += searched
            if hasattr(found.loader, "__dict__") and not isinstance(found.loader, type):
                self._time(name, found.loader)
            return found
        return None

    def _add(self, chain: tuple[str, ...], seconds: float) -> None:
        self.spent[chain] = self.spent.get(chain, 0.0) + seconds

    def _time(self, name: str, loader: Any) -> None:
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            self._chain.append(name)
            self._inner.append(0.0)
            begun = time.perf_counter()
            try:
                run(module)
            finally:
                whole = time.perf_counter() - begun
                self._add(tuple(self._chain), whole - self._inner.pop())
                self._inner[-1] += whole
                self._chain.pop()

        loader.exec_module = exec_module


class Sampler:
    """A thread that looks every millisecond at what the thread ``serving`` does within a call.

    ``stacks`` counts what it saw, outermost first: name, file, first line of each function.
    """

    def __init__(self, serving: int) -> None:
        self.stacks: Counter[tuple[CodeType, ...]] = Counter()
        self.cpu = 0.0
        self._serving = serving
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        sys.setswitchinterval(EVERY / 2)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(EVERY):
            frame = sys._current_frames().get(self._serving)  # noqa: SLF001  # documented
            if stack := _of_the_plugin(frame):
                self.stacks[stack] += 1
            self.cpu = time.thread_time()


def _of_the_plugin(frame: FrameType | None) -> tuple[CodeType, ...]:
    """The functions within a call, outermost first; none while it waits for the next one."""
    found: list[CodeType] = []
    while frame is not None:
        code = frame.f_code
        if code.co_filename == _WORKER and code.co_name == "_value":
            return tuple(reversed(found[-DEEPEST:]))
        found.append(code)
        frame = frame.f_back
    return ()


def profiled(entry_point: str) -> type[BasePlugin]:
    """The plugin's class with its imports timed, and an operation more that tells what was seen."""
    times = ImportTimes()
    sys.meta_path.insert(0, times)
    module, _, name = entry_point.partition(":")
    kind: Any = import_module(module)
    for part in name.split("."):
        kind = getattr(kind, part)
    started = {"initialize": 0.0}
    sampler: list[Sampler] = []

    class Profiled(kind):  # type: ignore[misc]  # known only now
        """The plugin's class."""

        def initialize(self, context: Context) -> None:
            """As the plugin's own, timed."""
            begun = time.perf_counter()
            try:
                super().initialize(context)
            finally:
                started["initialize"] = time.perf_counter() - begun

        @operation("Begin or end the profile.")
        def heimnetz_profile(self, begin: bool = False) -> dict[str, Any]:
            """What was seen since the beginning."""
            if begin:
                sampler[:] = [Sampler(threading.get_ident())]
                sampler[0].start()
                return {"cpu": time.process_time()}
            sampler[0].stop()
            return {
                "cpu": time.process_time() - sampler[0].cpu,
                "memory": _peak(),
                "initialize": started["initialize"],
                "imports": [[list(chain), spent] for chain, spent in times.spent.items()],
                "stacks": [
                    [[[c.co_qualname, c.co_filename, c.co_firstlineno] for c in stack], count]
                    for stack, count in sampler[0].stacks.items()
                ],
            }

    return Profiled


def _peak() -> int:
    """The most memory that this process ever had resident, in bytes; 0 where none can tell."""
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10
