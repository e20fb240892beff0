"""Statistics as Prometheus reads them: the text exposition format 0.0.4 (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from heimnetz_git.host.stats import BOUNDS, PluginStats

__all__ = ["prometheus"]

GAUGES: tuple[tuple[str, str, str, Callable[[PluginStats], float]], ...] = (
    ("up", "gauge", "Whether the plugin is active.", lambda one: one.state == "active"),
    ("start_seconds", "gauge", "Time of the last start.", lambda one: one.start),
    ("memory_bytes", "gauge", "Memory of its processes.", lambda one: one.memory),
    ("processes", "gauge", "Number of its processes.", lambda one: one.processes),
    ("cpu_seconds_total", "counter", "Processor time of its processes.", lambda one: one.cpu),
    ("restarts_total", "counter", "Starts after a crash.", lambda one: one.restarts),
    ("denials_total", "counter", "What the sandbox refused.", lambda one: one.denials),
    ("cached_total", "counter", "Calls answered from memory.", lambda one: one.cached),
)


def prometheus(stats: Mapping[str, PluginStats]) -> str:
    """All figures as one text; names begin with ``heimnetz_plugin_``, labels are escaped."""
    return "".join(f"{line}\n" for line in _lines(stats))


def _lines(stats: Mapping[str, PluginStats]) -> Iterator[str]:
    for name, kind, words, figure in GAUGES:
        yield from _head(name, kind, words)
        for plugin, one in stats.items():
            yield _line(name, {"plugin": plugin, "version": one.version}, float(figure(one)))
    yield from _head("errors_total", "counter", "Calls that failed.")
    for plugin, one in stats.items():
        for operation, found in one.operations.items():
            labels = {"plugin": plugin, "operation": operation}
            yield _line("errors_total", labels, found.errors)
    yield from _head("call_seconds", "histogram", "Time from a call to its answer.")
    for plugin, one in stats.items():
        for operation, found in one.operations.items():
            labels = {"plugin": plugin, "operation": operation}
            for bound, count in zip(BOUNDS, accumulate(found.buckets), strict=False):
                yield _line("call_seconds_bucket", {**labels, "le": f"{bound:g}"}, count)
            yield _line("call_seconds_bucket", {**labels, "le": "+Inf"}, found.calls)
            yield _line("call_seconds_sum", labels, found.seconds)
            yield _line("call_seconds_count", labels, found.calls)


def _head(name: str, kind: str, words: str) -> Iterator[str]:
    yield f"# HELP heimnetz_plugin_{name} {words}"
    yield f"# TYPE heimnetz_plugin_{name} {kind}"


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"heimnetz_plugin_{name}{{{inside}}} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
