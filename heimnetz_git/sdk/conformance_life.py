"""Conformance checks of a plugin's life: its start, its end, its data, and bad luck."""

from __future__ import annotations

import os
import signal
import threading
import time

from heimnetz_git.errors import AccessDenied, PluginCrashed, PluginFailed
from heimnetz_git.host.process import GRACE
from heimnetz_git.sdk.conformance import NotApplicable, Stand
from heimnetz_git.sdk.conformance_means import (
    alive,
    cpu,
    digest,
    files,
    hold,
    quietly,
    quietly_or_broken,
    still_well,
)

__all__ = [
    "any_folder_will_do",
    "double_start",
    "double_stop",
    "frozen",
    "granted_nothing",
    "is_well_after_its_start",
    "keeps_its_data",
    "killed",
    "leaves_its_code_alone",
    "offers_what_it_was_published_with",
    "rests_when_nobody_calls",
    "starts",
    "starts_again",
    "starts_quietly",
    "starts_soon",
    "stop_while_starting",
    "stop_without_start",
    "stops_soon",
    "survives_foreign_data",
    "survives_torn_data",
    "swap",
    "two_at_once",
]

GONE_WITHIN = 5.0
STARTS_WITHIN = 2.0
IDLE = 0.5
MOST_LINES = 20


def starts(stand: Stand) -> None:
    """It starts, with the permissions and limits that it declares."""
    with stand.bench() as bench:
        bench.start()
        hold(stand.name in bench.running(), "it did not stay")


def starts_soon(stand: Stand) -> None:
    """It is ready within two seconds: what takes longer belongs into its operations."""
    with stand.bench() as bench:
        begun = time.monotonic()
        bench.start()
        took = time.monotonic() - begun
    hold(took <= STARTS_WITHIN, f"it took {took:.1f} s")


def starts_quietly(stand: Stand) -> None:
    """A start is no news: few lines, and no error among them."""
    with stand.started():
        time.sleep(0.05)
    errors = [line for level, line in stand.log if level >= 40]
    hold(not errors, f"it logs an error: {errors[0] if errors else ''}")
    hold(len(stand.log) <= MOST_LINES, f"it logs {len(stand.log)} lines")


def double_start(stand: Stand) -> None:
    """Started twice it is one process."""
    with stand.started() as bench:
        first = bench.pid(stand.name)
        bench.start()
        hold(bench.pid(stand.name) == first, "there is another process")


def stops_soon(stand: Stand) -> None:
    """Asked to stop it ends by itself, before the host loses patience and ends it."""
    with stand.started() as bench:
        pid = bench.pid(stand.name)
        begun = time.monotonic()
        bench.stop()
        took = time.monotonic() - begun
    hold(took < GRACE, f"it was ended by force after {took:.1f} s")
    hold(not alive(pid), "its process is still there")


def double_stop(stand: Stand) -> None:
    """Stopped twice, nothing more happens."""
    with stand.started() as bench:
        bench.stop([stand.name])
        bench.stop([stand.name])


def stop_without_start(stand: Stand) -> None:
    """What never ran can be stopped."""
    with stand.bench() as bench:
        bench.stop([stand.name])


def stop_while_starting(stand: Stand) -> None:
    """Stopped in the middle of its start, nothing of it is left."""
    with stand.bench() as bench:
        starting = threading.Thread(target=quietly, args=(bench.start,))
        starting.start()
        time.sleep(0.01)
        bench.stop([stand.name])
        starting.join(GONE_WITHIN * 4)
        bench.stop([stand.name])
        hold(stand.name not in bench.running(), "it runs after it was stopped")


def starts_again(stand: Stand) -> None:
    """After a stop it starts again, in a new process with the same operations."""
    with stand.started() as bench:
        first, operations = bench.pid(stand.name), bench.operations(stand.name)
        for _ in range(3):
            bench.stop([stand.name])
            bench.start()
        hold(bench.pid(stand.name) != first, "it is the same process")
        hold(bench.operations(stand.name) == operations, "its operations are others")


def offers_what_it_was_published_with(stand: Stand) -> None:
    """The operations of the running plugin are those of its release."""
    with stand.started() as bench:
        running, published = set(bench.operations(stand.name)), set(stand.release.operations)
        hold(running == published, f"differs in {', '.join(sorted(running ^ published))}")


def two_at_once(stand: Stand) -> None:
    """Two hosts may run it at the same time, each with a data folder."""
    with stand.started() as one, stand.started() as other:
        hold(one.pid(stand.name) != other.pid(stand.name), "they share a process")


def swap(stand: Stand) -> None:
    """It can be replaced by another process of itself while it runs."""
    data = stand.folder()
    with stand.started(data=data) as bench:
        first = bench.pid(stand.name)
        bench.swap(stand.spec(data=data))
        hold(bench.pid(stand.name) != first, "it was not replaced")
        hold(bench.check_health(stand.name) == "ok", "the new one is not well")


def is_well_after_its_start(stand: Stand) -> None:
    """Asked how it is, it says that all is well."""
    with stand.started() as bench:
        said = bench.check_health(stand.name)
        hold(said == "ok", said)


def rests_when_nobody_calls(stand: Stand) -> None:
    """Idle, it costs next to nothing: a router has one slow core."""
    with stand.started() as bench:
        pid = bench.pid(stand.name)
        before = cpu(pid)
        time.sleep(IDLE)
        used = cpu(pid) - before
    hold(used <= IDLE / 5, f"it computed for {used:.2f} of {IDLE} s")


def keeps_its_data(stand: Stand) -> None:
    """What it has in its data folder is there after a restart."""
    data = stand.folder()
    with stand.started(data=data) as bench:
        before = set(files(data))
        bench.stop([stand.name])
        bench.start()
        hold(before <= set(files(data)), "files of the first run are gone")


def survives_foreign_data(stand: Stand) -> None:
    """A file of a newer version in its data folder, after a downgrade, stops it not."""
    data = stand.folder()
    foreign = data / "written-by-a-newer-version.bin"
    foreign.write_bytes(os.urandom(256))
    with stand.bench(data=data) as bench:
        quietly_or_broken(bench.start)
        hold((data / "written-by-a-newer-version.bin").is_file(), "it deleted what it did not know")


def survives_torn_data(stand: Stand) -> None:
    """Its own files cut in half, as after a power cut: it starts, or says what is wrong."""
    data = stand.folder()
    with stand.started(data=data):
        pass
    kept = files(data)
    if not kept:
        raise NotApplicable("it keeps nothing at its start")
    for file in kept:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with stand.bench(data=data) as bench:
        quietly_or_broken(bench.start)


def any_folder_will_do(stand: Stand) -> None:
    """Its data folder may have blanks and letters of any language in its name."""
    with stand.bench(data=stand.folder(" Gerät ñ 数据")) as bench:
        bench.start()


def leaves_its_code_alone(stand: Stand) -> None:
    """Nothing of its code is changed by a run."""
    before = digest(stand.code)
    with stand.started():
        pass
    hold(digest(stand.code) == before, "files of its code are others now")


def killed(stand: Stand) -> None:
    """Killed, it is missed, and starts again with the data that it had."""
    data = stand.folder()
    with stand.started(data=data) as bench:
        os.kill(bench.pid(stand.name), signal.SIGKILL)
        missed_until = time.monotonic() + GONE_WITHIN
        while stand.name in bench.running() and time.monotonic() < missed_until:
            time.sleep(0.005)
        hold(stand.name not in bench.running(), "nobody misses it")
        bench.start()
        still_well(stand, bench)


def frozen(stand: Stand) -> None:
    """Stopped by a signal, it can be ended all the same."""
    with stand.started() as bench:
        pid = bench.pid(stand.name)
        os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        bench.stop([stand.name])
        took = time.monotonic() - begun
        hold(took <= GONE_WITHIN and not alive(pid), f"it took {took:.1f} s")


def granted_nothing(stand: Stand) -> None:
    """Without any permission it starts, or says which one it lacks; it does not hang or crash."""
    with stand.bench(permissions=stand.without_permissions()) as bench:
        try:
            bench.start()
        except (AccessDenied, PluginFailed) as error:
            hold(not isinstance(error, PluginCrashed), f"it crashed: {error}")
