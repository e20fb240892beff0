"""``profile``: where an operation's time goes, and a plugin's start, in its real sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heimnetz_git.sdk.flame import Stacks, flame_page, speedscope
from tests.clikit import World
from tests.projectkit import CLASS, Draft, write_project

CODE = (
    CLASS.replace("import time\n", "import time\nfrom clock import slow\n", 1)
    + '''
    @operation
    def burn(self, times: int) -> int:
        """Compute."""
        return slow.inner(times)
'''
)
SLOW = '''"""Takes its time."""

import time

time.sleep(0.05)


def inner(times: int) -> int:
    """Compute for a while."""
    total = 0
    for number in range(times):
        total += number * number
    return total
'''
STACKS: Stacks = (
    ((("<main>", "a.py", 1), ("work", "a.py", 9)), 0.75),
    ((("<main>", "a.py", 1),), 0.25),
)


def test_an_operation_and_a_start_are_taken_apart(tmp_path: Path) -> None:
    """The slow function is in the graphs, the slow import in the table, its importer above it."""
    root = write_project(tmp_path, Draft(code=CODE, files={"src/clock/slow.py": SLOW}))
    page, scope = tmp_path / "page.html", tmp_path / "scope.json"
    files = ("--html", str(page), "--speedscope", str(scope))
    line = f"profile burn --path {root} --param times=400000 --calls 5"
    found = World(tmp_path).json(line, *files)
    assert (found["plugin"], found["calls"]) == ("clock", 5)
    assert 0 < found["call"]["fastest"] <= found["call"]["median"] <= found["call"]["slowest"]
    assert found["cpu"] > 0
    assert found["memory"] > 1 << 20
    times = {one["module"]: one for one in found["imports"]}
    assert times["clock.slow"]["own"] >= 0.05
    assert times["clock"]["whole"] >= times["clock.slow"]["whole"]
    assert times["clock"]["own"] < times["clock.slow"]["own"]
    assert found["samples"] > 0
    assert "inner (clock/slow.py:8)" in page.read_text("utf-8")
    document = json.loads(scope.read_text("utf-8"))
    assert {"inner", "clock.slow"} <= {one["name"] for one in document["shared"]["frames"]}


@pytest.mark.parametrize(
    ("line", "said"),
    [("profile nothing", "has no operation 'nothing'"), ("profile burn -p times=x", "times")],
)
def test_what_cannot_be_called_is_not_measured(tmp_path: Path, line: str, said: str) -> None:
    """Said before the plugin is started."""
    root = write_project(tmp_path, Draft(code=CODE, files={"src/clock/slow.py": SLOW}))
    result = World(tmp_path).run(f"{line} --path {root}")
    assert result.exit_code != 0
    assert said in result.stderr


def test_speedscope_reads_samples_by_numbered_frames() -> None:
    """Each frame once; samples and weights of one length that add up to the end."""
    found = speedscope("clock", {"call": STACKS, "none": ()})
    assert [one["name"] for one in found["shared"]["frames"]] == ["<main>", "work"]
    first, second = found["profiles"]
    assert (first["samples"], first["weights"]) == ([[0, 1], [0]], [0.75, 0.25])
    assert (first["endValue"], second["samples"]) == (1.0, [])


def test_a_page_escapes_names_and_draws_shares() -> None:
    """A name is text, never markup; a callee stands below its caller, as wide as its share."""
    page = flame_page("<clock>", {"call": STACKS, "none": ()})
    assert "<clock>" not in page
    assert "<main>" not in page
    assert "left: 0.000%; width: 75.000%; top: 20px" in page
    assert "&lt;main&gt; (a.py:1): 1000.0 ms, 100.0%" in page
    assert "Nothing was seen." in page
