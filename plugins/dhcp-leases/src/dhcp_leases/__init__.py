"""Reads the lease files of DHCP servers, and tells the device registry who is there."""

from dhcp_leases.plugin import DhcpLeases

__all__ = ["DhcpLeases"]
