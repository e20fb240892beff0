"""What a submission says of itself to a forge: a title, a page for people, a line for programs.

The line names what is asked for; whoever merges believes the commits alone.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from heimnetz_git.errors import HeimnetzError, printable
from heimnetz_git.registry.submission_value import FACTS, PREFIX, Submission, submission_of

__all__ = ["Body", "Letter", "body_of", "letter_of", "read_body", "submission_in"]

LONGEST_PAGE = 60_000  # forges take some 65,000 characters
_LINE = re.compile(r"heimnetz-submission: (\{[^\n`]{1,2000}\})")


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """The machine-readable body: which registry, from which commit to which, about what.

    ``topic`` is a version, or ``facts-`` and what changes about the plugin.
    """

    format: Literal[1] = 1
    registry: str
    plugin: str
    topic: str
    base: str
    head: str

    @property
    def line(self) -> str:
        """One line that ``read_body`` finds in any text around it."""
        plain = {name: getattr(self, name) for name in self.__struct_fields__}
        return f"heimnetz-submission: {msgspec.json.encode(plain).decode()}"


class Letter(msgspec.Struct, frozen=True):
    """What goes with a submission: its title, and a page in Markdown."""

    body: Body
    title: str
    page: str = ""

    @property
    def text(self) -> str:
        """The description of a pull request: the page, and the line for programs."""
        page = self.page[:LONGEST_PAGE].strip()
        return f"{page}\n\n`{self.body.line}`\n".lstrip()

    @property
    def line(self) -> str:
        """The description where it must be one line, as in a push option."""
        return f"`{self.body.line}`"


def body_of(asked: Submission, registry: str) -> Body:
    """The body of a submission to the registry of that UUID."""
    topic = asked.version or f"{FACTS}{asked.topic}"
    return Body(registry=registry, plugin=asked.name, topic=topic, base=asked.base, head=asked.head)


def letter_of(asked: Submission, registry: str, page: str = "") -> Letter:
    """A submission as a forge shows it."""
    title = f"Publish {asked.title}" if asked.version else asked.title
    return Letter(body_of(asked, registry), printable(title), page)


def read_body(text: str) -> Body | None:
    """The first body in a text; None when there is none that is whole."""
    for match in _LINE.finditer(text):
        try:
            return msgspec.json.decode(match[1], type=Body)
        except msgspec.MsgspecError:
            continue
    return None


def submission_in(branch: str, text: str, head: str) -> Submission | None:
    """What a pull request asks for, by its branch or else by its body; None for any other one.

    ``head`` is its commit as the forge says.
    """
    body = read_body(text)
    names = [branch] if branch.startswith(PREFIX) else []
    names += [f"{PREFIX}{body.plugin}/{body.topic}"] if body else []
    for name in names:
        try:
            return submission_of(name, head, body.base if body else "")
        except HeimnetzError:
            continue
    return None
