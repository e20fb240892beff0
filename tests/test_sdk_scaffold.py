"""New projects: whole or not at all, names that work, templates that can do no harm."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path

import pytest

from heimnetz_git.errors import FileMissing, InvalidFile, InvalidName, StorageError, UsageError
from heimnetz_git.model.release import PLUGIN_TYPES, Author
from heimnetz_git.sdk.project import read_project
from heimnetz_git.sdk.scaffold import Idea, licenses, new_project, render
from heimnetz_git.sdk.scaffold_author import configured_author
from heimnetz_git.sdk.scaffold_names import USED_IN_TEMPLATES, class_name, new_plugin_name, title_of
from heimnetz_git.sdk.validate import validate
from tests.clikit import World
from tests.scaffoldkit import ADA, idea, scaffolded

HOSTILE = [
    ("json", "standard library"),
    ("asyncore", "standard library"),
    ("HTTP", "standard library"),
    ("class", "word of the Python language"),
    ("2fa", "begins with a digit"),
    ("com1", "device on Windows"),
    ("NUL", "device on Windows"),
    ("msgspec", "plugins or their tests import"),
    ("node-modules", "what tools leave behind"),
    ("heimnetz", "what every plugin here is"),
    ("heimnetz-backup", "what every plugin here is"),
    ("my-plugin", "what every plugin here is"),
    ("heirnnetz", "looks like 'heimnetz'"),
    ("he1mnetz", "looks like 'heimnetz'"),
    ("heim-netz", "looks like 'heimnetz'"),
    ("hiemnetz", "looks like 'heimnetz'"),
    ("heimnetzgit", "looks like 'heimnetz'"),
    ("ab", "cannot be found"),
    ("../escape", "is not a plugin name"),
    ("hеimnetz", "is not a plugin name"),  # noqa: RUF001 # a Cyrillic letter, as an attacker would
    ("", "is not a plugin name"),
    ("x" * 65, "is not a plugin name"),
    ("a\x1b[2Jb", "is not a plugin name"),
]


@pytest.mark.parametrize(("name", "why"), HOSTILE)
def test_a_hostile_name_is_refused_with_the_reason(tmp_path: Path, name: str, why: str) -> None:
    """Before anything is written."""
    with pytest.raises(InvalidName, match=why) as refused:
        new_project(idea(name), tmp_path / "project")
    assert str(refused.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "name", "called", "title"),
    [
        ("Wake_On.LAN", "wake-on-lan", "WakeOnLan", "Wake on lan"),
        ("log4home", "log4home", "Log4home", "Log4home"),
        ("rest-api-2", "rest-api-2", "RestApi2", "Rest api 2"),
        ("context", "context", "ContextPlugin", "Context"),
        ("value-error", "value-error", "ValueErrorPlugin", "Value error"),
        ("home-network-map", "home-network-map", "HomeNetworkMap", "Home network map"),
    ],
)
def test_a_name_becomes_what_python_and_people_say(
    text: str, name: str, called: str, title: str
) -> None:
    """Whatever the spelling; no class hides what its module imports."""
    assert (new_plugin_name(text), class_name(name), title_of(name)) == (name, called, title)


@pytest.mark.parametrize("kind", PLUGIN_TYPES)
def test_no_class_can_hide_what_a_template_defines(kind: str) -> None:
    """The list that the name of the class is held against is complete."""
    bound: set[str] = set()
    for path, data in render(idea("rain-gauge", kind)).items():
        if path.endswith(".py"):
            for node in ast.walk(ast.parse(data)):
                if isinstance(node, ast.ImportFrom | ast.Import):
                    bound |= {alias.asname or alias.name for alias in node.names}
                elif isinstance(node, ast.ClassDef):
                    bound.add(node.name)
    capitals = {name for name in bound if name[0].isupper() and not name.isupper()}
    assert capitals - USED_IN_TEMPLATES - {"RainGauge"} == set()


@pytest.mark.parametrize("kind", PLUGIN_TYPES)
def test_the_same_idea_gives_the_same_files(kind: str) -> None:
    """Byte for byte, each with its line ends and nothing left to fill in."""
    files = render(idea("rain-gauge", kind))
    assert files == render(idea("rain-gauge", kind))
    assert {"pyproject.toml", "plugin.yaml", "README.md", "LICENSE", "CHANGELOG.md"} <= set(files)
    assert {".github/workflows/ci.yml", "tests/test_rain_gauge.py"} <= set(files)
    for name, data in files.items():
        assert b"\r" not in data, name
        assert not data or data.endswith(b"\n"), name
        filled = data.replace(b"${{", b"") if name.endswith("ci.yml") else data
        assert b"{{" not in filled, name
        assert b"{%" not in filled, name


def test_what_an_author_says_cannot_break_out_of_its_place(tmp_path: Path) -> None:
    """Quotes, braces and backslashes stay words in TOML, YAML, Markdown and Python."""
    author = Author('Ada "\\" {{ 7 * 7 }} # O\'Example', "ada@example.org")
    said = 'Says """ and \\ and {{ name }} and #'
    root = new_project(
        Idea(name="rain-gauge", type="system", author=author, summary=said, year=2026),
        tmp_path / "rain-gauge",
    ).root
    table = read_project(root).table
    assert (table.summary, table.authors) == (said, (author,))
    assert said in (root / "README.md").read_text(encoding="utf-8")
    assert validate(root) == ()


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"author": Author("")}, "answer for the plugin"),
        ({"author": Author("Ada\n[tool.evil]")}, "The author has a character"),
        ({"author": Author("Ada", "a@b\x00")}, "The email has a character"),
        ({"summary": "two\nlines of it"}, "The summary has a character"),
        ({"summary": "short"}, "has 5 characters"),
        ({"summary": "x" * 121}, "has 121 characters"),
        ({"type": "virus"}, "no type 'virus'"),
        ({"license": "WTFPL"}, "licence 'WTFPL' is not here"),
        ({"license": "../base/README.md"}, "is not here"),
        ({"license": "*"}, "is not here"),
    ],
)
def test_what_cannot_be_in_a_project_is_refused(
    tmp_path: Path, said: dict[str, object], match: str
) -> None:
    """With a sentence that says what, and nothing written."""
    plain = {"name": "rain-gauge", "type": "system", "author": ADA, "year": 2026}
    with pytest.raises(UsageError, match=match):
        new_project(Idea(**{**plain, **said}), tmp_path / "project")  # type: ignore[arg-type] # cases as data
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("licence", licenses())
def test_each_licence_comes_with_its_text(licence: str) -> None:
    """And with the holder and the year, where its text has a place for them."""
    text = render(idea(license=licence))["LICENSE"].decode()
    assert len(text) > 600
    if licence in {"MIT", "ISC", "BSD-3-Clause"}:
        assert "2026" in text
        assert "Ada Example" in text


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """Even if it is one file that nobody sees."""
    target = tmp_path / "rain-gauge"
    target.mkdir()
    (target / ".hidden").write_text("mine")
    with pytest.raises(UsageError, match="has something in it"):
        new_project(idea(), target)
    assert [file.name for file in target.iterdir()] == [".hidden"]
    assert [file.name for file in tmp_path.iterdir()] == ["rain-gauge"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    """People make the folder first; nothing else is left beside it."""
    target = tmp_path / "rain-gauge"
    target.mkdir()
    made = new_project(idea(), target)
    assert sorted(made.files) == sorted(
        file.relative_to(target).as_posix() for file in target.rglob("*") if file.is_file()
    )
    assert [file.name for file in tmp_path.iterdir()] == ["rain-gauge"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_left_alone(tmp_path: Path, kind: str) -> None:
    """A file is not replaced, a link is not followed."""
    target = tmp_path / "rain-gauge"
    if kind == "file":
        target.write_text("mine")
    else:
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="already"):
        new_project(idea(), target)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_disk_that_refuses_leaves_nothing(tmp_path: Path) -> None:
    """A parent that is a file stands for it; root writes everywhere."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError):
        new_project(idea(), tmp_path / "file" / "rain-gauge")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def own_templates(folder: Path, text: str, kind: str = "utility") -> Path:
    """Templates with one file of a type's own."""
    for name in ("base", kind, "licenses"):
        (folder / name).mkdir(parents=True)
    (folder / "licenses" / "MIT.j2").write_text("MIT, {{ author }}\n")
    (folder / kind / "note.txt.j2").write_text(text)
    return folder


def test_a_company_can_have_templates_of_its_own(tmp_path: Path) -> None:
    """In the same layout: shared, by type, and licences."""
    files = render(idea(), own_templates(tmp_path, "{{ title }} by {{ author }}\n"))
    assert files["note.txt"] == b"Rain gauge by Ada Example\n"
    assert files["LICENSE"] == b"MIT, Ada Example\n"


@pytest.mark.parametrize("missing", ["base", "utility", "licenses"])
def test_templates_that_lack_a_folder_are_refused(tmp_path: Path, missing: str) -> None:
    """By the name of what is missing."""
    templates = own_templates(tmp_path, "x")
    (templates / missing).rename(templates / "elsewhere")
    with pytest.raises(FileMissing, match=f"no folder '{missing}'"):
        render(idea(), templates)


@pytest.mark.parametrize(
    "text",
    [
        "{{ missing }}",
        "{{ name.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''.__class__ }}",
        "{{ from_import.__globals__ }}",
        "{% include '/etc/passwd' %}",
        "{% include '../secret.txt' %}",
        "{% for a in range(10 ** 9) %}x{% endfor %}",
        "{{ name",
        "{{ name / 2 }}",
    ],
)
def test_a_template_that_does_not_work_is_named_and_writes_nothing(
    tmp_path: Path, text: str
) -> None:
    """A template reaches nothing but the facts: no file, no module, no end of time."""
    (tmp_path / "secret.txt").write_text("secret")
    templates = own_templates(tmp_path / "templates", text)
    with pytest.raises(InvalidFile, match=r"note\.txt\.j2 does not work"):
        new_project(idea(), tmp_path / "project", templates=templates)
    assert not (tmp_path / "project").exists()


def git(folder: Path, *words: str) -> None:
    """Run git there, with no settings but its own."""
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *words], cwd=folder, env=plain, check=True, capture_output=True)


def test_the_author_is_who_git_says(tmp_path: Path) -> None:
    """Variables first, then what is configured; no hook, alias or pager runs for it."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    trap = tmp_path / "ran"
    git(tmp_path, "init", "-q", ".")
    git(tmp_path, "config", "user.name", "Ada <b>\x07Example")
    git(tmp_path, "config", "core.pager", f"touch {trap}")
    git(tmp_path, "config", "alias.config", f"!touch {trap}")
    git(tmp_path, "config", "core.fsmonitor", f"touch {trap}")
    assert configured_author(environ, tmp_path) == Author("Ada bExample")
    environ |= {"GIT_AUTHOR_NAME": "Grace", "GIT_AUTHOR_EMAIL": "grace@example.org"}
    assert configured_author(environ, tmp_path) == Author("Grace", "grace@example.org")
    assert not trap.exists()


def test_without_git_nothing_is_known(tmp_path: Path) -> None:
    """And nothing fails."""
    assert configured_author({"PATH": str(tmp_path)}, tmp_path) == Author("")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The program, on a machine and in a folder where git knows nobody."""
    monkeypatch.chdir(tmp_path)
    made = World(tmp_path)
    made.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    made.environ |= {"GIT_AUTHOR_NAME": "", "GIT_AUTHOR_EMAIL": "", "SOURCE_DATE_EPOCH": "0"}
    return made


def test_new_makes_a_project_and_says_what_comes_next(world: World) -> None:
    """One line on what was made, one on what to type."""
    path = world.root / "rain-gauge"
    said = world.do(f"new Rain_Gauge --type utility --author Ada --path {path}")
    assert "rain-gauge" in said
    assert "heimnetz-git test" in said
    assert read_project(path).table.authors == (Author("Ada"),)
    assert "1970 Ada" in (path / "LICENSE").read_text(encoding="utf-8")


def test_new_as_a_document_lists_the_files(world: World) -> None:
    """For programs."""
    path = world.root / "p"
    found = world.json(f"new rain-gauge --type system --author Ada --email a@b.c --path {path}")
    assert (found["name"], found["type"], found["path"]) == ("rain-gauge", "system", str(path))
    assert "src/rain_gauge/plugin.py" in found["files"]


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("new --type system", "NAME is missing"),
        ("new rain-gauge", "--type is missing"),
        ("new rain-gauge --type system", "Somebody must answer"),
    ],
)
def test_new_refuses_where_there_is_nobody_to_ask(world: World, line: str, missing: str) -> None:
    """With code 2, and what to give."""
    ended = world.run(line)
    assert ended.exit_code == 2
    assert missing in ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_new_asks_on_a_terminal(world: World) -> None:
    """For the name, the type (again, if there is none of that name) and the author."""
    terminal, ours = os.openpty()
    path = world.root / "rain-gauge"
    with world.start(f"new --path {path}", stdin=ours) as asking:
        os.write(terminal, b"rain-gauge\nvirus\nanalysis\nAda Example\n")
        said, asked = asking.communicate(timeout=60)
    os.close(ours)
    os.close(terminal)
    assert asking.returncode == 0, asked
    assert "rain-gauge" in said
    assert "turns events into a series" in asked
    assert read_project(path).manifest.type == "analysis"
    assert read_project(path).table.authors == (Author("Ada Example"),)


@pytest.mark.parametrize(
    ("flags", "author"),
    [
        ("", Author("Grace", "grace@example.org")),
        ("--author Grace", Author("Grace", "grace@example.org")),
        ("--author Ada", Author("Ada")),
        ("--author Ada --email ada@example.org", Author("Ada", "ada@example.org")),
        ("--email g@example.org", Author("Grace", "g@example.org")),
    ],
)
def test_nobody_gets_the_address_of_another(world: World, flags: str, author: Author) -> None:
    """What git knows is one person, not two words."""
    world.environ |= {"GIT_AUTHOR_NAME": "Grace", "GIT_AUTHOR_EMAIL": "grace@example.org"}
    path = world.root / "p"
    world.do(f"new rain-gauge --type utility --path {path} {flags}")
    assert read_project(path).table.authors == (author,)


def test_the_editor_gets_a_schema_that_the_manifest_fits(tmp_path: Path) -> None:
    """The first line of plugin.yaml names a file that is there."""
    from jsonschema import Draft202012Validator  # heavy

    from heimnetz_git.storage import yamlfile

    root = scaffolded(tmp_path)
    first, _, rest = (root / "plugin.yaml").read_text(encoding="utf-8").partition("\n")
    schema = json.loads((root / first.partition("$schema=")[2]).read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(yamlfile.parse(rest.encode(), "plugin.yaml"))
