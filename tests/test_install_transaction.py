"""Installing: a plan becomes a generation, or the home stays as it was."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.errors import (
    DigestMismatch,
    DiskFull,
    HeimnetzError,
    HomeBusy,
    PackagesFailed,
    PermissionRefused,
    SizeMismatch,
    StorageError,
    WheelRejected,
)
from heimnetz_git.install.generations import (
    current,
    generations,
    import_paths,
    installed,
    receipt,
    receipts,
)
from heimnetz_git.install.planning import Plan, plan_removal
from heimnetz_git.install.transaction import apply
from heimnetz_git.model.lock import LockedPlugin
from heimnetz_git.model.permission import FilePermissions, Permissions
from heimnetz_git.model.release import Artifact
from heimnetz_git.storage.home import Home
from tests.installkit import WHEN, Shelf, files_of
from tests.wheelkit import Raw, make_candidate, make_wheel


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Two plugins, one of which requires the other."""
    shelf = Shelf(tmp_path / "shelf")
    shelf.add("device-registry", "1.1.0")
    shelf.add("dhcp-leases", "1.0.0", requires={"device-registry": ">=1.1,<2"})
    return shelf


def versions(home: Home) -> dict[str, str]:
    """What is active."""
    return {name: each.release.version for name, each in receipts(home).items()}


def test_a_plugin_and_what_it_requires_become_a_generation(home: Home, shelf: Shelf) -> None:
    """The first generation has both, in the order to start them, and says why it is there."""
    made = shelf.install(home, "dhcp-leases")
    assert made == current(home)
    assert (made.number, made.parent, made.reason) == (1, None, "install dhcp-leases")
    assert made.created == "2023-11-14T22:13:20Z"
    assert made.order == ("device-registry", "dhcp-leases")
    assert made.lock.requested == {"dhcp-leases": ""}
    assert list(versions(home)) == ["device-registry", "dhcp-leases"]


def test_a_receipt_is_enough_to_run(home: Home, shelf: Shelf) -> None:
    """Entry point, release, origin and folders, read from JSON."""
    shelf.install(home, "device-registry")
    got = receipt(home, "device-registry")
    candidate = shelf.candidates["device-registry"]
    assert got.entry_point == "device_registry:DeviceRegistry"
    assert (got.release, got.oid, got.index) == (candidate.release, candidate.oid, "home")
    (code,) = import_paths(home, got)
    assert (code / "device_registry" / "__init__.py").read_text().startswith('"""A plugin')
    raw = json.loads((home.store / got.folder / "receipt.json").read_bytes())
    assert raw["format"] == 1


def test_a_folder_has_the_wheels_files_and_nothing_else(home: Home, shelf: Shelf) -> None:
    """No scripts, no bytecode, no program bits; INSTALLER and RECORD as the standard has them."""
    shelf.add("clock", extra=[])
    shelf.install(home, "clock")
    folder = home.store / receipt(home, "clock").folder
    info = "code/clock-1.0.0.dist-info"
    assert files_of(folder) == sorted(
        [
            *(f"{info}/{name}" for name in ("INSTALLER", "METADATA", "RECORD", "WHEEL")),
            *(f"{info}/{name}" for name in ("entry_points.txt", "plugin.json", "plugin.yaml")),
            f"{info}/licenses/LICENSE",
            "code/clock/__init__.py",
            "receipt.json",
        ]
    )
    modes = [stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()]
    assert not any(mode & 0o111 for mode in modes)


def test_an_update_keeps_what_did_not_change(home: Home, shelf: Shelf) -> None:
    """Only the new release is fetched; the old one stays in the store for the way back."""
    shelf.install(home, "dhcp-leases")
    shelf.fetched.clear()
    shelf.add("dhcp-leases", "1.1.0", requires={"device-registry": ">=1.1,<2"})
    made = shelf.install(home, "dhcp-leases")
    assert shelf.fetched == ["dhcp-leases"]
    assert (made.number, made.parent) == (2, 1)
    assert versions(home) == {"device-registry": "1.1.0", "dhcp-leases": "1.1.0"}
    assert len(list((home.store / "dhcp-leases").iterdir())) == 2


def test_nothing_to_do_makes_no_generation(home: Home, shelf: Shelf) -> None:
    """The same install twice is one generation, and asks nobody."""
    first = shelf.install(home, "dhcp-leases")
    again = shelf.install(home, "dhcp-leases", gate=lambda _: pytest.fail("asked"))
    assert again == first
    assert len(generations(home)) == 1


def test_a_wish_alone_makes_a_generation(home: Home, shelf: Shelf) -> None:
    """To want what came as a dependency changes what a removal may take."""
    shelf.install(home, "dhcp-leases")
    shelf.fetched.clear()
    made = shelf.install(home, "dhcp-leases", "device-registry")
    assert (made.number, shelf.fetched) == (2, [])


def test_what_is_in_the_store_is_reused(home: Home, shelf: Shelf) -> None:
    """Coming back to a release needs no fetch; the gate is asked all the same."""
    shelf.install(home, "device-registry")
    apply_removal(home, shelf, "device-registry")
    shelf.fetched.clear()
    asked: list[Plan] = []
    made = shelf.install(home, "device-registry", gate=asked.append)
    assert (made.number, shelf.fetched, len(asked)) == (3, [], 1)
    assert [step.name for step in asked[0].add] == ["device-registry"]


def apply_removal(home: Home, shelf: Shelf, *names: str) -> None:
    """Uninstall, as the command does."""
    removal = plan_removal(names, have=installed(home))
    apply(home, removal, fetch=shelf.fetch, gate=lambda _: None, when=WHEN, reason="uninstall")


def test_a_removal_takes_what_only_it_required(home: Home, shelf: Shelf) -> None:
    """The dependency goes with the plugin that brought it; data stays."""
    shelf.install(home, "dhcp-leases")
    home.write_atomic(home.plugin_data("dhcp-leases") / "leases.db", b"x")
    apply_removal(home, shelf, "dhcp-leases")
    assert versions(home) == {}
    assert home.plugin_data("dhcp-leases").is_dir()


def test_a_damaged_plugin_is_mended_by_the_next_install(home: Home, shelf: Shelf) -> None:
    """A folder without its receipt counts as nothing, and is replaced."""
    shelf.install(home, "dhcp-leases")
    folder = home.store / receipt(home, "dhcp-leases").folder
    (folder / "receipt.json").write_bytes(b"{")
    with pytest.raises(StorageError, match="not complete"):
        receipts(home)
    made = shelf.install(home, "dhcp-leases")
    assert made.number == 2
    assert versions(home)["dhcp-leases"] == "1.0.0"
    shutil.rmtree(folder)
    assert shelf.install(home, "dhcp-leases").number == 3
    assert (folder / "code" / "dhcp_leases" / "__init__.py").is_file()


def test_the_gate_sees_what_is_gained(home: Home, shelf: Shelf) -> None:
    """An update that may read a file more says so, before anything is unpacked."""
    shelf.install(home, "dhcp-leases")
    wanted = {"permissions": {"files": {"read": ["/var/lib/misc/dnsmasq.leases"]}}}
    shelf.add("dhcp-leases", "1.1.0", requires={"device-registry": ">=1.1,<2"}, manifest=wanted)
    before = files_of(home.store)

    def refuse(plan: Plan) -> None:
        assert files_of(home.store) == before
        (step,) = plan.change
        assert (step.old_version, step.version) == ("1.0.0", "1.1.0")
        raise PermissionRefused(step.permission_changes[0].words)

    with pytest.raises(PermissionRefused, match="dnsmasq"):
        shelf.install(home, "dhcp-leases", gate=refuse)
    assert versions(home)["dhcp-leases"] == "1.0.0"
    assert files_of(home.store) == before


def test_a_release_that_hides_a_permission_is_refused(home: Home, shelf: Shelf) -> None:
    """What the wheel says must be what the index says: nobody agrees to less than will run."""
    wanted = {"permissions": {"files": {"read": ["/etc/shadow"]}}}
    honest = shelf.add("clock", manifest=wanted)
    lie = msgspec.structs.replace(honest.release, permissions=Permissions())
    shelf.candidates["clock"] = make_candidate(lie)
    with pytest.raises(WheelRejected, match="permissions"):
        shelf.install(home, "clock")
    assert current(home) is None


def test_a_stored_plugin_is_no_way_around_the_gate(home: Home, shelf: Shelf) -> None:
    """The same wheel under a release that asks for less is verified again, and refused."""
    wanted = {"permissions": {"files": {"read": ["/etc/shadow"]}}}
    honest = shelf.add("clock", manifest=wanted)
    shelf.install(home, "clock")
    lie = msgspec.structs.replace(
        honest.release, permissions=Permissions(files=FilePermissions(read=("/tmp",)))
    )
    shelf.candidates["clock"] = make_candidate(lie)
    with pytest.raises(WheelRejected, match="permissions"):
        shelf.install(home, "clock")
    assert receipt(home, "clock").release == honest.release


def test_a_hostile_wheel_is_not_unpacked(home: Home, shelf: Shelf) -> None:
    """Even when the index pins exactly it."""
    honest = shelf.add("clock")
    bad = make_bad(shelf)
    artifact = Artifact(
        url="file:///x/clock-1.0.0-py3-none-any.whl", size=len(bad), sha256=digest(bad)
    )
    release = msgspec.structs.replace(honest.release, artifacts=(artifact,))
    shelf.candidates["clock"] = make_candidate(release)
    path = shelf.folder / "bad.whl"
    path.write_bytes(bad)
    shelf.wheels[artifact.sha256] = path
    with pytest.raises(WheelRejected) as caught:
        shelf.install(home, "clock")
    assert "name-unsafe" in {problem.code for problem in caught.value.problems}
    assert current(home) is None
    assert not home.store.exists()


def make_bad(shelf: Shelf) -> bytes:
    """The bytes of a wheel with a member that climbs out."""
    return make_wheel(shelf.folder / "bad", "clock", extra=[Raw("../../evil.py")]).read_bytes()


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda data: data + b"x", SizeMismatch),
        (lambda data: data[:-1], SizeMismatch),
        (lambda data: bytes(len(data)), DigestMismatch),
    ],
)
def test_a_fetch_that_lies_is_caught(
    home: Home, shelf: Shelf, change: object, kind: type[HeimnetzError]
) -> None:
    """The file is checked again after whoever fetched it, before it is opened."""
    assert callable(change)

    def fetch(plugin: LockedPlugin, artifact: Artifact) -> Path:
        path = shelf.folder / "other.whl"
        path.write_bytes(change(shelf.wheels[artifact.sha256].read_bytes()))
        return path

    with pytest.raises(kind):
        shelf.install(home, "device-registry", fetch=fetch)
    assert current(home) is None


def test_a_plan_that_was_overtaken_is_not_applied(home: Home, shelf: Shelf) -> None:
    """What another process installed meanwhile is not lost."""
    shelf.add("clock")
    stale = shelf.plan(home, "clock")
    shelf.install(home, "device-registry")
    with pytest.raises(HomeBusy, match="since this was planned"):
        apply(home, stale, fetch=shelf.fetch, gate=lambda _: None, when=WHEN, reason="install")
    assert versions(home) == {"device-registry": "1.1.0"}


def test_a_second_install_waits_or_is_told(home: Home, shelf: Shelf) -> None:
    """While one installs, another home object on the same folder gets HomeBusy."""
    other = Home(home.root)

    def intrude(_: Plan) -> None:
        with pytest.raises(HomeBusy):
            shelf.install(other, "device-registry", timeout=0)

    shelf.install(home, "device-registry", gate=intrude)
    assert versions(home) == {"device-registry": "1.1.0"}


def test_python_packages_go_beside_the_code(home: Home, shelf: Shelf) -> None:
    """They are installed into the plugin's own folder, from what the lock says."""
    shelf.add("clock", packages=["tzones>=1"])
    seen: list[Sequence[str]] = []

    def install(requirements: Sequence[str], folder: Path) -> None:
        seen.append(requirements)
        folder.mkdir()
        (folder / "tzones.py").write_text("")

    shelf.install(home, "clock", install=install)
    got = receipt(home, "clock")
    assert seen == [("tzones>=1",)]
    assert [path.name for path in import_paths(home, got)] == ["code", "packages"]
    assert files_of(home.store / got.folder / "packages") == ["tzones.py"]


@pytest.mark.parametrize("error", [PackagesFailed("no"), DiskFull("full"), KeyboardInterrupt()])
def test_a_failure_on_the_way_leaves_the_old_generation(
    home: Home, shelf: Shelf, error: BaseException
) -> None:
    """Whatever goes wrong with the second plugin, the first is not active either."""
    shelf.install(home, "device-registry")
    shelf.add("clock", packages=["tzones"])
    shelf.add("alarm", requires={"clock": ">=1"})

    def fail(requirements: Sequence[str], folder: Path) -> None:
        raise error

    with pytest.raises(type(error)):
        shelf.install(home, "alarm", "device-registry", install=fail)
    assert versions(home) == {"device-registry": "1.1.0"}
    made = shelf.install(home, "alarm", "device-registry", install=lambda *_: None)
    assert made.number == 2
    assert list(home.staging.iterdir()) == []


class Telling:
    """A reporter that keeps the names of tasks, and minds that they do not nest."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.open = 0

    def start(self, what: str, total: int | None = None) -> None:
        """Keep the name."""
        self.tasks.append(what)
        self.open += 1
        assert self.open == 1

    def advance(self, amount: int = 1) -> None:
        """Nothing to keep."""

    def done(self) -> None:
        """It ended."""
        self.open -= 1


def test_progress_is_told(home: Home, shelf: Shelf) -> None:
    """One task for each plugin that is installed."""
    telling = Telling()
    shelf.install(home, "dhcp-leases", reporter=telling)
    assert telling.tasks == ["Installing device-registry 1.1.0", "Installing dhcp-leases 1.0.0"]
    assert telling.open == 0
