"""Linux system calls that a plugin has no use for: their numbers, and why they are refused.

Sources: the kernel's ``asm/unistd_64.h`` (x86_64) and ``asm-generic/unistd.h`` (aarch64); the
choice follows Flatpak's list (``common/flatpak-run.c``) and goes on from there. -1 marks a call
that a machine does not have.
"""

from __future__ import annotations

__all__ = ["ABSENT", "MACHINES", "NUMBERS", "PROCESSES", "REFUSED"]

MACHINES = {"x86_64": 0, "aarch64": 1}
"""Which column of NUMBERS belongs to a machine, as ``platform.machine()`` names it."""

NUMBERS: dict[str, tuple[int, int]] = {
    "_sysctl": (156, -1),
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "create_module": (174, -1),
    "delete_module": (176, 106),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "finit_module": (313, 273),
    "fork": (57, -1),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "get_mempolicy": (239, 236),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "listen": (50, 201),
    "lookup_dcookie": (212, 18),
    "mbind": (237, 235),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mknod": (133, -1),
    "mknodat": (259, 33),
    "modify_ldt": (154, -1),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "prlimit64": (302, 261),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "socket": (41, 198),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sysfs": (139, -1),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, -1),
    "userfaultfd": (323, 282),
    "ustat": (136, -1),
    "vfork": (58, -1),
    "vhangup": (153, 58),
    "vmsplice": (278, 75),
}

ABSENT = (
    # Refused as if the kernel did not know them, so that libraries fall back to older calls.
    *("fsconfig", "fsmount", "fsopen", "fspick", "mount_setattr", "move_mount", "open_tree"),
    *("io_uring_enter", "io_uring_register", "io_uring_setup"),
    "clone3",  # its flags lie in memory, where a filter cannot look; glibc falls back to clone
)

REFUSED = (
    # other processes
    *("kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace"),
    # namespaces and mounts: a way round the file grants
    *("chroot", "mount", "pivot_root", "setns", "umount2", "unshare"),
    *("name_to_handle_at", "open_by_handle_at"),
    # parts of the kernel with a history of holes
    *("add_key", "bpf", "keyctl", "perf_event_open", "request_key", "userfaultfd", "vmsplice"),
    *("fanotify_init", "fanotify_mark", "lookup_dcookie", "modify_ldt", "nfsservctl", "uselib"),
    # memory that no limit of a process counts
    *("memfd_create", "memfd_secret", "msgget", "semget", "shmget"),
    *("get_mempolicy", "mbind", "migrate_pages", "move_pages", "set_mempolicy"),
    "set_mempolicy_home_node",
    # devices and the machine as a whole
    *("acct", "adjtimex", "clock_adjtime", "clock_settime", "ioperm", "iopl", "mknod", "mknodat"),
    *("create_module", "delete_module", "finit_module", "init_module"),
    *("kexec_file_load", "kexec_load", "personality", "quotactl", "quotactl_fd", "reboot"),
    *("_sysctl", "setdomainname", "sethostname", "settimeofday", "swapoff", "swapon"),
    *("sysfs", "syslog", "ustat", "vhangup"),
)

PROCESSES = ("execve", "execveat", "fork", "vfork")
"""Refused too where no program may be run: starting anything is then impossible."""
