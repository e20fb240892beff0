"""This machine, as the resolver needs to know it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import overload

from heimnetz_git.model.lock import Environment

__all__ = ["environment"]

ANYWHERE = "py3-none-any"


def environment(host: Mapping[str, str]) -> Environment:
    """This machine and the Python that runs now, with the host APIs ``host`` (name -> version)."""
    return Environment(
        host=dict(host), python=platform.python_version(), tags=_Tags(), platform=sys.platform
    )


class _Tags(Sequence[str]):
    """The wheel tags that this Python takes, worked out when somebody must know.

    That takes longer than many a resolution, and most wheels have the one tag that every Python 3
    takes.
    """

    def __contains__(self, tag: object) -> bool:
        return tag == ANYWHERE or tag in self._all

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        return self._all[place]

    @cached_property
    def _all(self) -> tuple[str, ...]:
        from packaging.tags import sys_tags

        return tuple(map(str, sys_tags()))
