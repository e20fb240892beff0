"""Hostile trees, pushed and merged: the law's breaches end to end, on main as it is then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.model.layout import (
    ALLOWED_SIGNERS,
    POLICY,
    REGISTRY,
    artifact_path,
    plugin_path,
)
from heimnetz_git.model.registry import Deprecation, Owner, Policy
from heimnetz_git.storage import yamlfile
from tests.attacks.kit import EVE_KEY, EVE_LINE, Siege
from tests.test_registry_law import (
    BREACHES,
    CLOCK,
    NEW,
    Bench,
    Files,
    Make,
    entry,
    of_bytes,
    release_in,
)
from tests.wheelkit import Raw, make_wheel


@pytest.fixture
def siege(tmp_path: Path) -> Iterator[Siege]:
    """A fresh registry."""
    made = Siege(tmp_path)
    yield made
    made.repo.close()


@pytest.mark.parametrize(
    ("rule", "make"), [pytest.param(rule, make, id=name) for name, rule, make in BREACHES]
)
def test_no_breach_of_the_law_lands(siege: Siege, rule: str, make: Make) -> None:
    """Even when a proven owner pushes it and every waiting period is over."""
    head = siege.head(make(siege.bench))
    branch = siege.push(head, by="ada")
    assert rule in siege.refusals(branch) | siege.checked(head)


def wheel(bench: Bench, **how: object) -> Files:
    """The next release of clock, of a wheel that is not as it should be."""
    path = make_wheel(bench.folder / "evil", CLOCK, "1.1.0", **how)  # type: ignore[arg-type] # as given
    return of_bytes(bench, path.read_bytes())


def bomb() -> bytes:
    """Much of nothing, packed well."""
    return b"\0" * (80 << 20)


OWN = "clock/__init__.py"
SHELL = {"permissions": {"run": ["/bin/sh"]}}
WHEELS: list[tuple[str, Callable[[Bench], Files]]] = [
    ("zip bomb", lambda b: wheel(b, extra=[Raw("clock/data.bin", bomb())])),
    ("path traversal", lambda b: wheel(b, extra=[Raw("../../etc/passwd", b"x")])),
    ("absolute path", lambda b: wheel(b, extra=[Raw("/etc/passwd", b"x")])),
    ("link to a secret", lambda b: wheel(b, extra=[Raw("clock/k", b"/etc/passwd", 0o120777)])),
    ("code at start-up", lambda b: wheel(b, extra=[Raw("clock.pth", b"import os")])),
    ("another's package", lambda b: wheel(b, files={"requests/__init__.py": "x = 1\n"})),
    ("not in RECORD", lambda b: wheel(b, extra=[Raw("clock/more.py", b"x = 1")])),
    ("RECORD lies", lambda b: wheel(b, record={OWN: f"{OWN},sha256=x,1"})),
    ("METADATA of another", lambda b: wheel(b, metadata="Name: requests")),
    ("no entry point", lambda b: wheel(b, entry_points="")),
    ("no manifest", lambda b: wheel(b, plugin_yaml=None)),
    ("no plugin.json", lambda b: wheel(b, plugin_json=None)),
    ("plugin.json of another", lambda b: wheel(b, plugin_json=b'{"name":"lamp"}')),
    ("more permissions than it says", lambda b: wheel(b, manifest=SHELL)),
    ("another licence than it says", lambda b: wheel(b, licence="GPL-3.0-only")),
    ("more packages than it says", lambda b: wheel(b, packages=["evil"])),
    ("more requirements than it says", lambda b: wheel(b, manifest={"requires": {"evil": ""}})),
    ("another version inside", lambda b: of_bytes(
        b, make_wheel(b.folder / "evil", CLOCK, "1.2.0").read_bytes()
    )),
    ("another plugin inside", lambda b: of_bytes(
        b, make_wheel(b.folder / "evil", "lamp", "1.1.0").read_bytes()
    )),
    ("cut short", lambda b: of_bytes(b, make_wheel(b.folder, CLOCK, "1.1.0").read_bytes()[:-40])),
]  # fmt: skip


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in WHEELS])
def test_no_hostile_wheel_lands(siege: Siege, make: Callable[[Bench], Files]) -> None:
    """The release file must be what the wheel says, and the wheel one that can do no harm."""
    head = siege.head(make(siege.bench))
    assert "release-differs" in siege.refusals(siege.push(head, by="ada"))


def weaker() -> bytes:
    """A policy that lets everything pass."""
    return yamlfile.dump(Policy(format=1, maintainers=("eve",)))


TOGETHER: list[tuple[str, str, Callable[[Bench], Files]]] = [
    ("policy with what it guards", "shared-file", lambda b: {**b.update(), POLICY: weaker()}),
    ("signers with a release", "shared-file", lambda b: {
        **b.update(), ALLOWED_SIGNERS: f"ada {EVE_LINE}\n".encode()
    }),
    ("identity with a release", "shared-file", lambda b: {**b.update(), REGISTRY: None}),
    ("a hook", "shared-file", lambda b: {**b.update(), "hooks/post-update": b"#!/bin/sh\n"}),
    ("an advisory", "shared-file", lambda b: {**b.update(), "advisories/X-1.yaml": b"id: X-1\n"}),
    ("a featured list", "shared-file", lambda b: {**b.update(), "collections/best.yaml": b"x"}),
    ("modules of git", "shared-file", lambda b: {**b.update(), ".gitmodules": b"[submodule]\n"}),
    ("mail map", "shared-file", lambda b: {**b.update(), ".mailmap": b"Max <eve@x>\n"}),
    ("owner and release", "plugin-file-changed", lambda b: {
        **b.update(), plugin_path(CLOCK): entry(owners=(Owner("eve"),))
    }),
    ("yank and release", "plugin-file-changed", lambda b: {
        **b.update(), plugin_path(CLOCK): entry(yanked={"1.0.0": "x"})
    }),
    ("removal and owner", "one-topic", lambda b: {
        plugin_path(CLOCK): entry(
            status="removed", deprecated=Deprecation("x"), owners=(Owner("eve"),)
        )
    }),
    ("yank without reason", "plugin-file-valid", lambda b: {
        plugin_path(CLOCK): entry(yanked={"1.0.0": ""})
    }),
    ("name of another plugin", "one-topic", lambda b: {plugin_path(CLOCK): entry(name="lamp")}),
    ("a wheel in a stranger's folder", "one-plugin", lambda b: {
        **b.update(), artifact_path("lamp", "lamp-1.0.0-py3-none-any.whl"): b"PK"
    }),
    ("a second format", "release-valid", lambda b: {**b.update(), NEW: b"format: 2\n"}),
    ("aliases in YAML", "release-valid", lambda b: {
        **b.update(), NEW: b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    }),
    ("a tag in YAML", "release-valid", lambda b: {
        **b.update(), NEW: b"!!python/object/apply:os.system ['id']\n"
    }),
    ("a key twice", "release-valid", lambda b: {
        **b.update(), NEW: b"format: 1\nname: clock\nname: lamp\n"
    }),
    ("two documents", "release-valid", lambda b: {**b.update(), NEW: b"a: 1\n---\nb: 2\n"}),
    ("a thousand levels", "release-valid", lambda b: {**b.update(), NEW: b"[" * 1000}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "make"), [pytest.param(rule, make, id=name) for name, rule, make in TOGETHER]
)
def test_nothing_passes_in_the_shadow_of_a_release(
    siege: Siege, rule: str, make: Callable[[Bench], Files]
) -> None:
    """Shared files, owners and yanks do not travel with something harmless."""
    head = siege.head(make(siege.bench))
    assert rule in siege.refusals(siege.push(head, by="ada"))


def test_a_wheel_by_a_digest_that_is_not_its_own(siege: Siege) -> None:
    """Size and digest are those of the bytes, not of the words."""
    files = siege.bench.update()
    release = release_in(files)
    lying = msgspec.structs.replace(release.artifacts[0], sha256="0" * 64)
    files[NEW] = yamlfile.dump(msgspec.structs.replace(release, artifacts=(lying,)))
    assert "artifact-missing" in siege.refusals(siege.push(siege.head(files), by="ada"))


def test_a_stranger_takes_over_by_signing(siege: Siege) -> None:
    """A good signature of somebody else is no owner's."""
    taken: Files = {plugin_path(CLOCK): entry(owners=(Owner("eve"),))}
    for files in (siege.bench.update(), taken):
        branch = "submit/clock/1.1.0" if NEW in files else "submit/clock/facts-transfer"
        head = siege.head(files, key=EVE_KEY)
        assert "not-owner" in siege.refusals(siege.push(head, branch))
