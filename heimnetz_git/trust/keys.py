"""SSH keys on ``cryptography``: verify and make signatures of ed25519, ECDSA and RSA (SHA-2).

Formats: RFC 4253 (keys), RFC 5656 (ECDSA), RFC 8332 (rsa-sha2), RFC 8709 (ed25519), and OpenSSH's
PROTOCOL.u2f for keys in a hardware token (``sk-``), whose signatures are verified.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

from heimnetz_git.errors import HeimnetzError, SignatureInvalid, printable
from heimnetz_git.trust.wire import Malformed, Reader, mpint, string

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["public_key_of", "sign_raw", "verify_raw", "wants_password"]

SMALLEST_RSA = 2048
LARGEST_RSA = 16384
_CURVES = {b"nistp256": ("SECP256R1", "SHA256"), b"nistp384": ("SECP384R1", "SHA384"),
           b"nistp521": ("SECP521R1", "SHA512")}  # fmt: skip
_TOKENS = {
    b"sk-ssh-ed25519@openssh.com": b"ssh-ed25519",
    b"sk-ecdsa-sha2-nistp256@openssh.com": b"ecdsa-sha2-nistp256",
}
_TOUCHED = 0x01


def verify_raw(key: bytes, signature: bytes, message: bytes) -> None:
    """Check an SSH wire ``signature`` over ``message``. Raises SignatureInvalid or Malformed.

    Refused: key types other than ed25519, ECDSA on the NIST curves, RSA from 2048 bits up, and
    ed25519 or ECDSA in a hardware token that somebody touched; RSA with SHA-1; certificates.
    """
    try:
        from cryptography.exceptions import InvalidSignature  # heavy, and an extra
    except ImportError:
        raise _missing() from None
    fields, signed = Reader(key), Reader(signature)
    kind, algorithm, raw = fields.string(), signed.string(), signed.string()
    if kind in _TOKENS and kind == algorithm:
        flags, counter = signed.take(1), signed.uint32()
    else:
        flags, counter = b"", 0
    signed.end()
    try:
        if flags:
            _verify_token(kind, fields, raw, (flags, counter), message)
        elif kind == algorithm == b"ssh-ed25519":
            _verify_ed25519(fields, raw, message)
        elif kind == algorithm and kind.startswith(b"ecdsa-sha2-"):
            _verify_ecdsa(kind, fields, raw, message)
        elif kind == b"ssh-rsa":
            _verify_rsa(algorithm, fields, raw, message)
        else:
            said = printable(f"{kind!r} with {algorithm!r}")
            raise SignatureInvalid(f"Signatures of the type {said} are not accepted.")
    except InvalidSignature:
        raise SignatureInvalid("The signature does not fit the file.") from None
    except ValueError as error:
        raise Malformed(str(error)) from None


def _verify_token(
    kind: bytes, fields: Reader, raw: bytes, seen: tuple[bytes, int], message: bytes
) -> None:
    """A hardware token signs digests of the application and the message, and what it saw."""
    plain = _TOKENS[kind]
    public = string(plain) + string(fields.string())
    if plain != b"ssh-ed25519":
        public += string(fields.string())
    application = fields.string()
    fields.end()
    flags, counter = seen
    if not flags[0] & _TOUCHED:
        raise SignatureInvalid("Nobody touched the hardware token when it signed.")
    digests = hashlib.sha256(application).digest(), hashlib.sha256(message).digest()
    signed = digests[0] + flags + struct.pack(">I", counter) + digests[1]
    inner = Reader(public)
    inner.string()
    if plain == b"ssh-ed25519":
        _verify_ed25519(inner, raw, signed)
    else:
        _verify_ecdsa(plain, inner, raw, signed)


def _verify_ed25519(fields: Reader, raw: bytes, message: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(fields.string())
    fields.end()
    key.verify(raw, message)


def _verify_ecdsa(kind: bytes, fields: Reader, raw: bytes, message: bytes) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    name, point = fields.string(), fields.string()
    fields.end()
    if kind != b"ecdsa-sha2-" + name or name not in _CURVES:
        raise Malformed("the curve is not the one that the key's type names")
    curve, digest = _CURVES[name]
    key = ec.EllipticCurvePublicKey.from_encoded_point(getattr(ec, curve)(), point)
    pair = Reader(raw)
    der = encode_dss_signature(pair.number(), pair.number())
    pair.end()
    key.verify(der, message, ec.ECDSA(getattr(hashes, digest)()))


def _verify_rsa(algorithm: bytes, fields: Reader, raw: bytes, message: bytes) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    exponent, modulus = fields.number(), fields.number()
    fields.end()
    if not SMALLEST_RSA <= modulus.bit_length() <= LARGEST_RSA:
        raise SignatureInvalid(f"An RSA key of {modulus.bit_length()} bits is not accepted.")
    digests = {b"rsa-sha2-256": hashes.SHA256, b"rsa-sha2-512": hashes.SHA512}
    if algorithm not in digests:
        raise SignatureInvalid("RSA signatures are accepted with SHA-256 and SHA-512 only.")
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    key.verify(raw, message, padding.PKCS1v15(), digests[algorithm]())


def sign_raw(private_key: bytes, message: bytes, *, password: bytes | None) -> tuple[bytes, bytes]:
    """The public key and the signature over ``message``, both in wire format.

    ``private_key`` is an OpenSSH or PEM file's content. Raises SignatureInvalid when the key
    cannot be used.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # heavy, an extra
    except ImportError:
        raise _missing() from None
    key = _loaded(private_key, password)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return public_key_of(key), string(b"ssh-ed25519") + string(key.sign(message))
    if isinstance(key, rsa.RSAPrivateKey):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        raw = key.sign(message, padding.PKCS1v15(), hashes.SHA512())
        return public_key_of(key), string(b"rsa-sha2-512") + string(raw)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return public_key_of(key), _sign_ecdsa(key, message)
    raise SignatureInvalid("The private key is not ed25519, ECDSA or RSA.", hint=_NEW_KEY)


def wants_password(private_key: bytes) -> bool:
    """Is the private key's file encrypted? False for what is no key at all."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
    except ImportError:
        raise _missing() from None
    openssh = b"BEGIN OPENSSH PRIVATE KEY" in private_key
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        load(private_key, None)
    except TypeError:  # their word for it
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


_NEW_KEY = "Make one with 'ssh-keygen -t ed25519'."


def _loaded(data: bytes, password: bytes | None) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    openssh = b"BEGIN OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        return load(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        said = printable(str(error))
        raise SignatureInvalid(f"The private key cannot be read: {said}.", hint=_NEW_KEY) from None


def _sign_ecdsa(key: EllipticCurvePrivateKey, message: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    name = f"nistp{key.curve.key_size}".encode()
    if name not in _CURVES:
        raise SignatureInvalid(f"The curve {key.curve.name} is not accepted.", hint=_NEW_KEY)
    digest = getattr(hashes, _CURVES[name][1])()
    first, second = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
    return string(b"ecdsa-sha2-" + name) + string(mpint(first) + mpint(second))


def public_key_of(key: object) -> bytes:
    """The public half of a ``cryptography`` private key, in wire format."""
    import base64

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key()  # type: ignore[attr-defined] # every private key of theirs has it
    line: bytes = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def _missing() -> HeimnetzError:
    return HeimnetzError(
        "Signatures need the library 'cryptography'.",
        hint="Install the extra: pip install 'heimnetz-git[trust]'.",
    )
