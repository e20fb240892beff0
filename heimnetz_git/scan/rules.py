"""The scanner's rules: one function each, its docstring its page in the manual."""

from __future__ import annotations

from heimnetz_git.scan.rules_code import (
    credential_files,
    dynamic_code,
    native_code,
    not_analysed,
    shell_command,
)
from heimnetz_git.scan.rules_files import (
    binary_member,
    hidden_unicode,
    secret,
    source_encoding,
    startup_hook,
)
from heimnetz_git.scan.rules_permissions import permission_undeclared, permission_unused
from heimnetz_git.scan.submission import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    not_analysed,
    dynamic_code,
    shell_command,
    native_code,
    credential_files,
    permission_undeclared,
    permission_unused,
    hidden_unicode,
    source_encoding,
    binary_member,
    startup_hook,
    secret,
)
