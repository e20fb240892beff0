"""Compares the open TCP ports of devices with those that are expected."""

from port_audit.plugin import PortAudit

__all__ = ["PortAudit"]
