"""The generated reference is what the program says; errors and exit codes are complete."""

from __future__ import annotations

import runpy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git import errors
from heimnetz_git.cli.directory import COMMANDS
from heimnetz_git.errors import HeimnetzError

ROOT = Path(__file__).resolve().parent.parent
DOCS = runpy.run_path(str(ROOT / "scripts" / "docs.py"))
REFERENCE: dict[Path, str] = DOCS["files"]()


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.name)
def test_the_reference_is_what_the_program_says(path: Path) -> None:
    """``make docs`` makes it so."""
    assert path.read_text(encoding="utf-8") == REFERENCE[path]


def public_errors() -> Iterator[type[HeimnetzError]]:
    """Every error class of the ladder."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type):
            yield kind


def test_each_error_has_a_code_of_its_own_and_a_hint() -> None:
    """A code names one class; a hint is a sentence."""
    kinds = list(public_errors())
    assert [code for code, times in Counter(kind.code for kind in kinds).items() if times > 1] == []
    assert [kind.__name__ for kind in kinds if not kind.hint.endswith(".")] == []


def test_each_error_and_command_is_in_the_reference() -> None:
    """Nothing is left out."""
    listed = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    assert [kind.code for kind in public_errors() if f"\n## {kind.code}\n" not in listed] == []
    listed = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    names = [entry.words for entry in COMMANDS]
    assert [name for name in names if f"\n### heimnetz-git {name}\n" not in listed] == []


def test_the_ladder_drawn_in_errors_has_every_class_with_its_code() -> None:
    """The drawing in the docstring is not from yesterday."""
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in public_errors() if kind.__name__ not in drawn] == []
