"""Which wheel of a release a machine takes."""

from __future__ import annotations

import pytest

from heimnetz_git.resolve import best_artifact
from tests.resolvekit import HERE, candidate

CASES = [
    (["py3-none-any"], "clock-1.0.0-py3-none-any.whl"),
    (["py3-none-any", "py3-none-linux_x86_64"], "clock-1.0.0-py3-none-linux_x86_64.whl"),
    (
        ["py3-none-linux_x86_64", "cp311-cp311-linux_x86_64", "py3-none-any"],
        "clock-1.0.0-cp311-cp311-linux_x86_64.whl",
    ),
    (["py2.py3-none-any"], "clock-1.0.0-py2.py3-none-any.whl"),
    (["1-py3-none-any", "2-py3-none-any", "10-py3-none-any"], "clock-1.0.0-10-py3-none-any.whl"),
    (["cp311-cp311-win_amd64"], None),
    (["not a wheel"], None),
    ([], None),
]


@pytest.mark.parametrize(("wheels", "file"), CASES)
def test_the_best_wheel_is_taken(wheels: list[str], file: str | None) -> None:
    """The one whose tag the machine likes best; none if it takes none of them."""
    found = best_artifact(candidate("clock", "1.0.0", {"wheels": wheels}).release, HERE)
    assert (found.file if found else None) == file


def test_the_order_of_the_wheels_does_not_matter() -> None:
    """A release file may list its wheels in any order."""
    wheels = ["py3-none-any", "1-py3-none-any", "cp311-cp311-linux_x86_64"]
    taken = {
        best_artifact(candidate("clock", "1.0.0", {"wheels": some}).release, HERE)
        for some in (wheels, wheels[::-1], wheels[1:] + wheels[:1])
    }
    assert len(taken) == 1
