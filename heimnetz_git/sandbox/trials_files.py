"""Attacks on files: reading, writing, links, descriptors, attributes, hidden places."""

from __future__ import annotations

from heimnetz_git.sandbox.trials import parse

__all__ = ["FILES"]

FILES = parse(
    "files",
    r"""
== standard read a file that everybody may read
escaped = bool(open(T['secret']).read())
== standard read it by a path with dots
escaped = bool(open(T['data'] + '/../' * 9 + T['secret']).read())
== standard read it through a link in the data folder
os.symlink(T['secret'], T['data'] + '/l1'); escaped = bool(open(T['data'] + '/l1').read())
== standard read it through a linked folder
os.symlink('/', T['data'] + '/l2'); escaped = bool(open(T['data'] + '/l2' + T['secret']).read())
== standard make a hard link to it
os.link(T['secret'], T['data'] + '/l3'); escaped = bool(open(T['data'] + '/l3').read())
== standard read it through /proc/self/root
escaped = bool(open('/proc/self/root' + T['secret']).read())
== standard read it through /proc/self/cwd
escaped = bool(open('/proc/self/cwd/' + '../' * 12 + T['secret']).read())
== standard read it through process 1
escaped = bool(open('/proc/1/root' + T['secret']).read())
== standard read it through the host's process
escaped = bool(open(f"/proc/{T['pid']}/root" + T['secret']).read())
== standard read the passwords
escaped = bool(open('/etc/shadow').read())
== standard read the users
escaped = 'root' in open('/etc/passwd').read()
== standard read root's home
escaped = bool(os.listdir('/root'))
== standard list the homes
escaped = bool(os.listdir('/home') or os.listdir('/var'))
== standard list the machine's temporary files
escaped = any('heimnetz' in name for name in os.listdir('/var/tmp'))
== standard write a file that everybody may write
with open(T['writable'], 'a') as file: file.write('x')
escaped = True
== standard truncate it
os.truncate(T['writable'], 0); escaped = True
== standard make a file in a folder that everybody may write
open(T['folder'] + '/new', 'w').close(); escaped = True
== standard make a folder there
os.mkdir(T['folder'] + '/new-folder'); escaped = True
== standard make a link there
os.symlink('/etc', T['folder'] + '/new-link'); escaped = True
== standard remove a file there
os.unlink(T['folder'] + '/old'); escaped = True
== standard rename a file there
os.rename(T['folder'] + '/old', T['folder'] + '/older'); escaped = True
== standard move a file from there
os.rename(T['folder'] + '/old', T['data'] + '/old'); escaped = True
== standard change the mode of a file there
os.chmod(T['writable'], 0o600); escaped = True
== standard change the times of a file there
os.utime(T['writable'], (0, 0)); escaped = True
== standard change an attribute of a file there
os.setxattr(T['writable'], 'user.x', b'x'); escaped = True
== standard change the owner of a file there
os.chown(T['writable'], os.getuid(), os.getgid()); escaped = True
== standard write its own code
with open(T['code'] + '/module.py', 'a') as file: file.write('#')
escaped = True
== standard replace its own code
os.rename(T['data'], T['code']); escaped = True
== standard add a file to its code
open(T['code'] + '/new.py', 'w').close(); escaped = True
== standard change the mode of its code
os.chmod(T['code'] + '/module.py', 0o777); escaped = True
== standard write the standard library
open(os.__file__, 'a').close(); escaped = True
== standard write the interpreter
open(sys.executable or '/usr/bin/python3', 'ab').close(); escaped = True
== standard make a file in the root
open('/x', 'w').close(); escaped = True
== standard make a file in /etc
open('/etc/x', 'w').close(); escaped = True
== standard make a file in /dev
open('/dev/x', 'w').close(); escaped = True
== standard make a device node
os.mknod(T['data'] + '/disk', 0o060600, os.makedev(8, 0)); escaped = True
== standard make a memory device node
os.mknod(T['data'] + '/mem', 0o020600, os.makedev(1, 1)); escaped = True
== standard open the memory of the machine
escaped = bool(open('/dev/mem', 'rb').read(1))
== standard open the disk
escaped = any(open('/dev/' + name, 'rb').read(1) for name in ('sda', 'vda', 'nvme0n1'))
== standard open the kernel's log
escaped = bool(os.read(os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK), 1))
== standard open a terminal
os.open('/dev/tty', os.O_RDWR); escaped = True
== standard make a terminal
os.openpty(); escaped = True
== standard make a file that lends its owner's rights
path = T['data'] + '/lend'; open(path, 'w').close(); os.chmod(path, 0o4755); escaped = True
== standard make such a file at once
os.open(T['data'] + '/lend2', os.O_CREAT | os.O_WRONLY, 0o4755)
escaped = bool(os.stat(T['data'] + '/lend2').st_mode & 0o4000)
== standard make such a file by openat2
how = struct.pack('QQQ', os.O_CREAT | os.O_WRONLY, 0o4755, 0)
call('openat2', -100, (T['data'] + '/lend3').encode(), how, 24); escaped = True
== standard write its own memory through a file
with open('/proc/self/mem', 'r+b', buffering=0) as file: escaped = True
== standard change who is killed when memory is short
with open('/proc/self/oom_score_adj', 'w') as file: file.write('-1000')
escaped = True
== standard write the kernel's settings
with open('/proc/sys/kernel/core_pattern', 'w') as file: escaped = True
== standard read the kernel's settings
escaped = bool(open('/proc/sys/kernel/hostname').read())
== standard read the kernel's symbols
escaped = bool(open('/proc/kallsyms').read(1))
== standard read the kernel's command line
escaped = bool(open('/proc/cmdline').read())
== standard read the kernel's memory image
escaped = bool(open('/proc/kcore', 'rb').read(1))
== standard ask for a system request
with open('/proc/sysrq-trigger', 'w') as file: escaped = True
== standard read the devices' tree
escaped = bool(os.listdir('/sys/class'))
== standard leave a core file
escaped = resource.getrlimit(resource.RLIMIT_CORE)[1] != 0
== standard find a descriptor of the host
extra = [int(n) for n in os.listdir('/proc/self/fd') if int(n) > 2]
kinds = []
for number in extra:
    try: kinds.append(os.readlink(f'/proc/self/fd/{number}'))
    except OSError: pass
ours = ('/proc', '/dev', T['data'])
escaped = any(kind.startswith('/') and not kind.startswith(ours) for kind in kinds)
== standard open a file by its handle
handle = ctypes.create_string_buffer(struct.pack('Ii', 8, 1) + bytes(8))
call('open_by_handle_at', -100, handle, os.O_RDONLY); escaped = True
== standard ask for a file's handle
handle = ctypes.create_string_buffer(struct.pack('Ii', 64, 0) + bytes(64)); mount = ctypes.c_int()
call('name_to_handle_at', -100, b'/', handle, ctypes.byref(mount), 0); escaped = True
== standard watch a folder of others
escaped = call('inotify_add_watch', call('inotify_init1', 0), T['folder'].encode(), 0xfff) >= 0
== standard be told of changes by signal
fcntl.fcntl(os.open(T['data'], os.O_RDONLY), 1026, 1); escaped = True
== standard lease a file
fcntl.fcntl(os.open(T['data'] + '/leased', os.O_RDWR | os.O_CREAT), 1024, 1); escaped = True
== standard swap on a file
call('swapon', (T['data'] + '/swap').encode(), 0); escaped = True
== standard set quotas
call('quotactl', 0, b'/dev/vda', 0, 0); escaped = True
== standard read what other plugins share in memory
escaped = bool(os.listdir('/dev/shm'))
== strict see that a file of others exists
escaped = os.path.exists(T['secret'])
== strict see how large it is
escaped = os.stat(T['secret']).st_size > 0
== strict see who uses the machine
escaped = os.path.exists('/var/run/utmp') or os.path.exists('/run/utmp')
== strict change into a folder of others
os.chdir(T['folder']); escaped = True
== strict map code from its data folder
import shutil, sysconfig
source = next(iter(pathlib.Path('/usr/lib').rglob('libc.so.6')))
shutil.copyfile(source, T['data'] + '/lib.so'); ctypes.CDLL(T['data'] + '/lib.so'); escaped = True
""",
)
