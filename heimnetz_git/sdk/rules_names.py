"""Validator rules on names and sizes: the plugin's, its categories', its files'."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.sdk.project import MANIFEST
from heimnetz_git.sdk.subject import Subject

__all__ = ["category_form", "file_names", "plugin_name_form", "size"]

_WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ILLEGAL = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
# Windows allows 260 for the whole path; the store's own folders need their share.
LONGEST_PATH = 150
LARGEST_PLUGIN = 16 << 20
MOST_WORDS = 10


def plugin_name_form(subject: Subject) -> Iterator[Finding]:
    """A name says what the plugin does, not that it is a plugin of this host."""
    if re.search(r"(?:^|-)(?:heimnetz|plugin)(?:-|$)", subject.name):
        yield Finding(
            "plugin-name",
            Severity.LOW,
            f"The name {subject.name!r} says what every plugin here is.",
            subject.place("name"),
            hint="Leave 'heimnetz' and 'plugin' out: 'wake-on-lan'.",
        )
    if len(subject.name) < 3:
        message = f"The name {subject.name!r} is too short to be found."
        yield Finding("plugin-name", Severity.LOW, message, subject.place("name"))


def category_form(subject: Subject) -> Iterator[Finding]:
    """Categories and tags are few, short and in the form of names: ``home-automation``."""
    for kind, words in (("category", subject.manifest.categories), ("tag", subject.manifest.tags)):
        for word in words:
            if len(word) > 30 or not _WORD.fullmatch(word):
                yield Finding(
                    "category-form",
                    Severity.MEDIUM,
                    f"The {kind} {printable(word)!r} is not a short word in lower case.",
                    Location(MANIFEST),
                    hint="Letters, digits and single hyphens.",
                )
        if len(words) > MOST_WORDS or len(set(words)) < len(words):
            message = f"There are more than {MOST_WORDS} words for the {kind}, or one twice."
            yield Finding("category-form", Severity.LOW, message, Location(MANIFEST))


def file_names(subject: Subject) -> Iterator[Finding]:
    """Every file's name works on Linux, macOS and Windows, and is the only one of its kind."""
    seen: dict[str, str] = {}
    for name in subject.names:
        said = _name_fault(name)
        if said:
            message = f"{printable(name)!r} {said}."
            yield Finding("file-names", Severity.HIGH, message, Location(printable(name)))
        other = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other != name:
            yield Finding(
                "file-names",
                Severity.HIGH,
                f"{printable(name)!r} and {printable(other)!r} are one file on macOS and Windows.",
                Location(printable(name)),
            )


def _name_fault(name: str) -> str:
    """Why a path does not work everywhere; empty when it does."""
    if not unicodedata.is_normalized("NFC", name):
        return "is not in Unicode normal form C"
    if len(name) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} characters"
    for part in name.split("/"):
        if _ILLEGAL.search(part):
            return "has a character that Windows does not allow"
        if part.endswith((".", " ")):
            return "ends with a dot or a space, which Windows drops"
        if _DEVICES.fullmatch(part):
            return "has the name of a Windows device"
    return ""


def size(subject: Subject) -> Iterator[Finding]:
    """What a user downloads is small: a registry takes 16 MiB unless its policy says otherwise."""
    total = sum(len(data) for data in subject.files.values())
    if total > LARGEST_PLUGIN:
        largest = max(subject.files, key=lambda name: len(subject.files[name]))
        yield Finding(
            "size",
            Severity.MEDIUM,
            f"The plugin has {total >> 20} MiB; most registries take {LARGEST_PLUGIN >> 20}.",
            Location(printable(largest)),
            hint="Fetch large data when it is first needed, or make it a plugin of its own.",
        )
