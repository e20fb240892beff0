"""Certificates, hardware tokens, agents and keys taken back, beside OpenSSH's own word."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import InvalidFile, SignatureInvalid
from heimnetz_git.trust.agent import AgentKey, agent_keys, public_key_in
from heimnetz_git.trust.allowed_signers import Signer, fingerprint, parse_allowed_signers
from heimnetz_git.trust.certificates import parse_certificate
from heimnetz_git.trust.commits import sign_commit, verify_commit
from heimnetz_git.trust.keys import wants_password
from heimnetz_git.trust.revoked import NONE, Revoked, parse_revoked
from heimnetz_git.trust.signatures import NAMESPACE, sign, verify
from heimnetz_git.trust.wire import mpint, string
from tests.test_trust_signatures import (
    MESSAGE,
    NOW,
    armor,
    blob_of,
    keygen,
    new_key,
    signers_for,
)

VALID = "20200101:20400101"
APPLICATION = b"ssh:"


def public_of(key: Path) -> bytes:
    """A key's public half, in wire format."""
    found = public_key_in(key.with_suffix(".pub").read_bytes())
    assert found
    return found


def certified(
    folder: Path, kind: str = "ed25519", *options: str, names: str = "ada@example.org"
) -> tuple[Path, Path, bytes]:
    """A key with a certificate, its authority's key, and the line that allows the authority."""
    key, authority = new_key(folder, kind), folder / "ca"
    if not authority.exists():
        keygen("-q", "-t", "ed25519", "-N", "", "-C", "ca", "-f", authority)
    who = ("-n", names) if names else ()
    sort = () if options and options[0] == "-h" else ("-V", VALID)
    keygen("-q", "-s", authority, "-I", "ada's key", *who, *sort, *options, key.with_suffix(".pub"))
    line = signers_for(authority, "cert-authority", principal="*@example.org")
    return key, authority, line


def signed_by_openssh(key: Path, folder: Path) -> bytes:
    """OpenSSH's signature over the message; by the certificate where there is one."""
    (folder / "message").write_bytes(MESSAGE)
    certificate = key.with_name(f"{key.name}-cert.pub")
    by = certificate if certificate.exists() else key
    with contextlib.suppress(FileNotFoundError):
        (folder / "message.sig").unlink()
    keygen("-Y", "sign", "-q", "-f", by, "-n", NAMESPACE, folder / "message")
    return (folder / "message.sig").read_bytes()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_speaks_for_its_principals(tmp_path: Path, kind: str) -> None:
    """Those of them that the authority's line allows, and OpenSSH says so too."""
    names = "ada@example.org,root@example.net"
    key, _, line = certified(tmp_path, kind, names=names)
    theirs = signed_by_openssh(key, tmp_path)
    signer = verify(MESSAGE, theirs, signers=parse_allowed_signers(line), at=NOW)
    assert signer.principals == ("ada@example.org",)
    (tmp_path / "allowed").write_bytes(line)
    identity = ("-I", "ada@example.org", "-n", NAMESPACE, "-s", tmp_path / "message.sig")
    assert b"Good" in keygen("-Y", "verify", "-f", tmp_path / "allowed", *identity, given=MESSAGE)
    with pytest.raises(SignatureInvalid, match="does not speak for root"):
        verify(
            MESSAGE, theirs, signers=parse_allowed_signers(line), at=NOW,
            principal="root@example.net",
        )  # fmt: skip


CERTIFICATES: list[tuple[str, tuple[str, ...], str, int, str]] = [
    ("expired", (), "ada@example.org", 2_300_000_000, "no longer valid"),
    ("too early", (), "ada@example.org", 1_500_000_000, "not valid yet"),
    ("of a host", ("-h",), "ada@example.org", NOW, "not one of a user"),
    ("for nobody", (), "", NOW, "names nobody"),
    ("for others", (), "ada@example.net", NOW, "does not allow"),
    ("restricted", ("-O", "force-command=true"), "ada@example.org", NOW, "a restriction"),
]


@pytest.mark.parametrize(
    ("options", "names", "at", "reason"),
    [pytest.param(*case[1:], id=case[0]) for case in CERTIFICATES],
)
def test_a_certificate_that_does_not_count(
    tmp_path: Path, options: tuple[str, ...], names: str, at: int, reason: str
) -> None:
    """Its time, its kind, its principals and its restrictions are looked at."""
    key, _, line = certified(tmp_path, "ed25519", *options, names=names)
    with pytest.raises(SignatureInvalid, match=reason):
        verify(
            MESSAGE, signed_by_openssh(key, tmp_path), signers=parse_allowed_signers(line), at=at
        )


def test_a_certificate_counts_under_its_authority_alone(tmp_path: Path) -> None:
    """Not where the bare key stands, and the authority's key not where it is no authority."""
    key, authority, _ = certified(tmp_path)
    theirs = signed_by_openssh(key, tmp_path)
    for line in (signers_for(key), signers_for(authority)):
        with pytest.raises(SignatureInvalid, match="no line names it"):
            verify(MESSAGE, theirs, signers=parse_allowed_signers(line), at=NOW)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A signature by a certificate, as bytes, and the line that allows it."""
    folder = tmp_path_factory.mktemp("certificate")
    key, _, line = certified(folder)
    return blob_of(signed_by_openssh(key, folder).decode()), line


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_flipped_bit_of_a_certificate_is_good(
    certificate: tuple[bytes, bytes], data: st.DataObject
) -> None:
    """Neither in its names and times nor in its two signatures."""
    blob, line = certificate
    place, bit = data.draw(st.integers(0, len(blob) - 1)), data.draw(st.integers(0, 7))
    bad = blob[:place] + bytes([blob[place] ^ (1 << bit)]) + blob[place + 1 :]
    with pytest.raises(SignatureInvalid):
        verify(MESSAGE, armor(bad), signers=parse_allowed_signers(line), at=NOW)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_after_a_certificate_s_name_are_survived(rest: bytes) -> None:
    """A damaged certificate is refused in a sentence."""
    with pytest.raises((SignatureInvalid, ValueError)):
        parse_certificate(string(b"ssh-ed25519-cert-v01@openssh.com") + rest)


class Token:
    """A hardware token as software: it signs as PROTOCOL.u2f says."""

    def __init__(self, kind: str) -> None:
        """With a new key."""
        self.kind = kind
        if kind == "ed25519":
            self.ed = Ed25519PrivateKey.generate()
            raw = self.ed.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            parts: tuple[bytes, ...] = (raw,)
            self.name = b"sk-ssh-ed25519@openssh.com"
        else:
            self.ec = ec.generate_private_key(ec.SECP256R1())
            point = self.ec.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            parts = (b"nistp256", point)
            self.name = b"sk-ecdsa-sha2-nistp256@openssh.com"
        self.public = b"".join(map(string, (self.name, *parts, APPLICATION)))

    def sign(self, message: bytes, *, flags: int = 1, counter: int = 7) -> str:
        """An armored signature over a message."""
        digest = hashlib.sha512(message).digest()
        inner = b"SSHSIG" + b"".join(map(string, (NAMESPACE.encode(), b"", b"sha512", digest)))
        seen = bytes([flags]) + struct.pack(">I", counter)
        data = hashlib.sha256(APPLICATION).digest() + seen + hashlib.sha256(inner).digest()
        if self.kind == "ed25519":
            raw = self.ed.sign(data)
        else:
            pair = utils.decode_dss_signature(self.ec.sign(data, ec.ECDSA(hashes.SHA256())))
            raw = b"".join(map(mpint, pair))
        signature = string(self.name) + string(raw) + seen
        fields = (self.public, NAMESPACE.encode(), b"", b"sha512", signature)
        return armor(b"SSHSIG" + struct.pack(">I", 1) + b"".join(map(string, fields)))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_touched_hardware_token_is_a_signer(tmp_path: Path, kind: str) -> None:
    """What OpenSSH says good to is good, and a changed flag or counter is not."""
    token = Token(kind)
    signers = (Signer(principals=("ada",), key=token.public),)
    armored = token.sign(MESSAGE)
    assert verify(MESSAGE, armored, signers=signers, at=NOW).principals == ("ada",)
    blob = blob_of(armored)
    for bad in (blob[:-1] + b"\x08", blob[:-5] + b"\x05" + blob[-4:]):
        with pytest.raises(SignatureInvalid, match="does not fit"):
            verify(MESSAGE, armor(bad), signers=signers, at=NOW)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_openssh_agrees_about_a_hardware_token(tmp_path: Path, kind: str) -> None:
    """So the token of this test signs as a real one does."""
    import base64

    token = Token(kind)
    line = f"ada {token.name.decode()} {base64.b64encode(token.public).decode()}\n"
    (tmp_path / "allowed").write_text(line)
    (tmp_path / "sig").write_text(token.sign(MESSAGE))
    identity = ("-I", "ada", "-n", NAMESPACE, "-s", tmp_path / "sig")
    assert b"Good" in keygen("-Y", "verify", "-f", tmp_path / "allowed", *identity, given=MESSAGE)


def test_a_token_that_nobody_touched_is_refused() -> None:
    """A program alone could have asked it to sign."""
    token = Token("ed25519")
    with pytest.raises(SignatureInvalid, match="Nobody touched"):
        verify(
            MESSAGE, token.sign(MESSAGE, flags=0), at=NOW,
            signers=(Signer(principals=("ada",), key=token.public),),
        )  # fmt: skip


def krl(folder: Path, spec: str, *more: str | Path) -> bytes:
    """A binary revocation list by ssh-keygen."""
    (folder / "spec").write_text(spec)
    keygen("-q", "-k", "-f", folder / "krl", *more, folder / "spec")
    return (folder / "krl").read_bytes()


@pytest.mark.parametrize("how", ["line", "fingerprint", "key", "sha1", "sha256"])
def test_a_key_that_was_taken_back_counts_no_more(tmp_path: Path, how: str) -> None:
    """As a line of text, by its fingerprint, and in OpenSSH's own list."""
    key = new_key(tmp_path, "ed25519")
    line = key.with_suffix(".pub").read_text()
    if how == "line":
        data = f"# stolen\n{line}".encode()
    elif how == "fingerprint":
        data = f"{fingerprint(public_of(key))} stolen\n".encode()
    else:
        data = krl(tmp_path, f"{how}: {line}")
    revoked = parse_revoked(data)
    signers = parse_allowed_signers(signers_for(key))
    armored = sign(MESSAGE, key.read_bytes())
    verify(MESSAGE, armored, signers=signers, at=NOW)
    with pytest.raises(SignatureInvalid, match="taken back"):
        verify(MESSAGE, armored, signers=signers, at=NOW, revoked=revoked)
    other = new_key(tmp_path, "ecdsa")
    allowed = parse_allowed_signers(signers_for(other))
    armored = sign(MESSAGE, other.read_bytes())
    assert verify(MESSAGE, armored, signers=allowed, at=NOW, revoked=revoked) in allowed


@pytest.mark.parametrize(
    ("spec", "gone"),
    [("serial: 7", True), ("serial: 5-9", True), ("serial: 8", False), ("id: ada's key", True),
     ("id: ada", False), ("serial: 1\nserial: 3\nserial: 7\nserial: 20", True)],
)  # fmt: skip
def test_a_certificate_is_taken_back_by_number_or_name(
    tmp_path: Path, spec: str, gone: bool
) -> None:
    """One, a range, a bitmap or an id; OpenSSH is asked as well."""
    key, authority, line = certified(tmp_path, "ed25519", "-z", "7")
    data = krl(tmp_path, spec + "\n", "-s", authority.with_suffix(".pub"))
    certificate = key.with_name(f"{key.name}-cert.pub")
    told = subprocess.run(
        ["ssh-keygen", "-Q", "-f", tmp_path / "krl", certificate], check=False, capture_output=True
    )
    assert bool(told.returncode) == gone
    theirs, signers = signed_by_openssh(key, tmp_path), parse_allowed_signers(line)
    if not gone:
        verify(MESSAGE, theirs, signers=signers, at=NOW, revoked=parse_revoked(data))
        return
    with pytest.raises(SignatureInvalid, match="taken back"):
        verify(MESSAGE, theirs, signers=signers, at=NOW, revoked=parse_revoked(data))


def test_an_authority_taken_back_takes_its_certificates_along(tmp_path: Path) -> None:
    """Whatever it has signed."""
    key, authority, line = certified(tmp_path)
    with pytest.raises(SignatureInvalid, match="taken back"):
        verify(
            MESSAGE,
            signed_by_openssh(key, tmp_path),
            signers=parse_allowed_signers(line),
            at=NOW,
            revoked=parse_revoked(authority.with_suffix(".pub").read_bytes()),
        )


def test_wrong_lines_of_a_revocation_file_are_all_named() -> None:
    """A file of which one line is not understood is not used."""
    with pytest.raises(InvalidFile) as caught:
        parse_revoked(b"# fine\nssh-ed25519 AAAA\nSHA256:short\n\nnonsense\n", "trust/revoked_keys")
    assert [one.location.line for one in caught.value.problems] == [2, 3, 5]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200).map(lambda rest: b"SSHKRL\n\0" + rest) | st.binary(max_size=200))
def test_any_bytes_as_a_revocation_list_are_survived(data: bytes) -> None:
    """They are a list, or refused."""
    with contextlib.suppress(InvalidFile):
        assert isinstance(parse_revoked(data), Revoked)


@contextlib.contextmanager
def agent(*keys: Path) -> Iterator[str]:
    """A real ssh-agent that holds these keys; its socket."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/agent"
        process = subprocess.Popen(["ssh-agent", "-D", "-a", address], stdout=subprocess.DEVNULL)
        try:
            environ = {**os.environ, "SSH_AUTH_SOCK": address}
            for _ in range(200):
                if Path(address).exists():
                    break
                subprocess.run(["sleep", "0.02"], check=True)
            for key in keys:
                subprocess.run(["ssh-add", "-q", key], env=environ, check=True, capture_output=True)
            yield address
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_an_agent_signs_files_and_commits(tmp_path: Path, kind: str) -> None:
    """With every kind of key, and with the certificate that came along."""
    key, _, line = certified(tmp_path, kind)
    with agent(key) as address:
        keys = agent_keys(address)
        assert keys[0].public == public_of(key)
        signers = parse_allowed_signers(signers_for(key) + line)
        assert verify(MESSAGE, sign(MESSAGE, keys[0]), signers=signers, at=NOW).line == 1
        assert verify(MESSAGE, sign(MESSAGE, keys[1]), signers=signers, at=NOW).line == 2
        commit = sign_commit(b"tree x\n\nmessage\n", keys[0])
        assert verify_commit(commit, signers, at=NOW).principals == ("ada@example.org",)


def test_a_private_key_with_a_password_is_known(tmp_path: Path) -> None:
    """Then the agent is asked in its place; what is no key wants none."""
    key = tmp_path / "id"
    keygen("-q", "-t", "ed25519", "-N", "secret", "-f", key)
    assert wants_password(key.read_bytes())
    assert not wants_password(new_key(tmp_path, "ed25519").read_bytes())
    assert not wants_password(b"nonsense")


def test_an_agent_without_the_key_is_said(tmp_path: Path) -> None:
    """And one that is not there, and one that answers nonsense."""
    key = new_key(tmp_path, "ed25519")
    with agent() as address, pytest.raises(SignatureInvalid, match="does not sign with SHA256"):
        sign(MESSAGE, AgentKey(public_of(key), address))
    with pytest.raises(SignatureInvalid, match="does not answer"):
        agent_keys(str(tmp_path / "nowhere"))
    with pytest.raises(SignatureInvalid, match="There is no SSH agent"):
        agent_keys("")


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0\0", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1\x0c", b"\0\0\0\5\x0c\0\0\0\2"],
)
def test_an_agent_s_nonsense_is_refused(answer: bytes) -> None:
    """Short, empty, huge and half answers."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/s")
        server.listen()
        import threading

        def serve() -> None:
            link, _ = server.accept()
            with link:
                link.recv(5)
                link.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(SignatureInvalid):
            agent_keys(f"{folder}/s")
        thread.join()


def test_nothing_is_revoked_by_default() -> None:
    """The empty list takes nothing back."""
    assert not NONE.has(b"any")
