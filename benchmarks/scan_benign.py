"""How often the scanner alarms on packages that people trust, and why.

Run: python -m benchmarks.scan_benign FOLDER [--quick]; FOLDER holds wheels and source archives,
fetched with ``pip download --no-deps`` for the names in ``benchmarks/scan_benign.txt``. That list
says of each package which verdict is expected, and argues where it is not ``accept``.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Row, show
from heimnetz_git.model.finding import Severity
from heimnetz_git.scan.engine import Report, scan_archive, scan_wheel

LIST = Path(__file__).with_suffix(".txt")
_GRAVE = (Severity.CRITICAL, Severity.HIGH)


class Package(NamedTuple):
    """A package, what the scanner said of it, and how many lines of Python it has."""

    name: str
    report: Report
    lines: int
    seconds: float

    @property
    def high(self) -> int:
        """How many findings would refuse it."""
        return sum(one.severity in _GRAVE for one in self.report.findings)


def expected() -> dict[str, tuple[str, str]]:
    """Of each package on the list, the expected verdict and the argument for it."""
    rows = (line.split("|") for line in LIST.read_text().splitlines() if "|" in line)
    return {row[0].strip(): (row[1].strip(), row[2].strip()) for row in rows}


def scanned(path: Path) -> Package:
    """One archive scanned as a package from an index."""
    from heimnetz_git.scan.members import archive_files

    data = path.read_bytes()
    began = time.process_time()
    is_wheel = path.suffix == ".whl"
    report = scan_wheel(data) if is_wheel else scan_archive(path.name, data)
    took = time.process_time() - began
    files = archive_files(path.name, data).files
    lines = sum(one.count(b"\n") for name, one in files.items() if name.endswith(".py"))
    name = re.split(r"-\d", path.name)[0].lower().replace("_", "-")
    return Package(name if is_wheel else f"{name} (source)", report, lines, took)


def main() -> int:
    """Print each alarm with its argument, then the figures; 1 if one has no argument."""
    folder = Path(next(word for word in sys.argv[1:] if not word.startswith("-")))
    paths = sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")])
    packages = [scanned(path) for path in (paths[:12] if "--quick" in sys.argv else paths)]
    known, odd = expected(), 0
    for one in packages:
        verdict, argument = known.get(one.name, ("accept", ""))
        if one.report.verdict != "accept" or one.high:
            odd += one.report.verdict != verdict
            print(f"{one.name}: {one.report.verdict}, {one.high} high. {argument or 'NO ARGUMENT'}")
    lines = sum(one.lines for one in packages)
    high = sum(one.high for one in packages)
    count = {word: sum(one.report.verdict == word for one in packages) for word in
             ("accept", "review", "reject")}  # fmt: skip
    rate = lines / max(sum(one.seconds for one in packages), 1e-9)
    alarms = 1000 * high / max(lines, 1)
    size = f"{len(packages)} packages, {lines} lines"
    show(
        [
            Row("scan", "packages refused", "0", str(count["reject"]), size, not count["reject"]),
            Row("scan", "sent to review", "<= 2", str(count["review"]), size, count["review"] <= 2),
            Row("scan", "high per 1,000 lines", "<= 0.005", f"{alarms:.4f}", "", alarms <= 0.005),
            Row("scan", "lines per second", "", f"{rate:,.0f}", ""),
        ]
    )
    return 1 if odd else 0


if __name__ == "__main__":
    sys.exit(main())
