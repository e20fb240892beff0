"""Keeps the devices of a home network: who they are, and when they were seen."""

from device_registry.plugin import DeviceRegistry

__all__ = ["DeviceRegistry"]
