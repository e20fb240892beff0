"""Signatures that OpenSSH makes are verified here, and the other way round."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import SignatureInvalid
from heimnetz_git.trust.allowed_signers import Signer, parse_allowed_signers
from heimnetz_git.trust.signatures import NAMESPACE, key_of, sign, verify

MESSAGE = b"format: 1\nname: clock\n"
NOW = 1_800_000_000
KINDS = {"ed25519": (), "ecdsa": ("-b", "256"), "rsa": ("-b", "2048")}
CURVES = {"ecdsa-384": ("ecdsa", "384"), "ecdsa-521": ("ecdsa", "521")}


def keygen(*arguments: str | Path, given: bytes = b"") -> bytes:
    """What ssh-keygen says; it must succeed."""
    command = ["ssh-keygen", *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, timeout=60, check=True)
    return done.stdout


def new_key(folder: Path, kind: str, *more: str) -> Path:
    """A private key file without a password, made by ssh-keygen."""
    file = folder / f"id_{kind}{''.join(more)}"
    keygen("-q", "-t", kind, *more, "-N", "", "-C", "ada@example.org", "-f", file)
    return file


def signers_for(key: Path, options: str = "", principal: str = "ada@example.org") -> bytes:
    """An allowed_signers file with one line."""
    public = key.with_suffix(".pub").read_text().rsplit(" ", 1)[0]
    return f"{principal} {options} {public}\n".encode()


@pytest.fixture(scope="module")
def ed25519(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key for the tests that need any."""
    return new_key(tmp_path_factory.mktemp("keys"), "ed25519")


@pytest.mark.parametrize(
    ("kind", "more"),
    [*KINDS.items(), *((kind, ("-b", bits)) for kind, bits in CURVES.values())],
    ids=[*KINDS, *CURVES],
)
def test_ssh_keygen_and_we_accept_each_other(
    tmp_path: Path, kind: str, more: tuple[str, ...]
) -> None:
    """Every kind of key, both ways."""
    key = new_key(tmp_path, kind, *more)
    lines = signers_for(key)
    (tmp_path / "message").write_bytes(MESSAGE)
    keygen("-Y", "sign", "-q", "-f", key, "-n", NAMESPACE, tmp_path / "message")
    theirs = (tmp_path / "message.sig").read_bytes()
    signer = verify(MESSAGE, theirs, signers=parse_allowed_signers(lines), at=NOW)
    assert signer.principals == ("ada@example.org",)

    (tmp_path / "allowed").write_bytes(lines)
    (tmp_path / "ours.sig").write_text(sign(MESSAGE, key.read_bytes()))
    identity = ("-I", "ada@example.org", "-n", NAMESPACE, "-s", tmp_path / "ours.sig")
    said = keygen("-Y", "verify", "-f", tmp_path / "allowed", *identity, given=MESSAGE)
    assert b"Good" in said


def test_a_signature_names_its_key_as_ssh_keygen_does(ed25519: Path) -> None:
    """The fingerprint is the one that people compare."""
    shown = keygen("-l", "-f", ed25519.with_suffix(".pub")).split()[1].decode()
    assert key_of(sign(MESSAGE, ed25519.read_bytes())) == shown


def test_another_message_is_refused(ed25519: Path) -> None:
    """One changed byte is enough."""
    signers = parse_allowed_signers(signers_for(ed25519))
    armored = sign(MESSAGE, ed25519.read_bytes())
    with pytest.raises(SignatureInvalid, match="does not fit"):
        verify(MESSAGE + b"\n", armored, signers=signers, at=NOW)


LINES = [
    ('namespaces="git"', None, "may not sign for"),
    ('namespaces="git,heimnetz-*"', None, ""),
    ('namespaces="*,!heimnetz-git"', None, "may not sign for"),
    ('valid-after="20300101"', None, "not valid yet"),
    ('valid-before="20260101Z"', None, "no longer valid"),
    ('valid-after="20260101",valid-before="203001010000Z"', None, ""),
    ("cert-authority", None, "certificate authority"),
    ("", "eve@example.org", "does not speak for"),
    ("", "ada@example.org", ""),
]


@pytest.mark.parametrize(("options", "principal", "reason"), LINES)
def test_a_line_says_what_its_key_may_sign(
    ed25519: Path, options: str, principal: str | None, reason: str
) -> None:
    """Namespaces, times, principals; an authority's key signs no files."""
    signers = parse_allowed_signers(signers_for(ed25519, options))
    armored = sign(MESSAGE, ed25519.read_bytes())
    if not reason:
        assert verify(MESSAGE, armored, signers=signers, principal=principal, at=NOW) in signers
        return
    with pytest.raises(SignatureInvalid, match=reason):
        verify(MESSAGE, armored, signers=signers, principal=principal, at=NOW)


def test_an_expired_line_does_not_spoil_a_good_one(ed25519: Path) -> None:
    """The same key may stand on several lines."""
    lines = signers_for(ed25519, 'valid-before="20200101"') + signers_for(ed25519)
    armored = sign(MESSAGE, ed25519.read_bytes())
    assert verify(MESSAGE, armored, signers=parse_allowed_signers(lines), at=NOW).line == 2


def test_a_signature_for_another_use_is_refused(ed25519: Path) -> None:
    """A signature made for git is none for a release."""
    armored = sign(MESSAGE, ed25519.read_bytes(), namespace="git")
    signers = parse_allowed_signers(signers_for(ed25519))
    with pytest.raises(SignatureInvalid, match="for 'git'"):
        verify(MESSAGE, armored, signers=signers, at=NOW)


def test_an_unknown_key_is_refused(ed25519: Path) -> None:
    """A good signature by nobody we know."""
    armored = sign(MESSAGE, ed25519.read_bytes())
    with pytest.raises(SignatureInvalid, match="no line names it"):
        verify(MESSAGE, armored, signers=(), at=NOW)


def test_short_and_outdated_rsa_is_refused(tmp_path: Path) -> None:
    """1024 bits are not accepted, whoever allows them."""
    key = new_key(tmp_path, "rsa", "-b", "1024")
    signers = parse_allowed_signers(signers_for(key))
    with pytest.raises(SignatureInvalid, match="1024 bits"):
        verify(MESSAGE, sign(MESSAGE, key.read_bytes()), signers=signers, at=NOW)


@pytest.mark.parametrize("key", [b"", b"nonsense", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_key_that_cannot_be_used_is_said(key: bytes) -> None:
    """Signing with what is no private key is refused in a sentence."""
    with pytest.raises(SignatureInvalid, match="cannot be read"):
        sign(MESSAGE, key)


def blob_of(armored: str) -> bytes:
    """The bytes between the armor."""
    return base64.b64decode("".join(armored.splitlines()[1:-1]))


def armor(blob: bytes) -> str:
    """Any bytes in a signature's armor."""
    text = base64.b64encode(blob).decode()
    return f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----\n"


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_no_damaged_signature_is_good(ed25519: Path, data: st.DataObject) -> None:
    """Cut, flip or add a byte anywhere: the answer is a refusal."""
    signers = parse_allowed_signers(signers_for(ed25519))
    blob = blob_of(sign(MESSAGE, ed25519.read_bytes()))
    place = data.draw(st.integers(0, len(blob) - 1))
    damage = data.draw(st.sampled_from(("cut", "flip", "add")))
    if damage == "flip":
        bad = blob[:place] + bytes([blob[place] ^ (1 << place % 8)]) + blob[place + 1 :]
    else:
        bad = blob[:place] if damage == "cut" else blob + blob[place:]
    with pytest.raises(SignatureInvalid):
        verify(MESSAGE, armor(bad), signers=signers, at=NOW)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(armor), st.text()))
def test_any_bytes_are_survived(armored: bytes | str) -> None:
    """Whatever stands where a signature should is refused."""
    signer = Signer(principals=("*",), key=b"")
    with pytest.raises(SignatureInvalid):
        verify(MESSAGE, armored, signers=(signer,), at=NOW)
