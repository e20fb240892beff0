"""States, crashes and the journal: decided without any process."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import PluginNotFound, UsageError
from heimnetz_git.host.journal import CLOSED, Journal, last_rows, suspects
from heimnetz_git.host.lifecycle import EDGES, TRANSIENT, Lifecycle, Restart, State, verdict
from heimnetz_git.host.order import levels, start_order
from tests.test_host_manager import spec


def test_every_state_can_be_left_and_reached_again() -> None:
    """There is no dead end: from each state every other one can be reached."""
    for start in State:
        seen, queue = {start}, [start]
        while queue:
            new = EDGES[queue.pop()] - seen
            seen |= new
            queue += new
        assert seen == set(State)


def test_each_passing_state_has_a_way_out_for_a_failure() -> None:
    """So that a time-out leads somewhere."""
    assert all(State.ERROR in EDGES[state] for state in TRANSIENT)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(State), max_size=12))
def test_a_life_follows_the_edges_and_each_step_is_noted_first(wishes: list[State]) -> None:
    """Whatever is asked for: the state moves along an edge, or stays and refuses."""
    noted: list[State] = []
    life = Lifecycle(lambda state, _reason, _why: noted.append(state))
    for wish in wishes:
        before, count = life.state, len(noted)
        if wish in EDGES[before]:
            life.move(wish)
            assert (life.state, noted[-1], len(noted)) == (wish, wish, count + 1)
        else:
            with pytest.raises(UsageError, match="cannot become"):
                life.move(wish)
            assert (life.state, len(noted)) == (before, count)


def test_a_plugin_is_enabled_only_when_no_reason_is_left() -> None:
    """The user's word does not lift a quarantine, nor the other way round."""
    life = Lifecycle(lambda *_row: None)
    life.disable("user")
    life.disable("quarantine")
    states = []
    for why in ("user", "quarantine"):
        life.enable(why)
        states.append(life.state)
    assert states == [State.DISABLED, State.UNLOADED]


def test_what_is_wrong_with_its_files_is_an_error_with_a_reason() -> None:
    """None of its code has run by then; it can be loaded again once it is mended."""
    life = Lifecycle(lambda *_row: None)
    assert not life.load(lambda: "no such folder")
    assert (life.state, life.reason) == (State.ERROR, "no such folder")
    assert life.load(lambda: "")
    assert life.state is State.LOADED


@pytest.mark.parametrize(
    ("crashes", "pause"),
    [([0.0], 1.0), ([0.0, 1.0], 2.0), ([0.0, 1.0, 2.0], 4.0), ([-9999.0, 0.0], 1.0)],
)
def test_pauses_double(crashes: list[float], pause: float) -> None:
    """Crashes of long ago do not count."""
    assert verdict(crashes, 2.0, Restart(jitter=0), lambda: 0.5) == pause


def test_too_many_crashes_lead_to_quarantine() -> None:
    """The fifth within ten minutes."""
    assert verdict([0.0] * 4, 1.0, Restart(), lambda: 0.5) is not None
    assert verdict([0.0] * 5, 1.0, Restart(), lambda: 0.5) is None


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 60), st.floats(0, 1))
def test_a_pause_is_never_above_its_cap(count: int, chance: float) -> None:
    """Whatever the number of crashes and the dice."""
    pause = verdict([0.0] * count, 0.0, Restart(most=1000), lambda: chance)
    assert pause is not None
    assert 0.8 <= pause <= 300 * 1.2


def journal(folder: Path, run: str) -> Journal:
    """A journal with a clock that stands still."""
    return Journal(folder / "state" / "journal", run=run, now=lambda: 5.0)


def test_a_host_that_dies_names_its_suspect(tmp_path: Path) -> None:
    """The plugin that was being started, not those that ran."""
    first = journal(tmp_path, "one")
    first.note("quiet", "1.0.0", State.INITIALIZING, "", ())
    first.note("quiet", "1.0.0", State.ACTIVE, "", ())
    first.note("culprit", "1.0.0", State.INITIALIZING, "", ())
    assert suspects(journal(tmp_path, "two").rows) == ("culprit",)


def test_a_host_that_ends_in_good_order_has_no_suspect(tmp_path: Path) -> None:
    """Its last line says so."""
    first = journal(tmp_path, "one")
    first.note("a", "1.0.0", State.STOPPING, "", ())
    first.close()
    rows = journal(tmp_path, "two").rows
    assert rows[-1].plugin == CLOSED
    assert suspects(rows) == ()
    assert suspects(()) == ()


@pytest.mark.parametrize("cut", range(2, 40, 6))
def test_a_torn_line_is_left_out_and_the_next_one_is_whole(tmp_path: Path, cut: int) -> None:
    """The machine may go down at any byte."""
    first = journal(tmp_path, "one")
    first.note("a", "1.0.0", State.LOADING, "", ())
    first.note("b", "1.0.0", State.LOADING, "", ())
    path = tmp_path / "state" / "journal"
    path.write_bytes(path.read_bytes()[:-cut])
    second = journal(tmp_path, "two")
    assert [row.plugin for row in second.rows] == ["a"]
    second.note("c", "1.0.0", State.LOADING, "", ())
    assert set(last_rows(journal(tmp_path, "three").rows)) == {"a", "c"}


def test_plugins_that_need_nothing_of_each_other_start_side_by_side() -> None:
    """Each group requires only what groups before it hold."""
    edges = {"a": ("b", "c"), "b": ("d",), "c": (), "d": (), "e": ()}
    specs = {name: spec(name, *needs) for name, needs in edges.items()}
    groups = levels(specs, start_order(specs, specs))
    assert [sorted(group) for group in groups] == [["c", "d", "e"], ["b"], ["a"]]


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abcdefgh")), min_size=1)
)
def test_every_order_keeps_requirements_first_but_in_circles(edges: dict[str, set[str]]) -> None:
    """Every plugin once; what it requires before it, unless that requires it in turn."""
    specs = {name: spec(name, *sorted(needs)) for name, needs in edges.items()}
    try:
        order = start_order(specs, specs)
    except PluginNotFound:
        assert any(needs - set(edges) for needs in edges.values())
        return
    assert sorted(order) == sorted(edges)
    groups = levels(specs, order)
    assert sorted(name for group in groups for name in group) == sorted(edges)
    place = {name: number for number, group in enumerate(groups) for name in group}
    reach = {name: _reach(name, edges) for name in edges}
    for name, needs in edges.items():
        assert all(place[one] < place[name] or name in reach[one] for one in needs)


def _reach(name: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    queue = [name]
    while queue:
        new = edges.get(queue.pop(), set()) - seen
        seen |= new
        queue += new
    return seen
