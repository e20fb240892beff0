"""Search: ranking, prefixes, typing errors, filters, several indexes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import UsageError
from heimnetz_git.model.layout import release_path
from heimnetz_git.registry.cache import Cache
from heimnetz_git.registry.search import distance, nearest, search
from tests.indexkit import cache_of, entry_file, record_file, registry_file, release_file


def files() -> dict[str, bytes]:
    """An index of a home network."""
    found = registry_file()
    for name, summary, kind in (
        ("wake-on-lan", "Wake devices by magic packet", "network"),
        ("lan-scanner", "Find every device on your network", "network"),
        ("dhcp-leases", "Read the leases of dnsmasq, Kea and ISC dhcpd", "network"),
        ("device-registry", "Keep known devices of the lan", "utility"),
        ("zeitschaltuhr", "Schaltet Geräte über Nacht ab", "system"),
        ("old-clock", "Clock of the past", "utility"),
        ("new-clock", "Clock of the past", "utility"),
        ("printer", "Paper", "system"),
        ("router-log", "Read a router's log", "security"),
    ):
        found |= release_file(name, summary=summary, type=kind)
    found |= entry_file("wake-on-lan", title="Wake them", categories=("power",), tags=("magic",))
    found |= entry_file("dhcp-leases", categories=("dhcp", "power-user"), tags=("leases", "dns"))
    found |= entry_file("old-clock", status="deprecated")
    for name, merged in (("dhcp-leases", "2026-03"), ("wake-on-lan", "2026-05")):
        of = found[release_path(name, "1.0.0")]
        found |= record_file(name, "1.0.0", f"{merged}-01T00:00:00Z", of)
    return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    """The cache of that index."""
    with cache_of(tmp_path_factory.mktemp("search"), files(), "home") as made:
        yield made


def found(cache: Cache, *words: str, **narrower: str) -> list[str]:
    """The names that a search finds, in order."""
    return [hit.name for hit in search([cache], words, **narrower)]  # type: ignore[arg-type] # all text


FINDS = [
    ("a name", "printer", ["printer"]),
    ("part of a name", "leases", ["dhcp-leases"]),
    ("a name without its hyphens", "wakeonlan", ["wake-on-lan"]),
    ("a name with other separators", "Wake_On LAN", ["wake-on-lan"]),
    ("a word of the summary", "magic packet", ["wake-on-lan"]),
    ("the beginning of a word", "dnsm", ["dhcp-leases"]),
    ("a tag", "dns", ["dhcp-leases"]),
    ("a title", "them", ["wake-on-lan"]),
    ("a word without its accents", "gerate uber", ["zeitschaltuhr"]),
    ("a word in capitals", "GERÄTE", ["zeitschaltuhr"]),
    ("swapped letters", "pritner", ["printer"]),
    ("a letter missing", "magc", ["wake-on-lan"]),
    ("a letter too many", "routter", ["router-log"]),
    ("two slips in a long word", "zeitschatluh", ["zeitschaltuhr"]),
    ("one slip among right words", "magic pakcet", ["wake-on-lan"]),
    ("nothing", "quetzalcoatl", []),
    ("no words but signs", "?!*\"'(", []),
]


@pytest.mark.parametrize(("case", "words", "names"), FINDS, ids=[case for case, _, _ in FINDS])
def test_it_finds(cache: Cache, case: str, words: str, names: list[str]) -> None:
    """What a person would mean by these words."""
    assert found(cache, words) == names


def test_the_name_counts_more_than_the_summary(cache: Cache) -> None:
    """Three plugins speak of the LAN; those named for it come first."""
    assert found(cache, "lan") == ["lan-scanner", "wake-on-lan", "device-registry"]


def test_the_very_name_comes_first(cache: Cache) -> None:
    """Whatever else fits."""
    assert found(cache, "device registry")[0] == "device-registry"


def test_what_its_author_gave_up_comes_last(cache: Cache) -> None:
    """Of two that fit alike, the deprecated one is second."""
    assert found(cache, "clock") == ["new-clock", "old-clock"]


def test_any_of_the_words_when_none_has_all(cache: Cache) -> None:
    """Better a hit for one word than none at all."""
    assert set(found(cache, "printer dnsmasq")) == {"printer", "dhcp-leases"}


NARROWER = [
    ({"type": "security"}, ["router-log"]),
    ({"category": "power"}, ["wake-on-lan"]),
    ({"tag": "leases"}, ["dhcp-leases"]),
    ({"tag": "lease"}, []),
    ({"type": "network", "category": "power"}, ["wake-on-lan"]),
    ({"type": "network", "sort": "updated"}, ["wake-on-lan", "dhcp-leases", "lan-scanner"]),
    ({"type": "utility", "sort": "name"}, ["device-registry", "new-clock", "old-clock"]),
]


@pytest.mark.parametrize(("narrower", "names"), NARROWER)
def test_filters_need_no_words(cache: Cache, narrower: dict[str, str], names: list[str]) -> None:
    """Type, category and tag are whole words; sorting goes by name or by the last merge."""
    assert found(cache, **narrower) == names


def test_filters_and_words_both_hold(cache: Cache) -> None:
    """A hit fits the words and the filter."""
    assert found(cache, "read", type="security") == ["router-log"]


def test_without_words_all_are_listed_by_name(cache: Cache) -> None:
    """As many as the limit allows."""
    names = [hit.name for hit in search([cache], limit=3)]
    assert names == ["device-registry", "dhcp-leases", "lan-scanner"]


def test_a_hit_says_what_a_list_shows(cache: Cache) -> None:
    """Version, summary, type, words and where it comes from."""
    (hit,) = search([cache], "magic")
    assert (hit.name, hit.version, hit.index) == ("wake-on-lan", "1.0.0", "home")
    assert (hit.type, hit.categories, hit.tags) == ("network", ("power",), ("magic",))
    assert (hit.title, hit.summary) == ("Wake them", "Wake devices by magic packet")
    assert hit.score > 0


def test_several_indexes_are_one_list(cache: Cache, tmp_path: Path) -> None:
    """The best first, wherever it is; a hit names its index, and some may be turned away."""
    other = registry_file() | release_file("magic") | release_file("printer-queue")
    with cache_of(tmp_path, other, "acme") as second:
        both = search([cache, second], "magic")
        kept = search([cache, second], "magic", keep=lambda index, name: name != "magic")
        few = search([cache, second], "", limit=2, keep=lambda index, name: index == "acme")
    assert [(hit.index, hit.name) for hit in both] == [("acme", "magic"), ("home", "wake-on-lan")]
    assert [(hit.index, hit.name) for hit in kept] == [("home", "wake-on-lan")]
    assert [hit.name for hit in few] == ["magic", "printer-queue"]


def test_an_unknown_order_is_refused(cache: Cache) -> None:
    """Rather than silently another one."""
    with pytest.raises(UsageError, match="relevance, name, updated"):
        search([cache], "lan", sort="stars")


@settings(max_examples=150, deadline=None)
@given(words=st.text(max_size=300), narrower=st.text(max_size=20))
def test_no_words_break_it(cache: Cache, words: str, narrower: str) -> None:
    """Whatever is typed, quoted or pasted: an answer, never an error of the database."""
    search([cache], words, category=narrower, tag=narrower)


SLIPS = [
    ("scan", "scan", 0),
    ("scan", "scna", 1),
    ("scan", "sca", 1),
    ("scan", "scant", 1),
    ("scan", "span", 1),
    ("scan", "", 3),
    ("ca", "abc", 3),
    ("registry", "regitsri", 2),
]


@pytest.mark.parametrize(("one", "other", "slips"), SLIPS)
def test_slips_are_counted(one: str, other: str, slips: int) -> None:
    """Missing, added, wrong and swapped letters are one each; counting stops above two here."""
    assert min(distance(one, other, 2), 3) == slips
    assert min(distance(other, one, 2), 3) == slips


letters = st.text("abc", max_size=6)


@settings(max_examples=200, deadline=None)
@given(letters, letters)
def test_the_sieve_loses_nothing(one: str, other: str) -> None:
    """What is near enough by the full count is found among the choices."""
    near = distance(one, other, 2) <= (2 if len(one) >= 8 else 1)
    assert (nearest(one, [other]) == (other,)) is near


def test_the_nearest_come_first() -> None:
    """Few of them, by slips and then by name."""
    assert nearest("clock", ["clocks", "cluck", "click", "clock", "clack", "watch"]) == (
        "clock",
        "clack",
        "click",
    )
