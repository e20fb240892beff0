"""What the operator of a machine allows, whatever an index offers and a user agrees to."""

from __future__ import annotations

from typing import Literal

import msgspec

from heimnetz_git.model.permission import Permissions

__all__ = ["MachinePolicy"]


class MachinePolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``policy.yaml`` of a machine; an absent field allows everything.

    ``allow`` and ``deny`` are name patterns (``acme-*``), deny wins; ``registries`` are UUIDs;
    ``licenses`` are SPDX identifiers; ``ceiling`` is the most that any plugin may be granted.
    """

    format: Literal[1]
    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    ceiling: Permissions | None = None
