"""Every attack, and those that a user may try on a machine of theirs."""

from __future__ import annotations

from heimnetz_git.sandbox.trials import Trial
from heimnetz_git.sandbox.trials_files import FILES
from heimnetz_git.sandbox.trials_kernel import KERNEL
from heimnetz_git.sandbox.trials_network import NETWORK
from heimnetz_git.sandbox.trials_processes import PROCESSES
from heimnetz_git.sandbox.trials_python import PYTHON

__all__ = ["TRIALS"]

TRIALS: tuple[Trial, ...] = (*PYTHON, *FILES, *NETWORK, *PROCESSES, *KERNEL)
