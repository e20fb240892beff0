"""What any server may answer, and what any ref may be called."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from dulwich.refs import Ref, check_ref_format
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.storage.gitwire import BrokenOff, Declined, Wire
from heimnetz_git.storage.repo_refs import branches_of, is_ref

OID = "0123456789abcdef0123456789abcdef01234567"


@contextlib.contextmanager
def answering(body: bytes, *, chunked: bool) -> Iterator[str]:
    """A server that gives one answer of version 2 with these bytes; its address."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n"
    if chunked:
        parts = [body[at : at + 7] for at in range(0, len(body), 7)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        head += b"Transfer-Encoding: chunked\r\n"
    else:
        head += b"Content-Length: %d\r\n" % len(body)

    def serve() -> None:
        link, _ = server.accept()
        with link, contextlib.suppress(OSError):
            link.settimeout(5)
            link.recv(1 << 16)
            link.sendall(head + b"\r\n" + body)
            link.shutdown(socket.SHUT_WR)
            while link.recv(1 << 16):
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/x.git"
        finally:
            with contextlib.suppress(OSError):
                socket.create_connection(server.getsockname(), 0.05).close()
            thread.join()


def packet(data: bytes) -> bytes:
    """One packet of Git's protocol."""
    return b"%04x%s" % (len(data) + 4, data)


PACKETS = st.one_of(
    st.sampled_from([b"0000", b"0001", b"0002", b"0003", b"0004", b"packfile\n", b"fffe", b"zzzz"]),
    st.sampled_from(
        [b"packfile\n", b"shallow-info\n", f"shallow {OID}\n".encode(), b"\x01PACK", b"\x02words",
         b"\x03stop", b"\x04", b"ERR no\n", f"{OID} refs/heads/main\n".encode(), b""]
    ).map(packet),
    st.binary(max_size=40).map(packet),
    st.binary(max_size=12),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(PACKETS, max_size=8).map(b"".join), st.booleans(), st.booleans())
def test_any_answer_ends_in_a_result_or_an_error_of_ours(
    body: bytes, chunked: bool, asks: bool
) -> None:
    """Whatever comes, whichever way; no other error, and no waiting."""
    pack = bytearray()
    with (
        answering(body, chunked=chunked) as url,
        Wire(url, timeout=5) as wire,
        contextlib.suppress(Declined, BrokenOff),
    ):
        if asks:
            assert set(branches_of(wire.heads(["refs/heads/"]))) <= {"main"}
        else:
            wire.fetch([OID], pack.extend, depth=1)
    assert len(pack) <= len(body)


LETTERS = st.text(alphabet="ab/.@{}~^:?*[\\ -_lock\x00\x1f\x7fä", min_size=1, max_size=14)


@settings(max_examples=400, deadline=None)
@given(LETTERS)
def test_a_ref_is_called_what_git_allows(name: str) -> None:
    """The library's check, which follows Git's, says the same."""
    ref = f"refs/heads/{name}"
    assert is_ref(ref) == check_ref_format(Ref(ref.encode()))
