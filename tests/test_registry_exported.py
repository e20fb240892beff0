"""An index that comes as an export: the same cache as by Git, and nothing unvouched for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import (
    DigestMismatch,
    DownloadFailed,
    FileMissing,
    HeimnetzError,
    IndexExpired,
    IndexNotFound,
    InvalidFile,
    Offline,
    ReleaseChanged,
    RewriteRefused,
    SignatureInvalid,
)
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.model.export import ROOT, signature_object
from heimnetz_git.model.lock import Environment
from heimnetz_git.registry import sync
from heimnetz_git.registry.cache import Cache
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.registry.export import Edition, prune
from heimnetz_git.registry.export_page import page_bytes
from heimnetz_git.registry.export_root import digest
from heimnetz_git.registry.exported import EXPORT_STEPS
from heimnetz_git.registry.exported_address import base_of, is_export
from heimnetz_git.registry.exported_remote import RemoteIndex
from heimnetz_git.registry.search import search
from heimnetz_git.registry.synced import Options
from heimnetz_git.resolve import Request, resolve
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.repo import Repository
from tests.exportkit import Web, a_key, exported, served, with_wheel
from tests.gitkit import WHEN, put
from tests.indexkit import (
    entry_file,
    index_files,
    record_file,
    registry_file,
    release_file,
)

NAMES = ("clock", "radio", "watch", "odd")
HERE = Environment(
    host={"heimnetz": "1.2.0"}, python="3.11.7", tags=("py3-none-any",), platform="linux"
)


def base_files(shelf: Path) -> dict[str, bytes]:
    """An index with a bit of everything: a yank, a record, a wheel, files that cannot be used."""
    files = index_files({"clock": ("1.0.0", "1.1.0", "2.0.0rc1")})
    files |= entry_file(
        "clock", yanked={"1.0.0": "wrong by an hour"}, title="Clock", tags=("time",)
    )
    clock = release_file("clock", "1.1.0", requires={"radio": ">=1"})
    files |= clock | record_file("clock", "1.1.0", "2026-01-01T00:00:00Z", *clock.values())
    files |= entry_file("radio") | with_wheel(shelf, "radio", merged="2026-01-02T00:00:00Z")
    files |= release_file("odd") | entry_file("odd")
    return files | {path.replace("1.0.0", "9.0.0"): b"]" for path in release_file("odd")}


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repository]:
    """The registry itself."""
    with Repository.create(tmp_path / "index.git") as made:
        put(made, base_files(tmp_path / "shelf"))
        yield made


@pytest.fixture
def web(tmp_path: Path, repo: Repository) -> Iterator[Web]:
    """Its export, on a web server."""
    exported(repo, tmp_path / "out")
    with served(tmp_path / "out") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


def options(now: float = WHEN) -> Options:
    """Dated, and not patient."""
    return Options(clock=lambda: now, timeout=5)


def at(web: Web, signers: tuple[str, ...] = ()) -> IndexSettings:
    """Settings for the index on that server."""
    return IndexSettings(url=f"{web.url}/{ROOT}", signers=signers)


def contents(cache: Cache) -> dict[str, object]:
    """All that a cache can answer, for comparing two."""
    return {
        "state": (cache.tree, cache.commit, cache.committed, cache.info, cache.names()),
        "skipped": cache.skipped(),
        "counts": cache.counts(),
        "releases": [cache.releases(name) for name in NAMES],
        "plugins": [cache.plugin(name) for name in NAMES],
        "outlines": [cache.outline(name) for name in NAMES],
        "found": [search([cache], word) for word in ("clock", "radio", "does", "time", "")],
    }


def kept(home: Home) -> dict[str, object]:
    """What the home's cache of the index answers."""
    with Cache.open(home.index_cache("acme"), index="acme") as cache:
        return contents(cache)


def by_git(tmp_path: Path, repo: Repository) -> dict[str, object]:
    """The same, from a home that takes the registry itself."""
    other = Home(tmp_path / "by-git")
    sync.update(other, "acme", IndexSettings(url=str(repo.path)), **options())
    return kept(other)


CHANGES: dict[str, Callable[[], dict[str, bytes | None]]] = {
    "a release": lambda: {**release_file("clock", "2.0.0")},
    "a plugin": lambda: {**release_file("watch"), **entry_file("watch")},
    "a yank": lambda: {**entry_file("radio", yanked={"1.0.0": "deaf"})},
    "an end": lambda: {**entry_file("radio", status="removed")},
    "a bad file": lambda: dict.fromkeys(entry_file("clock"), b"]"),
    "a new title of the registry": lambda: {**registry_file(title="Acme")},
}


def test_both_transports_end_with_the_same_cache(
    tmp_path: Path, repo: Repository, web: Web, home: Home
) -> None:
    """At first and after every kind of change; and they say the same of what came."""
    other = Home(tmp_path / "by-git")
    for name, change in {"": None, **CHANGES}.items():
        if change:
            put(repo, change())
            exported(repo, tmp_path / "out")
        mine = sync.update(home, "acme", at(web), **options())
        theirs = sync.update(other, "acme", IndexSettings(url=str(repo.path)), **options())
        assert mine == theirs, name
        assert kept(home) == kept(other), name


def test_a_folder_and_every_way_to_name_it(tmp_path: Path, repo: Repository, web: Web) -> None:
    """A folder or a stick will do, and so will ``export+`` before the address."""
    out = tmp_path / "out"
    addresses = [str(out), f"{out}/{ROOT}", f"export+{out.as_uri()}", f"export+{web.url}"]
    for number, url in enumerate(addresses):
        home = Home(tmp_path / f"home-{number}")
        synced = sync.add(home, "acme", IndexSettings(url=url), **options())
        assert synced.after == repo.branch("main")
        assert kept(home) == by_git(tmp_path, repo)


@pytest.mark.parametrize(
    "url", ["https://example.org/plugins.git", "git@example.org:plugins", "ssh://example.org/x"]
)
def test_other_addresses_are_those_of_git(url: str) -> None:
    """Nothing that was Git's before becomes an export's."""
    assert not is_export(url)
    assert base_of("https://example.org/plugins/root.json") == "https://example.org/plugins/"


def test_nothing_new_is_one_question(home: Home, web: Web) -> None:
    """Answered without a body."""
    sync.add(home, "acme", at(web), **options())
    web.asked.clear()
    synced = sync.update(home, "acme", at(web), **options())
    assert (synced.added, synced.changed, synced.removed) == (0, 0, 0)
    assert (web.asked, web.unchanged) == ([f"/{ROOT}"], 1)


def test_only_what_changed_is_fetched(
    tmp_path: Path, repo: Repository, web: Web, home: Home
) -> None:
    """The root, one shard, one page."""
    sync.add(home, "acme", at(web), **options())
    put(repo, release_file("clock", "2.0.0"))
    exported(repo, tmp_path / "out")
    web.asked.clear()
    assert sync.update(home, "acme", at(web), **options()).added == 1
    assert [path.split("/")[1] for path in web.asked] == [ROOT, "shards", "plugins"]


def crowd(repo: Repository) -> None:
    """Enough plugins that one shard has several."""
    put(repo, index_files({f"plugin-{number}": ("1.0.0",) for number in range(1200)}))


@pytest.mark.slow
def test_packs_save_questions_at_first(
    tmp_path: Path, repo: Repository, web: Web, home: Home
) -> None:
    """And only that: without them, or with lies in them, the outcome is the same."""
    crowd(repo)
    exported(repo, tmp_path / "out", whole=True)
    sync.add(home, "acme", at(web), **options())
    assert len(web.asked) < 900
    for number, pack in enumerate((tmp_path / "out/packs").iterdir()):
        pack.write_bytes(pack.read_bytes()[: -number % 50])
    other = Home(tmp_path / "other")
    sync.add(other, "acme", at(web), **options())
    assert kept(other) == kept(home)


def test_a_serial_that_goes_back_is_refused(
    tmp_path: Path, repo: Repository, web: Web, home: Home
) -> None:
    """An old copy is not shown as news."""
    shutil.copytree(tmp_path / "out", tmp_path / "old")
    put(repo, entry_file("clock", yanked={"2.0.0rc1": "dangerous"}))
    exported(repo, tmp_path / "out")
    sync.add(home, "acme", at(web), **options())
    before = kept(home)
    web.folder = tmp_path / "old"
    with pytest.raises(RewriteRefused, match=r"serial 2.*serial 1"):
        sync.update(home, "acme", at(web), **options())
    assert kept(home) == before
    assert sync.update(home, "acme", at(web), accept_rewrite=True, **options()).after


def test_another_registry_is_refused(tmp_path: Path, web: Web, home: Home) -> None:
    """As over Git."""
    sync.add(home, "acme", at(web), **options())
    with Repository.create(tmp_path / "other.git") as other:
        put(other, registry_file("22222222-2222-4222-8222-222222222222"))
        exported(other, tmp_path / "else")
    web.folder = tmp_path / "else"
    with pytest.raises(RewriteRefused, match="another"):
        sync.update(home, "acme", at(web), **options())


def test_an_expired_root_is_refused(home: Home, web: Web) -> None:
    """With the time; what is here stays usable."""
    sync.add(home, "acme", at(web), **options())
    with pytest.raises(IndexExpired, match="2026-01-02T00:00:00Z"):
        sync.update(home, "acme", at(web), **options(WHEN + 86_400))
    with Catalog(home, {"acme": at(web)}) as catalog:
        assert catalog.releases("clock")


def test_signers_are_held_to_the_root(
    tmp_path: Path, repo: Repository, web: Web, home: Home
) -> None:
    """A root that is not signed by one of them is not taken, however good it looks."""
    import base64

    key, signer = a_key()
    line = f"ada@example.org ssh-ed25519 {base64.b64encode(signer.key).decode()}"
    with pytest.raises(SignatureInvalid, match="not signed"):
        sync.add(home, "acme", at(web, signers=(line,)), **options())
    exported(repo, tmp_path / "out", Edition(created=WHEN, expires=WHEN + 9, key=key))
    assert sync.add(home, "acme", at(web, signers=(line,)), **options()).added
    put(repo, release_file("clock", "2.0.0"))
    other, _ = a_key()
    exported(repo, tmp_path / "out", Edition(created=WHEN, expires=WHEN + 9, key=other))
    with pytest.raises(SignatureInvalid, match="may not sign"):
        sync.update(home, "acme", at(web, signers=(line,)), **options())


def forged(out: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Changes the page of clock and every digest above it: a server that lies consistently."""
    from heimnetz_git.model.export import PluginPage
    from heimnetz_git.registry.export_root import checked

    page = next(p for p in (out / "plugins").iterdir() if b'"name":"clock"' in p.read_bytes())
    data = json.loads(page.read_bytes())
    change(data)
    new = page_bytes(checked(json.dumps(data).encode(), PluginPage, "page"))
    (out / "plugins" / f"{digest(new)}.json").write_bytes(new)
    root = (out / ROOT).read_bytes()
    for shard in list((out / "shards").iterdir()):
        if page.stem.encode() in shard.read_bytes():
            text = shard.read_bytes().replace(page.stem.encode(), digest(new).encode())
            (out / "shards" / digest(text)).write_bytes(text)
            root = root.replace(shard.name.encode(), digest(text).encode())
    root = root.replace(b'"serial": 1', b'"serial": 2').replace(b'"commit": "', b'"commit": "', 1)
    (out / ROOT).write_bytes(root)


def _other_wheel(page: dict[str, object]) -> None:
    page["releases"][0]["value"]["artifacts"][0]["sha256"] = "f" * 64  # type: ignore[index] # JSON


def _fewer(page: dict[str, object]) -> None:
    page["releases"].pop()  # type: ignore[attr-defined] # JSON


@pytest.mark.parametrize("change", [_other_wheel, _fewer])
def test_a_published_release_never_changes(
    tmp_path: Path, web: Web, home: Home, change: Callable[[dict[str, object]], None]
) -> None:
    """Whatever its export says, and however consistently: the law of the index holds here too."""
    sync.add(home, "acme", at(web), **options())
    before = kept(home)
    forged(tmp_path / "out", change)
    with pytest.raises(ReleaseChanged):
        sync.update(home, "acme", at(web), **options())
    assert kept(home) == before


def test_the_law_holds_when_the_transport_changes(
    tmp_path: Path, repo: Repository, web: Web, home: Home
) -> None:
    """From Git to an export and back; a lie in between is told."""
    git = IndexSettings(url=str(repo.path))
    sync.add(home, "acme", git, **options())
    shutil.copytree(tmp_path / "out", tmp_path / "good")
    forged(tmp_path / "out", _other_wheel)
    with pytest.raises(ReleaseChanged):
        sync.update(home, "acme", at(web), **options())
    web.folder = tmp_path / "good"
    sync.update(home, "acme", at(web), **options())
    assert not home.index("acme").exists()
    with Catalog(home, {"acme": at(web)}) as catalog:
        assert len(catalog.releases("clock")) == 3
    sync.update(home, "acme", git, **options())
    assert not home.index_export("acme").exists()
    assert kept(home) == by_git(tmp_path, repo)


LIES: dict[str, tuple[str, bytes, type[HeimnetzError]]] = {
    "no root": (ROOT, b"", InvalidFile),
    "a page instead of a root": (ROOT, b"<!DOCTYPE html>", InvalidFile),
    "a root that is too new": (ROOT, b'{"format": 2}', InvalidFile),
    "a root without shards": (ROOT, b'{"format": 1}', InvalidFile),
    "another shard": ("shards/", b"{}\n", DigestMismatch),
    "another page": ("plugins/", b"{}\n", DigestMismatch),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_server_that_lies_is_found_out(
    tmp_path: Path, web: Web, home: Home, lie: tuple[str, bytes, type[HeimnetzError]]
) -> None:
    """And nothing of it stays."""
    place, data, error = lie
    for path in (tmp_path / "out").glob(f"{place}*" if place.endswith("/") else place):
        web.answers[f"/{path.relative_to(tmp_path / 'out').as_posix()}"] = data
    with pytest.raises(error):
        sync.add(home, "acme", at(web), **options())
    with pytest.raises(IndexNotFound), Catalog(home, {"acme": at(web)}) as catalog:
        catalog.releases("clock")
    web.answers.clear()
    assert sync.add(home, "acme", at(web), **options()).added == 5


def test_nothing_there_is_said(home: Home, web: Web) -> None:
    """A wrong address, no network, no server."""
    with pytest.raises(FileMissing, match=r"nowhere/root\.json"):
        sync.add(home, "acme", IndexSettings(url=f"{web.url}/nowhere/{ROOT}"), **options())
    with pytest.raises(Offline):
        sync.add(home, "acme", at(web), **(options() | {"offline": True}))
    gone = IndexSettings(url=f"http://127.0.0.1:9/{ROOT}")
    with pytest.raises(DownloadFailed):
        sync.add(home, "acme", gone, **options())


def test_a_lost_cache_is_built_from_what_is_kept(home: Home, web: Web) -> None:
    """Without the network; what is lost of that too comes with the next update."""
    sync.add(home, "acme", at(web), **options())
    before = kept(home)
    home.index_cache("acme").unlink()
    web.asked.clear()
    with Catalog(home, {"acme": at(web)}) as catalog:
        assert contents(catalog.cache("acme")) == before
    assert web.asked == []
    home.index_cache("acme").write_bytes(b"torn")
    for page in (home.index_export("acme") / "plugins").iterdir():
        page.write_bytes(b"torn")
    for pack in (home.index_export("acme")).glob("packs/*"):
        pack.unlink()
    with pytest.raises(HeimnetzError), Catalog(home, {"acme": at(web)}) as catalog:
        catalog.releases("clock")
    sync.update(home, "acme", at(web), **options())
    assert kept(home) == before


def test_an_update_survives_lost_shards(
    tmp_path: Path, repo: Repository, web: Web, home: Home
) -> None:
    """Here and, pruned, at the site: then it is as at first."""
    sync.add(home, "acme", at(web), **options())
    shutil.rmtree(home.index_export("acme") / "shards")
    put(repo, release_file("clock", "2.0.0"))
    exported(repo, tmp_path / "out")
    prune(tmp_path / "out", now=WHEN, grace=0)
    sync.update(home, "acme", at(web), **options())
    assert kept(home) == by_git(tmp_path, repo)


def test_removing_leaves_nothing(home: Home, web: Web) -> None:
    """Neither objects nor cache."""
    sync.add(home, "acme", at(web), **options())
    sync.remove(home, "acme")
    assert not home.index_export("acme").exists()
    assert not home.index_cache("acme").exists()


def test_a_wheel_comes_from_the_export(home: Home, web: Web, tmp_path: Path) -> None:
    """The one that the release promises, at its place."""
    sync.add(home, "acme", at(web), **options())
    with Catalog(home, {"acme": at(web)}) as catalog:
        (radio,) = catalog.releases("radio")
        artifact = radio.release.artifacts[0]
        assert digest(catalog.artifact_bytes(radio, artifact)) == artifact.sha256
    with Catalog(home, {"acme": at(web)}, offline=True) as catalog, pytest.raises(Offline):
        catalog.artifact_bytes(radio, artifact)


def test_who_has_nothing_resolves_after_a_few_questions(
    tmp_path: Path, repo: Repository, web: Web, home: Home
) -> None:
    """The root, and a shard and a page for each plugin of the closure; the same candidates."""
    sync.add(home, "acme", at(web), **options())
    web.asked.clear()
    with RemoteIndex(f"{web.url}/{ROOT}", index="acme", clock=lambda: WHEN) as remote:
        answer = resolve(Request(requested={"clock": ""}), remote, HERE)
        assert answer.versions == {"clock": "1.1.0", "radio": "1.0.0"}
        assert len(web.asked) == 5
        with Cache.open(home.index_cache("acme"), index="acme") as cache:
            for name in (*NAMES, "unknown"):
                assert remote.releases(name) == cache.releases(name), name


VICTIM = """
import os, signal, sys
from pathlib import Path
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.storage.home import Home

root, url, last, now = sys.argv[1:]

def checkpoint(step):
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)

settings = IndexSettings(url=url)
sync.update(Home(Path(root)), "acme", settings, checkpoint=checkpoint, clock=lambda: int(now))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_killed_at_any_step_it_is_the_old_or_the_new(
    tmp_path: Path, repo: Repository, web: Web, home: Home
) -> None:
    """What is asked then is answered, and the next update ends it."""
    sync.add(home, "acme", at(web), **options())
    put(repo, release_file("clock", "2.0.0"))
    exported(repo, tmp_path / "out")
    steps = [step for step in EXPORT_STEPS if step != "cache-built"]
    for step in steps:
        root = tmp_path / step
        shutil.copytree(home.root, root)
        words = [sys.executable, "-c", VICTIM, str(root), at(web).url, step, str(WHEN)]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(words, env=environ, capture_output=True, check=False, timeout=60)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        with Catalog(Home(root), {"acme": at(web)}) as catalog:
            assert len(catalog.releases("clock")) == (4 if step == "accepted" else 3), step
        sync.update(Home(root), "acme", at(web), **options())
        assert kept(Home(root)) == by_git(tmp_path, repo), step


def test_the_signature_is_of_the_very_root(tmp_path: Path, repo: Repository) -> None:
    """It lies under the root's digest, so no reader meets one root with another's signature."""
    key, _ = a_key()
    exported(repo, tmp_path / "out", Edition(created=WHEN, expires=WHEN + 9, key=key))
    place = signature_object(digest((tmp_path / "out" / ROOT).read_bytes()))
    assert (tmp_path / "out" / place).read_bytes() == (tmp_path / f"out/{ROOT}.sig").read_bytes()
