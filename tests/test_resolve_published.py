"""Cases that resolvelib, CocoaPods, pip and Swift published: the same answers here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git.errors import ResolutionImpossible
from heimnetz_git.resolve import Request, resolve
from tests.resolvekit import HERE, Shelf
from tests.test_resolve_resolver import earlier_lock

FILE = Path(__file__).parent / "cases" / "resolve" / "published.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def shelf_of(case: dict[str, Any]) -> Shelf:
    """The universe of a case."""
    return Shelf(
        {
            name: {version: {"requires": needs} for version, needs in versions.items()}
            for name, versions in case["universe"].items()
        }
    )


def answer_to(case: dict[str, Any]) -> dict[str, str]:
    """What is chosen, without what stands for a project's extras."""
    locked = earlier_lock(case["locked"]) if "locked" in case else None
    request = Request(requested=case["requested"], locked=locked)
    found = resolve(request, shelf_of(case), HERE).versions
    return {name: version for name, version in found.items() if name not in case.get("ignored", ())}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"].partition(":")[0])
def test_a_published_case_has_its_published_answer(case: dict[str, Any]) -> None:
    """Version by version; or no answer where none was published."""
    if case["chosen"] is None:
        with pytest.raises(ResolutionImpossible):
            answer_to(case)
    else:
        assert answer_to(case) == case["chosen"]
