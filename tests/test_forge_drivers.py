"""Submissions through each forge: real pushes to git, and an API on the loopback that may fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests import forgekit
from tests.flows.kit import Machine, Registry
from tests.forgekit import TOKEN, Fault, ForgeServer
from tests.gitkit import fsck, git

KINDS = {"github": forgekit.github, "agit": forgekit.forgejo, "gitlab": forgekit.gitlab}
Served = Callable[[str], AbstractContextManager[ForgeServer]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with a clock, made once."""
    registry = Registry(tmp_path_factory.mktemp("made") / "plugins.git")
    registry.publish("clock", "1.0.0")
    return registry


@pytest.fixture
def served(made: Registry, tmp_path: Path) -> Served:
    """Serves a copy of the registry as a forge of some kind."""
    made.copy(tmp_path / "acme")

    def serve(kind: str) -> AbstractContextManager[ForgeServer]:
        return forgekit.forge(tmp_path, KINDS[kind])

    return serve


@pytest.fixture
def ada(tmp_path: Path) -> Machine:
    """Ada's machine, with her token in the environment."""
    return Machine(
        tmp_path / "ada-machine", {"HEIMNETZ_TOKEN": TOKEN, "HEIMNETZ_GIT_TIMEOUT": "10"}
    )


@pytest.fixture
def lamp(made: Registry) -> Path:
    """A wheel that is not published."""
    return made.wheel("lamp", "1.0.0")


@pytest.mark.parametrize("kind", KINDS)
def test_a_submission_goes_to_a_forge_and_back(
    served: Served, ada: Machine, made: Registry, lamp: Path, kind: str
) -> None:
    """Published, updated, listed and withdrawn: one request all the time, and no token anywhere."""
    with served(kind) as forge:
        url = forge.url()
        first = ada.ask("publish", lamp, "--to", url)
        assert first["driver"] == kind
        assert "says so" in first["why"]
        listed = ada.ask("submissions", url)
        assert [one["branch"] for one in listed["submissions"]] == ["submit/lamp/1.0.0"]
        assert listed["submissions"][0]["by"] == "ada"

        other = made.wheel("lamp", "1.0.0", summary="A better lamp")
        second = ada.ask("publish", other, "--to", url)
        again = ada.ask("submissions", url)["submissions"]
        assert [one["head"] for one in again] == [second["submission"]["head"]]
        assert len(forge.pulls) == 1
        assert forge.pulls[0]["title"] == "Publish lamp 1.0.0"
        assert '"plugin":"lamp"' in forge.pulls[0]["body"]

        gone = ada.ask("withdraw", "submit/lamp/1.0.0", "--to", url)
        assert gone["driver"] == kind
        if kind != "gitlab":
            assert forge.pulls[0]["state"] == "closed"
        assert ada.ask("submissions", url)["submissions"] == []
        assert set(forge.tokens) == {TOKEN}
        assert not any(TOKEN in request for request in forge.requests)
        said = json.dumps([first, listed, second, gone])
        assert TOKEN not in said
    fsck(forge.root / "acme/plugins.git")


def test_a_fork_is_made_and_waited_for(served: Served, ada: Machine, lamp: Path) -> None:
    """Without the right to push there, GitHub's fork takes the branch once it is ready."""
    with served("github") as forge:
        forge.fork_delay = 1
        found = ada.ask("publish", lamp, "--to", forge.url())
        assert found["sent"]["url"] == f"{forge.address}/acme/plugins/pull/1"
        assert forge.pulls[0]["source"] == "ada/plugins"
        assert forge.head_of("acme/plugins", "submit/lamp/1.0.0") == ""
        assert found["submission"]["head"] == forge.head_of("ada/plugins", "submit/lamp/1.0.0")


def test_who_may_push_needs_no_fork(served: Served, ada: Machine, lamp: Path) -> None:
    """The branch is in the registry itself; withdrawing removes it there."""
    with served("github") as forge:
        forge.writers.add("ada")
        ada.do("publish", lamp, "--to", forge.url(), "--draft")
        assert forge.pulls[0]["draft"] is True
        assert forge.head_of("acme/plugins", "submit/lamp/1.0.0")
        ada.do("withdraw", "submit/lamp/1.0.0", "--to", forge.url())
        assert forge.head_of("acme/plugins", "submit/lamp/1.0.0") == ""


def test_the_owner_of_a_new_plugin_is_the_account(served: Served, ada: Machine, lamp: Path) -> None:
    """With the forge's numeric id, which stays when the account is renamed."""
    with served("github") as forge:
        ada.do("publish", lamp, "--to", forge.url())
        tree = git(
            forge.root / "ada/plugins.git", "ls-tree", "-r", "--name-only", "submit/lamp/1.0.0"
        )
        path = next(one for one in tree.splitlines() if one.endswith("lamp/plugin.yaml"))
        text = git(forge.root / "ada/plugins.git", "show", f"submit/lamp/1.0.0:{path}")
    assert "name: ada" in text
    assert 'id: "4711"' in text


FAULTS = [
    ("rate limit", Fault("GET /api/v3/user", 429, headers=(("Retry-After", "0"),)), ""),
    ("second limit", Fault("GET /api/v3/user", 403, headers=(("Retry-After", "0"),)), ""),
    ("busy", Fault("GET /api/v3/user", 502, b"<html>"), ""),
    ("half an answer", Fault("GET /api/v3/user", 200, b'{"login": "ada"}', cut=4), ""),
    (
        "lost answer",
        Fault("POST /api/v3/repos/acme/plugins/pulls", 200, b"{}", cut=1, after=True),
        "",
    ),
    ("limit for long", Fault("/user", 429, headers=(("Retry-After", "4000"),)), "network"),
    ("refused", Fault("GET /api/v3/user", 401), "login-required"),
    ("forbidden", Fault("POST /api/v3/repos/acme/plugins/forks", 403), "remote-refused"),
    ("nothing there", Fault("GET /api/v3/repos/acme/plugins", 404), "file-missing"),
    ("not valid", Fault("POST /api/v3/repos/acme/plugins/pulls", 422), "remote-refused"),
    ("moved", Fault("POST /api/v3/repos/acme/plugins/forks", 307), "network"),
]


@pytest.mark.parametrize(("fault", "code"), [pytest.param(*one[1:], id=one[0]) for one in FAULTS])
def test_what_a_forge_may_answer(
    served: Served, ada: Machine, lamp: Path, fault: Fault, code: str
) -> None:
    """What may pass is waited for and tried again; the rest is an error with the forge's words."""
    with served("github") as forge:
        forge.faults.append(fault)
        ended = ada.run("publish", lamp, "--to", forge.url(), "--driver", "github", "--json")
        if code:
            assert ended.error["code"] == code, ended.out
            assert TOKEN not in ended.out
            if fault.status != 307:
                assert "no" in ended.error["message"]
        else:
            assert ended.code == 0, ended.out
            assert len(forge.pulls) == 1
        assert forge.faults == []


def test_a_slow_forge_is_not_waited_for_forever(served: Served, ada: Machine, lamp: Path) -> None:
    """Each answer has its time."""
    with served("github") as forge:
        forge.faults.append(Fault("GET /api/v3/user", delay=1.5))
        words = ("publish", lamp, "--to", forge.url(), "--driver", "github")
        error = ada.refuse(7, *words, HEIMNETZ_GIT_TIMEOUT="0.5")
    assert error["code"] == "network"
    assert "in time" in error["message"]


def test_without_a_token_it_says_where_to_put_one(
    served: Served, tmp_path: Path, lamp: Path
) -> None:
    """Reading needs none; asking does."""
    nobody = Machine(tmp_path / "nobody")
    with served("github") as forge:
        assert nobody.ask("submissions", forge.url())["submissions"] == []
        error = nobody.refuse(7, "publish", lamp, "--to", forge.url())
    assert error["code"] == "login-required"
    assert "HEIMNETZ_TOKEN" in error["hint"]


def test_a_token_is_for_the_registry_that_was_named(
    served: Served, ada: Machine, tmp_path: Path
) -> None:
    """Another index on another server that wants a login does not get it."""
    with served("agit") as forge:
        forge.private = True
        error = ada.refuse(7, "index", "add", "acme", forge.url())
        assert error["code"] == "login-required"
        assert forge.tokens == []


def test_many_requests_come_in_pages(served: Served, ada: Machine, made: Registry) -> None:
    """The links between pages are followed."""
    with served("github") as forge:
        for name in ("lamp", "gong", "bell"):
            ada.do("publish", made.wheel(name, "1.0.0"), "--to", forge.url())
        forge.page = 1
        found = ada.ask("submissions", forge.url())["submissions"]
    assert [one["name"] for one in found] == ["bell", "gong", "lamp"]


def test_a_password_in_the_address_is_refused(ada: Machine, lamp: Path) -> None:
    """It would lie in histories and logs; the message does not repeat it."""
    url = "https://ada:hunter2@git.example.org/acme/plugins.git"
    error = ada.refuse(2, "publish", lamp, "--to", url)
    assert "hunter2" not in json.dumps(error)
    assert "HEIMNETZ_TOKEN" in error["hint"]


def test_a_dry_run_shows_everything_and_sends_nothing(
    served: Served, ada: Machine, made: Registry
) -> None:
    """Files, permissions, findings, who must approve, how long it waits."""
    lan = {"permissions": {"network": {"connect": ["lan:9/udp"]}}}
    wheel = made.wheel("clock", "1.1.0", manifest=lan)
    with served("github") as forge:
        said = ada.do("publish", wheel, "--to", forge.url(), "--dry-run")
        data = ada.ask("publish", wheel, "--to", forge.url(), "--dry-run")
        assert forge.pulls == []
        assert not (forge.root / "ada").exists()
    assert "driver 'github'" in said
    assert "clock/1.1.0.yaml" in said
    assert "lan:9/udp" in said
    assert "Waiting period: 10m" in said
    assert "maintainer" in said
    assert data["sent"] is None
    assert data["preview"]["since"] == "1.0.0"
    assert [one["kind"] for one in data["preview"]["permissions"]] == ["gained"]


def test_drivers_refuse_what_they_cannot_do(ada: Machine, made: Registry, lamp: Path) -> None:
    """Each with the reason."""
    cases = (
        (("--draft",), "drafts"),
        (("--driver", "github"), "folder"),
        (("--driver", "bundle"), "--bundle"),
    )
    for words, said in cases:
        error = ada.refuse(2, "publish", lamp, "--to", made.path, *words)
        assert said in f"{error['message']} {error['hint']}", words


def test_a_submission_travels_as_a_file(ada: Machine, made: Registry, tmp_path: Path) -> None:
    """Written on one machine, read by git and by the registry on another."""
    registry = made.copy(tmp_path / "far")
    file = tmp_path / "lamp.bundle"
    sent = ada.ask("publish", made.wheel("lamp"), "--to", made.path, "--bundle", file)
    assert sent["driver"] == "bundle"
    assert "submit/lamp/1.0.0" in git(registry.path, "bundle", "verify", str(file))
    taken = ada.ask("registry", "receive", registry.path, "--bundle", file)
    assert taken["taken"] == 1
    assert (
        git(registry.path, "rev-parse", "submit/lamp/1.0.0").strip() == sent["submission"]["head"]
    )
    fsck(registry.path)
    ada.do("merge", registry.path, "submit/lamp/1.0.0")
    data = file.read_bytes()
    for damaged in (
        data[:40],
        data[:-30],
        b"# v3 git bundle\n" + data[16:],
        data.replace(b"submit/l", b"submat/l"),
    ):
        file.write_bytes(damaged)
        error = ada.run("registry", "receive", registry.path, "--bundle", file, "--json").error
        assert error["exit_code"] in {3, 5, 9}, error
