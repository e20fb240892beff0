"""How an answer reaches people and programs: lines on a terminal, or one JSON document."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from heimnetz_git.cli.terminal import columns_of, wants_color
from heimnetz_git.errors import printable

__all__ = ["Answer", "Output", "plain", "safe_lines"]

LONGEST_LINE = 20_000


@dataclass(frozen=True)
class Answer:
    """What a command found or did.

    ``data`` is the JSON document without its schema; ``lines`` say the same to people and are
    printable. ``narrates`` marks lines that only confirm: -q leaves them out. ``exit_code`` is
    that of a command that worked and found fault.
    """

    data: Mapping[str, Any]
    lines: Iterable[str] = ()
    narrates: bool = False
    exit_code: int = 0


@dataclass
class Output:
    """Where a run writes: answers to stdout, all else to stderr."""

    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    color: str = "auto"
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, flags: Mapping[str, Any]) -> Output:
        """As the shared options say."""
        return cls(
            as_json=bool(flags.get("json")),
            quiet=bool(flags.get("quiet")),
            verbose=int(flags.get("verbose", 0)),
            color=str(flags.get("color", "auto")),
        )

    @classmethod
    def for_arguments(cls, arguments: Iterable[str]) -> Output:
        """As a command line says that could not be parsed: by looking for the words."""
        words = list(arguments)
        if "--" in words:
            words = words[: words.index("--")]
        colors = [word.partition("=")[2] for word in words if word.startswith("--color=")]
        return cls(
            as_json="--json" in words,
            quiet=bool({"-q", "--quiet"} & set(words)),
            verbose=sum(word in ("-v", "--verbose", "-vv") for word in words),
            color=colors[-1] if colors else "auto",
        )

    @property
    def columns(self) -> int | None:
        """The width that tables must fit; None when nothing limits it."""
        return columns_of(sys.stdout)

    def show(self, answer: Answer, schema: str) -> int:
        """Print an answer; returns its exit code."""
        if self.as_json:
            extra = {"warnings": self.warnings} if self.warnings else {}
            self.document({"schema": schema, **answer.data, **extra})
        elif not (self.quiet and answer.narrates):
            for line in answer.lines:
                self.say(line)
        return answer.exit_code

    def document(self, value: Mapping[str, Any]) -> None:
        """Print the one JSON document of this run, in ASCII."""
        click.echo(json.dumps(plain(value), indent=2))

    def say(self, line: str) -> None:
        """One line of the answer."""
        click.echo(line, color=wants_color(self.color, self.environ, sys.stdout))

    def tell(self, line: str) -> None:
        """One line beside the answer, on stderr."""
        click.echo(line, err=True, color=wants_color(self.color, self.environ, sys.stderr))

    def note(self, text: str) -> None:
        """Something nice to know: on stderr, not with -q or --json."""
        if not (self.quiet or self.as_json):
            self.tell(text)

    def warn(self, text: str) -> None:
        """Something to know: on stderr even with -q, or in the document; each once."""
        if text in self.warnings:
            return
        self.warnings.append(text)
        if not self.as_json:
            self.tell(f"{click.style('warning:', fg='yellow', bold=True)} {safe_lines(text)}")


def safe_lines(text: str) -> str:
    """``text`` with its line breaks and nothing else that a terminal would obey."""
    return "\n".join(printable(line, longest=LONGEST_LINE) for line in text.splitlines())


def plain(value: Any) -> Any:
    """``value`` as what JSON has words for; a value of ours becomes its fields."""
    import msgspec

    return msgspec.to_builtins(value, enc_hook=_other, str_keys=True)


def _other(value: Any) -> Any:
    """How what msgspec does not know is written: a mapping as one, the rest by its text."""
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
