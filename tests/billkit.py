"""Bills of materials held against CycloneDX's own schema."""

from __future__ import annotations

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

__all__ = ["fault_of_bill"]


def fault_of_bill(text: str) -> str:
    """What the schema of CycloneDX 1.6 has against a bill, in one line; empty if nothing."""
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return str(error).partition("\n")[0] if error else ""
