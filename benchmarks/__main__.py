"""Runs benchmarks one after the other and ends with one table: goal, measured, peer, met.

``python -m benchmarks [--quick] NAME ...``; each is a module of this folder and can be run alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import ROWS, Row, table

__all__ = ["main"]


def main() -> int:
    """Print what each says, then the table of all; 1 when one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: only that they run")
    parser.add_argument("names", nargs="+", metavar="NAME")
    asked = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "rows"
        kept.touch()
        for name in asked.names:
            print(f"\n== {name}", flush=True)
            command = [sys.executable, "-m", f"benchmarks.{name}", *["--quick"] * asked.quick]
            if subprocess.run(command, env={**os.environ, ROWS: str(kept)}, check=False).returncode:
                failed.append(name)
        rows = [Row(*json.loads(line)) for line in kept.read_text("utf-8").splitlines()]
    print("\n== the goals" + (", at sizes that mean nothing" if asked.quick else ""))
    print(table(sorted(rows, key=_number)))
    for name in failed:
        print(f"{name} failed.")
    return int(bool(failed))


def _number(row: Row) -> int:
    """G2 stands before G10; a stable order for the rest."""
    return int(row.goal[1:]) if row.goal[1:].isdecimal() else 1_000


if __name__ == "__main__":
    sys.exit(main())
