"""Runs plugins: what they are written with, their processes, and the manager over them."""
