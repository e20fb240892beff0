"""Attacks on the network: sockets of every family, connecting without connect, names."""

from __future__ import annotations

from heimnetz_git.sandbox.trials import parse

__all__ = ["NETWORK"]

NETWORK = parse(
    "network",
    r"""
== standard connect to a port of the machine
import _socket
s = _socket.socket(2, 1); s.connect(('127.0.0.1', T['tcp'])); escaped = True
== standard connect over IPv6
import _socket
s = _socket.socket(10, 1); s.connect(('::ffff:127.0.0.1', T['tcp'])); escaped = True
== standard connect by sending (TCP Fast Open)
import _socket
s = _socket.socket(2, 1); s.sendto(b'x', 0x20000000, ('127.0.0.1', T['tcp'])); escaped = True
== standard connect by multipath TCP
import _socket
s = _socket.socket(2, 1, 262); s.connect(('127.0.0.1', T['tcp'])); escaped = True
== standard connect by SCTP
import _socket
s = _socket.socket(2, 1, 132); s.connect(('127.0.0.1', T['tcp'])); escaped = True
== standard send a datagram
import _socket
s = _socket.socket(2, 2); s.sendto(b'x', ('127.0.0.1', T['udp'])); escaped = True
== standard send a datagram by a system call
number = call('socket', 2, 2, 0); escaped = number >= 0
== standard send a light datagram
import _socket
s = _socket.socket(2, 2, 136); escaped = True
== standard send a broadcast
import _socket
s = _socket.socket(2, 2); s.setsockopt(1, 6, 1); s.sendto(b'x', ('255.255.255.255', 9))
escaped = True
== standard join a multicast group
import _socket
s = _socket.socket(2, 2); s.setsockopt(0, 35, socket.inet_aton('224.0.0.251') + bytes(4))
escaped = True
== standard listen
import _socket
s = _socket.socket(2, 1); s.bind(('', 0)); s.listen(); escaped = True
== standard listen without binding
import _socket
s = _socket.socket(2, 1); s.listen(); escaped = True
== standard make a raw socket
import _socket
_socket.socket(2, 3, 1); escaped = True
== standard ping
import _socket
_socket.socket(2, 2, 1); escaped = True
== standard make a packet socket
import _socket
_socket.socket(17, 3, 3); escaped = True
== standard ask the kernel for interfaces
import _socket
s = _socket.socket(16, 3, 0); s.bind((0, 0)); escaped = True
== standard ask the kernel for its events
import _socket
s = _socket.socket(16, 3, 15); escaped = True
== standard ask the kernel for connections
import _socket
s = _socket.socket(16, 3, 4); escaped = True
== standard use the kernel's ciphers
import _socket
_socket.socket(38, 5, 0); escaped = True
== standard talk to a hypervisor
import _socket
_socket.socket(40, 1, 0); escaped = True
== standard talk by bluetooth
import _socket
_socket.socket(31, 3, 0); escaped = True
== standard talk by a can bus
import _socket
_socket.socket(29, 3, 1); escaped = True
== standard make an express data path socket
import _socket
_socket.socket(44, 3, 0); escaped = True
== standard make a TIPC socket
import _socket
_socket.socket(30, 5, 0); escaped = True
== standard make an RDS socket
import _socket
_socket.socket(21, 5, 0); escaped = True
== standard make a key socket
import _socket
_socket.socket(15, 3, 2); escaped = True
== standard connect to a local socket
import _socket
s = _socket.socket(1, 1); s.connect(T['unix']); escaped = True
== standard connect to an abstract socket
import _socket
s = _socket.socket(1, 1); s.connect('\0' + T['abstract']); escaped = True
== standard send to an abstract socket from a pair
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
a.sendto(b'x', '\0' + T['abstract'] + '-d'); escaped = True
== standard connect one end of a pair elsewhere
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
a.connect('\0' + T['abstract'] + '-d'); escaped = True
== standard listen on an abstract name
import _socket
s = _socket.socket(1, 1); s.bind('\0heimnetz-attack'); escaped = True
== standard bind one end of a pair
a, b = socket.socketpair(); a.bind('\0heimnetz-attack2'); escaped = True
== standard talk to the system bus
import _socket
s = _socket.socket(1, 1); s.connect('/run/dbus/system_bus_socket'); escaped = True
== standard talk to a container daemon
import _socket
s = _socket.socket(1, 1); s.connect('/var/run/docker.sock'); escaped = True
== standard make an internet socket pair
socket.socketpair(socket.AF_INET, socket.SOCK_STREAM); escaped = True
== standard make a TIPC socket pair
socket.socketpair(30, socket.SOCK_STREAM); escaped = True
== standard look up a name
escaped = bool(socket.getaddrinfo('localhost', 80))
== standard look up a name in C
import _socket
escaped = bool(_socket.getaddrinfo('localhost', 80))
== standard read the interfaces
escaped = any(name != 'lo' for _, name in socket.if_nameindex())
== standard read the machine's connections
escaped = len(open('/proc/net/tcp').readlines()) > 1
== standard read its name servers
escaped = bool(open('/etc/resolv.conf').read())
== standard read the machine's hosts
escaped = bool(open('/etc/hosts').read())
== strict read the machine's name
escaped = socket.gethostname() not in ('plugin', 'localhost')
== standard connect by a ring
escaped = call('io_uring_setup', 4, bytes(120)) >= 0
== standard take a socket of another process
call('pidfd_getfd', call('pidfd_open', T['pid'], 0), 3, 0); escaped = True
== standard wait for connections at a socket that it was not given
socket.socketpair()[0].listen(); escaped = True
""",
)
