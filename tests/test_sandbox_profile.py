"""What a plugin's sandbox is, as a value: no process is started here."""

from __future__ import annotations

import pytest

from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.bubblewrap import arguments
from heimnetz_git.sandbox.layout import Folders, Machine
from heimnetz_git.sandbox.levels import Engine
from heimnetz_git.sandbox.profile import Profile, profile_of
from heimnetz_git.sandbox.view import Mount
from tests.pluginkit import granted

FOLDERS = Folders(("/store/x/code",), "/home/me/data/x", ("/opt/sdk/heimnetz_git",))
LINUX = Machine("linux", "x86_64", ("/opt/python",), {"/lib": "usr/lib"})
ROOT = Machine("linux", "x86_64", ("/opt/python",), {}, uid=1_900_000_001)


def profile(permissions: Permissions, machine: Machine = LINUX, **kwargs: bool) -> Profile:
    """The profile of a plugin with default limits."""
    engine: Engine = "namespaces" if kwargs.get("isolated", True) else ""
    return profile_of(permissions, Limits(), FOLDERS, machine, engine=engine)


def seen(permissions: Permissions, machine: Machine = LINUX) -> dict[str, Mount]:
    """The mounts by target."""
    return {mount.target: mount for mount in profile(permissions, machine).mounts}


def test_with_nothing_granted_it_sees_its_own_and_the_system_read_only() -> None:
    """Only the data folder is writable, and nothing of the network's files is there."""
    mounts = seen(Permissions())
    assert [one for one in mounts if mounts[one].kind == "rw"] == ["/home/me/data/x"]
    assert {mounts[path].kind for path in ("/store/x/code", "/opt/sdk/heimnetz_git")} == {"ro"}
    assert mounts["/lib"] == Mount("link", "/lib", "usr/lib")
    assert not {"/etc/resolv.conf", "/etc/passwd", "/usr/bin", "/home", "/usr"} & {
        path for path, mount in mounts.items() if mount.kind != "dir"
    }
    assert not profile(Permissions()).brokered


def test_parents_are_mounted_before_what_lies_in_them() -> None:
    """And each folder on the way is made on purpose, open to the plugin's own user."""
    targets = [mount.target for mount in profile(granted(read=("/srv/a/b", "/srv"))).mounts]
    assert targets.index("/srv") < targets.index("/srv/a/b")
    assert seen(Permissions())["/home/me"].kind == "dir"
    assert "/srv/a" not in seen(granted(read=("/srv/a/b", "/srv")))


@pytest.mark.parametrize("grant", ["/home/me/data/x", "/home/me/data/x/link", "/home/me/data/x//"])
def test_a_grant_inside_the_data_folder_is_no_mount(grant: str) -> None:
    """The plugin could replace it by a link to anything, and see that at its next start."""
    mounts = seen(granted(read=(grant,), write=(grant,)))
    assert [path for path in mounts if path.startswith("/home/me/data/x")] == ["/home/me/data/x"]
    assert mounts["/home/me/data/x"].kind == "rw"


def test_writing_goes_before_reading() -> None:
    """A path that is granted for both is writable, and so is what lies in it."""
    mounts = seen(granted(read=("/srv", "/srv/x/y"), write=("/srv/x",)))
    assert (mounts["/srv"].kind, mounts["/srv/x"].kind) == ("ro", "rw")
    assert "/srv/x/y" not in mounts


@pytest.mark.parametrize("path", ["/proc", "/dev", "/store/x/code", "/dev/shm"])
def test_no_grant_replaces_what_the_sandbox_is_made_of(path: str) -> None:
    """The kernel's folders and the plugin's code are as they always are."""
    assert seen(granted(write=(path,)))[path] == seen(Permissions())[path]


def test_the_whole_machine_may_be_granted_for_reading() -> None:
    """Then the root is the machine's own, and nothing is made in it."""
    plan = profile(granted(read=("/",)))
    assert plan.mounts[0] == Mount("ro", "/", "/", optional=True)
    assert {mount.kind for mount in plan.mounts}.isdisjoint({"dir", "link"})
    assert "--remount-ro / " not in " ".join(arguments(plan))


def test_a_network_grant_is_served_by_the_host() -> None:
    """The plugin has no network of its own, whatever it was granted."""
    plan = profile(granted(connect=("example.org:443",)))
    assert plan.brokered
    assert "--unshare-net" in arguments(plan)
    assert "/etc/resolv.conf" in {mount.target for mount in plan.mounts}


def test_a_host_that_is_root_gives_the_plugin_a_user_of_its_own() -> None:
    """bubblewrap leaves it the two rights that this takes; others get a user namespace."""
    as_root, as_user = arguments(profile(Permissions(), ROOT)), arguments(profile(Permissions()))
    assert profile(Permissions(), ROOT).confinement.uid == 1_900_000_001
    assert [as_root[at + 1] for at, word in enumerate(as_root) if word == "--cap-add"] == [
        "CAP_SETUID",
        "CAP_SETGID",
    ]
    assert "--unshare-user" not in as_root
    assert "--unshare-user" in as_user
    assert "--cap-add" not in as_user


def test_limits_become_limits_of_the_kernel() -> None:
    """Sizes in bytes, counts as they are; a plain process of an ordinary user has no count."""
    limits = profile(Permissions()).confinement
    assert limits.memory == 128 << 20
    assert limits.rlimits["FSIZE"] == 64 << 20
    assert limits.rlimits["NOFILE"] == 64
    assert limits.rlimits["NPROC"] == 18
    assert "NPROC" not in profile(Permissions(), isolated=False).confinement.rlimits


def test_where_there_is_no_filter_nothing_is_promised_about_programs() -> None:
    """Another processor, another system: less is enforced, and that is said."""
    for machine in (
        Machine("linux", "riscv64", ("/opt/python",), {}, seccomp=False),
        Machine("darwin", "arm64", ("/opt/python",), {}, seccomp=False),
        Machine("win32", "AMD64", ("/opt/python",), {}, seccomp=False),
    ):
        plan = profile(Permissions(), machine, isolated=False)
        assert plan.confinement.filter == b""
        said = " ".join(plan.promises())
        assert "NOT enforced: which programs it starts" in said
        assert "NOT enforced: no network" in said


def test_promises_say_what_holds_and_what_does_not() -> None:
    """In words, for the person who decides."""
    nothing = profile(Permissions()).promises()
    assert "Enforced by the kernel: no network." in nothing
    assert "Enforced by the kernel: it cannot start any program." in nothing
    online = profile(granted(connect=("example.org:443",))).promises()
    assert any(
        said.startswith("Enforced by the host: it makes every connection") for said in online
    )
    plain = profile(Permissions(), isolated=False).promises()
    assert plain[0].startswith("NOT enforced: it can read and write")
