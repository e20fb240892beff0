"""Settings come in layers, each with its origin; what cannot be used is named with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from heimnetz_git.cli.program import program
from heimnetz_git.cli.settings import Effective, load
from heimnetz_git.errors import InvalidConfiguration


class Place:
    """A machine with a site file, a user file and a project, none of which exist yet."""

    def __init__(self, root: Path) -> None:
        self.site = root / "site" / "config.yaml"
        self.user = root / "user" / "config.yaml"
        self.project = root / "project" / "heimnetz.yaml"
        self.work = root / "project" / "deep" / "down"
        self.work.mkdir(parents=True)

    def write(self, path: Path, text: str) -> None:
        """A file with its folders."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def load(self, flags: Mapping[str, Any] | None = None, /, **environ: str) -> Effective:
        """The settings of a run in the project."""
        return load(flags or {}, environ, self.work, user=lambda: self.user, site=lambda: self.site)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A clean machine."""
    return Place(tmp_path)


def origin(found: Effective, key: str) -> tuple[Any, str]:
    """A setting's value and the first word of its origin."""
    for entry in found.entries:
        if entry.key == key:
            return entry.value, entry.origin.split()[0]
    raise KeyError(key)


def test_without_files_all_are_defaults(place: Place) -> None:
    """Every setting is listed, none is made up."""
    found = place.load()
    assert {entry.origin for entry in found.entries} == {"default"}
    assert origin(found, "host.heimnetz") == ("1.0.0", "default")
    assert found.settings.timeout == 30.0


def test_a_higher_layer_wins_and_says_so(place: Place) -> None:
    """Flag over environment over project over user over site over default."""
    place.write(place.site, "timeout: 1.0\n")
    assert origin(place.load(), "timeout") == (1.0, "site")
    place.write(place.user, "timeout: 2.0\n")
    assert origin(place.load(), "timeout") == (2.0, "user")
    place.write(place.project, "format: 1\nsettings:\n  timeout: 3.0\n")
    assert origin(place.load(), "timeout") == (3.0, "project")
    environ = {"HEIMNETZ_GIT_TIMEOUT": "4"}
    assert origin(place.load(None, **environ), "timeout") == (4.0, "environment")
    assert origin(place.load({"timeout": 5.0}, **environ), "timeout") == (5.0, "flag")


def test_a_false_flag_in_a_file_wins_over_a_default_and_is_kept(place: Place) -> None:
    """A value that equals the default still has the origin of who said it."""
    place.write(place.user, "offline: false\n")
    assert origin(place.load(), "offline") == (False, "user")


def test_indexes_and_host_apis_add_up_over_the_layers(place: Place) -> None:
    """A project's index does not hide the user's."""
    place.write(place.user, "indexes:\n  home:\n    url: /a\n")
    place.write(
        place.project,
        "format: 1\nsettings:\n  host:\n    kitchen: 2.0.0\n  indexes:\n    acme:\n      url: /b\n",
    )
    found = place.load()
    assert set(found.settings.indexes) == {"home", "acme"}
    assert found.settings.host == {"heimnetz": "1.0.0", "kitchen": "2.0.0"}
    assert origin(found, "indexes.acme")[1] == "project"


def test_a_named_home_has_its_own_settings(place: Place, tmp_path: Path) -> None:
    """Whoever names a home gets everything of it, and nothing of the user's other one."""
    place.write(place.user, "sandbox: required\n")
    place.write(tmp_path / "home" / "config.yaml", "timeout: 9.0\n")
    for found in (
        place.load({"home": str(tmp_path / "home")}),
        place.load(HEIMNETZ_GIT_HOME=str(tmp_path / "home")),
    ):
        assert found.home == tmp_path / "home"
        assert found.user_file == tmp_path / "home" / "config.yaml"
        assert (found.settings.timeout, found.settings.sandbox) == (9.0, "auto")


def test_a_relative_home_is_taken_from_where_it_is_written(place: Place) -> None:
    """A flag's from the working folder, a file's from its own."""
    assert place.load({"home": "here"}).home == place.work / "here"
    place.write(place.project, "format: 1\nsettings:\n  home: .heimnetz\n")
    assert place.load().home == place.project.parent / ".heimnetz"


BROKEN = [
    ("timeout: soon\n", "config.yaml:1:10"),
    ("offline: true\ntimeot: 1\n", "config.yaml:2:1"),
    ("[1, 2]\n", "config.yaml:1:1"),
    ("color: blue\n", "config.yaml:1:8"),
    ("a: &x 1\nb: *x\n", "config.yaml:1:4"),
]


@pytest.mark.parametrize(("text", "where"), BROKEN)
def test_a_broken_file_is_named_with_line_and_column(place: Place, text: str, where: str) -> None:
    """The error is about the setting, its problems are about the lines."""
    place.write(place.user, text)
    with pytest.raises(InvalidConfiguration) as caught:
        place.load()
    assert any(where in str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize(
    "environ",
    [
        {"HEIMNETZ_GIT_TIMEOUT": "soon"},
        {"HEIMNETZ_GIT_OFFLINE": "perhaps"},
        {"HEIMNETZ_GIT_COLOR": "blue"},
        {"HEIMNETZ_GIT_INDEXES": "{not json"},
    ],
)
def test_a_broken_variable_is_named(place: Place, environ: dict[str, str]) -> None:
    """The message has the variable's name."""
    with pytest.raises(InvalidConfiguration, match=next(iter(environ))):
        place.load(None, **environ)


@pytest.mark.parametrize(
    "text",
    ["sandbox: off", "sandbox: auto", "package_index: https://e.org", "package_installer: pip"],
)
def test_a_project_cannot_loosen_how_plugins_are_confined(place: Place, text: str) -> None:
    """What was cloned from somewhere may only tighten."""
    place.write(place.project, f"format: 1\nsettings:\n  {text}\n")
    with pytest.raises(InvalidConfiguration):
        place.load()
    place.write(place.project, "format: 1\nsettings:\n  sandbox: required\n")
    assert place.load().settings.sandbox == "required"


def run(home: Path, *arguments: str, **environ: str) -> Result:
    """The program on a home of its own."""
    return CliRunner(env={"HEIMNETZ_GIT_HOME": str(home), **environ}).invoke(program, arguments)


def test_a_setting_is_set_read_and_taken_back(tmp_path: Path) -> None:
    """The user's file is written; comments in it stay."""
    file = tmp_path / "config.yaml"
    file.write_text("# mine\ntimeout: 3.5  # slow line\n", encoding="utf-8")
    assert run(tmp_path, "config", "set", "sandbox", "required").exit_code == 0
    assert run(tmp_path, "config", "get", "sandbox").stdout == "required\n"
    assert file.read_text(encoding="utf-8").startswith("# mine\ntimeout: 3.5  # slow line\n")
    assert run(tmp_path, "config", "unset", "sandbox").exit_code == 0
    assert run(tmp_path, "config", "get", "sandbox").stdout == "auto\n"


def test_origins_are_listed(tmp_path: Path) -> None:
    """In words and as a document."""
    run(tmp_path, "config", "set", "timeout", "7")
    said = run(tmp_path, "config", "list", "--show-origin", HEIMNETZ_GIT_OFFLINE="1").stdout
    assert f"user {tmp_path / 'config.yaml'}" in said
    assert "environment" in said
    found = json.loads(run(tmp_path, "config", "list", "--json").stdout)
    assert found["schema"] == "heimnetz-git/config-list/1"
    assert {"key": "color", "value": "auto", "origin": "default"} in found["settings"]


REFUSED = [
    (["config", "set", "sandbx", "off"], 2, "invalid-configuration", "Did you mean 'sandbox'?"),
    (["config", "set", "timeout", "soon"], 2, "invalid-configuration", "timeout"),
    (["config", "set", "home", "/x"], 2, "invalid-configuration", "home"),
    (["config", "set", "indexes.acme.priority", "3"], 2, "invalid-configuration", "acme"),
    (["config", "unset", "timeout"], 3, "not-found", "timeout"),
    (["config", "get", "nothing"], 3, "not-found", "nothing"),
]


@pytest.mark.parametrize(("arguments", "exit_code", "code", "said"), REFUSED)
def test_what_cannot_be_set_is_refused(
    tmp_path: Path, arguments: list[str], exit_code: int, code: str, said: str
) -> None:
    """With a code and a sentence, and nothing written."""
    result = run(tmp_path, *arguments, "--json")
    found = json.loads(result.stdout)["error"]
    assert (result.exit_code, found["code"]) == (exit_code, code)
    assert said in found["message"] + found["hint"]
    assert not (tmp_path / "config.yaml").exists()


def test_shared_options_count_before_and_after_the_command(tmp_path: Path) -> None:
    """``--home`` and ``--offline`` work in either place."""
    for arguments in (
        ["--home", str(tmp_path), "--offline", "config", "get", "offline"],
        ["config", "get", "offline", "--offline", "--home", str(tmp_path)],
        ["config", "--offline", "get", "offline", "--home", str(tmp_path)],
    ):
        assert CliRunner().invoke(program, arguments).stdout == "true\n"
