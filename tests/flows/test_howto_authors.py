"""The guide about other plugins does what it says, and the reference of the API names all of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import heimnetz_git
from heimnetz_git.sdk import testing
from tests.flows.test_how_to import environment
from tests.flows.test_tutorial import BLOCK, run_block

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.skipif(os.name == "nt", reason="the guide is written for a POSIX shell")
def test_a_plugin_that_talks_to_others_is_valid_and_passes_its_tests(tmp_path: Path) -> None:
    """Every file of the guide is written and every command is run, in order."""
    guide = (DOCS / "how-to" / "talk-to-other-plugins.md").read_text(encoding="utf-8")
    said = ""
    for block in BLOCK.finditer(guide):
        if block["file"]:
            target = tmp_path / block["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block["body"], encoding="utf-8")
        elif block["kind"] == "console":
            said += run_block(block["body"], tmp_path, environment(tmp_path))
    assert "2 passed" in said


@pytest.mark.parametrize("name", sorted({*heimnetz_git.__all__, *testing.__all__}))
def test_every_public_name_is_in_the_reference(name: str) -> None:
    """Of the face for authors and hosts, and of the test kit."""
    reference = (DOCS / "reference" / "plugin-api.md").read_text(encoding="utf-8")
    assert name in reference


@pytest.mark.skipif(os.name == "nt", reason="the guide is written for a POSIX shell")
def test_a_private_registry_is_made_filled_and_used(tmp_path: Path) -> None:
    """With the tutorial's plugin, by the guide's commands."""
    tutorial = (DOCS / "tutorial" / "first-plugin.md").read_text(encoding="utf-8")
    for block in BLOCK.finditer(tutorial):
        if block["file"]:
            target = tmp_path / block["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block["body"], encoding="utf-8")
    guide = (DOCS / "how-to" / "run-a-private-registry.md").read_text(encoding="utf-8")
    said = ""
    for block in BLOCK.finditer(guide):
        said += run_block(block["body"], tmp_path, environment(tmp_path))
    assert "home-lab" in said
