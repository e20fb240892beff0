"""Attacks on the kernel: its rarely used parts, other call tables, namespaces, shared objects."""

from __future__ import annotations

from heimnetz_git.sandbox.trials import parse

__all__ = ["KERNEL"]

KERNEL = parse(
    "kernel",
    r"""
== standard make a user namespace
call('unshare', 0x10000000); escaped = True
== standard make a mount namespace
call('unshare', 0x00020000); escaped = True
== standard make a network namespace
call('unshare', 0x40000000); escaped = True
== standard make a namespace by clone
number = call('clone', 0x10000000 | 17, 0, 0, 0, 0)
if number == 0: os._exit(0)
escaped = True
== standard enter a namespace
call('setns', os.open('/proc/self/ns/net', os.O_RDONLY), 0); escaped = True
== standard mount
call('mount', b'none', b'/tmp', b'tmpfs', 0, 0); escaped = True
== standard mount over itself
call('mount', T['data'].encode(), T['data'].encode(), 0, 4096, 0); escaped = True
== standard mount anew for writing
call('mount', b'none', b'/', 0, 32 | 4096, 0); escaped = True
== standard unmount
call('umount2', T['data'].encode(), 2); escaped = True
== standard change the root
os.chroot(T['data']); escaped = True
== standard swap the root
call('pivot_root', T['data'].encode(), T['data'].encode()); escaped = True
== standard open a file system
escaped = call('fsopen', b'tmpfs', 0) >= 0
== standard clone a tree of mounts
escaped = call('open_tree', -100, b'/', 1) >= 0
== standard move a mount
call('move_mount', -100, b'/', -100, b'/tmp', 0); escaped = True
== standard change a mount
call('mount_setattr', -100, b'/', 0, bytes(32), 32); escaped = True
== standard list mounts
escaped = call('statmount', bytes(24), bytes(512), 512, 0) >= 0
== standard load a program into the kernel
escaped = call('bpf', 0, bytes(72), 72) >= 0
== standard make a ring
escaped = call('io_uring_setup', 1, bytes(120)) >= 0
== standard add a key
escaped = call('add_key', b'user', b'x', b'x', 1, -3) >= 0
== standard read keys
escaped = call('keyctl', 0, -3, 1) >= 0
== standard ask for a key
escaped = call('request_key', b'user', b'x', 0, 0) >= 0
== standard handle page faults
escaped = call('userfaultfd', 0) >= 0
== standard handle page faults for users only
escaped = call('userfaultfd', 1) >= 0
== standard load a module
call('init_module', bytes(8), 8, b''); escaped = True
== standard load a module from a file
call('finit_module', 0, b'', 0); escaped = True
== standard remove a module
call('delete_module', b'x', 0); escaped = True
== standard load another kernel
call('kexec_load', 0, 0, 0, 0); escaped = True
== standard restart the machine
call('reboot', 0, 0, 0, 0); escaped = True
== standard read the kernel's messages
escaped = call('syslog', 3, ctypes.create_string_buffer(64), 64) >= 0
== standard set the clock
time.clock_settime(time.CLOCK_REALTIME, time.time()); escaped = True
== standard tune the clock
escaped = call('adjtimex', ctypes.create_string_buffer(208)) >= 0
== standard name the machine
socket.sethostname('attack'); escaped = True
== standard account processes
call('acct', 0); escaped = True
== standard change how it is executed
call('personality', 0x0400000); escaped = True
== standard touch ports of devices
call('iopl', 3); escaped = True
== standard change its descriptor table of segments
call('modify_ldt', 1, bytes(16), 16); escaped = True
== standard share memory with everybody
escaped = libc.shmget(0x48474d31, 4096, 0o1666) >= 0
== standard find shared memory of the host
escaped = libc.shmget(T['shared'], 0, 0) >= 0
== standard make a semaphore of the machine
escaped = libc.semget(0, 1, 0o1600) >= 0
== standard make a message queue of the machine
escaped = libc.msgget(0, 0o1600) >= 0
== standard make a named message queue
escaped = call('mq_open', b'heimnetz', os.O_CREAT | os.O_RDWR, 0o600, 0) >= 0
== standard make a file in memory
os.memfd_create('x'); escaped = True
== standard make secret memory
escaped = call('memfd_secret', 0) >= 0
== standard lock memory
buffer = mmap.mmap(-1, 1 << 20)
escaped = libc.mlock(ctypes.addressof(ctypes.c_char.from_buffer(buffer)), 1 << 20) == 0
== standard watch the whole file system
escaped = call('fanotify_init', 0, 0) >= 0
== standard splice memory
number = os.pipe()[1]; page = ctypes.create_string_buffer(4096)
call('vmsplice', number, struct.pack('PN', ctypes.addressof(page), 4096), 1, 0); escaped = True
== standard enlarge a pipe
fcntl.fcntl(os.pipe()[1], 1031, 1 << 20); escaped = True
== standard place its memory
call('mbind', 0, 0, 0, 0, 0, 0); escaped = True
== standard add a filter that asks somebody
escaped = call('seccomp', 1, 8, struct.pack('HxxxxxxP', 0, 0)) >= 0
== standard call by the numbers of another table
if os.uname().machine != 'x86_64': raise OSError('not this machine')
escaped = libc.syscall(ctypes.c_long(0x40000000 | 39)) > 0
== standard call by a number of the future
number = libc.syscall(ctypes.c_long(5000)); escaped = number >= 0
== standard type on the terminal
fcntl.ioctl(0, 0x5412, b'x'); escaped = True
== standard type on the console
fcntl.ioctl(0, 0x541c, b'\x02'); escaped = True
== standard raise its limit of memory
resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); escaped = True
== standard raise its limit of files
resource.setrlimit(resource.RLIMIT_NOFILE, (100000, 100000)); escaped = True
== standard raise its limit of processes
resource.setrlimit(resource.RLIMIT_NPROC, (100000, 100000)); escaped = True
== standard raise its limit of file sizes
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1)); escaped = True
== standard run in real time
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); escaped = True
== standard raise its priority
os.nice(-5); escaped = True
== maximum make memory that is written and run
mmap.mmap(-1, 4096, prot=7); escaped = True
== maximum make memory executable
page = mmap.mmap(-1, 4096)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
escaped = libc.mprotect(ctypes.c_void_p(address), 4096, 5) == 0
== maximum use a call that is rarely used
escaped = call('signalfd', 1) >= 0 if 'signalfd' in N else call('clock_adjtime', 0, bytes(208)) >= 0
== maximum change the times of a file
open(T['data'] + '/times', 'w').close(); os.utime(T['data'] + '/times', (0, 0)); escaped = True
== maximum change the mode of a file
open(T['data'] + '/mode', 'w').close(); os.chmod(T['data'] + '/mode', 0o640); escaped = True
""",
)
