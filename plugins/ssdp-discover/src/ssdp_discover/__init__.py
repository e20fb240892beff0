"""Finds UPnP devices in the home network and reads their descriptions."""

from ssdp_discover.plugin import SsdpDiscover

__all__ = ["SsdpDiscover"]
