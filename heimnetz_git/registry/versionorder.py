"""The order of versions as bytes, under the name by which the rooms of the index know it."""

from heimnetz_git.model.versionkey import is_prerelease, sort_key

__all__ = ["is_prerelease", "sort_key"]
