"""A new plugin project from templates; the door to jinja2, sandboxed and strict."""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from heimnetz_git.errors import FileMissing, InvalidFile, UsageError, printable
from heimnetz_git.model.names import import_name
from heimnetz_git.model.release import PLUGIN_TYPES, Author
from heimnetz_git.model.schema import json_schema
from heimnetz_git.sdk.scaffold_names import class_name, new_plugin_name, title_of
from heimnetz_git.storage import bundled
from heimnetz_git.storage.home import storage_errors

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

__all__ = [
    "LICENSES",
    "RECORD",
    "SCHEMA_FILE",
    "SUMMARIES",
    "Idea",
    "Made",
    "Scaffolded",
    "licenses",
    "new_project",
    "render",
    "rendered_record",
]

SUFFIX = ".j2"
PACKAGE = "PACKAGE"
SHARED, LICENSES = "base", "licenses"
SCHEMA_FILE = ".schemas/plugin.json"
RECORD = ".schemas/scaffold.json"
"""What the templates made of a project, kept in it for the next update."""
LINE = 100
LONGEST_SUMMARY = 120
LARGEST_TEMPLATE = 1 << 20
SUMMARIES: Mapping[str, str] = {
    "system": "Tells how much memory this machine has left",
    "network": "Finds the devices in the home network that answer to SSDP",
    "security": "Checks the configuration of this machine's SSH server",
    "analysis": "Turns readings into a series of means over time",
    "integration": "Sends messages to a service in the home network",
    "utility": "Tells what is in a range of network addresses",
    "extension": "Counts the known devices by who made them",
}
"""What the templates do, said when the author says nothing else."""


class Idea(msgspec.Struct, frozen=True, kw_only=True):
    """What an author knows of a plugin before it is written.

    ``license`` is one of ``licenses()``, ``year`` stands in its copyright line; without a
    ``summary`` it is that of the type's template.
    """

    name: str
    type: str
    author: Author
    license: str = "MIT"
    summary: str = ""
    year: int


class Scaffolded(msgspec.Struct, frozen=True, kw_only=True):
    """A project that was written: its folder, its plugin's name, its files in order."""

    root: Path
    name: str
    type: str
    files: tuple[str, ...]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a project was made of: the answers, and each file as the templates gave it.

    ``files`` are UTF-8 texts, ``others`` what is none, in base 64.
    """

    format: Literal[1] = 1
    idea: Idea
    files: dict[str, str]
    others: dict[str, str] = {}

    def contents(self) -> dict[str, bytes]:
        """The files' bytes by their paths. Raises InvalidFile."""
        try:
            others = {path: base64.b64decode(text) for path, text in self.others.items()}
        except ValueError as error:
            raise InvalidFile(f"{RECORD} is broken: {printable(str(error))}.") from None
        return {path: text.encode() for path, text in self.files.items()} | others


def rendered_record(idea: Idea, files: Mapping[str, bytes]) -> bytes:
    """RECORD's content for a project of ``files``, a line for each of them."""
    texts: dict[str, str] = {}
    others: dict[str, str] = {}
    for path, data in files.items():
        if path == SCHEMA_FILE:
            continue  # ours alone: each update writes it anew
        try:
            texts[path] = data.decode()
        except UnicodeDecodeError:
            others[path] = base64.b64encode(data).decode()
    made = Made(idea=idea, files=texts, others=others)
    return msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"


def new_project(idea: Idea, target: Path, *, templates: Path | None = None) -> Scaffolded:
    """Write the project of ``idea`` as the folder ``target``, whole or not at all.

    ``templates`` are others than those that came along. Raises InvalidName, UsageError for a folder
    that has something in it and for what cannot be in a project, StorageError.
    """
    files = render(idea, templates)
    _must_be_free(target)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent))
        try:
            made = aside / "project"
            for name, data in files.items():
                _write(made / name, data)
            _write(made / RECORD, rendered_record(idea, files))
            if target.is_dir():
                target.rmdir()  # empty: some systems rename onto no folder at all
            made.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return Scaffolded(
        root=target,
        name=new_plugin_name(idea.name),
        type=idea.type,
        files=tuple(sorted([*files, RECORD])),
    )


def render(idea: Idea, templates: Path | None = None) -> dict[str, bytes]:
    """Every file of the project by its path, sorted: the same idea gives the same bytes.

    Raises InvalidName, UsageError, FileMissing, InvalidFile for a template that does not work.
    """
    facts = _facts(idea)
    root = templates or bundled.folder("templates") / "plugin"
    _must_be_templates(root, idea.type)
    if idea.license not in licenses(root):
        raise UsageError(
            f"The text of the licence {printable(idea.license)!r} is not here.",
            hint=f"Begin with one of {', '.join(licenses(root))}; you can replace it at any time.",
        )
    environment = _environment(root)
    files = {SCHEMA_FILE: _schema()}
    for path, template in _sources(root, idea.type):
        name = path.replace(PACKAGE, str(facts["package"]))
        files[name] = _filled(environment, root, template, facts)
    for found in (root / LICENSES).glob(f"{idea.license}.*"):
        relative = found.relative_to(root).as_posix()
        files["LICENSE"] = _filled(environment, root, relative, facts)
    return dict(sorted(files.items()))


def licenses(templates: Path | None = None) -> tuple[str, ...]:
    """The SPDX identifiers whose texts are there, sorted."""
    root = templates or bundled.folder("templates") / "plugin"
    files = (root / LICENSES).glob("*.*")
    return tuple(sorted({file.name.removesuffix(SUFFIX).removesuffix(".txt") for file in files}))


def _facts(idea: Idea) -> dict[str, object]:
    """What a template may ask for."""
    name = new_plugin_name(idea.name)
    if idea.type not in PLUGIN_TYPES:
        known = ", ".join(PLUGIN_TYPES)
        raise UsageError(f"There is no type {printable(idea.type)!r} of plugins, but {known}.")
    summary = idea.summary.strip() or SUMMARIES[idea.type]
    for what, text in (
        ("author", idea.author.name), ("email", idea.author.email), ("summary", summary),
    ):  # fmt: skip
        if not text.isprintable():
            raise UsageError(f"The {what} has a character that is none: {printable(text)!r}.")
    if not idea.author.name.strip():
        raise UsageError(
            "Somebody must answer for the plugin, and nothing says who.",
            hint="Give --author and --email, or set user.name in git's configuration.",
        )
    if not 10 <= len(summary) <= LONGEST_SUMMARY:
        said = f"The summary has {len(summary)} characters, not 10 to {LONGEST_SUMMARY}."
        raise UsageError(said, hint="One sentence: what it does, for whom.")
    return {
        "name": name,
        "package": import_name(name),
        "class_name": class_name(name),
        "title": title_of(name),
        "type": idea.type,
        "summary": summary,
        "default_summary": SUMMARIES[idea.type],
        "author": idea.author.name,
        "email": idea.author.email,
        "license": idea.license,
        "year": idea.year,
    }


def _environment(root: Path) -> SandboxedEnvironment:
    """Templates that can reach nothing but the facts, and that fail where one is missing."""
    try:
        from jinja2 import FileSystemLoader, StrictUndefined  # heavy, and an extra
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise UsageError(
            "The library jinja2, which fills in templates, is not installed here.",
            hint="Install what authors need: 'pip install \"heimnetz-git[sdk]\"'.",
        ) from None

    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(root),
        undefined=StrictUndefined,
        autoescape=False,  # these are no web pages; what they quote, filters quote
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = _quoted
    environment.globals["from_import"] = _from_import
    environment.globals["docstring"] = _docstring
    return environment


def _quoted(text: str) -> str:
    """A string of TOML, YAML and JSON alike."""
    return json.dumps(text, ensure_ascii=False)


def _from_import(module: str, *names: str) -> str:
    """An import as ruff would lay it out, however long the plugin's name is."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= LINE:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def _docstring(text: str, otherwise: str) -> str:
    """``text`` as a sentence that fits a docstring's line; ``otherwise`` when it does not."""
    fits = len(text) < LINE - 10 and not set(text) & {'"', "\\"}
    return f"{(text if fits else otherwise).rstrip('.')}."


def _sources(root: Path, kind: str) -> Iterator[tuple[str, str]]:
    """The project's paths and the templates behind them: a type's own before the shared ones."""
    found: dict[str, str] = {}
    for folder in (SHARED, kind):
        for file in sorted((root / folder).rglob("*")):
            if file.is_file() and not file.is_symlink():
                path = file.relative_to(root / folder).as_posix().removesuffix(SUFFIX)
                found[path] = file.relative_to(root).as_posix()
    yield from sorted(found.items())


def _filled(
    environment: SandboxedEnvironment, root: Path, template: str, facts: Mapping[str, object]
) -> bytes:
    """A template with the facts in it; a file that is no template as it is."""
    if not template.endswith(SUFFIX):
        return (root / template).read_bytes()
    if (root / template).stat().st_size > LARGEST_TEMPLATE:
        raise InvalidFile(f"The template {printable(template)} is larger than a file of text.")
    from jinja2 import TemplateError

    try:
        text = environment.get_template(template).render(facts)
    except (TemplateError, TypeError, OverflowError) as error:
        raise InvalidFile(
            f"The template {printable(template)} does not work: {printable(str(error))}.",
            hint="Report it to who made the templates.",
            file=template,
        ) from None
    return text.encode()


def _schema() -> bytes:
    """The JSON Schema of ``plugin.yaml``, for editors that have no network either."""
    return (json.dumps(json_schema("manifest"), indent=2) + "\n").encode()


def _must_be_templates(root: Path, kind: str) -> None:
    for folder in (SHARED, kind, LICENSES):
        if not (root / folder).is_dir():
            where = printable(str(root), longest=400)
            raise FileMissing(f"The templates in {where} have no folder {folder!r}.")


def _must_be_free(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"There is {printable(str(target), longest=400)} already.")
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(
            f"The folder {printable(str(target), longest=400)} has something in it.",
            hint="Choose another name, or --path for another folder. Nothing was changed.",
        )


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
