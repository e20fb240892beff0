"""Objects in a bucket (S3 and what speaks like it): the only door to fsspec.

What the objects are for is decided above. A write of one object is all or nothing, as S3 has it;
several are written at once, in no order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from math import inf
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from heimnetz_git.errors import FileMissing, NetworkError, UsageError, printable

__all__ = ["ObjectStore", "Stored", "is_bucket", "md5", "open_store"]

_EXTRAS = {"s3": "s3"}  # scheme -> the extra that brings what fsspec needs for it


class Stored(NamedTuple):
    """What a store says of an object.

    ``size`` in bytes, ``md5`` in hex where the store has one, ``modified`` the Unix time of the
    last write, infinity where it is not known.
    """

    size: int
    md5: str
    modified: float


def is_bucket(address: str) -> bool:
    """Whether an address is that of a place in a bucket: ``s3://bucket/prefix``."""
    return urlsplit(address).scheme in _EXTRAS


def open_store(address: str) -> ObjectStore:
    """The place in a bucket at ``s3://bucket/prefix``; nothing is asked yet.

    Where and who: by the variables and files that AWS's own programs read (``AWS_PROFILE``,
    ``AWS_ENDPOINT_URL``, ``~/.aws``). Raises UsageError for another address, or without the extra.
    """
    parts = urlsplit(address)
    if not is_bucket(address) or not parts.netloc or "@" in parts.netloc:
        raise UsageError(
            f"{printable(address)} is no place in a bucket.", hint="Write s3://BUCKET/PREFIX."
        )
    try:
        import fsspec

        files = fsspec.filesystem(parts.scheme, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        extra = _EXTRAS[parts.scheme]
        raise UsageError(
            f"Reaching {parts.scheme}:// needs a library that is not installed: {error}.",
            hint=f"Install the extra: pip install 'heimnetz-git[{extra}]'.",
        ) from error
    return ObjectStore(files, f"{parts.netloc}{parts.path}")


class ObjectStore:
    """Objects below one place, by paths with ``/``. Raises NetworkError throughout."""

    def __init__(self, files: Any, root: str) -> None:
        """``files`` is an fsspec file system, ``root`` the bucket and the prefix."""
        self._files = files
        self._root = root.strip("/")

    def __repr__(self) -> str:
        """``ObjectStore('bucket/prefix')``."""
        return f"ObjectStore({self._root!r})"

    def get(self, path: str) -> bytes | None:
        """The bytes of an object, None when there is none."""
        with _errors(self._at(path)):
            try:
                return bytes(self._files.cat_file(self._at(path)))
            except FileNotFoundError:
                return None

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Those of these objects that came, asked for at once; for any other ask ``get``."""
        wanted = [self._at(path) for path in paths]
        if not wanted:
            return {}
        with _errors(self._root):
            found = self._files.cat(wanted, on_error="omit")
        start = f"{self._root}/"
        return {name.lstrip("/").removeprefix(start): bytes(data) for name, data in found.items()}

    def stat(self, path: str) -> Stored | None:
        """What the store says of an object, None when there is none."""
        with _errors(self._at(path)):
            try:
                return _stored(self._files.info(self._at(path)))
            except FileNotFoundError:
                return None

    def put(self, objects: Mapping[str, bytes], headers: Mapping[str, str]) -> None:
        """These objects, several at once, with ``headers`` (``ContentType``, ``CacheControl``)."""
        named = {self._at(path): data for path, data in objects.items()}
        with _errors(self._root):
            try:
                self._files.pipe(named, **headers)
            except FileNotFoundError as error:
                raise FileMissing(
                    f"There is no bucket {printable(self._root.partition('/')[0])}.",
                    hint="Make it first, or check the address.",
                ) from error

    def delete(self, path: str) -> None:
        """An object, if it is there."""
        with _errors(self._at(path)):
            try:
                self._files.rm_file(self._at(path))
            except FileNotFoundError:
                return

    def listing(self, folder: str = "") -> dict[str, Stored]:
        """Every object below a folder, path -> what is known of it."""
        start = f"{self._root}/"
        with _errors(self._root):
            try:
                found = self._files.find(self._at(folder).rstrip("/"), detail=True)
            except FileNotFoundError:
                return {}
        return {
            name.lstrip("/").removeprefix(start): _stored(about) for name, about in found.items()
        }

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"


def _stored(about: Mapping[str, Any]) -> Stored:
    when = about.get("LastModified")
    return Stored(
        size=int(about.get("size") or 0),
        md5=str(about.get("ETag", "")).strip('"'),
        modified=when.timestamp() if isinstance(when, datetime) else inf,
    )


def md5(data: bytes) -> str:
    """What a store without further ado calls an object's ETag: no matter of security."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@contextmanager
def _errors(where: str) -> Iterator[None]:
    """Turns what fsspec and the library behind it raise into NetworkError.

    Their errors have no common ancestor below Exception: botocore's own, OSError, time-outs.
    """
    try:
        yield
    except (FileNotFoundError, FileMissing):
        raise
    except Exception as error:
        said = printable(str(error).rstrip(".") or type(error).__name__, longest=300)
        raise NetworkError(
            f"The bucket refused {printable(where, longest=300)}: {said}.",
            hint="Check the address and the credentials (AWS_PROFILE, AWS_ENDPOINT_URL).",
        ) from error
