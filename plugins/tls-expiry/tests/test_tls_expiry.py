"""Certificates of real TLS servers on loopback are read, whether trusted or not."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tls_expiry import TlsExpiry
from tls_expiry.certificate import parse
from tls_expiry.probe import Target, target

from heimnetz_git import Context
from heimnetz_git.sdk.testing import RunningPlugin

Serve = Callable[[int], int]


def certificate(days: int, name: str = "nas.lan") -> tuple[x509.Certificate, bytes]:
    """A self-signed certificate that ends so many days from now, and its key and itself as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made, secret + made.public_bytes(serialization.Encoding.PEM)


class Quiet(BaseRequestHandler):
    """Shakes hands, and says no more."""

    def handle(self) -> None:
        """End with whoever leaves during the handshake."""
        context: ssl.SSLContext = self.server.context  # type: ignore[attr-defined]
        try:
            with context.wrap_socket(self.request, server_side=True) as secured:
                secured.recv(1)
        except OSError:
            return


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts TLS servers on loopback; gives the port of one whose certificate ends in some days."""
    servers: list[ThreadingTCPServer] = []

    def start(days: int) -> int:
        file = tmp_path / f"{days}.pem"
        file.write_bytes(certificate(days, f"nas{days}.lan")[1])
        server = ThreadingTCPServer(("127.0.0.1", 0), Quiet)
        server.daemon_threads = True
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # type: ignore[attr-defined]
        server.context.load_cert_chain(file)  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def started(tmp_path: Path, **config: Any) -> TlsExpiry:
    """The plugin, started with this configuration."""
    return Context.for_tests(data=tmp_path, config=config).start(TlsExpiry)


def test_what_a_certificate_says_is_what_another_reader_finds() -> None:
    """A library that the plugin does not use reads the same from the same bytes."""
    made, _pem = certificate(30, "Küche")
    seen = parse(made.public_bytes(serialization.Encoding.DER))
    assert (seen.subject, seen.issuer) == ("Küche", "Küche")
    assert seen.names == ["localhost", "127.0.0.1"]
    assert seen.not_before == made.not_valid_before_utc
    assert seen.not_after == made.not_valid_after_utc


def test_bytes_cut_or_changed_anywhere_are_read_or_refused() -> None:
    """A hostile host sends what it likes; nothing but ValueError comes of it."""
    der = certificate(30)[0].public_bytes(serialization.Encoding.DER)
    mangled = [der[:at] for at in range(len(der))]
    mangled += [der[:at] + bytes([der[at] ^ 0xFF]) + der[at + 1 :] for at in range(len(der))]
    for data in mangled:
        try:
            parse(data)
        except ValueError:
            continue


def test_the_certificate_that_ends_first_comes_first(tmp_path: Path, serve: Serve) -> None:
    """One that ended is named so; a self-signed one is read and not trusted."""
    later, ended = serve(90), serve(-3)
    hosts = [f"127.0.0.1:{later}", f"127.0.0.1:{ended}"]
    found = started(tmp_path).check(hosts)
    assert [(one.port, one.state, one.days) for one in found] == [
        (ended, "expired", -3),
        (later, "untrusted", 90),
    ]
    assert "self-signed" in found[1].problem.replace(" ", "-")
    assert found[1].tls == "TLSv1.3"


def test_a_trusted_certificate_is_ok_until_the_warning(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trust comes from the machine's store, which OpenSSL lets the environment name."""
    near, far = serve(5), serve(90)
    store = tmp_path / "store.pem"
    store.write_bytes(b"".join((tmp_path / f"{days}.pem").read_bytes() for days in (5, 90)))
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    plugin = started(tmp_path, hosts=[f"localhost:{near}", f"localhost:{far}"])
    assert [one.state for one in plugin.check()] == ["expiring", "ok"]
    assert [one.port for one in plugin.expiring()] == [near]
    assert [one.port for one in plugin.expiring(days=365)] == [near, far]


def test_a_host_that_does_not_answer_is_a_result(tmp_path: Path) -> None:
    """The others are checked all the same."""
    (found,) = started(tmp_path).check(["127.0.0.1:1"])
    assert (found.state, found.days) == ("unreachable", None)
    assert "refused" in found.problem


def test_metrics_have_a_sample_for_each_host(tmp_path: Path, serve: Serve) -> None:
    """The name says the unit."""
    port = serve(90)
    found = started(tmp_path, hosts=[f"127.0.0.1:{port}"]).metrics()
    assert {one.name: one.value for one in found} == {
        "tls_certificate_ok": 0.0,
        "tls_certificate_days_left": 90,
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("example.org", Target("example.org", 443)),
        ("nas.lan:8443", Target("nas.lan", 8443)),
        ("[2001:db8::1]", Target("2001:db8::1", 443)),
        ("[::1]:993", Target("::1", 993)),
    ],
)
def test_hosts_are_named_as_in_an_address_bar(text: str, wanted: Target) -> None:
    """The port is 443 unless said otherwise."""
    assert target(text) == wanted


@pytest.mark.parametrize("text", ["", "https://example.org", "a:b", "host:0", "host:70000", "::1"])
def test_what_is_no_host_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    """The user hears of it when configuring."""
    with pytest.raises(ValueError, match="no host such as"):
        started(tmp_path, hosts=[text])


def test_it_works_in_its_sandbox(plugin: RunningPlugin, serve: Serve) -> None:
    """Only a port that was granted is reached."""
    port, other = serve(90), serve(91)
    plugin.restart(connect=[f"localhost:{port}"])
    found = plugin.call("check", hosts=[f"127.0.0.1:{port}", f"127.0.0.1:{other}"])
    assert found[0]["days"] == 90
    assert found[0]["subject"] == "nas90.lan"
    if plugin.isolated:
        assert found[1]["state"] == "unreachable"
