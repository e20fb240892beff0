"""What files must keep beyond their types: each rule with values that keep and break it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from heimnetz_git.model.check import check
from heimnetz_git.model.config import Project
from heimnetz_git.model.manifest import Manifest
from heimnetz_git.model.version import parse_range, parse_version, release_version, version_set
from tests.valuekit import EXAMPLES, LOCK, MANIFEST, PLUGIN, RELEASE


def faults(value: msgspec.Struct) -> list[tuple[str, str]]:
    """Path and code of everything wrong."""
    return [(path, code) for path, code, _, _ in check(value)]


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_the_examples_keep_every_rule(kind: str) -> None:
    """A value of each kind that nothing is wrong with."""
    assert faults(EXAMPLES[kind]) == []


BROKEN: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("release", {"name": "Wake On LAN"}, [("name", "invalid-name")]),
    ("release", {"name": "wake_on_lan"}, [("name", "invalid-name")]),
    ("release", {"version": "1.2"}, [("version", "invalid-version")]),
    ("release", {"version": "1.2.0.0"}, [("version", "invalid-version")]),
    ("release", {"version": "1!1.2.0"}, [("version", "invalid-version")]),
    ("release", {"version": "1" * 300}, [("version", "invalid-version")]),
    ("release", {"license": "GPL"}, [("license", "invalid-license")]),
    ("release", {"summary": " "}, [("summary", "empty-text")]),
    ("release", {"summary": "a" * 201}, [("summary", "text-too-long")]),
    ("release", {"summary": "a\x1b[31m"}, [("summary", "text-not-plain")]),
    ("release", {"python": "3.11"}, [("python", "invalid-range")]),
    ("release", {"python": "===3.11"}, [("python", "invalid-range")]),
    ("release", {"host": {"Heimnetz": ">=1"}}, [("host.Heimnetz", "invalid-api-name")]),
    ("release", {"requires": {"a": "1.0"}}, [("requires.a", "invalid-range")]),
    ("release", {"packages": ["a b"]}, [("packages[0]", "invalid-requirement")]),
    ("release", {"packages": ["a", "b", "a"]}, [("packages[2]", "repeated")]),
    ("release", {"features": ["a b"]}, [("features[0]", "invalid-api-name")]),
    ("release", {"operations": {"a b": {}}}, [("operations.a b", "invalid-operation")]),
    (
        "release",
        {"operations": {"go": {"parameters": {"type": "text"}}}},
        [("operations.go.parameters.type", "not-a-schema")],
    ),
    (
        "release",
        {"config": {"properties": {"a": {"items": 1}}}},
        [("config.properties.a.items", "not-a-schema")],
    ),
    (
        "release",
        {"config": {"$ref": "https://example.org/"}},
        [("config.$ref", "not-a-schema")],
    ),
    (
        "release",
        {"permissions": {"network": {"connect": ["lan:0"]}}},
        [("permissions.network.connect[0]", "invalid-grant")],
    ),
    ("release", {"permissions": {"env": ["A-B"]}}, [("permissions.env[0]", "invalid-variable")]),
    ("release", {"limits": {"memory": "1T"}}, [("limits.memory", "invalid-size")]),
    ("release", {"limits": {"start": "soon"}}, [("limits.start", "invalid-time-span")]),
    ("release", {"limits": {"cpu": 0}}, [("limits.cpu", "out-of-range")]),
    ("release", {"source": {"repository": "x"}}, [("source.repository", "invalid-url")]),
    ("release", {"source": {"repository": "javascript:x"}}, [("source.repository", "invalid-url")]),
    (
        "release",
        {"artifacts": [{"url": "https://example.org/x.zip", "size": 1, "sha256": "0" * 64}]},
        [("artifacts[0].url", "not-a-wheel")],
    ),
    (
        "release",
        {"artifacts": [{"size": 1, "sha256": "0" * 64}]},
        [("artifacts[0]", "contradiction")],
    ),
    (
        "release",
        {"authors": [{"name": "Ada", "email": "a"}]},
        [("authors[0].email", "invalid-email")],
    ),
    ("registry", {"id": "4B4F5C4E-6D1C-4F5B-9F0E-2F6A5F1F4B1A"}, [("id", "invalid-uuid")]),
    ("registry", {"reserved": ["-"]}, [("reserved[0]", "invalid-pattern")]),
    ("registry", {"upstreams": ["nowhere"]}, [("upstreams[0]", "invalid-url")]),
    ("policy", {"largest_artifact": "big"}, [("largest_artifact", "invalid-size")]),
    ("record", {"merged": "2026-02-31T12:00:00Z"}, [("merged", "invalid-time")]),
    ("record", {"merged": "2026-01-31 12:00"}, [("merged", "invalid-time")]),
    ("record", {"score": 101}, [("score", "out-of-range")]),
    ("plugin", {"yanked": {"1.0": "old"}}, [("yanked.1.0", "invalid-version")]),
    ("plugin", {"links": {"Home": "home"}}, [("links.Home", "invalid-url")]),
    (
        "plugin",
        {"deprecated": {"reason": "old", "successor": "wake-on-lan"}},
        [("deprecated.successor", "contradiction")],
    ),
    ("config", {"timeout": 0}, [("timeout", "out-of-range")]),
    ("config", {"indexes": {"My Index": {"url": "x"}}}, [("indexes.My Index", "invalid-name")]),
    ("lock", {"python": "three"}, [("python", "invalid-version")]),
    ("lock", {"registries": {}}, [("plugins[0].registry", "contradiction")]),
    ("machine-policy", {"registries": ["home"]}, [("registries[0]", "invalid-uuid")]),
]


@pytest.mark.parametrize(("kind", "flaw", "expected"), BROKEN)
def test_a_broken_rule_is_named_with_its_place(
    kind: str, flaw: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """One flaw gives one fault, at the path of the flaw."""
    value = EXAMPLES[kind]
    flawed = msgspec.convert(msgspec.to_builtins(value) | flaw, type(value))
    assert faults(flawed) == expected


def test_all_faults_come_at_once() -> None:
    """A file is mended in one go, not fault by fault."""
    value = msgspec.structs.replace(RELEASE, name="X", version="1", license="?", artifacts=())
    assert [code for _, code in faults(value)] == [
        "invalid-name",
        "invalid-version",
        "invalid-license",
        "empty",
    ]


def test_a_plugin_does_not_need_itself_or_another_in_two_ways() -> None:
    """Rules between fields: require, recommend, or neither, and never oneself."""
    needy = msgspec.structs.replace(RELEASE, requires={"wake-on-lan": ""}, optional={})
    assert faults(needy) == [("requires.wake-on-lan", "contradiction")]
    torn = msgspec.structs.replace(MANIFEST, requires={"a": ""}, optional={"a": ""})
    assert isinstance(torn, Manifest)
    assert faults(torn) == [("optional.a", "contradiction")]


def test_a_lock_names_each_plugin_once_in_order() -> None:
    """Equal locks have equal bytes."""
    twice = msgspec.structs.replace(LOCK, plugins=LOCK.plugins * 2)
    assert faults(twice) == [("plugins", "unsorted")]


def test_a_thousand_grants_are_refused_before_they_are_compared() -> None:
    """A file cannot make its reader work for minutes."""
    many = tuple(f"VARIABLE_{number}" for number in range(5000))
    permissions = msgspec.structs.replace(RELEASE.permissions, env=many)
    value = msgspec.structs.replace(RELEASE, permissions=permissions)
    assert faults(value) == [("permissions.env", "too-many")]


def test_no_message_carries_an_escape_sequence() -> None:
    """A fault goes to a terminal: what came from outside is made visible."""
    flawed = msgspec.structs.replace(PLUGIN, name="a\x1b[2J", tags=("\u202e",), title="\x00")
    found = list(check(flawed))
    assert len(found) == 3
    assert all(fault.message.isprintable() for fault in found)


def test_a_kind_without_rules_is_fine() -> None:
    """Its type has said everything."""
    assert faults(Project(format=1)) == []


@pytest.mark.parametrize("text", ["1.2.0", "0.0.1", "1.2.0rc1", "1.2.0.post1", "1.2.0.dev3"])
def test_versions_of_releases(text: str) -> None:
    """Three numbers, and what PEP 440 allows behind them."""
    assert str(release_version(text)) == text


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.3-1", "1.2.3+a", "x"])
def test_what_is_no_version_of_a_release(text: str) -> None:
    """Each is refused in a sentence that names it."""
    with pytest.raises(ValueError, match=r"is not|has an"):
        release_version(text)


def test_ranges_are_sets() -> None:
    """Set algebra on what specifiers allow."""
    both = version_set(">=1.1,<2").intersection(version_set("<1.5"))
    assert parse_version("1.4.9") in both
    assert parse_version("1.5.0") not in both
    assert version_set(">=2").is_disjoint(version_set("<2"))
    assert parse_version("1.3.0") in parse_range(">=1.1,<2")


@pytest.mark.parametrize("text", ["1.0", ">=", "^1.2", ">=1 || <2", "===1.0", ">=1," * 100])
def test_what_is_no_range(text: str) -> None:
    """Specifiers of other ecosystems are refused, not guessed at."""
    with pytest.raises(ValueError, match=r"range|==="):
        parse_range(text)
