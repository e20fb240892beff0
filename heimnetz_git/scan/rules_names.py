"""Rules on names and places: look-alikes, far columns, shadowed modules, entry points."""

from __future__ import annotations

import configparser
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.apis import Kind
from heimnetz_git.scan.submission import Submission, found
from heimnetz_git.scan.tables import Module

__all__ = ["confusable_name", "far_code", "foreign_entry", "shadowed_module"]
_TAKEN_COMMANDS = frozenset(
    [
        "ls",
        "cat",
        "sudo",
        "su",
        "ssh",
        "scp",
        "git",
        "pip",
        "pip3",
        "python",
        "python3",
        "sh",
        "bash",
        "curl",
        "wget",
        "apt",
        "docker",
        "systemctl",
        "cron",
        "crontab",
        "ping",
        "ip",
        "kill",
        "ps",
        "top",
        "cp",
        "mv",
        "rm",
        "chmod",
        "chown",
        "mount",
        "env",
        "which",
        "node",
        "npm",
        "make",
        "gcc",
        "vi",
        "vim",
        "nano",
        "less",
        "tar",
        "heimnetz",
        "heimnetz-git",
        "uv",
    ]
)
_FOREIGN_GROUPS = (
    "pytest11",
    "distutils.commands",
    "setuptools.installation",
    "flake8.extension",
    "heimnetz.scanners",
    "sphinx.",
    "console_scripts.",
    "babel.",
    "virtualenv.",
)


LARGEST_TEXT = 4 << 20


_GAPS = (b" " * 40, b"\t" * 20, b" \t \t \t", b"  \t  \t  \t")


def far_code(submission: Submission) -> Iterator[Finding]:
    """Code stands so far to the right that no editor shows it (ATT&CK T1027).

    A statement after some hundred spaces on a line that looks harmless. CWE-506.
    """
    for file, data in submission.files.items():
        if file.endswith((".py", ".pyw")) and any(gap in data for gap in _GAPS):
            for match in re.finditer(
                rb"^[^\n]*?[ \t]{100,};?[ \t]*(?=[^\s#])([^\n]+)", data[:LARGEST_TEXT], re.MULTILINE
            ):
                tail = match[1]
                if (
                    re.search(
                        rb"\b(?:import|exec|eval|__import__|os\.|subprocess|compile|getattr)", tail
                    )
                    and b"'''" not in match[0]
                ):
                    line = data.count(b"\n", 0, match.start()) + 1
                    yield found(
                        far_code,
                        Severity.HIGH,
                        Location(file, line, match.start(1) - match.start() + 1),
                        "Code is hidden far to the right of this line.",
                    )
                    break


# A word from its first letter outside of ASCII on, and what of it may stand before.
_FOREIGN = re.compile(r"[^\W\x00-\x7f]\w*")
_BEFORE = re.compile(r"\w{0,80}$")


def confusable_name(submission: Submission) -> Iterator[Finding]:
    """A name looks like another or becomes another (CWE-1007, CVE-2021-42694).

    Python folds letters of other forms to plain ones (a mathematical ``e`` is an ``e``); letters of
    two scripts in one name look alike. High when the folded name is one that runs things.
    """
    for module in submission.program.modules:
        data = submission.files.get(module.file, b"")
        if module.depth or data.isascii():
            continue
        text = data.decode("utf-8", "replace")
        seen: set[str] = set()
        for match in _FOREIGN.finditer(text):
            before = _BEFORE.search(text[max(0, match.start() - 80) : match.start()])
            word = f"{before[0] if before else ''}{match[0]}"
            if word not in seen:
                seen.add(word)
                yield from _confusable(module, text, match.start(), word)


def _confusable(module: Module, text: str, offset: int, word: str) -> Iterator[Finding]:
    folded = unicodedata.normalize("NFKC", word)
    if folded != word and folded in _RUNNING:
        severity, message = Severity.HIGH, f"A name in other letters is read as {folded!r}."
    elif _mixed(word) and _is_code(text, offset):
        severity = Severity.MEDIUM
        message = f"The name {printable(word)!r} mixes letters of two scripts."
    else:
        return
    place = Location(module.file, text.count("\n", 0, offset) + 1)
    yield found(confusable_name, severity, place, message)


_RUNNING = frozenset(
    {
        "exec",
        "eval",
        "compile",
        "__import__",
        "getattr",
        "system",
        "popen",
        "os",
        "subprocess",
        "globals",
        "open",
        "builtins",
        "base64",
        "import_module",
        "b64decode",
        "socket",
    }
)


def _mixed(word: str) -> bool:
    scripts = {unicodedata.name(char, "").split(" ")[0] for char in word if char.isalpha()}
    return "LATIN" in scripts and bool(scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})


def _is_code(text: str, offset: int) -> bool:
    """Whether a word stands outside of comments and texts, as far as its line tells."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    return (
        "#" not in line
        and line.count('"') % 2 == 0
        and line.count("'") % 2 == 0
        and '"""' not in line
    )


def shadowed_module(submission: Submission) -> Iterator[Finding]:
    """A module takes the name of one of Python's own (ATT&CK T1574).

    At the top level of a package's files it is imported instead of ``os``, ``json`` or ``ssl``, by
    every program of the environment.
    """
    for file in submission.files:
        parts = PurePosixPath(file.removeprefix("src/")).parts
        name = parts[0].removesuffix(".py") if parts else ""
        is_top = len(parts) == 1 and parts[0].endswith(".py")
        is_package = len(parts) == 2 and parts[1] == "__init__.py"
        if (
            (is_top or is_package)
            and name in sys.stdlib_module_names
            and name not in ("this", "test")
        ):
            acts = submission.permissions is not None or any(
                submission.can(kind, file) for kind in (Kind.RUN, Kind.CONNECT, Kind.DYNAMIC)
            )
            yield found(
                shadowed_module,
                Severity.HIGH if acts else Severity.MEDIUM,
                Location(file),
                f"The module {name!r} hides Python's own.",
            )


def _is_namesake(file: str, name: str) -> bool:
    """Whether a distribution of a command's own name has that command."""
    project = PurePosixPath(file).parent.name.partition("-")[0].lower()
    return name.rstrip("0123456789.") == project


def foreign_entry(submission: Submission) -> Iterator[Finding]:
    """An entry point hooks into other programs, or a script takes a system command's name.

    A plugin of pytest, of a build or of this scanner runs wherever those run; a script named
    ``sudo`` or ``pip`` is run in place of it (ATT&CK T1036.005, T1574.007).
    """
    for file, data in submission.files.items():
        if not file.endswith("entry_points.txt") or len(data) > 65536:
            continue
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
        try:
            parser.read_string(data.decode("utf-8", "replace"))
        except configparser.Error:
            continue
        for group in parser.sections():
            for name in parser.options(group):
                scripts = group in ("console_scripts", "gui_scripts")
                if scripts and name in _TAKEN_COMMANDS and not _is_namesake(file, name):
                    yield found(
                        foreign_entry,
                        Severity.HIGH,
                        Location(file),
                        f"A script takes the name of {name!r}.",
                    )
                elif group.startswith(_FOREIGN_GROUPS):
                    yield found(
                        foreign_entry,
                        Severity.MEDIUM,
                        Location(file),
                        f"An entry point hooks into {printable(group)}.",
                    )
