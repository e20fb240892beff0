"""Tells how much memory this machine has left."""

from rain_gauge.plugin import RainGauge

__all__ = ["RainGauge"]
