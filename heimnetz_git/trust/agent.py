"""Signing by an SSH agent (draft-ietf-sshm-ssh-agent): the private key never comes here."""

from __future__ import annotations

import base64
import binascii
import socket
import struct
from typing import NamedTuple

from heimnetz_git.errors import SignatureInvalid, printable
from heimnetz_git.trust.allowed_signers import fingerprint
from heimnetz_git.trust.wire import Malformed, Reader, string

__all__ = ["AgentKey", "agent_keys", "public_key_in"]

PATIENCE = 60.0  # a person may have to confirm it, or touch a token
LARGEST = 256 << 10
_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_SHA512 = 4


class AgentKey(NamedTuple):
    """A key that an agent holds: in wire format (a certificate too), and the agent's socket."""

    public: bytes
    address: str

    def sign(self, data: bytes) -> bytes:
        """The agent's signature over ``data``, in wire format. Raises SignatureInvalid."""
        wish = bytes([_SIGN]) + string(self.public) + string(data) + struct.pack(">I", _SHA512)
        kind, answer = _ask(self.address, wish)
        if kind != _SIGNED:
            raise SignatureInvalid(
                f"The SSH agent does not sign with {fingerprint(self.public)}.",
                hint="Add the key with 'ssh-add'; a token may want to be touched.",
            )
        try:
            return answer.string()
        except Malformed:
            raise _odd() from None


def agent_keys(address: str) -> tuple[AgentKey, ...]:
    """Every key of the agent at this socket, in its order. Raises SignatureInvalid."""
    kind, answer = _ask(address, bytes([_LIST]))
    if kind != _LISTED:
        raise _odd()
    try:
        found = []
        for _ in range(answer.uint32()):
            found.append(AgentKey(answer.string(), address))
            answer.string()  # a remark
    except Malformed:
        raise _odd() from None
    return tuple(found)


def public_key_in(data: bytes) -> bytes | None:
    """The key of a ``.pub`` file in wire format; None when it is not such a file."""
    words = data[:LARGEST].split(None, 2)
    try:
        key = base64.b64decode(words[1], validate=True) if len(words) > 1 else b""
        return key if key and Reader(key).string() == words[0] else None
    except (binascii.Error, Malformed):
        return None


def _ask(address: str, wish: bytes) -> tuple[int, Reader]:
    """One question, one answer: its kind and what follows."""
    family = getattr(socket, "AF_UNIX", None)
    if family is None or not address:
        raise SignatureInvalid(
            "There is no SSH agent to sign with.",
            hint="Start one and add the key with 'ssh-add', or name the private key's file.",
        )
    try:
        with socket.socket(family, socket.SOCK_STREAM) as link:
            link.settimeout(PATIENCE)
            link.connect(address)
            link.sendall(string(wish))
            (size,) = struct.unpack(">I", _exactly(link, 4))
            if not 0 < size <= LARGEST:
                raise _odd()
            answer = _exactly(link, size)
    except OSError as error:
        said = printable(str(error))
        raise SignatureInvalid(f"The SSH agent does not answer: {said}.") from None
    return answer[0], Reader(answer[1:])


def _exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise _odd()
        data += more
    return data


def _odd() -> SignatureInvalid:
    return SignatureInvalid("The SSH agent's answer is not one.")
