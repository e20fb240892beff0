"""The completion of a command's name, from the table alone: the answer that click would give.

A shell asks with every press of the tab key, so nothing is imported here that Python has not loaded
by itself. Whatever is not the name of a command goes to click.
"""

from __future__ import annotations

from heimnetz_git.cli.directory import GROUPS, rows

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing or collections.abc would take longer than the answer
    from collections.abc import Mapping

__all__ = ["COMPLETE_VARIABLE", "complete"]

COMPLETE_VARIABLE = "_HEIMNETZ_GIT_COMPLETE"
SHELLS = {
    "bash_complete": "plain,{name}",
    "zsh_complete": "plain\n{name}\n{summary}",
    "fish_complete": "plain,{name}\t{summary}",
    "powershell_complete": "{name}\t{summary}",
}
"""How each shell's script (click's, and ours for PowerShell) wants an item."""


def complete(environ: Mapping[str, str]) -> str | None:
    """The lines to print for the shell that asks by these variables; None when click must answer.

    That is so for another wish than ``SHELL_complete``, for options and arguments, and for words
    that hold anything that a shell may mean otherwise.
    """
    line = SHELLS.get(environ.get(COMPLETE_VARIABLE, ""))
    words = environ.get("COMP_WORDS", "").split()
    if line is None or not words or not all(map(_is_plain, words[1:])):
        return None
    begun = _begun(words, environ)
    above = words[1 : len(words) - 1 if begun else None]
    if begun is None or len(above) > 1 or any(word not in GROUPS for word in above):
        return None
    found = [row for row in rows("".join(above)) if row[0].startswith(begun)]
    return "".join(line.format(name=name, summary=text) + "\n" for name, text, _ in found) or "\n"


def _begun(words: list[str], environ: Mapping[str, str]) -> str | None:
    """The word that is being typed, empty for none yet; None when it is not the last one.

    bash and zsh count words in COMP_CWORD, fish has the word itself there, PowerShell in COMP_WORD.
    """
    told = environ.get("COMP_CWORD", environ.get("COMP_WORD", ""))
    if not told.isdecimal():
        return told if told in ("", words[-1]) else None
    place = int(told)
    if place not in (len(words), len(words) - 1):
        return None
    return words[place] if place < len(words) else ""


def _is_plain(word: str) -> bool:
    return word[0].isalnum() and word.isascii() and word.replace("-", "").isalnum()
