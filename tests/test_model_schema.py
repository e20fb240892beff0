"""The published schemas: one per kind, valid, up to date, and in accord with the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from heimnetz_git.errors import InvalidFile
from heimnetz_git.model.schema import AUTHORED, KINDS, json_schema
from heimnetz_git.storage import yamlfile
from tests.valuekit import EXAMPLES

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference" / "schemas"
EACH_KIND = pytest.mark.parametrize("kind", sorted(KINDS))


def plain(kind: str) -> dict[str, Any]:
    """The example of a kind as its canonical file says it."""
    found = yamlfile.parse(yamlfile.dump(EXAMPLES[kind]), kind)
    assert isinstance(found, dict)
    return found


@EACH_KIND
def test_the_published_schema_is_the_one_of_the_types(kind: str) -> None:
    """Make it anew with ``heimnetz-git schema KIND > docs/reference/schemas/KIND.json``."""
    published = (FOLDER / f"{kind}.json").read_text(encoding="utf-8")
    assert published == json.dumps(json_schema(kind), indent=2) + "\n"


def test_no_schema_is_published_that_no_kind_has() -> None:
    """The folder holds one file per kind and nothing else."""
    assert {file.name for file in FOLDER.iterdir()} == {f"{kind}.json" for kind in KINDS}


@EACH_KIND
def test_a_schema_is_one_of_draft_2020_12(kind: str) -> None:
    """Editors can load it, and it says what it is of."""
    schema = json_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"].endswith(f":{kind}")
    assert all(part["description"] for part in schema["$defs"].values())


@EACH_KIND
def test_a_written_value_fits_its_schema(kind: str) -> None:
    """What dump writes, an editor does not underline."""
    Draft202012Validator(json_schema(kind)).validate(plain(kind))


@EACH_KIND
def test_a_written_value_is_read_back(kind: str) -> None:
    """Every kind survives its own canonical form, in the authors' strict reading too."""
    value = EXAMPLES[kind]
    assert yamlfile.read(yamlfile.dump(value), type(value), kind, authoring=True) == value


@EACH_KIND
def test_only_kinds_that_people_write_refuse_unknown_keys(kind: str) -> None:
    """A newer program may write more keys than this one knows."""
    fits = Draft202012Validator(json_schema(kind)).is_valid(plain(kind) | {"novelty": 1})
    assert fits == (kind not in AUTHORED)


FLAWS: list[tuple[str, dict[str, Any]]] = [
    ("release", {"name": "Wake_On_LAN"}),
    ("release", {"version": "1.2"}),
    ("release", {"format": 2}),
    ("release", {"type": "netwrok"}),
    ("release", {"artifacts": []}),
    ("release", {"permissions": {"files": {"read": ["leases"]}}}),
    ("release", {"permissions": {"network": {"listen": ["all"]}}}),
    ("release", {"limits": {"memory": "much"}}),
    ("release", {"requires": {"Device Registry": ">=1"}}),
    ("registry", {"id": "home"}),
    ("record", {"merged": "yesterday"}),
    ("plugin", {"yanked": {"one": "broken"}}),
    ("review", {"rating": 6}),
    ("config", {"timeout": 0}),
    ("project", {"plugins": ["wake-on-lan"]}),
]


@pytest.mark.parametrize(("kind", "flaw"), FLAWS)
def test_schema_and_reader_refuse_alike(kind: str, flaw: dict[str, Any]) -> None:
    """What a schema refuses is refused by reading too: it never says more than the law."""
    flawed = plain(kind) | flaw
    assert not Draft202012Validator(json_schema(kind)).is_valid(flawed)
    with pytest.raises(InvalidFile):
        yamlfile.read(yamlfile.dump(flawed), KINDS[kind], kind)


def test_unknown_kinds_have_no_schema() -> None:
    """The name of a kind is one of KINDS."""
    with pytest.raises(KeyError):
        json_schema("novel")
    assert all(issubclass(kind, msgspec.Struct) for kind in KINDS.values())
