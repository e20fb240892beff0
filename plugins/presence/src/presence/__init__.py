"""Tells who is home, by the devices that people carry."""

from presence.plugin import Presence

__all__ = ["Presence"]
