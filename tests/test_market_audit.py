"""Advisories against versions: which are affected, which are not, and what people said of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from heimnetz_git.market.audit import Exemption, Fate, Hit, Subject, audit, from_openvex
from heimnetz_git.model.finding import Severity
from heimnetz_git.model.osv import PYPI, Record, State, covers, decode, escapes
from tests.osvkit import advisory, affected

TODAY = "2026-06-01"
ZERO = {"introduced": "0"}
LOG4 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"
TWO = "AV:N/AC:L/Au:N/C:P/I:P/A:P"
FOUR = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


def record(data: dict[str, Any]) -> Record:
    """As it comes out of a dump."""
    return decode(json.dumps(data).encode())


def one(data: dict[str, Any]) -> Any:
    """What a record says of its one package."""
    return (record(advisory("X-1", data)).affected or ())[0]


# events, versions that are affected, versions that are not
RANGES = [
    ([ZERO, {"fixed": "1.2.0"}], ["0", "0.0.0.dev1", "1.1.9", "1.2.0rc1"], ["1.2.0", "1.2", "2"]),
    ([{"introduced": "1.0"}, {"fixed": "1.2"}], ["1.0", "1.0.0", "1.1"], ["0.9", "1.0rc1", "1.2"]),
    ([{"introduced": "1.0"}, {"last_affected": "1.2"}], ["1.2", "1.2.0"], ["1.2.post1", "1.3"]),
    ([ZERO], ["0.0.1", "99!1"], []),
    (
        [ZERO, {"fixed": "1.0"}, {"introduced": "2.0"}, {"fixed": "2.1"}],
        ["0.5", "2.0.5"],
        ["1.0", "1.9", "2.1"],
    ),
    # in any order
    ([{"fixed": "2.1"}, {"introduced": "2.0"}], ["2.0"], ["1.9", "2.1"]),
    ([{"introduced": "1.0"}, {"limit": "1.5"}], ["1.4"], ["1.5", "0.9"]),
    ([ZERO, {"limit": "*"}], ["7"], []),
]


@pytest.mark.parametrize(("events", "inside", "outside"), RANGES)
def test_a_range_is_read_as_the_format_says(
    events: list[dict[str, str]], inside: list[str], outside: list[str]
) -> None:
    """Events in order, versions as PEP 440 orders them."""
    said = one(affected("lib", *events))
    assert [version for version in inside if covers(said, version) is not State.AFFECTED] == []
    assert [version for version in outside if covers(said, version) is not State.UNAFFECTED] == []


def test_listed_versions_count_beside_ranges() -> None:
    """In any spelling; a version that is none is affected only if it is listed."""
    said = one(affected("lib", {"introduced": "5"}, versions=("1.0", "2004d-lunatic")))
    assert covers(said, "1.0.0") is State.AFFECTED
    assert covers(said, "2004d-lunatic") is State.AFFECTED
    assert covers(said, "1.1") is State.UNAFFECTED
    assert covers(said, "2004e") is State.UNKNOWN


def test_a_range_that_cannot_be_read_is_not_passed_over() -> None:
    """Who cannot tell says so; commits are no versions and are not compared."""
    assert covers(one(affected("lib", {"introduced": "soon"})), "1.0") is State.UNKNOWN
    commits = affected("lib", {"introduced": "0" * 40})
    commits["ranges"][0]["type"] = "GIT"
    assert covers(one(commits), "1.0") is State.UNAFFECTED


@pytest.mark.parametrize(
    ("wanted", "state"),
    [
        (">=1,<2", State.UNAFFECTED),
        ("", State.UNAFFECTED),
        (">=1,<1.2", State.UNKNOWN),
        ("nonsense", State.UNKNOWN),
    ],
)
def test_what_is_not_chosen_yet_may_escape(wanted: str, state: State) -> None:
    """When a fixed version is among those that may be chosen."""
    assert escapes(one(affected("lib", ZERO, {"fixed": "1.2"})), wanted) is state
    assert escapes(one(affected("lib", ZERO)), wanted) is State.UNKNOWN


def hits(*records: dict[str, Any], version: str = "1.0", **more: Any) -> tuple[Hit, ...]:
    """What an audit of lib in one version finds."""
    subject = Subject(PYPI, "Lib", version)
    known = {(PYPI, "lib"): [record(data) for data in records]}
    return audit([subject], known, today=TODAY, **more)


def test_records_that_mean_the_same_are_told_once() -> None:
    """By their aliases, under the name that people look up; the fix and the score come along."""
    pysec = advisory("PYSEC-1", affected("lib", ZERO), aliases=["CVE-1"])
    ghsa = advisory(
        "GHSA-1",
        affected("lib", ZERO, {"fixed": "1.2"}, {"introduced": "2"}, {"fixed": "2.1"}),
        aliases=["CVE-1"],
        severity=[{"type": "CVSS_V3", "score": LOG4}],
    )
    (found,) = hits(pysec, ghsa, advisory("GHSA-2", affected("other", ZERO)))
    assert (found.id, found.aliases) == ("GHSA-1", ("PYSEC-1", "CVE-1"))
    assert (found.score, found.severity) == (10.0, Severity.CRITICAL)
    assert found.fixed == ("1.2", "2.1")


def test_a_withdrawn_record_says_nothing() -> None:
    """Whoever withdrew it had a reason."""
    assert hits(advisory("GHSA-1", affected("lib", ZERO), withdrawn="2026-02-01T00:00:00Z")) == ()


@pytest.mark.parametrize(
    ("more", "severity", "score"),
    [
        ({"severity": [{"type": "CVSS_V4", "score": FOUR}]}, Severity.CRITICAL, 9.3),
        ({"severity": [{"type": "CVSS_V2", "score": TWO}]}, Severity.HIGH, 7.5),
        ({"database_specific": {"severity": "LOW"}}, Severity.LOW, None),
        ({"severity": [{"type": "CVSS_V3", "score": "junk"}]}, Severity.MEDIUM, None),
        ({}, Severity.MEDIUM, None),
    ],
)  # fmt: skip
def test_the_severity_is_the_vector_s_else_the_database_s(
    more: dict[str, Any], severity: Severity, score: float | None
) -> None:
    """Every version of CVSS; what is no vector counts for nothing."""
    (found,) = hits(advisory("GHSA-1", affected("lib", ZERO), **more))
    assert (found.severity, found.score) == (severity, score)


def test_malice_is_critical_whatever_is_said_of_it() -> None:
    """Reports of malicious packages have no scores."""
    (found,) = hits(advisory("MAL-2026-1", affected("lib", versions=("1.0",))))
    assert found.severity is Severity.CRITICAL


RULED = [
    (Exemption("CVE-1", "not reached"), Fate.IGNORED),
    (Exemption("GHSA-1", "not reached", until=TODAY), Fate.IGNORED),
    (Exemption("GHSA-1", "not reached", until="2026-05-31"), Fate.AFFECTED),
    (Exemption("GHSA-1", "not reached", name="LIB", not_affected=True), Fate.NOT_AFFECTED),
    (Exemption("GHSA-1", "not reached", name="other"), Fate.AFFECTED),
    (Exemption("GHSA-2", "not reached"), Fate.AFFECTED),
]


@pytest.mark.parametrize(("rule", "fate"), RULED)
def test_what_people_ruled_is_shown_and_fails_nothing(rule: Exemption, fate: Fate) -> None:
    """By any of its names, for its package, until its day."""
    data = advisory("GHSA-1", affected("lib", ZERO), aliases=["CVE-1"])
    (found,) = hits(data, exemptions=[rule])
    assert (found.fate, found.counts) == (fate, fate is Fate.AFFECTED)
    assert found.reason == ("" if fate is Fate.AFFECTED else "not reached")


def test_openvex_statements_are_read() -> None:
    """Only that something is not affected, and only with a justification."""
    statement = {
        "vulnerability": {"name": "CVE-1", "aliases": ["GHSA-1"]},
        "products": [{"@id": "pkg:pypi/lib@1.0"}, {"@id": "pkg:deb/debian/lib"}],
        "status": "not_affected",
        "justification": "vulnerable_code_not_present",
    }
    fixed = {"vulnerability": "CVE-2", "products": ["pkg:pypi/lib"], "status": "fixed"}
    found = from_openvex({"statements": [statement, fixed]})
    assert {(rule.id, rule.name) for rule in found} == {("CVE-1", "lib"), ("GHSA-1", "lib")}
    cases: list[Any] = [[], {"statements": [{**statement, "justification": ""}]}]
    for broken in cases:
        with pytest.raises(ValueError, match="statement"):
            from_openvex(broken)
