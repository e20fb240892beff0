"""Is this a good plugin? A table of rules over a project or a built wheel."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.errors import FileMissing, printable
from heimnetz_git.model.finding import Finding
from heimnetz_git.scan.report import ranked
from heimnetz_git.sdk.exemptions import exempted
from heimnetz_git.sdk.rules_code import host_internals, operations, permissions
from heimnetz_git.sdk.rules_metadata import (
    authors,
    dependency_ranges,
    license_stated,
    python_range,
    readme,
    summary,
    version_form,
)
from heimnetz_git.sdk.rules_names import category_form, file_names, plugin_name_form, size
from heimnetz_git.sdk.scanning import scan_path, scan_project
from heimnetz_git.sdk.subject import project_subject, wheel_subject

__all__ = ["RULES", "scan_path", "scan_project", "validate"]

RULES = (
    plugin_name_form,
    version_form,
    summary,
    license_stated,
    authors,
    python_range,
    dependency_ranges,
    readme,
    category_form,
    file_names,
    size,
    host_internals,
    operations,
    permissions,
)


def validate(path: Path) -> tuple[Finding, ...]:
    """Everything wrong with the project in the folder ``path``, or with the wheel at ``path``.

    Worst first. High: a registry refuses it; medium: mend it; low: advice; info: the author
    answers for it under ``exceptions`` in the manifest. Nothing of the plugin is imported or run.
    Raises FileMissing.
    """
    if not path.exists():
        raise FileMissing(f"There is no {printable(str(path))}.", path=str(path))
    subject = project_subject(path) if path.is_dir() else wheel_subject(path)
    if isinstance(subject, tuple):
        return ranked(subject)
    found = (finding for rule in RULES for finding in rule(subject))
    return ranked(exempted(found, subject.manifest.exceptions))
