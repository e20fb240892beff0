"""The local home: where all that heimnetz-git keeps on a machine lives, and how it is written."""

from __future__ import annotations

import errno
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from heimnetz_git.errors import DiskFull, HomeBusy, HomeReadOnly, StorageError, printable

__all__ = [
    "HOME_VARIABLE",
    "Home",
    "default_root",
    "move_file_into_place",
    "move_into_place",
    "site_settings",
    "storage_errors",
    "sync_tree",
    "user_settings",
    "write_atomic",
]

HOME_VARIABLE = "HEIMNETZ_GIT_HOME"
_APP = "heimnetz-git"
_SETTINGS = "config.yaml"
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT}) if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
_POLL = 0.05  # seconds between two looks at a lock that another process holds
_LOCK_BYTE = 1 << 30  # Windows locks bytes and hides them: one far behind the holder's number
_numbers = itertools.count()


def default_root(environ: Mapping[str, str]) -> Path:
    """The home that ``HEIMNETZ_GIT_HOME`` names, else the platform's folder for a user's data."""
    if named := environ.get(HOME_VARIABLE):
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_data_path(_APP, appauthor=False)


def user_settings() -> Path:
    """The user's own settings file, which need not exist."""
    import platformdirs

    return platformdirs.user_config_path(_APP, appauthor=False) / _SETTINGS


def site_settings() -> Path:
    """The machine's settings file, which need not exist."""
    import platformdirs

    return platformdirs.site_config_path(_APP, appauthor=False) / _SETTINGS


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an OSError of the block into HomeReadOnly, DiskFull or StorageError; names ``path``."""
    try:
        yield
    except OSError as error:
        where = printable(str(error.filename or path), longest=500)
        if error.errno in _FULL:
            raise DiskFull(f"There is no room left to write {where}.", path=where) from error
        if error.errno in _READ_ONLY:
            raise HomeReadOnly(f"{where} cannot be written to.", path=where) from error
        reason = error.strerror or type(error).__name__
        raise StorageError(f"The disk refused {where}: {reason}.", path=where) from error


def write_atomic(path: Path, data: bytes) -> None:
    """``data`` as the file ``path``: all of it or, whatever happens, what was there before.

    Missing folders are made. The bytes are on the disk when this returns.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}-{next(_numbers)}.tmp")
        try:
            _write_through(aside, data)
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def sync_tree(folder: Path) -> None:
    """Everything below ``folder`` is on the disk when this returns."""
    with storage_errors(folder):
        for top, _folders, files in os.walk(folder):
            for file in files:
                _sync_file(Path(top, file))
            _sync_folder(Path(top))


def move_into_place(aside: Path, target: Path) -> None:
    """The folder ``aside`` becomes ``target``, which must not exist, in one step that lasts."""
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.rename(target)
        _sync_folder(target.parent)
        _sync_folder(aside.parent)


def move_file_into_place(aside: Path, target: Path) -> None:
    """The file ``aside``, whose bytes are on the disk, takes the place of ``target`` for good."""
    with storage_errors(target):
        aside.replace(target)
        _sync_folder(target.parent)


class Home:
    """Every path below one root folder, the lock over it, and safe writing.

    Nothing is made until something is written. What changes the home holds ``lock()`` meanwhile;
    ``staging`` is for its holder alone and is emptied when the lock is taken.
    """

    def __init__(self, root: Path) -> None:
        """The home at ``root``; relative paths are taken from the working folder, now."""
        self.root = root.absolute()
        self.indexes = self.root / "indexes"
        self.cache = self.root / "cache"
        self.artifacts = self.root / "artifacts"
        self.staging = self.root / "staging"
        self.store = self.root / "store"
        self.generations = self.root / "generations"
        self.current = self.root / "current"
        self.data = self.root / "data"
        self.config = self.root / "config"
        self.figures = self.root / "figures"
        self.lock_file = self.root / "lock"
        self._holder: int | None = None

    def __repr__(self) -> str:
        """``Home('/path')``."""
        return f"Home({str(self.root)!r})"

    def index(self, name: str) -> Path:
        """The bare clone of the index ``name``."""
        return self.indexes / f"{name}.git"

    def index_export(self, name: str) -> Path:
        """What is kept of the index ``name`` when it comes as a static export."""
        return self.indexes / f"{name}.export"

    def index_cache(self, name: str) -> Path:
        """The database over the index ``name``."""
        return self.cache / f"{name}.sqlite"

    def artifact(self, sha256: str) -> Path:
        """The cached artifact of that digest."""
        return self.artifacts / sha256

    def generation(self, number: int) -> Path:
        """The file of one generation."""
        return self.generations / f"{number}.json"

    def plugin_data(self, name: str) -> Path:
        """The folder that a plugin may always write to; it outlives its versions."""
        return self.data / name

    def plugin_config(self, name: str) -> Path:
        """The user's configuration of a plugin."""
        return self.config / f"{name}.yaml"

    def write_atomic(self, path: Path, data: bytes) -> None:
        """As the function of this name; here so that a home is all that a writer needs."""
        write_atomic(path, data)

    def new_staging(self, slug: str) -> Path:
        """A new empty folder in ``staging``; only while holding the lock."""
        folder = self.staging / f"{slug}-{os.getpid()}-{next(_numbers)}"
        with storage_errors(folder):
            folder.mkdir(parents=True)
        return folder

    def discard(self, folder: Path) -> None:
        """Give back a folder in ``staging`` and its room; what cannot go is swept later."""
        _remove(folder)

    @contextmanager
    def lock(
        self,
        timeout: float = 10.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[None]:
        """Makes this process the only one that changes the home; leftovers are swept on entry.

        Waits up to ``timeout`` seconds, then raises HomeBusy naming the holder's process id.
        The thread that holds it may enter again. Ends with the process, however that ends.
        """
        if self._holder == threading.get_ident():
            yield
            return
        descriptor = self._open_lock()
        try:
            self._wait(descriptor, clock() + timeout, clock, sleep)
            with storage_errors(self.lock_file):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
            self._sweep()
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = None
        finally:
            os.close(descriptor)  # which gives the lock back, on every system

    def _open_lock(self) -> int:
        with storage_errors(self.lock_file):
            self.root.mkdir(parents=True, exist_ok=True)
            return os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o666)

    def _wait(
        self,
        descriptor: int,
        deadline: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        while not _try_lock(descriptor):
            if clock() >= deadline:
                holder = self._read_holder()
                who = f"process {holder}" if holder else "another process"
                raise HomeBusy(
                    f"{who.capitalize()} is changing {self.root}.", pid=holder, home=str(self.root)
                )
            sleep(_POLL)

    def _read_holder(self) -> int | None:
        try:
            text = self.lock_file.read_text("ascii")[:20].strip()
        except (OSError, UnicodeDecodeError):
            return None
        return int(text) if text.isdigit() else None

    def _sweep(self) -> None:
        for folder in (self.root, self.generations, self.artifacts, self.config):
            for leftover in folder.glob(".*.tmp"):
                leftover.unlink(missing_ok=True)
        if self.staging.is_dir():
            for leftover in self.staging.iterdir():
                _remove(leftover)


def _remove(path: Path) -> None:
    """Removes what it can: a child of a killed process may still write there; next time, then."""
    if path.is_dir() and not path.is_symlink():
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCK_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_file(path: Path) -> None:
    if path.is_symlink():
        return
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there; NTFS journals names itself
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
