"""Memory is read as Linux writes it, and in the sandbox too."""

from __future__ import annotations

from pathlib import Path

import pytest
from heimnetz_git import Context
from heimnetz_git.sdk.testing import RunningPlugin

from rain_gauge import RainGauge
from rain_gauge.memory import parse

SAMPLE = """\
MemTotal:        8000000 kB
MemFree:          500000 kB
MemAvailable:    2000000 kB
HugePages_Total:       0
"""
on_linux = pytest.mark.skipif(
    not Path("/proc/meminfo").exists(), reason="only Linux has /proc/meminfo"
)


def test_what_is_available_counts_and_not_what_is_free() -> None:
    """Caches can be given back."""
    found = parse(SAMPLE)
    assert (found.total, found.available, found.used) == (8000000 << 10, 2000000 << 10, 75.0)


@pytest.mark.parametrize("text", ["", "MemTotal: 5 kB\nMemAvailable: 6 kB\n", "MemTotal: lots"])
def test_another_file_is_refused(text: str) -> None:
    """Rather than reported as a machine without memory."""
    with pytest.raises(ValueError, match="not what Linux writes"):
        parse(text)


@on_linux
def test_the_limit_is_the_configured_one(tmp_path: Path) -> None:
    """In this process: quick, and a debugger can look into it."""
    context = Context.for_tests(data=tmp_path, config={"used_at_most": 100})
    assert not context.start(RainGauge).is_low()


@on_linux
def test_it_runs_in_the_sandbox(plugin: RunningPlugin) -> None:
    """The built plugin, in a process of its own, with what plugin.yaml grants."""
    found = plugin.call("memory")
    assert 0 < found["available"] <= found["total"]


@on_linux
@pytest.mark.plugin_config(used_at_most=0)
def test_its_configuration_reaches_it(plugin: RunningPlugin) -> None:
    """As a user would write it into its file of settings."""
    assert plugin.call("is_low") is True
