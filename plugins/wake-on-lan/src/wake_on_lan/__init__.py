"""Wakes devices in the home network by magic packet."""

from wake_on_lan.plugin import WakeOnLan

__all__ = ["WakeOnLan"]
