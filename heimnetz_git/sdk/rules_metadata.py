"""Validator rules on a plugin's metadata: version, summary, licence, authors, ranges, readme."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.sdk.project import MANIFEST
from heimnetz_git.sdk.subject import Subject

__all__ = [
    "authors",
    "dependency_ranges",
    "license_stated",
    "python_range",
    "readme",
    "summary",
    "version_form",
]

LONGEST_SUMMARY = 120
SHORTEST_SUMMARY = 10
_THREE_NUMBERS = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?(?:\.post\d+)?")
_HIGHEST = Version("999999!0")


def version_form(subject: Subject) -> Iterator[Finding]:
    """A version has three numbers, MAJOR.MINOR.PATCH, and at most a pre-release part (PEP 440)."""
    if not _THREE_NUMBERS.fullmatch(subject.version):
        yield Finding(
            "version-form",
            Severity.HIGH,
            f"The version {printable(subject.version)!r} is not MAJOR.MINOR.PATCH.",
            subject.place("version"),
            hint="Write three numbers, such as '1.2.0' or '1.2.0rc1'.",
        )


def summary(subject: Subject) -> Iterator[Finding]:
    """The summary is one line that fits a list: 10 to 120 characters."""
    said = subject.summary.strip()
    if "\n" in said or len(said) > LONGEST_SUMMARY:
        message = f"The summary has {len(said)} characters or several lines; lists cut it."
        yield Finding("summary", Severity.MEDIUM, message, subject.place("description"))
    elif len(said) < SHORTEST_SUMMARY:
        yield Finding(
            "summary",
            Severity.MEDIUM,
            "The summary does not say what the plugin does.",
            subject.place("description"),
            hint="One sentence: what it does, for whom.",
        )


def license_stated(subject: Subject) -> Iterator[Finding]:
    """The licence is an SPDX expression (PEP 639), and its text travels with the plugin."""
    place = subject.place("license")
    try:
        canonicalize_license_expression(subject.license)
    except InvalidLicenseExpression:
        yield Finding(
            "license-invalid",
            Severity.HIGH,
            f"{printable(subject.license)!r} is not an SPDX licence expression.",
            place,
            hint="Such as 'MIT' or 'Apache-2.0 OR MIT'; see spdx.org/licenses.",
        )
    if not subject.has_license_file:
        yield Finding(
            "license-file",
            Severity.MEDIUM,
            "The text of the licence is not there.",
            place,
            hint='Add a file LICENSE, and license-files = ["LICENSE"].',
        )


def authors(subject: Subject) -> Iterator[Finding]:
    """Somebody answers for the plugin."""
    if not subject.authors:
        yield Finding(
            "authors",
            Severity.MEDIUM,
            "No author is named.",
            subject.place("authors"),
            hint='authors = [{ name = "Ada Example", email = "ada@example.org" }]',
        )


def python_range(subject: Subject) -> Iterator[Finding]:
    """``requires-python`` says the oldest Python that works, and excludes none that exists."""
    place = subject.place("requires-python")
    given = _specifier(subject.python)
    if given is None or given.contains("0", prereleases=True):
        yield Finding(
            "python-range",
            Severity.MEDIUM,
            f"The Python range {printable(subject.python)!r} has no lower bound.",
            place,
            hint="requires-python = '>=3.11'",
        )
    elif given.is_unsatisfiable():
        message = f"No Python fits the range {printable(subject.python)!r}."
        yield Finding("python-range", Severity.HIGH, message, place)


def dependency_ranges(subject: Subject) -> Iterator[Finding]:
    """What a plugin needs is bounded: host APIs and plugins from above, Python packages by name.

    Without an upper bound the next major version of a host or a plugin breaks this one. A Python
    package at an address (``name @ https://...``) cannot be locked or mirrored.
    """
    manifest = subject.manifest
    yield from _bounds("host", manifest.host, Severity.MEDIUM)
    yield from _bounds("requires", manifest.requires, Severity.MEDIUM)
    yield from _bounds("optional", manifest.optional, Severity.LOW)
    if subject.name in {**manifest.requires, **manifest.optional}:
        message = "The plugin requires itself."
        yield Finding("dependency-ranges", Severity.HIGH, message, Location(MANIFEST))
    for text in subject.packages:
        if Requirement(text).url:
            yield Finding(
                "direct-reference",
                Severity.HIGH,
                f"{printable(text)!r} names an address instead of a version.",
                subject.place("dependencies"),
                hint="Name a release from a package index: 'zeroconf>=0.130'.",
            )


def _bounds(key: str, ranges: Mapping[str, str], severity: Severity) -> Iterator[Finding]:
    for name, text in sorted(ranges.items()):
        given = _specifier(text)
        if given is None:
            message = f"{key}.{printable(name)}: {printable(text)!r} is not a version range."
            yield Finding("dependency-ranges", Severity.HIGH, message, Location(MANIFEST))
        elif given.is_unsatisfiable():
            message = f"{key}.{printable(name)}: no version fits {printable(text)!r}."
            yield Finding("dependency-ranges", Severity.HIGH, message, Location(MANIFEST))
        elif given.contains(_HIGHEST, prereleases=True):
            yield Finding(
                "dependency-ranges",
                severity,
                f"{key}.{printable(name)}: the range {printable(text)!r} has no upper bound.",
                Location(MANIFEST),
                hint="Exclude the next major version: '>=1.2,<2'.",
            )


def _specifier(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def readme(subject: Subject) -> Iterator[Finding]:
    """A README says how to use it, and travels in the metadata."""
    if not subject.has_readme:
        yield Finding(
            "readme",
            Severity.LOW,
            "There is no README, or the metadata does not name it.",
            subject.place("readme"),
            hint='readme = "README.md"',
        )
