"""The law of what a release promises: permissions, licence, host, signature, names upstream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heimnetz_git.model.layout import (
    ALLOWED_SIGNERS,
    POLICY,
    REGISTRY,
    REVOKED_KEYS,
    UPSTREAM_NAMES,
    plugin_path,
    signature_path,
)
from heimnetz_git.model.registry import Owner, Policy
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.signatures import sign
from tests.attacks.kit import ADA_KEY, ADA_LINE, EVE_KEY, EVE_LINE
from tests.test_registry_law import ADA, CLOCK, INFO, NEW, Bench, Files, entry

SIG = signature_path(CLOCK, "1.1.0")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A fresh bench."""
    with Repository.create(tmp_path / "index.git") as repo:
        yield Bench(repo, tmp_path)


def on_main(bench: Bench, files: Files) -> None:
    """The base has these files too."""
    bench.base = bench.repo.write(bench.base, files)


def asking(bench: Bench, permissions: Mapping[str, object], version: str = "1.1.0") -> Files:
    """The next release of clock, which wants this."""
    manifest = {"permissions": permissions}
    return bench.release(CLOCK, version, owner=False, manifest=manifest)


SSL = {"network": {"connect": ["api.example.org:443"]}}
WEB = {"network": {"connect": ["api.example.org:443", "*.example.net:80"]}}


@pytest.mark.parametrize(
    ("before", "after", "outcomes"),
    [({}, SSL, {"permissions-grown": "hold"}), (SSL, SSL, {}), (WEB, SSL, {}), (SSL, {}, {}),
     (SSL, WEB, {"permissions-grown": "hold"})],
)  # fmt: skip
def test_growing_permissions_wait_for_a_maintainer(
    bench: Bench,
    before: Mapping[str, object],
    after: Mapping[str, object],
    outcomes: dict[str, str],
) -> None:
    """Compared as permissions, not as text; fewer or the same are no matter."""
    on_main(bench, asking(bench, before))
    assert bench.outcomes(asking(bench, after, "1.2.0")) == outcomes


def test_growth_is_told_since_the_version_before(bench: Bench) -> None:
    """Not since the newest one: an older series has permissions of its own."""
    on_main(bench, asking(bench, WEB, "2.0.0"))
    (found,) = bench.judge(asking(bench, SSL), actor=ADA)
    assert (found.rule, found.location.file) == ("permissions-grown", NEW)
    assert "More than 1.0.0" in found.message
    assert "api.example.org:443" in found.message


def test_a_first_release_grows_from_nothing(bench: Bench) -> None:
    """A new name waits its days; what it may do is told elsewhere."""
    files = bench.release("lamp", "1.0.0", manifest={"permissions": SSL})
    assert "permissions-grown" not in bench.outcomes(files)


def test_a_policy_may_refuse_growth(bench: Bench) -> None:
    """Or only note it."""
    on_main(bench, {POLICY: yamlfile.dump(Policy(format=1, rules={"permissions-grown": "refuse"}))})
    assert bench.outcomes(asking(bench, SSL)) == {"permissions-grown": "refuse"}


LICENCES: list[tuple[str, dict[str, object], bool]] = [
    ("there", {}, True),
    ("neither named nor there", {"license_file": b""}, False),
    ("named and not there", {"metadata": "License-File: COPYING"}, False),
    ("empty", {"license_file": b"", "metadata": "License-File: LICENSE"}, False),
]


@pytest.mark.parametrize(("how", "lawful"), [pytest.param(*one[1:], id=one[0]) for one in LICENCES])
def test_a_licence_has_its_text_in_the_wheel(
    bench: Bench, how: dict[str, object], lawful: bool
) -> None:
    """Where METADATA says that it is."""
    found = bench.outcomes(bench.release(CLOCK, "1.1.0", owner=False, **how))
    assert found == ({} if lawful else {"license-file-missing": "hold"})


HOSTS: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"heimnetz": ">=1.0,<2"}, {}),
    ({"heimnetz": "~=1.4"}, {}),
    ({"heimnetz": ">=1.0"}, {"host-unbounded": "note"}),
    ({"heimnetz": ">=2,<1"}, {"host-range": "refuse"}),
    ({"heimnetz": "==1.0,!=1.0"}, {"host-range": "refuse"}),
    ({"other": ">=1,<2"}, {"host-range": "refuse"}),
    ({"other": ">=1,<2", "heimnetz": ">=1,<2"}, {}),
]


@pytest.mark.parametrize(("host", "outcomes"), HOSTS)
def test_a_range_of_hosts_makes_sense(
    bench: Bench, host: dict[str, str], outcomes: dict[str, str]
) -> None:
    """A host of this registry, versions that can be, and an end."""
    files = bench.release(CLOCK, "1.1.0", owner=False, manifest={"host": host})
    assert bench.outcomes(files) == outcomes


def test_a_registry_of_another_host_takes_its_own(bench: Bench) -> None:
    """By ``host`` of registry.yaml."""
    on_main(bench, {REGISTRY: yamlfile.dump(msgspec.structs.replace(INFO, host=("other",)))})
    assert bench.outcomes(bench.update()) == {"host-range": "refuse"}


def test_a_name_of_a_registry_upstream_waits(bench: Bench) -> None:
    """So that nobody gets the one for the other; a part of a name is none."""
    on_main(bench, {UPSTREAM_NAMES: b"# of acme\nlamp\nwake-on-lan\n"})
    assert bench.outcomes(bench.release("lamp", "1.0.0")) == {"name-upstream": "hold"}
    assert bench.outcomes(bench.release("wake-on-lan", "1.0.0")) == {"name-upstream": "hold"}
    assert bench.outcomes(bench.release("sundial", "1.0.0")) == {}
    assert bench.outcomes(bench.update()) == {}


def signers(*lines: str, revoked: bytes = b"") -> Files:
    """Who may sign, as files of the base."""
    return {ALLOWED_SIGNERS: "\n".join(lines).encode(), REVOKED_KEYS: revoked}


def of_release(files: Files, key: bytes, **how: Any) -> bytes:
    """A signature over the new release file."""
    data = files[NEW]
    assert isinstance(data, bytes)
    return sign(data, key, **how).encode()


Damage = Callable[[Files], bytes]
BOTH = (f"ada {ADA_LINE}", f"eve {EVE_LINE}")
SIGNATURES: list[tuple[str, tuple[str, ...], Damage, dict[str, str]]] = [
    ("an owner's", BOTH, lambda f: of_release(f, ADA_KEY), {}),
    ("a maintainer's", (*BOTH, f"max {EVE_LINE}"), lambda f: of_release(f, ADA_KEY), {}),
    ("a stranger's", BOTH, lambda f: of_release(f, EVE_KEY), {"signature-wrong": "refuse"}),
    ("unknown", BOTH[1:], lambda f: of_release(f, ADA_KEY), {"signature-unknown": "hold"}),
    ("of a commit", BOTH, lambda f: of_release(f, ADA_KEY, namespace="git"),
     {"signature-wrong": "refuse"}),
    ("of another file", BOTH, lambda f: sign(b"x", ADA_KEY).encode(),
     {"signature-wrong": "refuse"}),
    ("damaged", BOTH, lambda f: of_release(f, ADA_KEY)[:-60] + b"\n",
     {"signature-wrong": "refuse"}),
    ("empty", BOTH, lambda f: b"", {"signature-wrong": "refuse"}),
    ("expired", (f'ada valid-before="20250101" {ADA_LINE}',), lambda f: of_release(f, ADA_KEY),
     {"signature-wrong": "refuse"}),
    ("for anybody", (f"* {EVE_LINE}",), lambda f: of_release(f, EVE_KEY),
     {"signature-wrong": "refuse"}),
    ("for other files", (f'ada namespaces="git" {ADA_LINE}',), lambda f: of_release(f, ADA_KEY),
     {"signature-wrong": "refuse"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "make", "outcomes"), [pytest.param(*one[1:], id=one[0]) for one in SIGNATURES]
)
def test_a_signature_beside_a_release_is_an_owner_s(
    bench: Bench, lines: tuple[str, ...], make: Damage, outcomes: dict[str, str]
) -> None:
    """It stays there for ever, so that everybody must be able to trust it."""
    on_main(bench, signers(*lines))
    files = bench.update()
    assert bench.outcomes({**files, SIG: make(files)}) == outcomes


def test_a_key_that_was_taken_back_signs_no_release(bench: Bench) -> None:
    """By ``trust/revoked_keys`` of the base; a list that cannot be read takes back all."""
    for revoked in (ADA_LINE.encode(), b"SSHKRL\n\0garbage"):
        on_main(bench, signers(*BOTH, revoked=revoked))
        files = bench.update()
        found = bench.outcomes({**files, SIG: of_release(files, ADA_KEY)})
        assert found == {"signature-wrong": "refuse"}


def test_a_new_plugin_is_signed_by_its_first_owner(bench: Bench) -> None:
    """Whom its own plugin.yaml names."""
    on_main(bench, signers(*BOTH))
    for owner, outcomes in (("ada", {}), ("eve", {"signature-wrong": "refuse"})):
        files = bench.release("lamp", "1.0.0")
        files[plugin_path("lamp")] = entry(name="lamp", owners=(Owner(owner),))
        release = files[next(path for path in files if path.endswith("1.0.0.yaml"))]
        assert isinstance(release, bytes)
        files[signature_path("lamp", "1.0.0")] = sign(release, ADA_KEY).encode()
        assert bench.outcomes(files, None) == outcomes
