"""The bucket that an export is written to, with S3's semantics: objects first, the root last.

A bucket has no rename and no sync; it needs none, as one object is written all or nothing. What it
lacks is order between objects that are written at once, so they go up rank by rank: METADATA, the
wheels (one that is there has its METADATA beside it), objects that nobody names yet, pages that
name wheels. The root comes after ``settle``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from heimnetz_git.model.export import ROOT, ROOT_SIGNATURE
from heimnetz_git.registry.pages import HTML, JSON, JSON_TYPE
from heimnetz_git.storage.objectstore import ObjectStore, Stored, md5

__all__ = ["ExportBucket", "headers_of"]

_ROOM = 16 << 20  # bytes that wait at most
_FEW = 500  # questions; beyond this one listing of everything is cheaper
_MOMENT = "max-age=60"
_SOON = "max-age=300"
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".gz": "application/gzip",
    ".metadata": "text/plain; charset=utf-8",
}


class ExportBucket:
    """A place in a bucket, as ``export`` writes to it; not for several exports at once."""

    def __init__(self, store: ObjectStore) -> None:
        """Nothing is asked yet."""
        self.store = store
        self.written = 0
        self._waiting: dict[str, bytes] = {}
        self._size = 0
        self._asked = 0
        self._listed: dict[str, Stored] | None = None
        self._ahead: dict[str, bytes] = {}

    def read(self, path: str) -> bytes | None:
        """The bytes of an object, None when there is none."""
        if path in self._waiting:
            return self._waiting[path]
        found = self._ahead.pop(path, None)
        return found if found is not None else self.store.get(path)

    def expect(self, paths: Iterable[str]) -> None:
        """Asks for these at once; each is kept until it is read."""
        self._ahead |= self.store.get_many(path for path in paths if path not in self._waiting)

    def has(self, path: str, size: int) -> bool:
        """Whether an object of that many bytes is there."""
        if path in self._waiting:
            return len(self._waiting[path]) == size
        found = self._stored(path)
        return found is not None and found.size == size

    def put(self, path: str, data: bytes) -> None:
        """An object of these bytes: nothing to do when the bucket has it by size and MD5."""
        found = None if path in self._waiting else self._stored(path)
        if found is not None and (found.size, found.md5) == (len(data), md5(data)):
            return
        self._ahead.pop(path, None)
        self._waiting[path] = data
        self._size += len(data)
        self.written += 1
        if self._size > _ROOM:
            self.settle()

    def remove(self, path: str) -> None:
        """An object, if it is there."""
        self._waiting.pop(path, None)
        self._ahead.pop(path, None)
        self.store.delete(path)

    def retire(self, path: str, when: int) -> None:  # noqa: ARG002 # the bucket dates it itself
        """Writes the object once more, so that its time says since when nothing refers to it."""
        data = self.store.get(path)
        if data is not None:
            self.store.put({path: data}, headers_of(path))

    def retired(self, folder: str, before: int) -> Iterator[str]:
        """The objects below a folder that were written or retired before then, sorted."""
        for path, found in sorted(self.store.listing(folder).items()):
            if found.modified <= before:
                yield path

    def settle(self) -> None:
        """All that was put is in the bucket when this returns, rank by rank."""
        batches: dict[tuple[int, tuple[tuple[str, str], ...]], dict[str, bytes]] = {}
        for path, data in self._waiting.items():
            key = (_rank(path), tuple(headers_of(path).items()))
            batches.setdefault(key, {})[path] = data
        for (_, headers), objects in sorted(batches.items(), key=lambda one: one[0]):
            self.store.put(objects, dict(headers))
        self._waiting.clear()
        self._size = 0

    def publish(self, path: str, data: bytes) -> None:
        """An object that others are looking at, replaced in one step."""
        self._ahead.pop(path, None)
        self.store.put({path: data}, headers_of(path))
        self.written += 1

    def _stored(self, path: str) -> Stored | None:
        """What the bucket has at ``path``: asked singly at first, by one listing after that."""
        if self._listed is None:
            self._asked += 1
            if self._asked <= _FEW:
                return self.store.stat(path)
            self._listed = self.store.listing()
        return self._listed.get(path)


def headers_of(path: str) -> dict[str, str]:
    """What a web server in front of the bucket says of a file: its type, and how long it holds."""
    top, _, file = path.rpartition("/")
    kind = _TYPES.get(file[file.rfind(".") :], "application/octet-stream")
    if path.startswith("simple/") and file == JSON:
        kind = JSON_TYPE
    if path in (ROOT, ROOT_SIGNATURE) or file in (HTML, JSON):
        return {"ContentType": kind, "CacheControl": _MOMENT}
    return {"ContentType": kind, "CacheControl": _SOON if top == "packs" else _FOREVER}


def _rank(path: str) -> int:
    if path.startswith("artifacts/"):
        return 0 if path.endswith(".metadata") else 1
    return 3 if path.startswith("simple/") else 2
