"""Keys found and look-alikes alarmed, beside detect-secrets where it is installed.

Run: python -m benchmarks.scan_secrets [--quick] [--missed]; the cases are those of
tests/cases/secrets, both halves, their random parts drawn several times.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Row, show
from tests.secretkit import Case, cases, fill, is_found

FOUND, ALARMED = 0.96, 0.04


def peer() -> Callable[[Case, int], bool] | None:
    """Whether detect-secrets finds something in a case; None when it is not installed."""
    try:
        collection = importlib.import_module("detect_secrets.core.secrets_collection")
        settings = importlib.import_module("detect_secrets.settings")
    except ImportError:
        return None
    folder = Path(tempfile.mkdtemp(prefix="scan-secrets-"))

    def found(case: Case, seed: int) -> bool:
        path = folder / case.file
        path.write_text(fill(case.template, seed), "utf-8")
        secrets = collection.SecretsCollection()
        with settings.default_settings():
            secrets.scan_file(str(path))
        path.unlink()
        return bool(list(secrets))

    return found


def share(of: list[Case], seeds: range, finds: Callable[[Case, int], bool]) -> float:
    """The part of the cases, each with several seeds, in which something is found."""
    return sum(finds(case, seed) for case in of for seed in seeds) / (len(of) * len(seeds))


def main() -> int:
    """A row for each half and each question."""
    seeds = range(1 if "--quick" in sys.argv else 5)
    other = peer()
    rows = []
    for half in ("known", "held"):
        known = list(cases(half))
        for keys in (True, False):
            part = [case for case in known if case.is_key is keys]
            began = time.process_time()
            ours = share(part, seeds, is_found)
            took = time.process_time() - began
            theirs = f"{share(part, seeds, other):.1%}" if other else "not installed"
            goal = f">= {FOUND:.0%}" if keys else f"<= {ALARMED:.0%}"
            met = ours >= FOUND if keys else ours <= ALARMED
            job = f"{half}: {len(part)} {'keys found' if keys else 'look-alikes alarmed'}"
            rows.append(Row("secrets", job, goal, f"{ours:.1%} ({took:.2f} s)", theirs, met))
            if "--missed" in sys.argv:
                wrong = [it.name for it in part if any(is_found(it, n) is not keys for n in seeds)]
                print(f"{job}, wrong at least once: {', '.join(wrong) or 'none'}")
    show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
