"""A person's days with plugins: projects and locks, permissions, policy, running, output."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.flows.kit import LAN, Machine, Registry, code, operations

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
INTERNET = {"network": {"connect": ["lan:9/udp", "api.example.org:443"]}}
BODY = '''
@operation
def add(self, left: int, right: float = 1.0) -> float:
    """Add."""
    return left + right

@operation
def boom(self) -> None:
    """Raise."""
    raise ValueError("no \\x1b[31mred\\x1b[0m today")

@operation
def leave(self) -> None:
    """Exit."""
    os._exit(3)

@operation
def flood(self) -> str:
    """Say too much."""
    return "x" * (20 << 20)

@operation
def chatter(self) -> None:
    """Print without end."""
    while True:
        print("x" * 1000)

@operation
def hang(self) -> None:
    """Sleep."""
    time.sleep(300)

@operation
def die(self) -> None:
    """Be killed."""
    os.kill(os.getpid(), 9)
'''
OPERATIONS = {
    **operations(boom={}, leave={}, flood={}, chatter={}, hang={}, die={}),
    "add": {
        "summary": "Add.",
        "parameters": {
            "type": "object",
            "properties": {
                "left": {"type": "integer"},
                "right": {"type": "number", "default": 1.0},
            },
            "required": ["left"],
            "additionalProperties": False,
        },
        "result": {"type": "number"},
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry: bad (misbehaves), clock, lamp (needs clock, permissions grow), radio (odd)."""
    folder = tmp_path_factory.mktemp("made")
    registry = Registry(folder / "lab.git")
    registry.publish(
        "bad",
        files=code("bad", BODY),
        operations=OPERATIONS,
        manifest={"limits": {"call": "6s", "start": "10s"}},
    )
    registry.publish("clock", "1.0.0")
    registry.publish("clock", "1.1.0")
    registry.publish("clock", "2.0.0")
    needs = {"requires": {"clock": ">=1.0,<2"}}
    registry.publish("lamp", "1.0.0", manifest={**needs, "permissions": LAN})
    registry.publish("lamp", "1.1.0", manifest={**needs, "permissions": LAN})
    registry.publish("lamp", "1.2.0", manifest={**needs, "permissions": INTERNET})
    registry.publish("radio", "1.0.0", manifest={"requires": {"clock": ">=2"}})
    registry.publish("future", "1.0.0", manifest={"host": {"heimnetz": ">=2"}})
    registry.publish("snake", "1.0.0", python=">=3.99")
    return folder


@pytest.fixture
def machine(made: Path, tmp_path: Path) -> Machine:
    """A machine with an index of its own copy of the registry."""
    Registry(made / "lab.git").copy(tmp_path)
    found = Machine(tmp_path)
    found.do("index", "add", "lab", tmp_path / "lab.git")
    return found


@pytest.fixture
def registry(machine: Machine) -> Registry:
    """The registry behind the machine's index."""
    return Registry(machine.root / "lab.git")


def project(machine: Machine, text: str) -> Path:
    """Write the project's wishes; where its lock will be."""
    (machine.work / "heimnetz.yaml").write_text(f"format: 1\nplugins: {text}\n", "utf-8")
    return machine.work / "heimnetz.lock"


def test_a_lock_is_written_the_same_everywhere(machine: Machine, tmp_path: Path) -> None:
    """Sorted, with all that it takes to get the same bytes; the order of wishes is no matter."""
    lock = project(machine, "{lamp: '>=1,<1.2', bad: ''}")
    machine.do("lock")
    first = lock.read_bytes()
    text = first.decode()
    for word in ("registries:", "release: ", "sha256: ", "clock", "lamp", "bad"):
        assert word in text, word
    names = [line.split()[-1] for line in text.splitlines() if line.startswith("  - name: ")]
    assert names == sorted(names) == ["bad", "clock", "lamp"]
    assert machine.ask("lock")["changed"] is False
    assert lock.read_bytes() == first

    project(machine, "{bad: '', lamp: '>=1,<1.2'}")
    assert machine.ask("lock", "--check")["changed"] is False
    lock.unlink()
    machine.do("lock", LC_ALL="C", TZ="Pacific/Apia", PYTHONHASHSEED="7")
    assert lock.read_bytes() == first

    other = Machine(tmp_path / "other")
    other.do("index", "add", "elsewhere", tmp_path / "lab.git")
    project(other, "{lamp: '>=1,<1.2', bad: ''}")
    other.do("lock")
    assert (other.work / "heimnetz.lock").read_bytes() == first, "the index's local name is no fact"


def test_sync_makes_the_machine_as_the_lock_says(machine: Machine, registry: Registry) -> None:
    """Locked versions, nothing else; a stale lock is told as such; a yank does not disturb."""
    lock = project(machine, "{lamp: '<1.2'}")
    assert machine.refuse(8, "sync", "--locked")["code"] == "lock-out-of-date"
    machine.do("lock")
    machine.do("install", "bad")
    machine.do("sync", "--locked", "--yes")
    assert machine.versions == {"clock": "1.1.0", "lamp": "1.1.0"}

    entry = machine.do("index", "path", "clock").strip()
    yank = b"yanked:\n  1.1.0: it runs backwards\n"
    registry.put({entry: registry.read(entry) + yank})
    machine.do("index", "update")
    synced = machine.ask("sync", "--locked", "--yes")
    assert synced["changed"] is False
    assert any("backwards" in warning for warning in synced["warnings"])
    assert machine.ask("lock")["changed"] is False
    fresh = Machine(machine.root / "fresh")
    fresh.do("index", "add", "lab", registry.path)
    fresh.do("install", "lamp<1.2", "--yes")
    assert fresh.versions["clock"] == "1.0.0", "a yanked release is offered to no one else"

    before = lock.read_bytes()
    project(machine, "{lamp: '<1.2', radio: ''}")
    for words in (("sync", "--locked", "--yes"), ("lock", "--check")):
        assert machine.run(*words).code in {1, 8}
    project(machine, "{lamp: '<1.2', bad: ''}")
    error = machine.refuse(8, "sync", "--locked", "--yes")
    assert "bad" in error["message"]
    assert lock.read_bytes() == before
    machine.do("sync", "--yes")
    assert machine.versions == {"bad": "1.0.0", "clock": "1.1.0", "lamp": "1.1.0"}
    lock.write_bytes(lock.read_bytes().replace(b"version: 1.1.0", b"version: 1.9.0", 1))
    assert machine.refuse(8, "sync", "--locked", "--yes")


def test_what_cannot_be_is_explained(machine: Machine) -> None:
    """Who asks for what, why that cannot be, and what would help; never a trace."""
    cases = (
        (("lamp", "radio"), ("requires clock >=2", "require clock >=1.0,<2", "without radio")),
        (("future",), ("future 1.0.0 needs heimnetz >=2 (this machine has 1.0.0)",)),
        (("snake",), ("snake 1.0.0 needs Python >=3.99",)),
        (("clock>=7",), ("clock has only 1.0.0 to 2.0.0", "clock==2.0.0")),
    )
    for names, facts in cases:
        ended = machine.run("install", *names, "--yes")
        assert ended.code == 1, ended
        for fact in facts:
            assert fact in ended.err, ended.err
    assert machine.versions == {}
    host = json.dumps({"heimnetz": "2.1.0"})
    assert machine.run("install", "future", "--dry-run", HEIMNETZ_GIT_HOST=host).code == 0


def test_why_tree_and_outdated_agree(machine: Machine) -> None:
    """One set of plugins seen from three sides."""
    machine.do("install", "lamp@1.0.0", "--yes")
    assert machine.do("why", "clock").strip() == (
        "asked for -> lamp 1.0.0 (==1.0.0) -> clock 1.1.0 (>=1.0,<2)"
    )
    assert machine.do("tree").splitlines()[1] == "└── clock 1.1.0  (>=1.0,<2)"
    found = {one["plugin"] if "plugin" in one else one["name"]: one
             for one in machine.ask("outdated")["outdated"]}  # fmt: skip
    assert (found["clock"]["compatible"], found["clock"]["newest"]) == ("1.1.0", "2.0.0")
    assert "lamp" in found["clock"]["held_back_by"]
    assert found["lamp"]["newest"] == "1.2.0"


def test_permissions_are_asked_for_once_and_again_when_they_grow(machine: Machine) -> None:
    """Exit 4 lists what it would ask; granted ones are not asked for again."""
    error = machine.refuse(4, "install", "lamp<=1.1", "--no-input")
    assert error["code"] == "permission-refused"
    asked = error["facts"]["plugins"]
    assert [(one["name"], [c["grant"] for c in one["changes"]]) for one in asked] == [
        ("lamp", ["network.connect lan:9/udp"])
    ]
    said = machine.run("install", "lamp<=1.1", "--no-input").err
    assert "lan:9/udp" in said
    assert "--yes" in said
    assert machine.versions == {}

    machine.do("install", "lamp@1.0.0", "--yes")
    machine.do("install", "lamp<=1.1", "--no-input")
    machine.do("update", "--no-input")
    assert machine.versions["lamp"] == "1.1.0", "nothing was gained, nobody was asked"
    machine.do("install", "lamp>=1", "--no-input")
    error = machine.refuse(4, "update", "--no-input")
    (gained,) = error["facts"]["plugins"]
    assert [c["grant"] for c in gained["changes"]] == ["network.connect api.example.org:443"]
    assert machine.versions["lamp"] == "1.1.0"
    machine.do("update", "--yes")
    assert machine.versions["lamp"] == "1.2.0"


def test_the_operators_policy_stands_above_everyone(machine: Machine) -> None:
    """Exit 6, the rule and the file are named; --yes and the user's settings change nothing."""
    site = machine.root / "site" / "heimnetz-git"
    site.mkdir(parents=True)
    policy = site / "policy.yaml"
    uuid = machine.ask("index", "list")["indexes"][0]["registry"]["id"]
    cases = (
        ("deny: [lamp]", "denied", "lamp"),
        ("allow: [clock]", "allowed", "lamp"),
        ("ceiling: {}", "lan:9/udp", "lamp"),
        ("licenses: [Apache-2.0]", "MIT", "lamp"),
        ("registries: [00000000-0000-4000-8000-000000000000]", "registry", "clock"),
    )
    for line, fact, name in cases:
        policy.write_text(f"format: 1\n{line}\n", "utf-8")
        error = machine.refuse(6, "install", name, "--yes")
        assert error["code"] == "policy-denied"
        assert fact in f"{error['message']} {error['problems']}", (line, error)
        assert str(policy) in error["hint"]
        assert machine.versions == {}
    policy.write_text(f"format: 1\nregistries: [{uuid}]\nallow: ['*']\ndeny: [radio]\n", "utf-8")
    machine.do("install", "lamp", "--yes")
    project(machine, "{radio: ''}")
    assert machine.run("sync", "--yes").code == 6
    policy.write_text("format: 1\ndenny: [lamp]\n", "utf-8")
    error = machine.refuse(1, "install", "bad", "--yes")
    assert "denny" in str(error["problems"]), "a misspelt rule is not a rule that allows"


def test_what_an_operation_cannot_use_is_refused_before_it_runs(machine: Machine) -> None:
    """By name, with what was expected."""
    machine.do("install", "bad")
    assert machine.do("run", "bad", "add", "-p", "left=2", "-p", "right=0.5").strip() == "2.5"
    cases = (
        (("add",), 1, "left"),
        (("add", "-p", "left=two"), 1, "integer"),
        (("add", "-p", "left=1.5"), 1, "integer"),
        (("add", "-p", "left=1", "-p", "rihgt=2"), 1, "right"),
        (("add", "-p", "left=1", "-p", "left=2"), 1, "twice"),
        (("add", "-p", "left"), 2, "parameter"),
        (("add", "--params", "[1]"), 1, "object"),
        (("add", "--params", "{"), 2, "JSON"),
        (("adds",), 3, "'add'"),
    )
    for words, exit_code, fact in cases:
        assert fact in machine.refuse(exit_code, "run", "bad", *words)["message"], words


@needs_proc
@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("boom", "operation-failed"),
        ("leave", "plugin-crashed"),
        ("die", "plugin-crashed"),
        ("flood", "protocol-violation"),
        ("hang", "plugin-timed-out"),
        ("chatter", "plugin-failed"),
    ],
)
def test_a_plugin_that_misbehaves_gives_one_clear_error(
    machine: Machine, operation: str, error: str
) -> None:
    """And no process of it is left."""
    machine.do("install", "bad")
    began = time.monotonic()
    process = machine.start("run", "bad", operation, "--json")
    seen = watched(process, 40)
    out, err = process.communicate(timeout=40)
    assert (process.returncode, err) == (1, "")
    found = json.loads(out)["error"]
    assert found["code"] == error, found
    assert "bad" in found["message"]
    assert "\x1b" not in json.dumps(found, ensure_ascii=False)
    assert time.monotonic() - began < 30
    assert not seen & parents().keys()


def parents() -> dict[int, int]:
    """Every living process and its parent."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = file.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(file.parent.name)] = int(parent)
    return found


def descendants(of: int) -> set[int]:
    """The processes below one."""
    known, found = parents(), {of}
    for _ in range(8):
        found |= {pid for pid, parent in known.items() if parent in found}
    return found - {of}


def watched(process: subprocess.Popen[str], seconds: float) -> set[int]:
    """Every process that was seen below one within a time, or until it ended."""
    seen: set[int] = set()
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        seen |= descendants(process.pid)
        time.sleep(0.02)
    return seen


@needs_proc
def test_ctrl_c_ends_everything(machine: Machine) -> None:
    """130, one line, no trace, no process; with --json a document."""
    machine.do("install", "bad")
    for more in ((), ("--json",)):
        process = machine.start("run", "bad", "hang", *more)
        seen = watched(process, 0.9)
        assert seen, "it never started"
        ended = machine.interrupt(process)
        assert ended.code == 130, ended
        assert "Traceback" not in ended.err
        said = ended.error["code"] if more else ended.err
        assert "interrupted" in said
        assert not seen & parents().keys()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
@pytest.mark.parametrize("moment", [0.1, 0.16, 0.22, 0.28])
def test_ctrl_c_during_an_install_leaves_all_or_nothing(machine: Machine, moment: float) -> None:
    """Whenever it comes; the next try works."""
    process = machine.start("install", "lamp", "bad", "--yes")
    time.sleep(moment)
    ended = machine.interrupt(process)
    assert ended.code in {0, 130, -signal.SIGINT}, ended  # the last: as the interpreter ended
    assert "Traceback" not in ended.err, ended
    assert set(machine.versions) in ({"lamp", "clock", "bad"}, set())
    machine.do("install", "lamp", "bad", "--yes")
    assert machine.do("run", "lamp", "hello").strip() == "hello world"


def test_two_installs_at_once_both_end_well(machine: Machine) -> None:
    """The second waits for the first and loses nothing."""
    started = [machine.start("install", name, "--yes") for name in ("lamp", "bad")]
    codes = []
    for process in started:
        _, err = process.communicate(timeout=60)
        codes.append((process.returncode, err))
    for name, (ended, err) in zip(("lamp", "bad"), codes, strict=True):
        assert ended in {0, 1}, err
        if ended:
            assert "again" in err, err
            machine.do("install", name, "--yes")
    assert set(machine.versions) == {"lamp", "clock", "bad"}


def test_no_color_and_pipes_have_no_escapes(machine: Machine) -> None:
    """Whatever the command; --color=always brings them back."""
    machine.do("install", "lamp", "--yes")
    for words in (("tree",), ("info", "lamp")):
        assert "\x1b" not in machine.do(*words, NO_COLOR="1", FORCE_COLOR="")
        assert "\x1b" not in machine.run(*words, "--json", FORCE_COLOR="1").out
    assert "\x1b[" in machine.do("info", "lamp", "--color", "always")
    assert "\x1b" not in machine.run("nonsense", NO_COLOR="1").err


@pytest.mark.parametrize(
    ("shell", "check"),
    [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "-n"]),
     ("powershell", ["pwsh", "-NoProfile", "-File"])],
)  # fmt: skip
def test_completion_scripts_are_good_shell(machine: Machine, shell: str, check: list[str]) -> None:
    """As far as the shell is here to say so."""
    script = machine.do("completion", shell)
    assert "_HEIMNETZ_GIT_COMPLETE" in script
    if shutil.which(check[0]) is None:
        pytest.skip(f"no {check[0]}")
    file = machine.work / ("script.ps1" if shell == "powershell" else "script")
    file.write_text(script, "utf-8")
    done = subprocess.run([*check, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
