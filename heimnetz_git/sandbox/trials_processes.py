"""Attacks on processes: starting, watching, signalling, outliving; the host's secrets."""

from __future__ import annotations

from heimnetz_git.sandbox.trials import parse

__all__ = ["PROCESSES"]

PROCESSES = parse(
    "processes",
    r"""
== standard start a program
escaped = subprocess.run(['/bin/true']).returncode == 0
== standard start a shell
escaped = os.system('true') == 0
== standard start the interpreter
escaped = subprocess.run([sys.executable or '/usr/bin/python3', '-c', '1']).returncode == 0
== standard start a program by posix_spawn
escaped = os.posix_spawn('/bin/true', ['true'], {}) > 0
== standard become another program
pid = os.fork()
if pid == 0: os.execv('/bin/true', ['true'])
escaped = os.waitpid(pid, 0)[1] == 0
== standard start a program of its own
path = T['data'] + '/program'; open(path, 'w').write('#!/bin/sh\n'); os.chmod(path, 0o755)
escaped = subprocess.run([path]).returncode == 0
== standard start the system's loader
escaped = subprocess.run(['/lib64/ld-linux-x86-64.so.2', '/bin/true']).returncode == 0
== standard start a program from memory
number = os.memfd_create('x'); os.write(number, b'#!/bin/true\n')
escaped = subprocess.run([f'/proc/self/fd/{number}'], pass_fds=[number]).returncode == 0
== standard start a program by its descriptor
number = os.open('/bin/true', os.O_RDONLY); os.execve(number, ['true'], {}); escaped = True
== standard fork
pid = os.fork()
if pid == 0: os._exit(0)
escaped = True
== standard fork by a system call
number = call('clone', 17, 0, 0, 0, 0)
if number == 0: os._exit(0)
escaped = True
== standard fork by vfork
number = libc.fork()
if number == 0: os._exit(0)
escaped = checked(number) > 0
== standard fork by clone3
arguments = struct.pack('11Q', 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)
number = call('clone3', arguments, 88)
if number == 0: os._exit(0)
escaped = True
== standard start a process of multiprocessing
import multiprocessing
worker = multiprocessing.get_context('fork').Process(target=int); worker.start(); escaped = True
== standard signal a process of the machine
os.kill(T['pid'], 0); escaped = True
== standard stop a process of the machine
os.kill(T['pid'], signal.SIGSTOP); os.kill(T['pid'], signal.SIGCONT); escaped = True
== standard signal one thread of it
call('tgkill', T['pid'], T['pid'], 0); escaped = True
== standard signal it with a value
call('rt_sigqueueinfo', T['pid'], 0, bytes(128)); escaped = True
== standard signal it by its descriptor
escaped = signal.pidfd_send_signal(os.pidfd_open(T['pid']), 0) is None
== standard end process 1
os.kill(1, 0); escaped = True
== standard have a signal sent to it
a, b = socket.socketpair(); fcntl.fcntl(a, 8, T['pid']); escaped = True
== standard trace it
escaped = call('ptrace', 16, T['pid'], 0, 0) == 0
== standard read its memory
local = ctypes.create_string_buffer(8)
vector = struct.pack('PN', ctypes.addressof(local), 8)
escaped = call('process_vm_readv', T['pid'], vector, 1, vector, 1, 0) > 0
== standard write its memory
local = ctypes.create_string_buffer(8)
vector = struct.pack('PN', ctypes.addressof(local), 8)
call('process_vm_writev', T['pid'], vector, 1, vector, 1, 0); escaped = True
== standard open its memory
open(f"/proc/{T['pid']}/mem", 'rb'); escaped = True
== standard read its environment
escaped = bool(open(f"/proc/{T['pid']}/environ", 'rb').read())
== standard read its command line
escaped = bool(open(f"/proc/{T['pid']}/cmdline", 'rb').read())
== standard read the environment of process 1
escaped = bool(open('/proc/1/environ', 'rb').read())
== standard read its parent's environment
escaped = T['variable'].encode() in open(f'/proc/{os.getppid()}/environ', 'rb').read()
== standard find a variable of the host
escaped = T['variable'] in os.environ
== standard find it in its own memory
escaped = T['variable'].encode() in open('/proc/self/environ', 'rb').read()
== standard list processes
escaped = any(name.isdigit() and int(name) > 9 for name in os.listdir('/proc'))
== standard compare itself with it
escaped = call('kcmp', os.getpid(), T['pid'], 0, 1, 1) >= 0
== standard change its limits
call('prlimit64', T['pid'], 7, 0, bytes(16)); escaped = True
== standard change its processors
os.sched_setaffinity(T['pid'], {0}); escaped = True
== standard change its scheduling
call('sched_setscheduler', T['pid'], 0, struct.pack('i', 0)); escaped = True
== standard change its priority
os.setpriority(os.PRIO_PROCESS, T['pid'], 19); escaped = True
== standard change the priority of all of a user
os.setpriority(os.PRIO_USER, 0, 19); escaped = True
== standard change its priority for disks
call('ioprio_set', 1, T['pid'], 0); escaped = True
== standard move its memory
call('move_pages', T['pid'], 0, 0, 0, 0, 0); escaped = True
== standard advise on its memory
call('process_madvise', os.pidfd_open(T['pid']), bytes(16), 1, 20, 0); escaped = True
== standard become root
os.setuid(0); escaped = os.getuid() == 0
== standard become another user
os.setresuid(1, 1, 1); escaped = True
== standard take another group
os.setgroups([0]); escaped = True
== standard take back a capability
header = struct.pack('Ii', 0x20080522, 0); call('capset', header, b'\xff' * 24); escaped = True
== standard have a capability
status = open('/proc/self/status').read()
escaped = int(status.split('CapEff:')[1].split()[0], 16) != 0
== standard keep a capability for programs
status = open('/proc/self/status').read()
escaped = int(status.split('CapBnd:')[1].split()[0], 16) != 0 and os.getuid() == 0
== standard gain rights by a program
escaped = libc.prctl(39, 0, 0, 0, 0) != 1
== standard outlive its parent
escaped = libc.prctl(1, 0, 0, 0, 0) == 0
== standard adopt orphans
escaped = libc.prctl(36, 1, 0, 0, 0) == 0
== standard let others trace it
escaped = libc.prctl(0x59616d61, -1, 0, 0, 0) == 0
== standard change its own memory map
escaped = libc.prctl(35, 6, 0, 0, 0) == 0
== standard see what runs on its processor
escaped = call('perf_event_open', bytes(112), 0, -1, -1, 0) >= 0
== strict see that a process exists
escaped = os.path.exists(f"/proc/{T['pid']}")
""",
)
