"""Linux system calls by name: their numbers, and which of them a plugin has no use for.

Sources: the kernel's ``asm/unistd_64.h`` (x86_64) and ``asm-generic/unistd.h`` (aarch64); the
choice follows Flatpak's list (``common/flatpak-run.c``) and goes on from there. -1 marks a call
that a machine does not have.
"""

from __future__ import annotations

__all__ = [
    "ABSENT",
    "ALLOWED",
    "HARDENED",
    "MACHINES",
    "METADATA",
    "NETWORK",
    "NEWEST",
    "NUMBERS",
    "PROCESSES",
    "REFUSED",
    "SIGNALS",
]


def _names(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


MACHINES = {"x86_64": 0, "aarch64": 1}
"""Which column of NUMBERS belongs to a machine, as ``platform.machine()`` names it."""

NEWEST = 463
"""Calls from this number on are refused unseen: they came after this list."""

NUMBERS: dict[str, tuple[int, int]] = {  # packed: it is looked up, not read
    "_sysctl": (156, -1), "accept": (43, 202), "accept4": (288, 242), "access": (21, -1),
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "alarm": (37, -1),
    "arch_prctl": (158, -1), "bind": (49, 200), "bpf": (321, 280), "brk": (12, 214),
    "cachestat": (451, 451), "capget": (125, 90), "capset": (126, 91), "chdir": (80, 49),
    "chmod": (90, -1), "chown": (92, -1), "chroot": (161, 51), "clock_adjtime": (305, 266),
    "clock_getres": (229, 114), "clock_gettime": (228, 113), "clock_nanosleep": (230, 115),
    "clock_settime": (227, 112), "clone": (56, 220), "clone3": (435, 435), "close": (3, 57),
    "close_range": (436, 436), "connect": (42, 203), "copy_file_range": (326, 285),
    "creat": (85, -1), "create_module": (174, -1), "delete_module": (176, 106), "dup": (32, 23),
    "dup2": (33, -1), "dup3": (292, 24), "epoll_create": (213, -1), "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21), "epoll_pwait": (281, 22), "epoll_pwait2": (441, 441),
    "epoll_wait": (232, -1), "eventfd": (284, -1), "eventfd2": (290, 19), "execve": (59, 221),
    "execveat": (322, 281), "exit": (60, 93), "exit_group": (231, 94), "faccessat": (269, 48),
    "faccessat2": (439, 439), "fadvise64": (221, 223), "fallocate": (285, 47),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "fchdir": (81, 50),
    "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "fchown": (93, 55),
    "fchownat": (260, 54), "fcntl": (72, 25), "fdatasync": (75, 83), "fgetxattr": (193, 10),
    "finit_module": (313, 273), "flistxattr": (196, 13), "flock": (73, 32), "fork": (57, -1),
    "fremovexattr": (199, 16), "fsconfig": (431, 431), "fsetxattr": (190, 7),
    "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433), "fstat": (5, 80),
    "fstatfs": (138, 44), "fsync": (74, 82), "ftruncate": (77, 46), "futex": (202, 98),
    "futex_requeue": (456, 456), "futex_wait": (455, 455), "futex_waitv": (449, 449),
    "futex_wake": (454, 454), "futimesat": (261, -1), "get_kernel_syms": (177, -1),
    "get_mempolicy": (239, 236), "get_robust_list": (274, 100), "getcpu": (309, 168),
    "getcwd": (79, 17), "getdents": (78, -1), "getdents64": (217, 61), "getegid": (108, 177),
    "geteuid": (107, 175), "getgid": (104, 176), "getgroups": (115, 158), "getitimer": (36, 102),
    "getpeername": (52, 205), "getpgid": (121, 155), "getpgrp": (111, -1), "getpid": (39, 172),
    "getppid": (110, 173), "getpriority": (140, 141), "getrandom": (318, 278),
    "getresgid": (120, 150), "getresuid": (118, 148), "getrlimit": (97, 163),
    "getrusage": (98, 165), "getsid": (124, 156), "getsockname": (51, 204),
    "getsockopt": (55, 209), "gettid": (186, 178), "gettimeofday": (96, 169),
    "getuid": (102, 174), "getxattr": (191, 8), "init_module": (175, 105),
    "inotify_add_watch": (254, 27), "inotify_init": (253, -1), "inotify_init1": (294, 26),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_uring_setup": (425, 425),
    "ioctl": (16, 29), "ioperm": (173, -1), "iopl": (172, -1), "ioprio_set": (251, 30),
    "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104),
    "keyctl": (250, 219), "kill": (62, 129), "lchown": (94, -1), "lgetxattr": (192, 9),
    "link": (86, -1), "linkat": (265, 37), "listen": (50, 201), "listmount": (458, 458),
    "listxattr": (194, 11), "llistxattr": (195, 12), "lookup_dcookie": (212, 18),
    "lremovexattr": (198, 15), "lseek": (8, 62), "lsetxattr": (189, 6),
    "lsm_get_self_attr": (459, 459), "lsm_list_modules": (461, 461),
    "lsm_set_self_attr": (460, 460), "lstat": (6, -1), "madvise": (28, 233),
    "map_shadow_stack": (453, 453), "mbind": (237, 235), "membarrier": (324, 283),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "migrate_pages": (256, 238),
    "mincore": (27, 232), "mkdir": (83, -1), "mkdirat": (258, 34), "mknod": (133, -1),
    "mknodat": (259, 33), "mlock": (149, 228), "mlock2": (325, 284), "mlockall": (151, 230),
    "mmap": (9, 222), "modify_ldt": (154, -1), "mount": (165, 40), "mount_setattr": (442, 442),
    "move_mount": (429, 429), "move_pages": (279, 239), "mprotect": (10, 226),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mremap": (25, 216), "mseal": (462, 462),
    "msgctl": (71, 187), "msgget": (68, 186), "msgrcv": (70, 188), "msgsnd": (69, 189),
    "msync": (26, 227), "munlockall": (152, 231), "munmap": (11, 215),
    "name_to_handle_at": (303, 264), "nanosleep": (35, 101), "newfstatat": (262, 79),
    "nfsservctl": (180, 42), "open": (2, -1), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "openat": (257, 56), "openat2": (437, 437), "pause": (34, -1),
    "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pipe": (22, -1),
    "pipe2": (293, 59), "pivot_root": (155, 41), "pkey_alloc": (330, 289),
    "pkey_free": (331, 290), "pkey_mprotect": (329, 288), "poll": (7, -1), "ppoll": (271, 73),
    "prctl": (157, 167), "pread64": (17, 67), "preadv": (295, 69), "preadv2": (327, 286),
    "prlimit64": (302, 261), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pselect6": (270, 72),
    "ptrace": (101, 117), "pwrite64": (18, 68), "pwritev": (296, 70), "pwritev2": (328, 287),
    "query_module": (178, -1), "quotactl": (179, 60), "quotactl_fd": (443, 443), "read": (0, 63),
    "readlink": (89, -1), "readlinkat": (267, 78), "readv": (19, 65), "reboot": (169, 142),
    "recvfrom": (45, 207), "recvmmsg": (299, 243), "recvmsg": (47, 212),
    "remap_file_pages": (216, 234), "removexattr": (197, 14), "rename": (82, -1),
    "renameat": (264, 38), "renameat2": (316, 276), "request_key": (249, 218),
    "restart_syscall": (219, 128), "rmdir": (84, -1), "rseq": (334, 293),
    "rt_sigaction": (13, 134), "rt_sigpending": (127, 136), "rt_sigprocmask": (14, 135),
    "rt_sigqueueinfo": (129, 138), "rt_sigreturn": (15, 139), "rt_sigsuspend": (130, 133),
    "rt_sigtimedwait": (128, 137), "rt_tgsigqueueinfo": (297, 240),
    "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_rr_get_interval": (148, 127),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_yield": (24, 124), "seccomp": (317, 277),
    "select": (23, -1), "semctl": (66, 191), "semget": (64, 190), "semop": (65, 193),
    "semtimedop": (220, 192), "sendfile": (40, 71), "sendmmsg": (307, 269), "sendmsg": (46, 211),
    "sendto": (44, 206), "set_mempolicy": (238, 237), "set_mempolicy_home_node": (450, 450),
    "set_robust_list": (273, 99), "set_tid_address": (218, 96), "setdomainname": (171, 162),
    "setfsgid": (123, 152), "setfsuid": (122, 151), "setgid": (106, 144), "setgroups": (116, 159),
    "sethostname": (170, 161), "setitimer": (38, 103), "setns": (308, 268),
    "setpriority": (141, 140), "setregid": (114, 143), "setresgid": (119, 149),
    "setresuid": (117, 147), "setreuid": (113, 145), "setrlimit": (160, 164),
    "setsid": (112, 157), "setsockopt": (54, 208), "settimeofday": (164, 170),
    "setuid": (105, 146), "setxattr": (188, 5), "shmat": (30, 196), "shmctl": (31, 195),
    "shmget": (29, 194), "shutdown": (48, 210), "sigaltstack": (131, 132), "signalfd4": (289, 74),
    "socket": (41, 198), "socketpair": (53, 199), "splice": (275, 76), "stat": (4, -1),
    "statfs": (137, 43), "statmount": (457, 457), "statx": (332, 291), "swapoff": (168, 225),
    "swapon": (167, 224), "symlink": (88, -1), "symlinkat": (266, 36),
    "sync_file_range": (277, 84), "sysfs": (139, -1), "sysinfo": (99, 179), "syslog": (103, 116),
    "tee": (276, 77), "tgkill": (234, 131), "time": (201, -1), "timer_create": (222, 107),
    "timer_delete": (226, 111), "timer_getoverrun": (225, 109), "timer_gettime": (224, 108),
    "timer_settime": (223, 110), "timerfd_create": (283, 85), "timerfd_gettime": (287, 87),
    "timerfd_settime": (286, 86), "times": (100, 153), "tkill": (200, 130), "truncate": (76, 45),
    "umask": (95, 166), "umount2": (166, 39), "uname": (63, 160), "unlink": (87, -1),
    "unlinkat": (263, 35), "unshare": (272, 97), "uselib": (134, -1), "userfaultfd": (323, 282),
    "ustat": (136, -1), "utime": (132, -1), "utimensat": (280, 88), "utimes": (235, -1),
    "vfork": (58, -1), "vhangup": (153, 58), "vmsplice": (278, 75), "wait4": (61, 260),
    "waitid": (247, 95), "write": (1, 64), "writev": (20, 66),
}  # fmt: skip

# Refused as if the kernel did not know them, so that libraries fall back to older calls. clone3 and
# openat2 hold their flags in memory, where a filter cannot look.
ABSENT = _names(
    "fsconfig fsmount fsopen fspick mount_setattr move_mount open_tree io_uring_enter "
    "io_uring_register io_uring_setup clone3 openat2 fchmodat2 statmount listmount "
    "lsm_get_self_attr lsm_set_self_attr lsm_list_modules map_shadow_stack cachestat"
)

# Other processes; namespaces and mounts (a way round the file grants); parts of the kernel with a
# history of holes; memory that no limit of a process counts; the machine as a whole.
REFUSED = _names(
    "kcmp pidfd_getfd process_madvise process_mrelease process_vm_readv process_vm_writev "
    "ptrace chroot mount pivot_root setns umount2 unshare name_to_handle_at open_by_handle_at "
    "add_key bpf keyctl perf_event_open request_key userfaultfd vmsplice fanotify_init "
    "fanotify_mark lookup_dcookie modify_ldt nfsservctl uselib remap_file_pages memfd_create "
    "memfd_secret msgget msgsnd msgrcv msgctl semget semop semctl semtimedop shmget shmat "
    "shmctl mq_open mq_unlink get_mempolicy mbind migrate_pages move_pages set_mempolicy "
    "set_mempolicy_home_node acct adjtimex clock_adjtime clock_settime ioperm iopl mknod "
    "mknodat create_module delete_module finit_module init_module get_kernel_syms "
    "query_module kexec_file_load kexec_load personality quotactl quotactl_fd reboot _sysctl "
    "setdomainname sethostname settimeofday swapoff swapon sysfs syslog ustat vhangup"
)

# From standard on: users and capabilities, owners and attributes of files, watching files, locked
# memory, priorities.
HARDENED = _names(
    "seccomp ioprio_set setpriority setuid setgid setreuid setregid setresuid setresgid "
    "setfsuid setfsgid setgroups capset chown fchown lchown fchownat setxattr lsetxattr "
    "fsetxattr removexattr lremovexattr fremovexattr inotify_init inotify_init1 "
    "inotify_add_watch mlockall mlock mlock2 munlockall pkey_alloc pkey_free pkey_mprotect "
    "sched_setattr"
)

NETWORK = ("bind", "connect", "listen")
"""Refused from standard on: sockets come ready-made from the broker."""

PROCESSES = ("execve", "execveat", "fork", "vfork")
"""Refused too where no program may be run: starting anything is then impossible."""

SIGNALS = _names("kill tkill tgkill pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open")
"""Refused where the plugin shares the machine's process numbers and nothing scopes signals."""

METADATA = _names("utime utimes futimesat utimensat chmod fchmod fchmodat")
"""Refused where the plugin shares the machine's files: Landlock does not look at these."""

# At maximum these and no others.
ALLOWED = _names(
    "read write close stat fstat lstat newfstatat statx poll ppoll lseek mmap mprotect munmap "
    "brk mremap madvise msync mincore rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending "
    "rt_sigtimedwait rt_sigsuspend sigaltstack signalfd4 restart_syscall ioctl pread64 "
    "pwrite64 readv writev preadv pwritev preadv2 pwritev2 access faccessat faccessat2 pipe "
    "pipe2 select pselect6 sched_yield dup dup2 dup3 pause nanosleep clock_nanosleep "
    "getitimer alarm setitimer getpid gettid getppid getuid geteuid getgid getegid getresuid "
    "getresgid getgroups getpgrp getpgid getsid setsid sendfile copy_file_range sendto "
    "recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown getsockname getpeername socketpair "
    "setsockopt getsockopt accept accept4 clone exit exit_group wait4 waitid kill tgkill "
    "uname fcntl flock fsync fdatasync sync_file_range truncate ftruncate fallocate fadvise64 "
    "getdents getdents64 getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir "
    "creat link linkat unlink unlinkat symlink symlinkat readlink readlinkat chmod fchmod "
    "fchmodat umask utimensat utimes open openat gettimeofday time times clock_gettime "
    "clock_getres getrlimit setrlimit prlimit64 getrusage sysinfo futex futex_waitv "
    "futex_wake futex_wait futex_requeue set_robust_list get_robust_list set_tid_address rseq "
    "membarrier arch_prctl prctl getrandom getcpu sched_getaffinity sched_setaffinity "
    "sched_getscheduler sched_getparam sched_get_priority_max sched_get_priority_min "
    "sched_rr_get_interval epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait "
    "epoll_pwait2 eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime "
    "timer_create timer_settime timer_gettime timer_delete timer_getoverrun statfs fstatfs "
    "getpriority getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr close_range "
    "splice tee mseal capget sched_setparam sched_setscheduler"
)
