"""Samples as Prometheus reads them: the text exposition format 0.0.4 (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["CONTENT_TYPE", "Sample", "exposition", "is_valid"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,199}")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,99}")


@dataclass(frozen=True)
class Sample:
    """One figure: a metric's name, its value, labels that tell it from others, what it means."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)
    help: str = ""


def is_valid(sample: Sample) -> bool:
    """Whether its names are such as Prometheus accepts."""
    return bool(_NAME.fullmatch(sample.name)) and all(map(_LABEL.fullmatch, sample.labels))


def exposition(samples: Iterable[Sample]) -> str:
    """The samples as one text, gauges grouped by name; of two with the same labels the last counts.

    What is not valid is left out.
    """
    groups: dict[str, dict[str, Sample]] = {}
    for sample in filter(is_valid, samples):
        groups.setdefault(sample.name, {})[_labels(sample.labels)] = sample
    lines: list[str] = []
    for name, group in sorted(groups.items()):
        words = next((one.help for one in group.values() if one.help), "")
        if words:
            lines.append(f"# HELP {name} {_escaped(words)}")
        lines.append(f"# TYPE {name} gauge")
        lines += [f"{name}{labels} {_number(one.value)}" for labels, one in sorted(group.items())]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    texts = (f'{name}="{_quoted(value)}"' for name, value in sorted(labels.items()))
    return "{" + ",".join(texts) + "}"


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def _escaped(text: str) -> str:
    plain = text.encode("utf-8", "replace").decode()
    return plain.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    """As Go's ParseFloat reads it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))
