"""Statistics: counted, kept, added up, told to Prometheus, and turned into limits."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.host.bisect import WITHOUT, bisect, closed
from heimnetz_git.host.figures import Snapshot, history, live, merged, total
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.metrics import prometheus
from heimnetz_git.host.propose import propose
from heimnetz_git.host.stats import BOUNDS, PluginStats, Tally, summary, together
from heimnetz_git.model.limits import Limits
from tests.pluginkit import plugin
from tests.test_host_manager import COUNTER
from tests.test_host_zygote import quiet

linux = pytest.mark.skipif(sys.platform == "win32", reason="plugins run on Linux and macOS")
TIMES = st.lists(st.floats(0, 300, allow_nan=False), min_size=1, max_size=50)


def tallied(times: list[float], errors: int = 0) -> Tally:
    """A tally of those times."""
    tally = Tally()
    for one in times:
        tally.count(one)
    tally.errors = errors
    return tally


def stats(name: str = "lamp", calls: int = 30, memory: int = 20 << 20) -> PluginStats:
    """What a plugin did that answers in a millisecond."""
    found = summary(tallied([0.001] * calls, errors=1))
    return PluginStats(
        name, "1.0.0", "active", "ok", start=0.1, cpu=1.5, memory=memory, operations={"on": found}
    )


@settings(deadline=None, max_examples=100)
@given(TIMES, st.floats(0.01, 1))
def test_a_quantile_is_at_most_twice_the_true_one(times: list[float], share: float) -> None:
    """Buckets double, so the answer is the true time rounded up to the next power of two."""
    true = sorted(times)[min(len(times) - 1, max(0, -int(-share * len(times) // 1) - 1))]
    from heimnetz_git.host.stats import Histogram

    found = Histogram(tallied(times).buckets).quantile(share)
    assert found in BOUNDS
    assert found >= min(true, BOUNDS[-1]) or true < 1e-6
    assert found <= max(2 * true, 2e-6) or found == BOUNDS[0]


@settings(deadline=None, max_examples=50)
@given(TIMES, TIMES)
def test_figures_add_up(first: list[float], second: list[float]) -> None:
    """Two runs together are what one run with all calls would have been."""
    apart = together([summary(tallied(first, 1)), summary(tallied(second, 2))])
    whole = summary(tallied([*first, *second], 3))
    assert apart.buckets == whole.buckets
    assert (apart.calls, apart.errors) == (whole.calls, whole.errors)
    assert apart.seconds == pytest.approx(whole.seconds)


def test_runs_are_added_up_and_the_most_of_what_was_used_is_kept() -> None:
    """Counts are sums; memory is the largest; the state is the last."""
    snapshots = [
        Snapshot(1, 10.0, {"lamp": stats(memory=5)}),
        Snapshot(2, 5.0, {"lamp": stats(memory=9), "gong": stats("gong")}),
    ]
    found = merged(snapshots)
    assert list(found) == ["gong", "lamp"]
    assert (found["lamp"].operations["on"].calls, found["lamp"].operations["on"].errors) == (60, 2)
    assert (found["lamp"].memory, found["lamp"].cpu) == (9, 3.0)


@linux
def test_a_host_leaves_its_figures_to_the_next(tmp_path: Path) -> None:
    """Two hosts after each other; a line that was torn is left out."""
    spec = plugin(tmp_path, COUNTER)
    folder = tmp_path / "figures"
    for _ in range(2):
        with PluginManager([spec], sandbox="off", on_warning=quiet, figures=folder) as plugins:
            plugins.start()
            plugins.call("probe", "add")
    with (folder / "history.jsonl").open("ab") as file:
        file.write(b'{"host": 5, "at"')
    assert len(history(folder)) == 2
    assert live(folder, lambda _pid: True) == []
    found = total(folder, lambda _pid: True)["probe"]
    assert found.operations["add"].calls == 2
    assert found.start > 0
    assert found.memory > 1_000_000 or sys.platform != "linux"


@linux
def test_a_running_host_can_be_watched(tmp_path: Path) -> None:
    """Its snapshot is there while it runs; those of dead hosts are not counted."""
    import time

    folder = tmp_path / "figures"
    spec = plugin(tmp_path, COUNTER)
    with PluginManager([spec], sandbox="off", on_warning=quiet, figures=folder) as plugins:
        plugins.start()
        plugins.call("probe", "add")
        deadline = time.monotonic() + 20
        while not live(folder, lambda _pid: True) and time.monotonic() < deadline:
            time.sleep(0.02)
        (seen,) = live(folder, lambda pid: pid == os.getpid())
        assert seen.plugins["probe"].state == "active"
        assert live(folder, lambda _pid: False) == []


def test_prometheus_can_read_it() -> None:
    """Each line is a comment or a sample; histograms are cumulative and end with their count."""
    text = prometheus({'la"mp\n': stats('la"mp\n')})
    sample = re.compile(r'heimnetz_plugin_[a-z_]+\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\} [0-9.e+-]+')
    lines = text.splitlines()
    assert all(line.startswith("# ") or sample.fullmatch(line) for line in lines)
    buckets = [int(line.split()[-1]) for line in lines if "_bucket" in line]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 30
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert names == {line.split()[2] for line in lines if line.startswith("# HELP")}
    assert 'heimnetz_plugin_errors_total{plugin="la\\"mp\\n",operation="on"} 1' in lines


@pytest.mark.parametrize(
    ("seen", "limits", "proposed"),
    [
        (stats(memory=90 << 20), Limits(memory="128M", call="1s", start="2s"), {"memory": "256M"}),
        (stats(), Limits(memory="64M", call="30s", start="2s"), {"call": "1s"}),
        (stats(), Limits(memory="64M", call="2s", start="4s"), {}),
        (stats(calls=3), Limits(), {}),
    ],
)
def test_limits_are_proposed_where_the_declared_ones_do_not_fit(
    seen: PluginStats, limits: Limits, proposed: dict[str, str]
) -> None:
    """Too small or more than twice too large; nothing from too few calls."""
    assert propose(seen, limits) == proposed


NAMES = [f"p{number}" for number in range(16)]


@settings(deadline=None, max_examples=150)
@given(st.sets(st.sampled_from(NAMES), min_size=1, max_size=3))
def test_bisect_finds_exactly_those_who_are_to_blame(guilty: set[str]) -> None:
    """One or several that fail only together, whatever the order."""
    verdict = bisect(dict.fromkeys(NAMES, ()), lambda enabled: guilty <= enabled)
    assert (verdict.kind, set(verdict.culprits)) == ("found", guilty)
    if len(guilty) == 1:
        assert verdict.probes <= 2 + 2 * 4


def test_bisect_never_tries_a_plugin_without_what_it_requires() -> None:
    """That would fail for another reason."""
    requires = {"a": ("b",), "b": ("c",), "c": (), "d": ()}
    tried: list[frozenset[str]] = []

    def fails(enabled: frozenset[str]) -> bool:
        tried.append(enabled)
        return "b" in enabled

    assert bisect(requires, fails).culprits in {("a",), ("b",)}
    assert all(one == closed(one, requires) for one in tried)


def test_bisect_knows_when_there_is_nothing_to_find() -> None:
    """All is well, or it fails without any plugin."""
    assert bisect({"a": ()}, lambda _enabled: False).kind == "fine"
    assert bisect({"a": ()}, lambda _enabled: True).kind == "elsewhere"


@linux
def test_a_host_heeds_who_is_to_be_left_out(tmp_path: Path) -> None:
    """The variable that bisect sets is read by every host."""
    specs = [plugin(tmp_path, COUNTER, name=name) for name in ("one", "two")]
    with PluginManager(
        specs, sandbox="off", on_warning=quiet, environ={WITHOUT: "two,gone"}
    ) as plugins:
        assert plugins.start_all().ok
        assert plugins.running() == ("one",)
        assert plugins.reason("two") == "bisect"
