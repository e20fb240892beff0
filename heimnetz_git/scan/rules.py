"""The scanner's rules: one function each, its docstring its page in the manual."""

from __future__ import annotations

from heimnetz_git.scan.rules_channels import dns_tunnel, reverse_shell
from heimnetz_git.scan.rules_code import (
    concealed_name,
    dynamic_code,
    native_code,
    not_analysed,
    shell_command,
)
from heimnetz_git.scan.rules_damage import clipper, destruction, miner, self_deletion
from heimnetz_git.scan.rules_files import (
    binary_member,
    hidden_unicode,
    secret,
    source_encoding,
    startup_hook,
)
from heimnetz_git.scan.rules_flows import covert_destination, credential_files, exfiltration
from heimnetz_git.scan.rules_hiding import (
    anti_analysis,
    install_hook,
    shellcode,
    triggered_payload,
)
from heimnetz_git.scan.rules_host import host_tampering, persistence, spying
from heimnetz_git.scan.rules_import import import_effect
from heimnetz_git.scan.rules_members import code_in_data, unsafe_pickle
from heimnetz_git.scan.rules_names import (
    confusable_name,
    far_code,
    foreign_entry,
    shadowed_module,
)
from heimnetz_git.scan.rules_permissions import (
    permission_grew,
    permission_undeclared,
    permission_unused,
)
from heimnetz_git.scan.rules_staged import (
    concealed_target,
    packed_module,
    protection_off,
    staged_script,
)
from heimnetz_git.scan.rules_unpack import decode_execute, download_execute
from heimnetz_git.scan.rules_yara import known_pattern
from heimnetz_git.scan.submission import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    not_analysed,
    # what runs
    concealed_name,
    decode_execute,
    download_execute,
    staged_script,
    packed_module,
    concealed_target,
    dynamic_code,
    shell_command,
    native_code,
    shellcode,
    # what leaves
    exfiltration,
    credential_files,
    covert_destination,
    dns_tunnel,
    reverse_shell,
    # what is done to the machine
    persistence,
    spying,
    clipper,
    miner,
    destruction,
    self_deletion,
    protection_off,
    host_tampering,
    anti_analysis,
    triggered_payload,
    install_hook,
    import_effect,
    # what was declared
    permission_undeclared,
    permission_unused,
    permission_grew,
    # files as such
    hidden_unicode,
    confusable_name,
    far_code,
    source_encoding,
    binary_member,
    known_pattern,
    code_in_data,
    unsafe_pickle,
    shadowed_module,
    foreign_entry,
    startup_hook,
    secret,
)
