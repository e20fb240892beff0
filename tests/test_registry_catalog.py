"""The catalog: which index answers for a name, and answering without Git or YAML."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.errors import (
    AmbiguousName,
    IndexNotFound,
    InvalidName,
    PluginNotFound,
    ReleaseChanged,
    SizeMismatch,
)
from heimnetz_git.model.config import DEFAULT_INDEX, IndexSettings
from heimnetz_git.model.layout import artifact_path
from heimnetz_git.model.lock import Lock, LockedPlugin
from heimnetz_git.model.release import Artifact
from heimnetz_git.registry import sync
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.repo import Repository
from tests.gitkit import WHEN, put
from tests.indexkit import UUID, confined, entry_file, index_files, release_file

OTHER = "22222222-2222-4222-8222-222222222222"
MAIN = index_files({"clock": ("1.0.0", "1.1.0"), "radio": ("0.1.0",), "acme-door": ("6.6.6",)})
ACME = index_files({"acme-lamp": ("1.0.0",), "clock": ("9.0.0",)}, uuid=OTHER, name="acme")


class Place:
    """A home and registries beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "home")

    def index(self, name: str, files: dict[str, bytes], **settings: object) -> IndexSettings:
        """A registry with these files, added as ``name``; its settings."""
        with Repository.create(self.folder / f"{name}.git") as repo:
            put(repo, files)
        made = IndexSettings(url=str(self.folder / f"{name}.git"), **settings)  # type: ignore[arg-type] # its own fields
        sync.add(self.home, name, made, clock=lambda: WHEN)
        return made


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty home."""
    return Place(tmp_path)


def versions(catalog: Catalog, name: str) -> list[str]:
    """What it offers of a plugin."""
    return [one.release.version for one in catalog.releases(name)]


def test_one_index_answers_for_all_it_has(place: Place) -> None:
    """Releases newest first with where they are from; facts; the registry; nothing unknown."""
    with Catalog(place.home, {"main": place.index("main", MAIN)}) as catalog:
        assert catalog.find("clock") == "main"
        assert versions(catalog, "clock") == ["1.1.0", "1.0.0"]
        assert {(one.index, one.registry) for one in catalog.releases("clock")} == {("main", UUID)}
        assert catalog.entry("clock").owners[0].name == "ada"
        assert catalog.info("main").id == UUID
        assert catalog.names() == ("acme-door", "clock", "radio")
        assert catalog.releases("watch") == ()


def test_names_are_taken_in_any_spelling(place: Place) -> None:
    """As Python's package tools do."""
    with Catalog(place.home, {"main": place.index("main", MAIN)}) as catalog:
        assert catalog.find("Acme_Door") == "main"
        assert versions(catalog, "ACME.door") == ["6.6.6"]


def test_an_unknown_name_brings_suggestions(place: Place) -> None:
    """In words and as facts; none when nothing is near."""
    with Catalog(place.home, {"main": place.index("main", MAIN)}) as catalog:
        with pytest.raises(PluginNotFound, match="Did you mean 'clock'") as raised:
            catalog.find("clokc")
        assert raised.value.facts["suggestions"] == ["clock"]
        with pytest.raises(PluginNotFound) as raised:
            catalog.entry("quetzalcoatl")
        assert raised.value.facts["suggestions"] == []


def test_two_indexes_of_equal_standing_are_ambiguous(place: Place) -> None:
    """Which one was meant is not guessed; naming the index decides."""
    both = {"main": place.index("main", MAIN), "acme": place.index("acme", ACME)}
    with Catalog(place.home, both) as catalog:
        with pytest.raises(AmbiguousName, match="'main/clock' and 'acme/clock'"):
            catalog.find("clock")
        with pytest.raises(AmbiguousName):
            catalog.releases("clock")
        assert catalog.find("acme/clock") == "acme"
        assert versions(catalog, "acme/clock") == ["9.0.0"]
        assert catalog.find("radio") == "main"


def test_the_higher_priority_wins(place: Place) -> None:
    """For names that it has; for others the lower one is asked."""
    acme = place.index("acme", ACME, priority=5)
    with Catalog(place.home, {"main": place.index("main", MAIN), "acme": acme}) as catalog:
        assert catalog.find("clock") == "acme"
        assert versions(catalog, "clock") == ["9.0.0"]
        assert catalog.find("radio") == "main"
        assert versions(catalog, "main/clock") == ["1.1.0", "1.0.0"]


def test_a_routed_name_is_looked_for_nowhere_else(place: Place) -> None:
    """Not even when its index lacks it: that is how a name is stolen (dependency confusion)."""
    acme = place.index("acme", ACME, patterns=("acme-*",))
    main = place.index("main", MAIN, priority=9)
    with Catalog(place.home, {"main": main, "acme": acme}) as catalog:
        assert catalog.find("acme-lamp") == "acme"
        assert catalog.releases("acme-door") == ()
        with pytest.raises(PluginNotFound, match="index 'acme' has no plugin"):
            catalog.find("acme-door")
        with pytest.raises(PluginNotFound, match="a pattern routes it there"):
            catalog.find("main/acme-door")
        assert "acme-door" not in catalog.names()
        assert [hit.name for hit in catalog.search("door")] == []
        assert [hit.name for hit in catalog.search("acme")] == ["acme-lamp"]


def test_the_longest_pattern_decides(place: Place) -> None:
    """A special case of a rule goes before the rule."""
    acme = place.index("acme", ACME, patterns=("acme-*",))
    main = place.index("main", MAIN, patterns=("acme-door*",))
    with Catalog(place.home, {"main": main, "acme": acme}) as catalog:
        assert catalog.find("acme-door") == "main"
        assert catalog.find("acme-lamp") == "acme"


def test_an_index_that_was_named_stays(place: Place) -> None:
    """What was asked for as index/name comes from there when a resolver asks by name alone."""
    both = {"main": place.index("main", MAIN), "acme": place.index("acme", ACME)}
    with Catalog(place.home, both) as catalog:
        assert catalog.pin("acme/clock") == "clock"
        assert catalog.pin("radio") == "radio"
        assert versions(catalog, "clock") == ["9.0.0"]
        with pytest.raises(PluginNotFound):
            catalog.pin("acme/radio")


def locked(name: str, registry: str) -> LockedPlugin:
    """A plugin of a lock."""
    return LockedPlugin(
        name=name,
        version="1.0.0",
        registry=registry,
        release="0" * 40,
        artifacts=(Artifact(path=artifact_path(name, "a.whl"), size=3, sha256="0" * 64),),
    )


def lock_of(plugin: LockedPlugin) -> Lock:
    """A lock of that plugin alone."""
    names = {plugin.registry: "elsewhere"}
    return Lock(requested={}, host={}, python="3.11", registries=names, plugins=(plugin,))


def test_a_lock_keeps_a_plugin_with_its_registry(place: Place) -> None:
    """Whatever the index is called now."""
    both = {"main": place.index("main", MAIN), "acme": place.index("acme", ACME)}
    with Catalog(place.home, both) as catalog:
        assert catalog.follow(lock_of(locked("clock", OTHER))) == ()
        assert catalog.find("clock") == "acme"


def test_a_locked_plugin_of_no_index_is_not_mistaken_for_a_namesake(place: Place) -> None:
    """It stays as it is installed, else it is not there; the user may say where from."""
    settings = {"main": place.index("main", MAIN)}
    plugin = msgspec.structs.replace(locked("radio", "gone"), version="0.1.0")
    with Catalog(place.home, settings) as catalog:
        here = msgspec.structs.replace(catalog.releases("radio")[0], registry="gone")
    with Catalog(place.home, settings) as catalog:
        assert catalog.follow(lock_of(plugin)) == ()
        with pytest.raises(IndexNotFound, match="no index is of that registry"):
            catalog.releases("radio")
    with Catalog(place.home, settings) as catalog:
        assert catalog.follow(lock_of(plugin), [here]) == (here,)
        assert catalog.registry_name(here) == "elsewhere"
        assert catalog.releases("radio") == (here,)
        assert catalog.pin("main/radio") == "radio"
        assert [one.registry for one in catalog.releases("radio")] == [UUID]


def test_a_pattern_says_where_a_locked_plugin_of_no_index_comes_from(place: Place) -> None:
    """That is what patterns are for."""
    settings = {"main": place.index("main", MAIN, patterns=("radio",))}
    with Catalog(place.home, settings) as catalog:
        assert catalog.follow(lock_of(locked("radio", "gone"))) == ()
        assert catalog.find("radio") == "main"


@pytest.mark.parametrize("name", ["", "a/b/c", "/clock", "main/", "../clock", "clock\x1b[31m"])
def test_what_is_no_name_is_refused(place: Place, name: str) -> None:
    """Before anything is asked."""
    main = {"main": IndexSettings(url="x")}
    with Catalog(place.home, main) as catalog, pytest.raises(InvalidName):
        catalog.find(name)


def test_unknown_and_unfetched_indexes_are_told_apart(place: Place) -> None:
    """One is not in the settings, the other needs an update."""
    with Catalog(place.home, {"main": IndexSettings(url="x")}) as catalog:
        with pytest.raises(IndexNotFound, match="There is no index 'acme'"):
            catalog.find("acme/clock")
        with pytest.raises(IndexNotFound, match="has not been fetched") as raised:
            catalog.find("clock")
        assert "index update main" in raised.value.hint
        with pytest.raises(IndexNotFound):
            catalog.repository("main")


def test_an_index_at_a_glance(place: Place) -> None:
    """What it mirrors, how old that is, how much it offers."""
    settings = place.index("main", MAIN)
    with Catalog(place.home, {"main": settings}) as catalog:
        status = catalog.status("main")
        commit = catalog.repository("main").branch("main")
    assert (status.index, status.url, status.registry.id) == ("main", settings.url, UUID)
    assert (status.commit, status.committed, status.checked) == (commit, WHEN, WHEN)
    assert (status.plugins, status.releases, status.skipped) == (3, 4, ())


def tear(path: Path) -> None:
    path.write_bytes(b"torn")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:8192])


DAMAGES = [tear, cut, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_mended_when_asked(
    place: Place, damage: Callable[[Path], object]
) -> None:
    """The reader notices nothing but the time it takes."""
    indexes = {"main": place.index("main", MAIN)}
    damage(place.home.index_cache("main"))
    with Catalog(place.home, indexes) as catalog:
        assert versions(catalog, "clock") == ["1.1.0", "1.0.0"]
    with Catalog(place.home, indexes) as catalog:
        assert [hit.name for hit in catalog.search("radio")] == ["radio"]


def test_damage_that_shows_later_is_mended_too(place: Place) -> None:
    """The first page is whole, so it opens; a row further on is not."""
    indexes = {"main": place.index("main", MAIN)}
    path = place.home.index_cache("main")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"What clock does")
    data[at : at + 4] = b"When"
    path.write_bytes(data)
    with Catalog(place.home, indexes) as catalog:
        for name in ("clock", "radio"):
            assert all(one.release.summary == f"What {name} does" for one in catalog.releases(name))


def test_a_cache_of_another_commit_is_put_right(place: Place) -> None:
    """Such as one that came from a backup: what was accepted counts."""
    settings = place.index("main", MAIN)
    old = place.home.index_cache("main").read_bytes()
    with Repository.open(place.folder / "main.git") as repo:
        put(repo, release_file("clock", "2.0.0"))
    sync.update(place.home, "main", settings)
    place.home.index_cache("main").write_bytes(old)
    with Catalog(place.home, {"main": settings}) as catalog:
        assert versions(catalog, "clock")[0] == "2.0.0"


def test_a_clone_whose_refs_were_packed_is_read(place: Place) -> None:
    """As ``git gc`` does to a repository that somebody tidies up."""
    settings = place.index("main", MAIN)
    clone = place.home.index("main")
    commit = (clone / "refs/heads/main").read_text().strip()
    (clone / "packed-refs").write_text(f"# pack-refs with: peeled \n{commit} refs/heads/main\n")
    (clone / "refs/heads/main").unlink()
    with Catalog(place.home, {"main": settings}) as catalog:
        assert catalog.find("clock") == "main"


WHEEL = b"not opened here"


def with_wheel(size: int = len(WHEEL)) -> tuple[dict[str, bytes], Artifact]:
    """An index that holds a wheel itself."""
    path = artifact_path("bell", "bell-1.0.0-py3-none-any.whl")
    artifact = Artifact(path=path, size=size, sha256="0" * 64)
    files = index_files({}) | entry_file("bell") | release_file("bell", artifacts=(artifact,))
    return files | {path: WHEEL}, artifact


def test_a_wheel_comes_from_the_clone(place: Place) -> None:
    """For a candidate, and for a plugin of a lock by its registry."""
    files, artifact = with_wheel()
    with Catalog(place.home, {"main": place.index("main", files)}) as catalog:
        (candidate,) = catalog.releases("bell")
        assert catalog.artifact_bytes(candidate, artifact) == WHEEL
        assert catalog.artifact_bytes(locked("bell", UUID), artifact) == WHEEL
        with pytest.raises(IndexNotFound, match=OTHER):
            catalog.artifact_bytes(locked("bell", OTHER), artifact)


def test_a_wheel_that_is_not_there_or_not_as_long(place: Place) -> None:
    """The index does not keep its promise."""
    files, artifact = with_wheel(size=3)
    with Catalog(place.home, {"main": place.index("main", files)}) as catalog:
        (candidate,) = catalog.releases("bell")
        with pytest.raises(SizeMismatch):
            catalog.artifact_bytes(candidate, artifact)
        for path in ("artifacts/00/bell/gone.whl", "artifacts", ""):
            with pytest.raises(ReleaseChanged):
                catalog.artifact_bytes(candidate, Artifact(path=path, size=3, sha256="0" * 64))


ASKS = """
import sys
from pathlib import Path
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.storage.home import Home
with Catalog(Home(Path(sys.argv[1])), {"main": IndexSettings(url="x")}) as catalog:
    assert [hit.name for hit in catalog.search("clock")] == ["clock"]
    assert catalog.entry("clock").name == "clock"
    assert len(catalog.releases("clock")) == 2
    assert catalog.status("main").plugins == 3
heavy = {"dulwich", "ruamel", "jinja2", "rich", "click", "cryptography", "urllib3", "packaging"}
print(sorted(heavy & {name.split(".")[0] for name in sys.modules}))
"""


def test_asking_imports_nothing_heavy(place: Place) -> None:
    """With a current cache neither Git nor YAML nor version parsing is loaded."""
    place.index("main", MAIN)
    words = [sys.executable, "-c", ASKS, str(place.home.root)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def bundled(folder: Path, files: dict[str, bytes]) -> Path:
    """A plain folder such as comes with the program."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_without_settings_the_bundled_index_is_there(place: Place) -> None:
    """At once and offline, imported when first asked."""
    folder = bundled(place.folder / "index", MAIN)
    with Catalog(place.home, {}, bundled=folder) as catalog:
        assert list(catalog.indexes) == [DEFAULT_INDEX]
        assert catalog.find("clock") == DEFAULT_INDEX
    with Catalog(place.home, {}, bundled=folder) as catalog:
        assert versions(catalog, "clock") == ["1.1.0", "1.0.0"]


def test_another_version_of_the_program_brings_its_own_index(place: Place) -> None:
    """A newer one adds to it; an older one, which knows less, replaces it."""
    folder = bundled(place.folder / "index", MAIN)
    with Catalog(place.home, {}, bundled=folder) as catalog:
        assert versions(catalog, "clock") == ["1.1.0", "1.0.0"]
    bundled(folder, release_file("clock", "2.0.0"))
    with Catalog(place.home, {}, bundled=folder) as catalog:
        assert versions(catalog, "clock") == ["2.0.0", "1.1.0", "1.0.0"]
    older = bundled(place.folder / "older", index_files({"clock": ("1.0.0",)}))
    with Catalog(place.home, {}, bundled=older) as catalog:
        assert versions(catalog, "clock") == ["1.0.0"]
        assert catalog.releases("radio") == ()


def test_with_settings_the_bundled_index_is_not_asked(place: Place) -> None:
    """Whoever adds an index decides what is asked."""
    with Catalog(place.home, {"main": place.index("main", MAIN)}) as catalog:
        assert list(catalog.indexes) == ["main"]


READS = """
import sys
from pathlib import Path
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.storage.home import Home
with Catalog(Home(Path(sys.argv[1])), {"main": IndexSettings(url="x")}) as catalog:
    print([hit.name for hit in catalog.search("clock")], len(catalog.releases("clock")))
"""


@pytest.mark.parametrize("damage", [None, *DAMAGES])
def test_a_read_only_home_still_reads(
    place: Place, damage: Callable[[Path], object] | None
) -> None:
    """From its cache, or, when that cannot be trusted, from one built in memory."""
    place.index("main", MAIN)
    if damage:
        damage(place.home.index_cache("main"))
    root = str(place.home.root)
    done = confined(["--ro-bind", root, root], READS, root)
    assert (done.stdout.strip(), done.stderr) == ("['clock'] 2", "")
