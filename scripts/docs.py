"""Writes the generated part of docs/reference from the program; ``--check`` only compares."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from heimnetz_git import errors
from heimnetz_git.cli.command import SharedOption, ToolCommand, load, shared_options
from heimnetz_git.cli.directory import COMMANDS, PANELS, Entry
from heimnetz_git.cli.failure import EXIT_CODES, InternalError, Interrupted
from heimnetz_git.cli.settings import FIELDS, PREFIX, TYPES
from heimnetz_git.model.config import Settings
from heimnetz_git.model.schema import KINDS, json_schema
from heimnetz_git.registry.law import CHANGE_RULES, FACT_RULES, SUBMISSION_RULES
from heimnetz_git.registry.law_outcome import CHOSEN
from heimnetz_git.registry.law_tree import path_collision
from heimnetz_git.scan.rules import RULES
from heimnetz_git.scan.sarif import page_of

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- Made by scripts/docs.py from the program; change it there. -->"


def commands() -> str:
    """Every command with its usage, options and examples, by audience."""
    lines = ["# Commands", "", NOTE, "", "Every command also takes:", ""]
    lines += [*_options(shared_options(), shared=True), ""]
    lines += [
        "With `--json` a command prints one document whose `schema` key names its form, such as",
        "`heimnetz-git/search/1`; an error is a document too, `heimnetz-git/error/1`. A form only",
        "ever grows: keys are added, none is renamed or removed without a new number. Values that",
        "are their default may be left out of what comes from a registry's files.",
        "",
    ]
    for panel in PANELS:
        lines += [f"## {panel}", ""]
        for entry in COMMANDS:
            if entry.panel == panel:
                lines += _command(entry)
    return "\n".join(lines).rstrip() + "\n"


def _command(entry: Entry) -> Iterator[str]:
    command = load(entry)
    context = click.Context(command, info_name=f"heimnetz-git {entry.words}")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    summary, _, more = (command.help or "").partition("\n\n")
    yield from (f"### heimnetz-git {entry.words}", "", summary, "", f"    {usage}", "")
    if more:
        yield from (" ".join(more.split()), "")
    own = _options(command.params, shared=False)
    if own:
        yield from (*own, "")
    if isinstance(command, ToolCommand):
        yield from ("```console", *(f"$ heimnetz-git {one}" for one in command.examples), "```", "")
    yield from (f"Document: `heimnetz-git/{entry.words.replace(' ', '-')}/1`.", "")


def _options(parameters: list[click.Parameter], *, shared: bool) -> list[str]:
    rows = []
    context = click.Context(click.Command("x"))
    for parameter in parameters:
        record = parameter.get_help_record(context)
        if not isinstance(parameter, click.Option) or not record:
            continue
        if isinstance(parameter, SharedOption) is shared:
            rows.append(f"- `{record[0]}`: {record[1]}")
    return rows


def _ladder(kind: type[errors.HeimnetzError]) -> Iterator[type[errors.HeimnetzError]]:
    yield kind
    for child in sorted(kind.__subclasses__(), key=lambda one: (one.exit_code, one.code)):
        yield from _ladder(child)


def error_classes() -> list[type[errors.HeimnetzError]]:
    """Every error of the program, from the root down, each once."""
    public = {getattr(errors, name) for name in errors.__all__ if name[0].isupper()}
    return [kind for kind in _ladder(errors.HeimnetzError) if kind in public | OWN]


OWN = {InternalError, Interrupted}


def error_list() -> str:
    """Every error code, what it means and what to do."""
    lines = [
        "# Errors", "", NOTE, "",
        "An error is printed as `error[code]: message`, its problems with their places, and a",
        "hint. Codes stay what they are; messages may be worded better in a later version.",
        "",
    ]  # fmt: skip
    for kind in sorted(error_classes(), key=lambda one: one.code):
        meaning = (kind.__doc__ or "").split("\n\n")[0].strip()
        lines += [
            f"## {kind.code}", "", meaning, "", f"- Exit code: {kind.exit_code}",
            f"- What to do: {kind.hint}", f"- Class: `{kind.__name__}`", "",
        ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def exit_codes() -> str:
    """The table of exit codes, with the errors that end so."""
    by_code: dict[int, list[str]] = {}
    for kind in error_classes():
        by_code.setdefault(kind.exit_code, []).append(f"`{kind.code}`")
    rows = [
        f"| {code} | {meaning} | {', '.join(sorted(by_code.get(code, [])))} |"
        for code, meaning in EXIT_CODES.items()
    ]
    head = ["# Exit codes", "", NOTE, "", "| Code | Meaning | Errors |", "|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def law() -> str:
    """Every rule of the law of the index, what it holds a change to, and what happens else."""
    lines = [
        "# The law of the index", "", NOTE, "",
        "What may change between two trees of an index. *Every change* holds for clients' updates",
        "too; *facts* for changes by hand; *submissions* for what is asked for by a branch.",
        "A rule refuses, or holds a submission for a maintainer (`merge --override RULE`), or",
        "notes. Where `policy.yaml` may choose, under `rules:`, the default is given.", "",
    ]  # fmt: skip
    tables = (
        ("Every change", (*CHANGE_RULES, path_collision)),
        ("Facts", FACT_RULES),
        ("Submissions", SUBMISSION_RULES),
    )
    for title, rules in tables:
        lines += [f"## {title}", ""]
        for rule in rules:
            code = rule.__name__.replace("_", "-")
            says = f"{CHOSEN[code]}s by default; policy.yaml may choose" if code in CHOSEN else ""
            lines += [f"### {code}", "", inspect.getdoc(rule) or "", ""]
            lines += [f"It {says or 'refuses'}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def configuration() -> str:
    """Every setting with its type, default and variable, and where settings come from."""
    plain = Settings()
    rows = []
    for field in FIELDS:
        default = json.dumps(getattr(plain, field), default=str)
        kind = getattr(TYPES[field], "__name__", "") if isinstance(TYPES[field], type) else ""
        shown = kind if kind and not hasattr(TYPES[field], "__args__") else str(TYPES[field])
        shown = shown.replace("typing.", "").replace("heimnetz_git.model.config.", "")
        rows.append(f"| `{field}` | `{shown}` | `{default}` | `{PREFIX}{field.upper()}` |")
    return "\n".join([*_CONFIGURATION, *rows, ""])


_CONFIGURATION = f"""\
# Configuration

{NOTE}

A setting comes from the first of these that has it:

1. a flag of the command;
2. the environment: `{PREFIX}` and the setting's name in capitals; mappings as JSON;
3. the project: `settings:` in the nearest `heimnetz.yaml` upwards of the working folder. A project
   may only tighten `sandbox` (to `required`) and not say where Python packages come from;
4. the user: `config.yaml` in the user's configuration folder, or in the home itself when `--home`
   or `{PREFIX}HOME` names one, so that a named home has everything in it;
5. the machine: `config.yaml` in the site's configuration folder; `policy.yaml` beside it is what
   the machine's operator allows, whatever anyone sets;
6. the default.

`indexes` and `host` add up over the layers; of other settings the first one counts.
`heimnetz-git config list --show-origin` says where each value comes from. Also heeded: `NO_COLOR`,
`FORCE_COLOR`, `SOURCE_DATE_EPOCH`, `GIT_AUTHOR_NAME` and `GIT_AUTHOR_EMAIL` for commits,
`HTTPS_PROXY` and `ALL_PROXY`.

An index has `url`, `priority` (the highest that has a name wins) and `patterns` (names that come
from it alone), as `indexes.NAME.url` and so on.

| Setting | Type | Default | Variable |
|---|---|---|---|""".splitlines()


def rules() -> str:
    """Every rule of the scanner with its page."""
    lines = ["# Scanner rules", "", NOTE, "", *_RULES]
    for rule in RULES:
        page = page_of(rule)
        lines += [f"## {page.code}", "", page.summary, "", page.text, ""]
    return "\n".join(lines).rstrip() + "\n"


_RULES = """\
A finding is high only for a flow from a source to a sink or for a certain fact. The verdict is
`reject` for a high finding, `review` for a medium one that speaks of harm, else `accept`; code that
is held to declared permissions goes to `review` for any medium finding. Nothing inside a submission
quietens a rule. The score starts at 100; the worst finding of each rule takes points off: 61 for
high, 12 for medium (36 at most for all), 2 for low (6 at most for all).
""".splitlines()


def files() -> dict[Path, str]:
    """Every generated file and what must be in it."""
    schemas = {
        REFERENCE / "schemas" / f"{kind}.json": json.dumps(json_schema(kind), indent=2) + "\n"
        for kind in KINDS
    }
    return {
        REFERENCE / "commands.md": commands(),
        REFERENCE / "errors.md": error_list(),
        REFERENCE / "exit-codes.md": exit_codes(),
        REFERENCE / "configuration.md": configuration(),
        REFERENCE / "rules.md": rules(),
        REFERENCE / "law.md": law(),
        **schemas,
    }


def stale() -> list[Path]:
    """The files that are not what the program says."""
    return [
        path
        for path, text in files().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write what changed; with ``--check`` name it and end with 1."""
    found = stale()
    for path in found:
        print(f"{'out of date' if '--check' in sys.argv else 'wrote'}: {path.name}")
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files()[path], encoding="utf-8")
    return int(bool(found) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
