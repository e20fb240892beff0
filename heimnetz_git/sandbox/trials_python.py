"""Attacks within Python: the bootstrap's remains, frames, the collector, ctypes, the connection."""

from __future__ import annotations

from heimnetz_git.sandbox.trials import parse

__all__ = ["PYTHON"]

PYTHON = parse(
    "python",
    r"""
== standard find the bootstrap's connection among its objects
import gc
ends = [one for one in gc.get_objects() if isinstance(one, socket.socket) and one.fileno() >= 0]
escaped = any(one.family == socket.AF_UNIX and not one._closed for one in ends)
== standard find a descriptor that leads to the host
kinds = []
for number in range(3, 64):
    try: kinds.append(stat.S_ISSOCK(os.fstat(number).st_mode))
    except OSError: continue
escaped = any(kinds)
== standard find the host's environment in a frame
frame, names = sys._getframe(), []
while frame:
    names += [repr(value)[:2000] for value in frame.f_locals.values() if isinstance(value, dict)]
    frame = frame.f_back
escaped = any(f"'{T['variable']}'" in one and 'variable' not in one for one in names)
== standard apply a looser confinement
from heimnetz_git.sandbox.confine import Confinement, apply
apply(Confinement()); escaped = bool(open(T['secret']).read())
== standard undo the filter
escaped = libc.prctl(22, 0, 0, 0, 0) == 0
== standard import packages of the host
import dulwich
escaped = True
== standard import the host's command line
import heimnetz_git.cli.main
escaped = open(heimnetz_git.cli.main.__file__, 'a').close() is None
== standard change the host's own code
import heimnetz_git
open(heimnetz_git.__file__, 'a').close(); escaped = True
== standard leave bytecode for the host
import heimnetz_git, py_compile
py_compile.compile(heimnetz_git.__file__, doraise=True); escaped = True
== standard call the kernel in C past Python
escaped = libc.open(T['secret'].encode(), 0) >= 0
== standard open a file past Python's hooks
import _io
escaped = bool(_io.FileIO(T['secret']).read())
== standard open a file by C's streams
libc.fopen.restype = ctypes.c_void_p
escaped = bool(libc.fopen(T['secret'].encode(), b'r'))
== standard start a program by C's system
escaped = libc.system(b'true') == 0
== standard start a program by C's popen
libc.popen.restype = ctypes.c_void_p
escaped = bool(libc.popen(b'true', b'r'))
== standard find secrets of the host in its home
escaped = bool(pathlib.Path.home().joinpath('.ssh').exists() or os.path.exists('/root/.ssh'))
== standard read a log of the machine
escaped = bool(os.listdir('/var/log'))
== standard leave a file for whoever starts Python next
import site
place = pathlib.Path(os.__file__).parent / 'site-packages' / 'attack.pth'
place.write_text('import os'); escaped = True
== standard crash the host's reader with a long line
escaped = False if sys.stdout.write('x' * 100 + '\n') else True
== standard stop the helpers of its namespace
for number in (1, os.getppid()):
    if number > 0: os.kill(number, signal.SIGKILL); escaped = True
""",
)
