"""A lock in other programs' forms: nothing is lost, and the real programs take it."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.pylock import Pylock

from heimnetz_git.errors import InvalidFile, UsageError
from heimnetz_git.model.lock import Candidate, Lock
from heimnetz_git.model.permission import NetworkPermissions, Permissions
from heimnetz_git.model.release import Artifact
from heimnetz_git.registry.export import Edition
from heimnetz_git.registry.exported_remote import RemoteIndex
from heimnetz_git.resolve import Request, Resolution, formats, to_lock
from heimnetz_git.resolve.formats_toml import dump_toml
from heimnetz_git.storage.repo import Repository
from tests.billkit import fault_of_bill
from tests.exportkit import Web, exported, served, with_wheel
from tests.gitkit import WHEN, put
from tests.indexkit import UUID, entry_file, registry_file
from tests.pipkit import PYLOCK_SINCE, installed, pip, uv
from tests.resolvekit import HERE, HOME, candidate
from tests.valuekit import LOCK
from tests.wheelkit import make_wheel

BASES = {HOME: "https://example.org/plugins/"}
EMBEDDED = "artifacts/aa/bell/bell-1.0.0-py3-none-any.whl"
CLOCK = {
    "requires": {"radio": ">=1"},
    "optional": {"bell": ">=1", "watch": ">=1"},
    "packages": ("attrs>=20", 'colorama; sys_platform == "win32"'),
    "wheels": ["py3-none-any", "py3-none-linux_x86_64"],
}
CHOSEN = {
    "bell": candidate("bell", "1.0.0"),
    "clock": candidate("clock", "1.1.0", CLOCK),
    "radio": candidate(
        "radio", "1.0.0", {"permissions": Permissions(network=NetworkPermissions(raw=True))}
    ),
}


def lock_of(
    requested: dict[str, str], chosen: dict[str, Candidate], registries: dict[str, str]
) -> Lock:
    """The lock of these very releases."""
    found = Resolution(requested=requested, chosen=chosen, order=tuple(chosen), edges=())
    return to_lock(found, Request(requested=requested), HERE, registries)


def a_set() -> tuple[Lock, dict[str, Candidate]]:
    """A lock of three plugins, and what was chosen for it."""
    return lock_of({"clock": ">=1", "bell": ""}, CHOSEN, {HOME: "home"}), CHOSEN


def wheel_at(lock: Lock, path: str) -> Lock:
    """The lock with its first wheel in the registry itself."""
    first, *rest = lock.plugins
    artifact = Artifact(path=path, size=9, sha256="e" * 64)
    moved = msgspec.structs.replace(first, artifacts=(artifact,))
    return msgspec.structs.replace(lock, plugins=(moved, *rest))


def test_a_pylock_lists_every_plugin_with_all_its_wheels() -> None:
    """Valid by the standard's own reader, edges and digests included."""
    lock, chosen = a_set()
    text = formats.pylock(lock, formats.address_of({}), chosen=chosen)
    read = Pylock.from_dict(tomllib.loads(text))
    assert [(str(one.name), str(one.version)) for one in read.packages] == [
        ("bell", "1.0.0"),
        ("clock", "1.1.0"),
        ("radio", "1.0.0"),
    ]
    clock = read.packages[1]
    assert clock.dependencies == [
        {"name": "bell", "version": "1.0.0"},
        {"name": "radio", "version": "1.0.0"},
    ]
    assert str(clock.requires_python) == ">=3.11"
    assert len(clock.wheels or ()) == 2
    assert text == formats.pylock(lock, formats.address_of({}), chosen=chosen)


@pytest.mark.parametrize(
    "lock",
    [LOCK, a_set()[0], wheel_at(a_set()[0], EMBEDDED)],
)
def test_a_pylock_is_read_back_as_the_lock_it_was(lock: Lock) -> None:
    """With ranges, host, registries, places: all that the standard has no word for."""
    bases = {plugin.registry: "https://example.org/x" for plugin in lock.plugins}
    text = formats.pylock(lock, formats.address_of(bases))
    assert formats.read_pylock(text) == lock


def test_a_wheel_in_a_registry_needs_the_address_of_its_export() -> None:
    """Which is said, with the plugin's name."""
    lock = wheel_at(a_set()[0], EMBEDDED)
    with pytest.raises(UsageError, match="bell"):
        formats.pylock(lock, formats.address_of({}))
    text = formats.pylock(lock, formats.address_of(BASES))
    assert f"https://example.org/plugins/{EMBEDDED}" in text


PACKAGES = """
lock-version = "1.0"
created-by = "uv"
[[packages]]
name = "attrs"
version = "25.1.0"
[[packages.wheels]]
url = "https://example.org/attrs-25.1.0-py3-none-any.whl"
upload-time = 2026-01-31T12:00:00Z
hashes = { sha256 = "%s" }
""" % ("a" * 64)


def test_pinned_packages_come_in_from_another_pylock() -> None:
    """And are no plugins when it is read back; a plugin may not be pinned there."""
    lock, _ = a_set()
    text = formats.pylock(lock, formats.address_of({}), packages=PACKAGES)
    assert formats.pins_of(text)["attrs"] == "==25.1.0"
    assert "upload-time = 2026-01-31T12:00:00Z" in text
    assert formats.read_pylock(text) == lock
    clash = PACKAGES.replace("attrs", "clock").replace("25.1.0", "1.1.0")
    with pytest.raises(InvalidFile, match="which is a plugin"):
        formats.pylock(lock, formats.address_of({}), packages=clash)


def test_another_programs_pylock_gives_its_pins() -> None:
    """Names and versions, to be resolved anew; it is no lock of plugins."""
    assert formats.pins_of(PACKAGES) == {"attrs": "==25.1.0"}
    with pytest.raises(InvalidFile, match="not made from a lock of plugins"):
        formats.read_pylock(PACKAGES)


BROKEN = {
    "no toml": "[[",
    "no pylock": "a = 1",
    "a later standard": PACKAGES.replace('"1.0"', '"2.0"'),
    "no digest": formats.pylock(LOCK, formats.address_of({LOCK.plugins[0].registry: "x:"})).replace(
        "sha256 =", "md5 ="
    ),
    "a bad range": formats.pylock(a_set()[0], formats.address_of({})).replace('">=1"', '"=>1"'),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_no_pylock_is_refused(text: str) -> None:
    """With a sentence, never a traceback."""
    with pytest.raises(InvalidFile):
        formats.read_pylock(text)


def test_requirements_pin_every_wheel() -> None:
    """One line a plugin, a hash for each of its wheels."""
    lock, _ = a_set()
    index = "https://example.org/simple/"
    lines = formats.requirements(lock, index_url=index, packages="attrs==1 \\\n").splitlines()
    assert lines[1] == f"--extra-index-url {index}"
    assert [line for line in lines if "==" in line] == [
        "bell==1.0.0 \\",
        "clock==1.1.0 \\",
        "radio==1.0.0 \\",
        "attrs==1 \\",
    ]
    assert sum(line.startswith("    --hash=sha256:") for line in lines) == 4


def test_a_bill_of_materials_says_what_each_plugin_may_do() -> None:
    """Components, edges, licences, digests, permissions; no clock."""
    lock, chosen = a_set()
    text = formats.cyclonedx(lock, chosen=chosen)
    assert fault_of_bill(text) == ""
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    names = {one["bom-ref"]: one["name"] for one in bill["components"]}
    edges = {
        names.get(one["ref"], "root"): [names[target] for target in one["dependsOn"]]
        for one in bill["dependencies"]
    }
    assert edges == {
        "root": ["bell", "clock"],
        "bell": [],
        "clock": ["bell", "radio"],
        "radio": [],
    }
    radio = next(one for one in bill["components"] if one["name"] == "radio")
    assert {"name": "heimnetz:permission", "value": "network.raw"} in radio["properties"]
    assert radio["licenses"] == [{"expression": "MIT"}]
    assert radio["hashes"][0]["content"] == radio["externalReferences"][0]["hashes"][0]["content"]
    assert text == formats.cyclonedx(lock, chosen=chosen)


def test_every_form_goes_by_its_name() -> None:
    """The table that a command picks from."""
    lock, chosen = a_set()
    for form in formats.FORMATS:
        text = formats.in_format(form, lock, formats.address_of({}), chosen=chosen)
        assert "clock" in text


plain = (
    st.text()
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.datetimes(timezones=st.just(UTC))
)
keys = st.text(max_size=8)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5)
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(keys, values, max_size=5))
def test_toml_is_read_back_as_it_was(document: dict[str, Any]) -> None:
    """By Python's own reader, whatever the text and the nesting."""
    assert tomllib.loads(dump_toml(document)) == document


def test_toml_has_times_in_utc() -> None:
    """As the standard wants them, to the second."""
    when = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert dump_toml({"at": when}) == "at = 2026-01-31T12:00:00Z\n"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of two plugins, one of which needs the other."""
    scratch = tmp_path_factory.mktemp("formats")
    files = registry_file() | entry_file("clock") | entry_file("radio")
    more: dict[str, Any] = {"manifest": {"requires": {"radio": ">=1"}}}
    files |= with_wheel(scratch / "shelf", "clock", "1.1.0", **more)
    files |= with_wheel(scratch / "shelf", "radio", merged="2026-01-01T00:00:00Z")
    with Repository.create(scratch / "index.git") as repo:
        put(repo, files)
        exported(repo, scratch / "out", Edition(created=WHEN, expires=WHEN + 10))
    return scratch / "out"


def locked(web: Web) -> tuple[Lock, dict[str, Candidate]]:
    """A lock of both plugins, from the export alone."""
    with RemoteIndex(f"{web.url}/root.json", index="acme", clock=lambda: WHEN) as remote:
        chosen = {name: remote.releases(name)[0] for name in ("clock", "radio")}
    return lock_of({"clock": ""}, chosen, {UUID: "acme"}), chosen


def write(web: Web, folder: Path) -> Path:
    """The pylock of both plugins as a file."""
    lock, chosen = locked(web)
    path = folder / "pylock.toml"
    text = formats.pylock(lock, formats.address_of({UUID: web.url}), chosen=chosen)
    path.write_text(text, encoding="utf-8")
    return path


def take(program: str, path: Path, folder: Path) -> dict[str, str]:
    """What the program installs from a pylock into a new folder, with no index at all."""
    target = folder / "target"
    if program == "pip":
        words = ("--no-index", "--no-deps", "--target", str(target))
        pip("install", *words, "-r", str(path), scratch=folder, since=PYLOCK_SINCE)
    else:
        uv("pip", "sync", "--no-index", "--target", str(target), str(path), scratch=folder)
    return installed(target)


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_the_real_programs_install_a_set_from_a_pylock(
    tmp_path: Path, out: Path, program: str
) -> None:
    """Every plugin of it, from the export's wheels."""
    with served(out) as web:
        found = take(program, write(web, tmp_path), tmp_path)
    assert found == {"clock": "1.1.0", "radio": "1.0.0"}


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_the_real_programs_refuse_another_wheel(tmp_path: Path, out: Path, program: str) -> None:
    """By the digest in the pylock."""
    other = make_wheel(tmp_path / "other", "radio", files={"radio/__init__.py": "BAD = 1"})
    place = next(out.rglob("radio-*.whl")).relative_to(out).as_posix()
    with served(out, answers={f"/{place}": other.read_bytes()}) as web:
        path = write(web, tmp_path)
        with pytest.raises(AssertionError, match=r"(?i)hash|size"):
            take(program, path, tmp_path)


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_the_real_programs_take_the_requirements(tmp_path: Path, out: Path, program: str) -> None:
    """With hashes required."""
    with served(out) as web:
        path = tmp_path / "requirements.txt"
        path.write_text(formats.requirements(locked(web)[0]), encoding="utf-8")
        words = ["--require-hashes", "--index-url", f"{web.url}/simple/"]
        words += ["--target", str(tmp_path / "target"), "-r", str(path)]
        if program == "pip":
            pip("install", *words, scratch=tmp_path)
        else:
            uv("pip", "install", *words, scratch=tmp_path)
    assert installed(tmp_path / "target") == {"clock": "1.1.0", "radio": "1.0.0"}
