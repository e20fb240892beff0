"""Newer templates for an older project: what changes, what stays, and what is left to people."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import FileMissing, HeimnetzError, InvalidFile, UsageError
from heimnetz_git.sdk.scaffold import RECORD, SCHEMA_FILE, new_project
from heimnetz_git.sdk.scaffold_update import Fate, update_project
from heimnetz_git.storage import bundled
from tests.clikit import World
from tests.scaffoldkit import idea

OLD = "# {{ title }}\n\nfirst\n\nmiddle\n\nlast\n"
NEW = "# {{ title }}\n\nfirst, said better\n\nmiddle\n\nlast\n"


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Ours, with a page NOTES.md that tests change."""
    root = shutil.copytree(bundled.folder("templates") / "plugin", tmp_path / "templates")
    (root / "base" / "NOTES.md.j2").write_text(OLD, "utf-8")
    return root


@pytest.fixture
def project(templates: Path, tmp_path: Path) -> Path:
    """A project as those templates made it."""
    return new_project(idea(), tmp_path / "project", templates=templates).root


def renew(templates: Path, text: str = NEW, name: str = "NOTES.md.j2") -> None:
    """Change a template."""
    (templates / "base" / name).write_text(text, "utf-8")


def test_with_the_same_templates_nothing_happens(project: Path, templates: Path) -> None:
    """Whatever the author changed meanwhile."""
    (project / "NOTES.md").write_text("mine\n", "utf-8")
    assert update_project(project, templates=templates).files == {}
    assert (project / "NOTES.md").read_text("utf-8") == "mine\n"


def test_an_untouched_file_becomes_the_new_one(project: Path, templates: Path) -> None:
    """And a new file comes; the next update has nothing to do."""
    renew(templates)
    renew(templates, "hello {{ name }}\n", "HELLO.md.j2")
    done = update_project(project, templates=templates)
    assert done.files == {"HELLO.md": Fate.ADDED, "NOTES.md": Fate.UPDATED}
    assert "said better" in (project / "NOTES.md").read_text("utf-8")
    assert update_project(project, templates=templates).files == {}


def test_changes_in_different_lines_are_merged(project: Path, templates: Path) -> None:
    """The author's line and the template's both stand."""
    file = project / "NOTES.md"
    file.write_text(file.read_text("utf-8").replace("last", "last of mine"), "utf-8")
    renew(templates)
    assert update_project(project, templates=templates).files == {"NOTES.md": Fate.MERGED}
    assert (
        file.read_text("utf-8") == "# Rain gauge\n\nfirst, said better\n\nmiddle\n\nlast of mine\n"
    )


def test_changes_in_the_same_line_stand_between_markers(project: Path, templates: Path) -> None:
    """Git's markers; and until they are gone there is no further update."""
    file = project / "NOTES.md"
    file.write_text(file.read_text("utf-8").replace("first", "my first"), "utf-8")
    renew(templates)
    done = update_project(project, templates=templates)
    assert done.conflicts == ("NOTES.md",)
    text = file.read_text("utf-8")
    assert "<<<<<<< yours\nmy first\n=======\nfirst, said better\n>>>>>>> template\n" in text
    renew(templates, NEW.replace("middle", "centre"))
    with pytest.raises(UsageError, match="still has the conflicts"):
        update_project(project, templates=templates)
    assert file.read_text("utf-8") == text


def test_a_file_that_the_author_took_out_stays_out(project: Path, templates: Path) -> None:
    """It is no template's to bring back."""
    (project / "NOTES.md").unlink()
    renew(templates)
    update_project(project, templates=templates)
    assert not (project / "NOTES.md").exists()


def test_a_file_that_left_the_templates_is_left_alone(project: Path, templates: Path) -> None:
    """It is named, and stays."""
    (templates / "base" / "NOTES.md.j2").unlink()
    assert update_project(project, templates=templates).files == {"NOTES.md": Fate.DROPPED}
    assert (project / "NOTES.md").is_file()


def test_what_is_no_text_lies_beside(templates: Path, tmp_path: Path) -> None:
    """A picture that both changed cannot be merged."""
    picture = templates / "base" / "icon.png"
    picture.write_bytes(b"\x89PNG one")
    project = new_project(idea(), tmp_path / "pictured", templates=templates).root
    (project / "icon.png").write_bytes(b"\x89PNG mine")
    picture.write_bytes(b"\x89PNG two")
    assert update_project(project, templates=templates).files == {"icon.png": Fate.BESIDE}
    assert (project / "icon.png").read_bytes() == b"\x89PNG mine"
    assert (project / "icon.png.template").read_bytes() == b"\x89PNG two"


def test_the_editor_s_schema_is_always_ours(project: Path, templates: Path) -> None:
    """Nobody edits it, so it is replaced."""
    (project / SCHEMA_FILE).write_text("{}", "utf-8")
    assert update_project(project, templates=templates).files == {SCHEMA_FILE: Fate.UPDATED}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, FileMissing),
        (b"{", InvalidFile),
        (b'{"format": 2}', InvalidFile),
        (b"[" * 100_000, InvalidFile),
    ],
)
def test_a_project_that_does_not_say_what_it_was_made_of(
    project: Path, content: bytes | None, error: type[HeimnetzError]
) -> None:
    """Is refused, and nothing is written."""
    record = project / RECORD
    record.unlink() if content is None else record.write_bytes(content)
    before = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    with pytest.raises(error):
        update_project(project)
    assert before == {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}


def test_a_link_is_not_written_through(project: Path, templates: Path, tmp_path: Path) -> None:
    """A file outside the project stays what it is."""
    outside = tmp_path / "outside"
    outside.write_text("precious\n", "utf-8")
    (project / "NOTES.md").unlink()
    (project / "NOTES.md").symlink_to(outside)
    renew(templates)
    with pytest.raises(UsageError, match="is a link"):
        update_project(project, templates=templates)
    assert outside.read_text("utf-8") == "precious\n"


def test_the_command_says_what_became_of_each_file(
    project: Path, templates: Path, tmp_path: Path
) -> None:
    """Code 9 when somebody must look."""
    world = World(tmp_path)
    renew(templates)
    line = f"new --update --path {project} --templates {templates}"
    assert "updated   NOTES.md" in world.do(line)
    (project / "NOTES.md").write_text("all mine\n", "utf-8")
    renew(templates, "all theirs\n")
    ended = world.run(line)
    assert (ended.exit_code, "<<<<<<<" in ended.stdout) == (9, True)
    assert world.run("new gong --update").exit_code == 2


LINES = st.lists(st.sampled_from(["a", "b", "c", "", "<x>", "=======x"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(old=LINES, mine=LINES, new=LINES)
def test_no_line_of_the_author_s_is_lost(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], mine: list[str], new: list[str]
) -> None:
    """Every line that the author added is in the file afterwards, at least as often."""
    root = tmp_path_factory.mktemp("merge")
    templates = root / "templates"
    for folder in ("base", "utility", "licenses"):
        (templates / folder).mkdir(parents=True)
    (templates / "licenses" / "MIT.j2").write_text("MIT\n", "utf-8")
    page = templates / "base" / "PAGE.md"
    page.write_text("".join(f"{line}\n" for line in old), "utf-8")
    project = new_project(idea(), root / "project", templates=templates).root
    (project / "PAGE.md").write_text("".join(f"{line}\n" for line in mine), "utf-8")
    page.write_text("".join(f"{line}\n" for line in new), "utf-8")
    update_project(project, templates=templates)
    after = (project / "PAGE.md").read_text("utf-8").splitlines()
    for line in set(mine):
        added = mine.count(line) - old.count(line)
        assert after.count(line) >= added, (line, after)
