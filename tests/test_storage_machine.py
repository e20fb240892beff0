"""What this machine says of itself, and the data that came with the program."""

from __future__ import annotations

import sys

import pytest
from packaging.tags import sys_tags
from packaging.version import Version

from heimnetz_git.errors import FileMissing
from heimnetz_git.storage.bundled import folder
from heimnetz_git.storage.machine import environment


def test_the_environment_is_this_python_on_this_platform() -> None:
    """Tags come best first, the version is this Python's, host APIs are passed on."""
    here = environment({"heimnetz": "1.0.0"})
    assert here.host == {"heimnetz": "1.0.0"}
    assert Version(here.python).release == sys.version_info[:3]
    assert tuple(here.tags) == tuple(str(tag) for tag in sys_tags())
    assert "py3-none-any" in here.tags
    assert here.platform == sys.platform


@pytest.mark.parametrize("name", ["index", "templates"])
def test_the_bundled_folders_are_there(name: str) -> None:
    """The source tree has them where the wheel will have them."""
    assert folder(name).is_dir()


def test_a_missing_bundled_folder_is_explained() -> None:
    """An installation without its data says so."""
    with pytest.raises(FileMissing, match="did not come with"):
        folder("no-such-data")
