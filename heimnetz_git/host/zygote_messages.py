"""What the host and its zygote tell each other; each message is one packet."""

from __future__ import annotations

import msgspec

__all__ = [
    "LONGEST",
    "MOST_DESCRIPTORS",
    "Exited",
    "Fork",
    "Forked",
    "FromHost",
    "FromZygote",
    "Reap",
]

LONGEST = 1 << 16
MOST_DESCRIPTORS = 16


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all of them share."""


class Fork(_Message, frozen=True, tag="fork"):
    """Make a child. With it come the descriptors for 1 and 2, then those for ``numbers``.

    The first of ``numbers`` is the connection that the child serves; ``environ`` is added to its
    environment until it confines itself.
    """

    numbers: tuple[int, ...]
    environ: dict[str, str]


class Reap(_Message, frozen=True, tag="reap"):
    """The host has done with a child that ended: its number may be given to another process."""

    pid: int


class Forked(_Message, frozen=True, tag="forked"):
    """A child was made; with it comes a descriptor of the process."""

    pid: int


class Exited(_Message, frozen=True, tag="exited"):
    """A child ended, with an exit status or minus the number of a signal."""

    pid: int
    status: int


FromHost = Fork | Reap
FromZygote = Forked | Exited
