"""Hostile submissions, end to end: each is pushed, nothing of it lands, and its rule says why."""
