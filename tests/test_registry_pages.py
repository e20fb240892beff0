"""Pages for pip and uv: what they say, and that the real ones install from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git.model.export import PluginPage, PublishedEntry, PublishedRelease
from heimnetz_git.model.registry import Deprecation, Owner, PluginEntry, Record
from heimnetz_git.model.release import Artifact
from heimnetz_git.registry import pages
from heimnetz_git.storage.repo import Repository
from tests.exportkit import Web, exported, served, with_wheel
from tests.gitkit import put
from tests.indexkit import entry_file, registry_file, release
from tests.pipkit import INSTALLERS, installed, pip, uv
from tests.wheelkit import make_wheel

OID = "0" * 39 + "1"
WHEEL = Artifact(path="artifacts/aa/clock/clock-1.0.0-py3-none-any.whl", size=9, sha256="a" * 64)


def page(entry: PluginEntry | None = None, **fields: Any) -> PluginPage:
    """The page of clock 1.0.0."""
    value = release("clock", **({"artifacts": (WHEEL,)} | fields))
    record = Record(
        format=1, name="clock", version="1.0.0", release=OID, merged="2026-01-31T12:00:00Z"
    )
    return PluginPage(
        format=1,
        name="clock",
        entry=PublishedEntry(oid=OID, value=entry or entry_of()),
        releases=(PublishedRelease(oid=OID, value=value),),
        records=(record,),
    )


def entry_of(**fields: Any) -> PluginEntry:
    """The facts of clock."""
    return PluginEntry(format=1, name="clock", owners=(Owner("ada"),), **fields)


def listed(shown: PluginPage) -> dict[str, Any]:
    """The JSON page."""
    found: dict[str, Any] = json.loads(
        pages.project_pages(shown, {"a" * 64: "b" * 64})["simple/clock/index.json"]
    )
    return found


def test_a_wheel_is_listed_with_all_that_installers_ask() -> None:
    """PEP 691, 658 and 700: address, digest, size, time, Python, METADATA."""
    found = listed(page())
    assert found["meta"] == {"api-version": "1.4"}
    assert (found["name"], found["versions"]) == ("clock", ["1.0.0"])
    assert found["files"] == [
        {
            "filename": "clock-1.0.0-py3-none-any.whl",
            "url": "../../artifacts/aa/clock/clock-1.0.0-py3-none-any.whl",
            "hashes": {"sha256": "a" * 64},
            "requires-python": ">=3.11",
            "size": 9,
            "yanked": False,
            "upload-time": "2026-01-31T12:00:00Z",
            "core-metadata": {"sha256": "b" * 64},
            "dist-info-metadata": {"sha256": "b" * 64},
        }
    ]


def test_a_wheel_elsewhere_is_listed_where_it_is() -> None:
    """Without METADATA, which would have to lie beside it."""
    url = "https://example.org/clock-1.0.0-py3-none-any.whl"
    (file,) = listed(page(artifacts=(Artifact(url=url, size=1, sha256="c" * 64),)))["files"]
    assert (file["url"], "core-metadata" in file) == (url, False)


def test_a_yank_comes_with_its_reason() -> None:
    """PEP 592; a removed plugin is yanked whole."""
    assert listed(page(entry_of(yanked={"1.0.0": "late"})))["files"][0]["yanked"] == "late"
    assert "removed" in listed(page(entry_of(status="removed")))["files"][0]["yanked"]
    shown = pages.project_pages(page(entry_of(yanked={"1.0.0": '"<late>"'})), {"a" * 64: ""})
    assert b'data-yanked="&quot;&lt;late&gt;&quot;"' in shown["simple/clock/index.html"]


def test_a_deprecation_is_the_status_of_the_project() -> None:
    """PEP 792."""
    said = entry_of(status="deprecated", deprecated=Deprecation("Replaced", "watch"))
    assert listed(page(said))["project-status"] == {"status": "deprecated", "reason": "Replaced"}
    assert listed(page(entry_of(status="archived")))["project-status"]["status"] == "archived"
    assert "project-status" not in listed(page())


def test_a_record_of_another_file_dates_nothing() -> None:
    """The time is the registry's word on this very release, or none."""
    shown = page()
    record = Record(
        format=1, name="clock", version="1.0.0", release="f" * 40, merged="2026-01-31T12:00:00Z"
    )
    other = PluginPage(
        format=1, name="clock", entry=shown.entry, releases=shown.releases, records=(record,)
    )
    assert "upload-time" not in listed(other)["files"][0]


def test_what_it_yanks_must_be_known() -> None:
    """A plugin whose facts cannot be read offers nothing, as in a cache."""
    shown = page()
    blind = PublishedEntry(oid=OID, value=None)
    found = PluginPage(format=1, name="clock", entry=blind, releases=shown.releases)
    assert listed(found)["files"] == []


def test_names_are_listed_in_both_forms() -> None:
    """Sorted, and linked by folder."""
    found = pages.names_pages(["radio", "clock"])
    projects = json.loads(found["simple/index.json"])["projects"]
    assert projects == [{"name": "clock"}, {"name": "radio"}]
    assert b'<a href="clock/">clock</a>' in found["simple/index.html"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An export with three versions of a plugin, the newest of them yanked."""
    with Repository.create(tmp_path / "index.git") as repo:
        shelf = tmp_path / "shelf"
        files = registry_file() | entry_file("clock", yanked={"1.2.0": "late"})
        for minor, day in enumerate(("01", "15", "20")):
            merged = f"2026-01-{day}T00:00:00Z"
            files |= with_wheel(shelf, "clock", f"1.{minor}.0", merged=merged)
        put(repo, files)
        exported(repo, tmp_path / "out")
    return tmp_path / "out"


def install(program: str, web: Web, scratch: Path, *words: str) -> dict[str, str]:
    """What is in a new folder after the real program installed from that server alone."""
    target = scratch / "target"
    index = ("--index-url", f"{web.url}/simple/", "--target", str(target))
    if program == "pip":
        pip("install", "--only-binary", ":all:", *index, *words, scratch=scratch)
    else:
        uv("pip", "install", *index, *words, scratch=scratch)
    return installed(target)


@pytest.mark.parametrize("json", [True, False], ids=["json", "html"])
@pytest.mark.parametrize("program", INSTALLERS)
def test_installers_install_from_an_export(
    tmp_path: Path, out: Path, program: str, json: bool
) -> None:
    """The newest that is not yanked, from METADATA first, whatever form the server speaks."""
    with served(out, json=json) as web:
        assert install(program, web, tmp_path, "clock") == {"clock": "1.1.0"}
        wheels = [path for path in web.asked if ".whl" in path]
        assert [path.endswith(".metadata") for path in wheels] == [True, False]


@pytest.mark.parametrize("program", INSTALLERS)
def test_installers_take_a_yanked_release_by_name(tmp_path: Path, out: Path, program: str) -> None:
    """For those who pinned it."""
    with served(out) as web:
        assert install(program, web, tmp_path, "clock==1.2.0") == {"clock": "1.2.0"}


@pytest.mark.parametrize("program", INSTALLERS)
def test_installers_refuse_a_tampered_wheel(tmp_path: Path, out: Path, program: str) -> None:
    """Another one of that name and version, sound in itself, at the right place."""
    wheel = next((out / "artifacts").rglob("clock-1.1.0-*.whl"))
    other = make_wheel(tmp_path / "other", "clock", "1.1.0", files={"clock/__init__.py": "BAD = 1"})
    wheel.write_bytes(other.read_bytes())
    with served(out) as web, pytest.raises(AssertionError, match=r"(?i)hash"):
        install(program, web, tmp_path, "clock")


@pytest.mark.parametrize("json", [True, False], ids=["json", "html"])
def test_uv_leaves_out_what_is_newer(tmp_path: Path, out: Path, json: bool) -> None:
    """By the time of the registry's record."""
    with served(out, json=json) as web:
        found = install("uv", web, tmp_path, "clock", "--exclude-newer", "2026-01-10T00:00:00Z")
    assert found == {"clock": "1.0.0"}
