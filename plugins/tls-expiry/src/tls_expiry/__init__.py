"""Tells which TLS certificates of a list of hosts expire soon, or are not trusted."""

from tls_expiry.plugin import TlsExpiry

__all__ = ["TlsExpiry"]
