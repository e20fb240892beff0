"""The fast reader takes the canonical form, all of it and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heimnetz_git.errors import InvalidFile
from heimnetz_git.model.registry import PluginEntry, Record
from heimnetz_git.model.release import Artifact, Change, Release, Source
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.canonical_reader import LARGEST, read
from tests.valuekit import EXAMPLES, PLUGIN, RELEASE

INDEX = Path(__file__).parent.parent / "index"
FILES: dict[Path, type[msgspec.Struct]] = {
    path: Record if "records" in path.parts
    else PluginEntry if path.name == "plugin.yaml"
    else Release
    for path in sorted(INDEX.glob("*/*/*/*.yaml"))
}  # fmt: skip
TEXT = yamlfile.dump(RELEASE).decode()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_what_is_written_is_read(kind: str) -> None:
    """Any kind of file, with any field."""
    value = EXAMPLES[kind]
    assert read(yamlfile.dump(value), type(value)) == value


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(INDEX)))
def test_the_files_of_an_index_are_read(path: Path) -> None:
    """Published files are in canonical form, schemas and all, and say what a parser finds."""
    data = path.read_bytes()
    value = read(data, FILES[path])
    assert value is not None
    assert value == msgspec.convert(yamlfile.parse(data, path.name), FILES[path])


def test_a_block_is_read_the_same_each_time() -> None:
    """The second reading, which remembers the first, is no other."""
    data = yamlfile.dump(RELEASE)
    assert read(data, Release) == read(data, Release) == RELEASE


OTHER_FORMS: dict[str, tuple[str, str]] = {
    "comment": ("format: 1\n", "# ours\nformat: 1\n"),
    "comment behind": ("format: 1\n", "format: 1 # ours\n"),
    "blank line": ("format: 1\n", "format: 1\n\n"),
    "document start": ("format: 1\n", "---\nformat: 1\n"),
    "byte order mark": ("format: 1\n", "\ufefformat: 1\n"),
    "carriage return": ("format: 1\n", "format: 1\r\n"),
    "trailing blank": ("format: 1\n", "format: 1 \n"),
    "two blanks": ("format: 1\n", "format:  1\n"),
    "tab": ("format: 1\n", "format:\t1\n"),
    "line separator": ("type: network\n", "type: network\u2028\n"),
    "needless quotes": ("type: network\n", 'type: "network"\n'),
    "single quotes": ("type: network\n", "type: 'network'\n"),
    "missing quotes": ('  - "uvloop;', "  - uvloop;"),
    "block text": ("type: network\n", "type: |-\n  network\n"),
    "tag": ("type: network\n", "type: !!str network\n"),
    "another number": ("format: 1\n", "format: 0x1\n"),
    "another true": ("optional: true\n", "optional: True\n"),
    "flow list": ("features:\n  - events\n", "features: [events]\n"),
    "flow mapping": ("host:\n  heimnetz: ", "host: {heimnetz: "),
    "deeper lines": ("features:\n  - events\n", "features:\n    - events\n"),
    "list beside its key": ("features:\n  - events\n", "features:\n- events\n"),
    "other order": ("name: wake-on-lan\nversion: 1.2.0\n", "version: 1.2.0\nname: wake-on-lan\n"),
    "other order of keys": ("      default: 9\n", "      zebra: 9\n"),
    "a field twice": ("type: network\n", "type: network\ntype: network\n"),
    "a key twice": ("      default: 9\n", "      default: 9\n      default: 9\n"),
    "a default": ("source:\n", "binaries: []\nsource:\n"),
    "an unknown field": ("source:\n", "mood: good\nsource:\n"),
    "no last line end": ("'no'\"\n", "'no'\""),
    "nothing": (TEXT, ""),
    "an empty mapping": (TEXT, "{}\n"),
}  # fmt: skip


@pytest.mark.parametrize("change", OTHER_FORMS)
def test_another_form_is_left_to_the_parser(change: str) -> None:
    """Whether it is YAML of the same meaning, of another one, or none at all."""
    old, new = OTHER_FORMS[change]
    assert old in TEXT
    assert read(TEXT.replace(old, new, 1).encode(), Release) is None


FAULTS: dict[str, dict[str, Any]] = {
    "version": {"version": "1.2"},
    "version in quotes": {"version": "1.2.0+local"},
    "name": {"name": "Wake_On_Lan"},
    "range": {"requires": {"device-registry": ">=one"}},
    "compared text": {"requires": {"device-registry": "===1.0"}},
    "name of a needed plugin": {"requires": {"Device.Registry": ">=1"}},
    "needs itself": {"requires": {"wake-on-lan": ">=1"}},
    "needed and optional": {"optional": {"device-registry": ">=1"}},
    "no wheel": {"artifacts": ()},
    "a wheel in two places": {
        "artifacts": (Artifact(path="a/b.whl", url="https://x.org/b.whl", size=1, sha256="0" * 64),)
    },
    "outside the index": {"artifacts": (Artifact(path="a/../b.whl", size=1, sha256="0" * 64),)},
    "empty wheel": {"artifacts": (Artifact(path="a/b.whl", size=0, sha256="0" * 64),)},
    "a wheel twice": {"artifacts": (Artifact(path="a/b.whl", size=1, sha256="0" * 64),) * 2},
    "digest": {"artifacts": (Artifact(path="a/b.whl", size=1, sha256="A" * 64),)},
    "commit": {"source": Source("https://example.org/wol", "0" * 39, "v1")},
    "password": {"source": Source("https://a:b@example.org/wol", "0" * 40, "v1")},
    "empty note": {"changes": (Change("added", "   "),)},
    "long note": {"changes": (Change("added", "x" * 1001),)},
    "note of two lines": {"changes": (Change("added", "one\ntwo"),)},
    "kind of note": {"changes": (Change("spoilt", "something"),)},  # type: ignore[arg-type] # a fault
    "schema": {"config": {"type": "objekt"}},
    "grant": {"operations": {"0": {}}},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_check_refuses_is_left_to_those_who_explain(fault: str) -> None:
    """The reader has no value for it, and reading names the problem as ever."""
    data = yamlfile.dump(msgspec.structs.replace(RELEASE, **FAULTS[fault]))
    assert read(data, Release) is None
    with pytest.raises(InvalidFile) as caught:
        yamlfile.read(data, Release, "f.yaml")
    assert caught.value.problems


def test_a_missing_field_is_no_value() -> None:
    """Not even when all others are right."""
    assert read(TEXT.replace("license: MIT OR Apache-2.0\n", "").encode(), Release) is None


def test_a_longer_file_is_left_to_the_parser() -> None:
    """Whose bounds count what is in it."""
    short = msgspec.structs.replace(RELEASE, config={"description": "x" * 60_000})
    long = msgspec.structs.replace(RELEASE, config={"a": "x" * 60_000, "b": "y" * 60_000, "c": "z"})
    assert read(yamlfile.dump(short), Release) == short
    data = yamlfile.dump(long) + b" " * LARGEST
    assert read(data, Release) is None


@pytest.mark.parametrize("deep", [1, 27, 28, 29, 30, 31, 32])
def test_what_lies_too_deep_is_left_to_the_parser(deep: int) -> None:
    """The reader never takes what the bounds of reading refuse."""
    indents = ["  " * level for level in range(1, deep + 1)]
    lines = [*(f"{indent}default:\n" for indent in indents[:-1]), f"{indents[-1]}default: {{}}\n"]
    start, end = TEXT.split("config:\n")
    rest = end[end.index("permissions:") :]
    data = f"{start}config:\n{''.join(lines)}{rest}".encode()
    value = read(data, Release)
    try:
        assert value in (None, yamlfile.read(data + b"# as a person writes\n", Release, "f.yaml"))
    except InvalidFile:
        assert value is None


def test_a_key_that_reading_refuses_is_left_to_the_parser() -> None:
    """A key with a line break has a canonical form, and no place in a file."""
    config = {"a\nb": 1, "x" * 300: 2}
    data = yamlfile.dump(msgspec.structs.replace(RELEASE, config=config))
    assert read(data, Release) is None


def test_reading_gives_what_the_reader_gives() -> None:
    """Reading a file of an index goes this way; authors are told the same."""
    data = yamlfile.dump(PLUGIN)
    for authoring in (True, False):
        assert yamlfile.read(data, PluginEntry, "f.yaml", authoring=authoring) == PLUGIN


def test_a_file_of_an_index_is_read_without_a_yaml_library() -> None:
    """What is in canonical form costs no import of it."""
    source = (
        "import sys; from pathlib import Path; from heimnetz_git.storage import yamlfile\n"
        "from heimnetz_git.model.release import Release\n"
        "yamlfile.read_file(Path(sys.argv[1]), Release)\n"
        "sys.exit('ruamel.yaml' in sys.modules)"
    )
    path = next(path for path in FILES if path.name == "1.0.0.yaml")
    subprocess.run([sys.executable, "-c", source, str(path)], check=True)
