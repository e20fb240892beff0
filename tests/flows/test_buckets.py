"""A registry in a bucket: exported to S3 by the program, read from there over HTTP."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exportkit import with_wheel
from tests.flows.kit import Machine, Registry
from tests.indexkit import entry_file
from tests.s3kit import BUCKET, Bucket, bucket

PLACE = f"s3://{BUCKET}/home-lab"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """One bucket for this file; each test has a prefix of its own."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    with bucket(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry that holds the wheels of clock and lamp."""
    found = Registry(tmp_path / "lab.git")
    files: dict[str, bytes | None] = dict(entry_file("clock") | entry_file("lamp"))
    files |= with_wheel(tmp_path / "dist", "clock")
    found.put(files | with_wheel(tmp_path / "dist", "lamp", manifest={"requires": {"clock": ""}}))
    return found


def headers(url: str, **more: str) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer."""
    request = urllib.request.Request(url, headers=more)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, {key.lower(): value for key, value in response.headers.items()}


def test_a_registry_goes_to_a_bucket_and_is_used_from_there(
    tmp_path: Path, s3: Bucket, registry: Registry
) -> None:
    """Exported, verified, added over HTTP, installed; a second export carries what is new."""
    machine = Machine(tmp_path / "machine", s3.environ)
    first = machine.ask("index", "export", registry.path, PLACE)["export"]
    assert (first["pages"], first["missing"]) == (2, [])
    found = machine.ask("index", "verify", PLACE)["verified"]
    assert (found["plugins"], found["wheels"], found["problems"]) == (2, 2, [])

    machine.do("index", "add", "lab", f"{s3.url}/home-lab/root.json")
    machine.do("install", "lamp", "--yes")
    assert machine.versions == {"clock": "1.0.0", "lamp": "1.0.0"}

    registry.put(dict(with_wheel(tmp_path / "dist", "clock", "1.1.0")))
    again = machine.ask("index", "export", registry.path, PLACE)["export"]
    assert (again["whole"], again["pages"]) == (False, 1)
    assert again["written"] == 7, "wheel, METADATA, page, shard, two pages for installers, root"
    machine.do("index", "update")
    machine.do("update", "--yes")
    assert machine.versions == {"clock": "1.1.0", "lamp": "1.0.0"}
    assert machine.ask("index", "export", registry.path, PLACE)["export"]["written"] == 1
    assert machine.ask("index", "export", registry.path, PLACE, "--prune")["removed"] == []


def test_the_bucket_says_how_long_each_file_holds(
    tmp_path: Path, s3: Bucket, registry: Registry
) -> None:
    """The root for a minute, objects for good; types that installers understand."""
    machine = Machine(tmp_path / "machine", s3.environ)
    machine.do("index", "export", registry.path, f"s3://{BUCKET}/typed/")
    base = f"{s3.url}/typed"
    assert headers(f"{base}/root.json")[1]["cache-control"] == "max-age=60"
    kind = headers(f"{base}/simple/clock/index.json")[1]["content-type"]
    assert kind == "application/vnd.pypi.simple.v1+json"
    etag = headers(f"{base}/root.json")[1]["etag"]
    with pytest.raises(urllib.error.HTTPError, match="304"):
        headers(f"{base}/root.json", **{"If-None-Match": etag})


def test_a_bucket_that_cannot_be_reached_is_told_as_such(
    tmp_path: Path, s3: Bucket, registry: Registry
) -> None:
    """No such bucket, no network allowed, no server; never a traceback."""
    machine = Machine(tmp_path / "machine", s3.environ)
    words = ("index", "export", registry.path)
    assert machine.refuse(3, *words, "s3://nowhere/x")["code"] == "file-missing"
    assert machine.refuse(7, *words, PLACE, "--offline")["code"] == "offline"
    assert machine.refuse(2, *words, "s3:///x")["code"] == "usage"
    dead = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    assert machine.refuse(7, *words, PLACE, **dead)["code"] == "network"
    assert machine.refuse(3, "index", "add", "lab", f"{s3.url}/none/root.json")["hint"]
