"""Finds the services that devices announce in the home network (mDNS, DNS-SD)."""

from mdns_browser.plugin import MdnsBrowser

__all__ = ["MdnsBrowser"]
