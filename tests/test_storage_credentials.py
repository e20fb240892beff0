"""Logins are found where people keep them, go to the server that they are for, and to no other."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential

from heimnetz_git.errors import LoginRequired
from heimnetz_git.storage.access import Access, Login, using
from heimnetz_git.storage.credentials import SystemLogins, origin_of, token_variable
from heimnetz_git.storage.repo import remote_heads
from tests.forgekit import TOKEN, forge, github
from tests.gitkit import index_with

URL = "https://git.example.org/acme/plugins.git"
ENVIRON = [
    ({"HEIMNETZ_TOKEN_git_example_org": "a"}, URL, False, "a"),
    ({"HEIMNETZ_TOKEN_git_example_org": "a"}, "https://example.org/x", True, None),
    ({"HEIMNETZ_TOKEN": "b"}, URL, True, "b"),
    ({"HEIMNETZ_TOKEN": "b"}, URL, False, None),
    ({"HEIMNETZ_TOKEN": "b"}, "https://git.example.org:8443/x.git", False, None),
    ({"HEIMNETZ_TOKEN": "b"}, "http://git.example.org/x.git", True, None),
    ({"HEIMNETZ_TOKEN": "b"}, "http://127.0.0.1:80/x.git", True, "b"),
    ({"HEIMNETZ_TOKEN": " "}, URL, True, None),
    ({"GITHUB_TOKEN": "c"}, "https://github.com/acme/plugins", False, "c"),
    ({"GITHUB_TOKEN": "c"}, "http://github.com/acme/plugins", False, None),
    ({"GITHUB_TOKEN": "c"}, URL, True, None),
    ({"GITHUB_TOKEN": "c"}, "https://github.com.example.org/x", True, None),
    ({"GITLAB_TOKEN": "d"}, "https://gitlab.com/acme/plugins", False, "d"),
    ({"HEIMNETZ_TOKEN": "b"}, "git@git.example.org:acme/plugins.git", True, None),
]


@pytest.mark.parametrize(("environ", "url", "trusted", "token"), ENVIRON)
def test_a_token_of_the_environment_is_for_one_server(
    environ: dict[str, str], url: str, trusted: bool, token: str | None
) -> None:
    """By the variable's name, because the user named the registry, or because it is the forge's."""
    logins = SystemLogins(environ, may_ask=False)
    if trusted:
        logins.trust(url)
    found = logins.find(url)
    assert (found.password if found else None) == token
    assert token is None or token not in repr(found).replace("Login", "")[:3]


def test_names_of_servers_become_names_of_variables() -> None:
    """Letters and digits stay; origins are alike whatever the path and case."""
    assert token_variable("git.my-host.example:8443") == "HEIMNETZ_TOKEN_git_my_host_example_8443"
    assert origin_of("https://user@GIT.Example.org:1/x/y") == "https://git.example.org:1"
    assert origin_of("/folder") == origin_of("ssh://git@example.org/x") == ""


@pytest.fixture
def helper(tmp_path: Path) -> dict[str, str]:
    """An environment in which git asks a credential helper that notes what it is told."""
    log = tmp_path / "asked"
    program = tmp_path / "helper"
    program.write_text(
        f'#!/bin/sh\n{{ echo "$1"; cat; }} >> {shlex.quote(str(log))}\n'
        f"[ \"$1\" = get ] && printf 'username=ada\\npassword={TOKEN}\\n'\nexit 0\n"
    )
    program.chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[credential]\n\thelper = {program}\n")
    return {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LOG": str(log),
    }


def test_gits_helpers_are_asked_and_told(helper: dict[str, str]) -> None:
    """``fill`` first; ``approve`` or ``reject`` once the server has answered."""
    logins = SystemLogins(helper, may_ask=False)
    found = logins.find(URL)
    assert found == Login("ada", TOKEN, "git credential")
    logins.settled(URL, found, accepted=True)
    logins.settled(URL, found, accepted=False)
    assert logins.find(URL) is None, "what was refused is not given again"
    told = Path(helper["LOG"]).read_text().split()
    assert [word for word in told if word in {"get", "store", "erase"}] == [
        "get",
        "store",
        "erase",
        "get",
    ]
    assert "host=git.example.org" in told


def test_without_helpers_nobody_is_asked(tmp_path: Path) -> None:
    """No prompt where there is no person; no git is no error."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    assert SystemLogins(environ, may_ask=False).find(URL) is None
    assert SystemLogins({"PATH": str(tmp_path)}, may_ask=False).find(URL) is None


class Ring(KeyringBackend):
    """A keyring in memory; never chosen by itself."""

    priority = -1

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        """One login is known."""
        known = service == "heimnetz-git:git.example.org"
        return SimpleCredential("ada", TOKEN) if known else None

    def get_password(self, service: str, username: str) -> str | None:
        """Not used."""
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Not used: nothing is ever written."""
        raise NotImplementedError


@pytest.fixture
def ring() -> Iterator[None]:
    """The system's keyring is ours for a while."""
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())  # type: ignore[no-untyped-call] # the base's is
    yield
    keyring.set_keyring(before)


def test_the_keyring_comes_last(ring: None, helper: dict[str, str]) -> None:
    """By the service ``heimnetz-git:HOST``."""
    alone = SystemLogins({}, may_ask=False)
    assert alone.find(URL) == Login("ada", TOKEN, "the system's keyring")
    assert alone.find("https://example.org/x") is None
    both = SystemLogins(helper, may_ask=False).find(URL)
    assert both is not None
    assert both.origin == "git credential"


def test_a_login_opens_a_server_that_wants_one(tmp_path: Path) -> None:
    """Git over http asks once, with the helper's login; a refused one is an error without it."""
    with index_with(tmp_path / "acme/plugins.git", {"x": b"1"}), forge(tmp_path, github) as made:
        made.private = True
        logins = SystemLogins({"HEIMNETZ_TOKEN": TOKEN}, may_ask=False)
        logins.trust(made.address)
        with using(Access(logins)):
            assert list(remote_heads(made.url())) == ["main"]
        assert set(made.tokens) == {TOKEN}
        wrong = SystemLogins({"HEIMNETZ_TOKEN": "wr0ng"}, may_ask=False)
        wrong.trust(made.address)
        with using(Access(wrong)), pytest.raises(LoginRequired) as caught:
            remote_heads(made.url())
        assert "wr0ng" not in f"{caught.value} {caught.value.facts}"
        with pytest.raises(LoginRequired):
            remote_heads(made.url())
