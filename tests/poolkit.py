"""What workers of the tests do: scan, or end as a worker does that the system kills."""

from __future__ import annotations

import os
from pathlib import Path

from heimnetz_git.scan.engine import scan
from heimnetz_git.scan.report import Report

__all__ = ["DEADLY", "ONCE", "scan_or_die"]

DEADLY = b"# kills its worker\n"
ONCE = b"# kills one worker, file "


def scan_or_die(data: bytes) -> Report:
    """The scan of one module; some texts end the process, one of them only the first time."""
    if data == DEADLY:
        os._exit(9)
    if data.startswith(ONCE):
        mark = Path(data.removeprefix(ONCE).decode().strip())
        if not mark.exists():
            mark.write_text("killed")
            os._exit(9)
    return scan({"a.py": data})
