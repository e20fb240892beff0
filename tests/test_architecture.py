"""The house holds its floors: imports fall, neighbours keep apart, each library has one door."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "heimnetz_git"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors"}),
    frozenset({"model"}),
    frozenset({"storage", "trust"}),
    frozenset({"registry"}),
    frozenset({"forge"}),
    frozenset({"resolve", "scan", "sandbox"}),
    frozenset({"host", "install"}),
    frozenset({"sdk", "market", "enterprise", "ci"}),
    frozenset({"cli"}),
)
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}

# The face re-exports what authors and hosts import, and ``-m`` calls the command line; both stand
# beside the house, not in it.
FACE = ("__init__", "__main__")

DOORS: dict[str, tuple[str, ...]] = {
    "dulwich": ("storage/repo",),
    "ruamel": ("storage/yamlfile",),
    "resolvelib": ("resolve/",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "jinja2": ("sdk/scaffold", "market/site"),
    "merge3": ("sdk/scaffold_update",),
    "cvss": ("market/cvss",),
    "installer": ("install/",),
    "build": ("sdk/build",),
    "cryptography": ("trust/",),
    "urllib3": ("storage/download",),
    "fsspec": ("storage/objectstore",),
    "distributed": ("scan/cluster",),
    "yara_x": ("scan/rules_yara",),
    "platformdirs": ("storage/home",),
    "keyring": ("storage/credentials",),
    "sqlite3": ("registry/cache", "registry/search"),
}


class Import(NamedTuple):
    """One import statement: who imports what, where."""

    room: str
    module: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def imports_of(root: Path) -> Iterator[Import]:
    """Every import below a package's folder, those inside functions included."""
    for file in sorted(root.rglob("*.py")):
        module = file.relative_to(root).with_suffix("").as_posix()
        room = module.split("/")[0]
        for node in ast.walk(ast.parse(file.read_bytes())):
            for target in _targets(node):
                yield Import(room, module, target, node.lineno)  # type: ignore[attr-defined] # imports have lines


def _targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = "." * node.level + (node.module or "")
        if base.split(".")[0] == PACKAGE:
            return [f"{base}.{alias.name}" for alias in node.names]
        return [base]
    return []


def climbs(found: Import) -> bool:
    """Whether an import goes up, sideways to a neighbour, or to a room that no floor has."""
    if not found.target.startswith(f"{PACKAGE}.") or found.room in FACE:
        return False
    wanted = found.target.split(".")[1]
    if wanted == found.room:
        return False
    if wanted not in LEVEL or found.room not in LEVEL:
        return True
    return LEVEL[wanted] >= LEVEL[found.room]


def misses_its_door(found: Import) -> bool:
    """Whether an import of an outside library stands anywhere but in that library's door."""
    doors = DOORS.get(found.target.split(".")[0])
    return doors is not None and not found.module.startswith(doors)


def in_a_circle(found: list[Import]) -> set[str]:
    """Modules that import themselves through others."""
    known = {item.module.replace("/", ".") for item in found}
    edges: dict[str, set[str]] = {}
    for item in found:
        target = item.target.removeprefix(f"{PACKAGE}.")
        for module in {target, target.rpartition(".")[0]} & known:
            edges.setdefault(item.module.replace("/", "."), set()).add(module)
    return {start for start in edges if start in _reach(start, edges)}


def _reach(start: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    queue = list(edges.get(start, ()))
    while queue:
        module = queue.pop()
        if module not in seen:
            seen.add(module)
            queue.extend(edges.get(module, ()))
    return seen


def test_imports_fall() -> None:
    """A floor imports only floors below it, and no neighbour."""
    assert [str(found) for found in imports_of(ROOT) if climbs(found)] == []


def test_each_library_has_one_door() -> None:
    """An outside library is imported where it belongs and nowhere else."""
    assert [str(found) for found in imports_of(ROOT) if misses_its_door(found)] == []


def test_no_module_imports_itself_through_others() -> None:
    """There is no import circle, not even a lazy one."""
    assert in_a_circle(list(imports_of(ROOT))) == set()


def test_relative_imports_are_not_used() -> None:
    """Every import names its module in full, so that these rules see it."""
    assert [str(found) for found in imports_of(ROOT) if found.target.startswith(".")] == []


def test_every_room_stands_on_a_floor() -> None:
    """A new folder must be given its floor here."""
    rooms = {path.stem for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert rooms - set(LEVEL) - {*FACE, "__pycache__", "_bundled"} == set()


def test_the_package_has_no_assert() -> None:
    """A check that -O removes is no check."""
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_every_module_opens_with_one_sentence() -> None:
    """A file says first what lives in it (empty package markers apart)."""
    bare = []
    for file in sorted(ROOT.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if text.strip() and not re.match(r'r?"""\S', text):
            bare.append(str(file.relative_to(ROOT)))
    assert bare == []


PLANTED = [
    ("model/bad.py", "from heimnetz_git.host import manager\n", climbs),
    ("model/bad.py", "def f():\n    import heimnetz_git.registry.law\n", climbs),
    ("host/bad.py", "from heimnetz_git.install import plan\n", climbs),
    ("storage/bad.py", "from heimnetz_git import cli\n", climbs),
    ("registry/bad.py", "import dulwich.repo\n", misses_its_door),
    ("model/bad.py", "def f():\n    from ruamel.yaml import YAML\n", misses_its_door),
]


@pytest.mark.parametrize(("path", "source", "rule"), PLANTED)
def test_a_planted_break_is_found(tmp_path: Path, path: str, source: str, rule: object) -> None:
    """The rules are no decoration: each sees a break, at the top and inside a function."""
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source, encoding="utf-8")
    assert callable(rule)
    assert {found.module for found in imports_of(tmp_path) if rule(found)} == {path[:-3]}


def test_a_planted_circle_is_found(tmp_path: Path) -> None:
    """Two modules that import each other are named, both."""
    room = tmp_path / "registry"
    room.mkdir()
    (room / "one.py").write_text("import heimnetz_git.registry.two\n", encoding="utf-8")
    (room / "two.py").write_text(
        "def f():\n    from heimnetz_git.registry import one\n", encoding="utf-8"
    )
    assert in_a_circle(list(imports_of(tmp_path))) == {"registry.one", "registry.two"}
