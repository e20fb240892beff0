"""Measures how quickly and how reliably DNS resolvers answer."""

from dns_bench.plugin import DnsBench

__all__ = ["DnsBench"]
