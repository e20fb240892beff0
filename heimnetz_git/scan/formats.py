"""Reports for other programs: JUnit's XML for build servers, CycloneDX 1.6 for inventories."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import quoteattr

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding
from heimnetz_git.scan.report import Report
from heimnetz_git.scan.rules import RULES
from heimnetz_git.scan.sarif import page_of

__all__ = ["cyclonedx", "junit"]

MOST = 5000
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report, subject: str) -> str:
    """The report as JUnit's XML: a case for each finding, and one for each rule without any.

    Source of the format: the schema that Jenkins' xUnit plugin publishes (``junit-10.xsd``).
    """
    told = {finding.rule for finding in report.findings}
    silent = sorted({page_of(rule).code for rule in RULES} - told)
    rows = [_case(finding) for finding in report.findings[:MOST]]
    rows += [f"    <testcase classname={_quoted(subject)} name={_quoted(it)}/>" for it in silent]
    counts = f'tests="{len(rows)}" failures="{len(report.findings[:MOST])}" errors="0" skipped="0"'
    head = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    head.append(f'  <testsuite name="heimnetz-git scan" {counts}>')
    return "\n".join([*head, *rows, "  </testsuite>", "</testsuites>", ""])


def _case(finding: Finding) -> str:
    where = str(finding.location)
    name = f"{finding.rule} {where}"
    message = f"{finding.message} {finding.hint}".strip()
    return (
        f"    <testcase classname={_quoted(finding.location.file)} name={_quoted(name)}>"
        f"<failure type={_quoted(finding.severity)} message={_quoted(message)}/></testcase>"
    )


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub("�", printable(text, longest=1000)))


def cyclonedx(report: Report, subject: str) -> str:
    """The report as a CycloneDX 1.6 document with a vulnerability for each finding.

    The same report gives the same bytes.
    """
    name = printable(subject, longest=300) or "plugin"
    marks = "|".join(finding.fingerprint for finding in report.findings)
    reference = f"scan:{uuid5(NAMESPACE_URL, name)}"
    tags = {page.code: page.tags for page in map(page_of, RULES)}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{name}#{marks}')}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "heimnetz-git"}]},
            "component": {"type": "application", "bom-ref": reference, "name": name},
            "properties": [
                {"name": "heimnetz-git:score", "value": str(report.score)},
                {"name": "heimnetz-git:grade", "value": report.grade},
                {"name": "heimnetz-git:verdict", "value": report.verdict},
            ],
        },
        "vulnerabilities": [
            _weakness(finding, number, reference, tags.get(finding.rule, ()))
            for number, finding in enumerate(report.findings[:MOST])
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _weakness(
    finding: Finding, number: int, reference: str, tags: tuple[str, ...]
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "bom-ref": f"finding:{finding.fingerprint or number}",
        "id": finding.rule,
        "source": {"name": "heimnetz-git"},
        "ratings": [{"severity": str(finding.severity), "method": "other"}],
        "description": printable(finding.message, longest=1000),
        "affects": [{"ref": reference}],
        "properties": [
            {"name": "heimnetz-git:location", "value": printable(str(finding.location))},
            *(
                [{"name": "heimnetz-git:capability", "value": str(finding.capability)}]
                if finding.capability
                else []
            ),
        ],
    }
    weaknesses = [int(tag.removeprefix("CWE-")) for tag in tags if tag.startswith("CWE-")]
    if weaknesses:
        made["cwes"] = weaknesses
    if finding.hint:
        made["recommendation"] = printable(finding.hint, longest=1000)
    return made
