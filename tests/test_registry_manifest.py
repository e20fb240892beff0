"""A release file and a plugin.yaml as functions of a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimnetz_git.errors import UsageError, WheelRejected
from heimnetz_git.model.registry import Owner, PluginEntry
from heimnetz_git.model.release import Artifact, Author, Release, Source
from heimnetz_git.registry.manifest import (
    authors_of,
    open_wheels,
    plugin_entry_of,
    release_of,
    release_of_all,
)
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.wheelfile import open_wheel
from tests.wheelkit import make_wheel

ARTIFACT = Artifact(path="artifacts/d8/clock/clock-1.0.0-py3-none-any.whl", size=1, sha256="0" * 64)
SOURCE = Source("https://example.org/clock", "1" * 40, "v1.0.0")


def test_every_field_comes_from_the_wheel(tmp_path: Path) -> None:
    """METADATA, plugin.yaml and plugin.json together are the release."""
    path = make_wheel(
        tmp_path,
        "clock",
        "1.2.0",
        summary="Tells the time",
        licence="MIT OR Apache-2.0",
        python=">=3.11,<4",
        packages=["zeroconf>=0.130"],
        authors=["Ada Example <ada@example.org>", "bob@example.org"],
        config={"type": "object"},
        manifest={
            "type": "network",
            "requires": {"device-registry": ">=1.1,<2"},
            "permissions": {"network": {"connect": ["lan:9/udp"]}},
            "changes": [{"kind": "added", "text": "Everything"}],
        },
    )
    release = release_of(open_wheel(path), ARTIFACT, SOURCE)
    assert (release.name, release.version, release.type) == ("clock", "1.2.0", "network")
    assert (release.summary, release.license) == ("Tells the time", "MIT OR Apache-2.0")
    assert release.authors == (
        Author("Ada Example", "ada@example.org"),
        Author("bob@example.org", "bob@example.org"),
    )
    assert release.packages == ("zeroconf>=0.130",)
    assert release.requires == {"device-registry": ">=1.1,<2"}
    assert release.permissions.network.connect == ("lan:9/udp",)
    assert "hello" in release.operations
    assert release.config == {"type": "object"}
    assert (release.source, release.artifacts) == (SOURCE, (ARTIFACT,))
    assert yamlfile.read(yamlfile.dump(release), Release, "r", authoring=True) == release


def test_the_plugin_file_of_a_new_plugin(tmp_path: Path) -> None:
    """Title, categories, tags and links are the author's; the owners are given."""
    path = make_wheel(
        tmp_path,
        manifest={"title": "The clock", "categories": ["time"], "tags": ["clock"]},
        metadata="Project-URL: Source, https://example.org/clock",
    )
    entry = plugin_entry_of(open_wheel(path), [Owner("ada", "17")])
    assert entry == PluginEntry(
        format=1,
        name="clock",
        owners=(Owner("ada", "17"),),
        title="The clock",
        categories=("time",),
        tags=("clock",),
        links={"Source": "https://example.org/clock"},
    )


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"plugin_yaml": None}, "no plugin.yaml"),
        ({"plugin_json": None}, "no plugin.json"),
        ({"plugin_yaml": "format: 1\ntype: rocket\n"}, "plugin.yaml"),
        ({"plugin_yaml": "format: 1\ntype: utility\nhost: {}\nsecret: 1\n"}, "secret"),
        ({"plugin_json": b"{"}, "plugin.json"),
        ({"plugin_json": b'{"name":"other","operations":{},"config":{}}'}, "another plugin"),
    ],
)
def test_a_wheel_that_is_no_plugin_is_rejected_with_its_problems(
    tmp_path: Path, what: dict[str, str | bytes | None], said: str
) -> None:
    """Each says which part of it is wrong."""
    wheel = open_wheel(make_wheel(tmp_path, **what))  # type: ignore[arg-type] # one keyword a case
    with pytest.raises(WheelRejected) as caught:
        release_of(wheel, ARTIFACT, None)
    assert caught.value.problems
    assert any(said in str(problem) for problem in caught.value.problems)


def test_several_wheels_are_one_release(tmp_path: Path) -> None:
    """One for each platform, sorted by file name, at their place or at an address."""
    tags = ("py3-none-win_amd64", "py3-none-any")
    opened = open_wheels([make_wheel(tmp_path, tag=tag) for tag in tags])
    inside = release_of_all(opened, None, url="")
    assert [artifact.path for artifact in inside.artifacts] == [
        "artifacts/d8/clock/clock-1.0.0-py3-none-any.whl",
        "artifacts/d8/clock/clock-1.0.0-py3-none-win_amd64.whl",
    ]
    outside = release_of_all(opened[:1], None, url="https://example.org/w/")
    assert outside.artifacts[0].url == "https://example.org/w/clock-1.0.0-py3-none-any.whl"
    assert not outside.artifacts[0].path
    with pytest.raises(UsageError):
        release_of_all([], None, url="")


@given(
    st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9))
)
def test_authors_are_read_back_as_they_were_written(names: list[str]) -> None:
    """Whatever their names, each becomes one author."""
    header = ", ".join(f"{name} <{name}@example.org>" for name in names)
    assert authors_of(header, "") == tuple(Author(n, f"{n}@example.org") for n in names)
