"""How fast the scanner reads, beside bare ``ast.parse`` and bandit (when it is installed).

Run: python -m benchmarks.scan_speed [--alarms] [FOLDER]; without FOLDER, the packages that this
Python has installed, each as one submission. ``--alarms`` names what is not accepted.
"""

from __future__ import annotations

import ast
import gc
import importlib
import sys
import sysconfig
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from heimnetz_git.scan.engine import scan  # the tree must be importable first

LARGEST = 2 << 20


def packages(folder: Path) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Each package or module below ``folder`` with its Python files."""
    for path in sorted(folder.iterdir()):
        found = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        files = {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in found
            if file.suffix == ".py" and file.is_file() and file.stat().st_size < LARGEST
        }
        if files:
            yield path.name, files


def parse(files: Mapping[str, bytes]) -> None:
    """What every scanner must do at least."""
    for data in files.values():
        try:
            ast.parse(data)
        except (SyntaxError, ValueError):
            continue


def bandit(folder: Path) -> float:
    """Seconds that bandit takes for the folder; 0 when it is not installed."""
    try:
        config = importlib.import_module("bandit.core.config")
        manager = importlib.import_module("bandit.core.manager")
    except ImportError:
        return 0.0
    began = time.process_time()
    run = manager.BanditManager(config.BanditConfig(), "file")
    run.discover_files([str(folder)], recursive=True)
    run.run_tests()
    return time.process_time() - began


def main() -> int:
    """Print lines per second of each, and how often bare parsing the scanner takes."""
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    folder = Path(named[0]) if named else Path(sysconfig.get_path("purelib"))
    warnings.simplefilter("ignore")
    lines, parsed, scanned = 0, 0.0, 0.0
    verdicts: dict[str, list[str]] = {"accept": [], "review": [], "reject": []}
    for name, files in packages(folder):
        lines += sum(data.count(b"\n") for data in files.values())
        began = time.process_time()
        gc.disable()
        parse(files)
        gc.enable()
        parsed += time.process_time() - began
        began = time.process_time()
        report = scan(files)
        took = time.process_time() - began
        scanned += took
        verdicts[report.verdict].append(name)
        if "--alarms" in sys.argv and (report.verdict != "accept" or took > 2):
            print(f"{name}: {report.verdict}, {took:.1f} s")
            worst = [one for one in report.findings if one.severity in ("high", "critical")]
            middle = [one for one in report.findings if one.severity == "medium"]
            for one in (worst or middle)[:12]:
                print(f"    {one}")
    print(f"{lines} lines of {sum(map(len, verdicts.values()))} packages")
    print({verdict: len(names) for verdict, names in verdicts.items()})
    print(f"ast.parse {lines / parsed:10.0f} lines/s")
    print(f"scan      {lines / scanned:10.0f} lines/s, {scanned / parsed:.1f} x ast.parse")
    other = bandit(folder) if "--bandit" in sys.argv else 0.0
    if other:
        print(f"bandit    {lines / other:10.0f} lines/s, {other / scanned:.1f} x our time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
