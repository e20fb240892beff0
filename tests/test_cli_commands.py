"""Every command on a real, tiny registry: what it answers, refuses and leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from heimnetz_git.cli.directory import COMMANDS
from heimnetz_git.model.layout import ALLOWED_SIGNERS, POLICY
from heimnetz_git.model.registry import Policy
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from tests.attacks.kit import new_key
from tests.clikit import LAN, World, copy_of, make_world
from tests.gitkit import put
from tests.wheelkit import make_wheel


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world, made once."""
    root = tmp_path_factory.mktemp("made")
    make_world(root)
    return root


@pytest.fixture
def world(made: Path, tmp_path: Path) -> World:
    """A copy that a test may change."""
    return copy_of(made, tmp_path)


@pytest.fixture
def lit(world: World) -> World:
    """With lamp installed."""
    world.do("install lamp --yes")
    return world


DOCUMENTS = {
    "search": "search lamp",
    "info": "info lamp",
    "permissions": "permissions lamp",
    "install": "install clock --yes",
    "update": "update --dry-run",
    "uninstall": "uninstall lamp --dry-run",
    "run": "run clock add --param left=2",
    "stats": "stats",
    "top": "top --once",
    "bisect": "bisect --probe true",
    "list": "list",
    "tree": "tree",
    "why": "why clock",
    "why-not": "why-not clock==1.0.0",
    "audit": "audit",
    "outdated": "outdated",
    "generations": "generations",
    "rollback": "rollback 1",
    "lock": "lock",
    "sync": "sync --dry-run",
    "import-pylock": "import-pylock pylock.toml",
    "new": "new gong --type utility --author Ada",
    "init": "init project --ci github",
    "validate": "validate dist/clock-1.0.0-py3-none-any.whl --fail-on never",
    "scan": "scan dist/clock-1.0.0-py3-none-any.whl --fail-on never",
    "test": "test project",
    "dev": "dev project",
    "profile": "profile ring --path project",
    "build": "build project",
    "quality": "quality project",
    "compare": "compare dist/lamp-2.0.0-py3-none-any.whl",
    "publish": "publish dist/lamp-2.0.0-py3-none-any.whl --to registry.git",
    "yank": "yank clock 1.0.0 --reason broken --to registry.git",
    "unyank": "unyank clock 1.0.0 --to registry.git",
    "deprecate": "deprecate clock --reason old --successor lamp --to registry.git",
    "archive": "archive clock --reason tired --to registry.git",
    "adopt": "adopt clock --owner bob --to registry.git",
    "transfer": "transfer clock --owner bob --to registry.git",
    "remove": "remove clock --reason takedown --to registry.git",
    "withdraw": "withdraw submit/clock/facts-yank-1.0.0 --to registry.git",
    "schema": "schema release",
    "submissions": "submissions registry.git",
    "merge": "merge registry.git --all",
    "ci check": "ci check registry.git --base main --head main",
    "ci merge": "ci merge registry.git",
    "registry check": "registry check registry.git --base main --head main",
    "registry receive": "registry receive registry.git",
    "registry upstream": "registry upstream registry.git registry.git",
    "registry rebuild": "registry rebuild registry.git submit/lamp/2.0.0",
    "registry shell": "registry shell . --user ada",
    "approve": "approve submit/lamp/2.0.0 --override unproven --sign key --to registry.git",
    "index init": "index init other.git",
    "index add": "index add other registry.git --priority -1",
    "index list": "index list",
    "index show": "index show home-lab",
    "index update": "index update",
    "index remove": "index remove home-lab",
    "index path": "index path lamp",
    "index export": "index export registry.git public",
    "index verify": "index verify public",
    "doctor": "doctor",
    "sandbox explain": "sandbox explain lamp",
    "sandbox selftest": "sandbox selftest --level strict",
    "sandbox exec": "sandbox exec script.py",
    "config list": "config list",
    "config get": "config get timeout",
    "config set": "config set timeout 3",
    "config unset": "config unset indexes.home-lab",
    "completion": "completion bash",
}

YANK = "yank clock 1.0.0 --reason broken --to registry.git"
DECIDE = "--override facts-unproven --override newest-yanked --override plugin-broken"
PYLOCK = "lock --format pylock --base-url https://plugins.example.org --output pylock.toml"
PREPARED = {
    "adopt": (
        "archive clock --reason tired --to registry.git",
        "merge registry.git --all --override facts-unproven",
    ),
    "registry rebuild": ("publish dist/lamp-2.0.0-py3-none-any.whl --to registry.git",),
    "approve": ("publish dist/lamp-2.0.0-py3-none-any.whl --to registry.git",),
    "import-pylock": (PYLOCK,),
    "index verify": ("index export registry.git public",),
    "unyank": (YANK, f"merge registry.git --all {DECIDE}"),
    "withdraw": (YANK,),
}


def test_every_command_has_a_line_here() -> None:
    """A new command must be run below."""
    assert set(DOCUMENTS) == {entry.words for entry in COMMANDS}


@pytest.mark.parametrize("words", DOCUMENTS)
def test_every_command_prints_one_document(
    lit: World, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --json: one document, named by its schema, nothing on stderr."""
    monkeypatch.chdir(lit.root)
    (lit.root / "heimnetz.yaml").write_text("format: 1\nplugins:\n  lamp: '>=1'\n", "utf-8")
    make_wheel(lit.root / "dist", "lamp", "2.0.0")
    write_project(lit.root / "project")
    (lit.root / "script.py").write_text("print(1)\n", "utf-8")
    if words == "approve":
        name_maintainer(lit.root / "registry.git", lit.root / "key")
    monkeypatch.setenv("SSH_ORIGINAL_COMMAND", "git-upload-pack registry.git")
    for line in PREPARED.get(words, ()):
        lit.do(line)
    found = lit.json(DOCUMENTS[words])
    assert found["schema"] == f"heimnetz-git/{words.replace(' ', '-')}/1", found


def name_maintainer(registry: Path, key: Path) -> None:
    """A maintainer of the registry, whose private key lies in a file."""
    private, line = new_key()
    key.write_bytes(private)
    policy = Policy(format=1, maintainers=("max",))
    files = {ALLOWED_SIGNERS: f"max {line}".encode(), POLICY: yamlfile.dump(policy)}
    with Repository.open(registry) as repo:
        put(repo, files)


def write_project(root: Path) -> None:
    """The smallest plugin project."""
    files = {
        "pyproject.toml": (
            "[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n"
            "[project]\nname = 'bell'\nversion = '1.0.0'\ndescription = 'Rings'\nlicense = 'MIT'\n"
            "authors = [{name = 'Ada', email = 'ada@example.org'}]\nrequires-python = '>=3.11'\n"
            "[project.entry-points.'heimnetz.plugins']\nbell = 'bell:Bell'\n"
        ),
        "plugin.yaml": "format: 1\ntype: utility\nhost:\n  heimnetz: '>=1.0,<2'\n",
        "src/bell/__init__.py": (
            '"""Rings."""\n\nfrom heimnetz_git import BasePlugin, operation\n\n\n'
            'class Bell(BasePlugin):\n    """Rings."""\n\n    @operation\n'
            '    def ring(self) -> str:\n        """Ring."""\n        return "ding"\n'
        ),
        "README.md": "# bell\n",
        "tests/test_bell.py": "def test_it() -> None:\n    pass\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def test_installing_needs_permission(world: World) -> None:
    """Without --yes and without someone to ask it is refused, in words, and nothing changes."""
    result = world.run("install lamp")
    assert result.exit_code == 4
    assert "error[permission-refused]" in result.stderr
    assert "home network" in result.stderr
    assert "network.connect lan:9/udp" in result.stderr
    assert world.json("list")["plugins"] == []
    error = world.json("install lamp")["error"]
    assert [plugin["name"] for plugin in error["facts"]["plugins"]] == ["lamp"]


def test_a_plugin_that_asks_for_nothing_is_not_asked_about(world: World) -> None:
    """No prompt without a reason."""
    assert "+ clock 1.0.0" in world.do("install clock")


def test_an_installation_is_listed_explained_and_drawn(lit: World) -> None:
    """list, tree, why and permissions say the same."""
    plugins = lit.json("list")["plugins"]
    assert [(one["name"], one["version"], one["requested"]) for one in plugins] == [
        ("clock", "1.0.0", False),
        ("lamp", "1.0.0", True),
    ]
    assert lit.do("tree").splitlines() == ["lamp 1.0.0", "└── clock 1.0.0  (>=1.0,<2)"]
    assert "lamp 1.0.0 -> clock 1.0.0" in lit.do("why clock")
    assert "home network" in lit.do("permissions lamp")


def test_installing_again_changes_nothing(lit: World) -> None:
    """The second time there is nothing to do, and no new generation."""
    assert lit.do("install lamp") == "Nothing to do.\n"
    assert lit.json("generations")["active"] == 1


def test_an_update_asks_for_what_is_new(lit: World) -> None:
    """Permissions that were granted are not asked for again; new ones are."""
    lit.release("1.1.0", "lamp", manifest={"requires": {"clock": ">=1.0,<2"}, **LAN})
    lit.do("index update")
    assert lit.json("outdated")["outdated"][0]["compatible"] == "1.1.0"
    assert "~ lamp 1.0.0 -> 1.1.0" in lit.do("update")
    lit.release("1.2.0", "lamp", manifest={"permissions": {"run": ["/usr/bin/true"]}})
    lit.do("index update")
    refused = lit.run("update")
    assert refused.exit_code == 4
    assert "/usr/bin/true" in refused.stderr
    lit.do("update --yes")
    assert [one["version"] for one in lit.json("list")["plugins"]] == ["1.2.0"]


def test_a_rollback_goes_back_and_forth(lit: World) -> None:
    """Each set of plugins that was active can be so again."""
    lit.do("uninstall lamp")
    assert lit.json("list")["plugins"] == []
    lit.do("rollback")
    assert len(lit.json("list")["plugins"]) == 2
    lit.do("rollback 2")
    assert lit.json("list")["plugins"] == []
    assert lit.json("rollback 9")["error"]["code"] == "generation-not-found"


REFUSALS = [
    ("info lmap", 3, "plugin-not-found", "Did you mean 'lamp'"),
    ("info lamp@9.9.9", 3, "release-not-found", "1.0.0"),
    ("install lmap", 3, "plugin-not-found", "Did you mean 'lamp'"),
    ("install lamp>=2", 1, "resolution-impossible", "lamp"),
    ("install lamp>>2", 2, "invalid-name", "range"),
    ("install nowhere/lamp", 3, "index-not-found", "nowhere"),
    ("uninstall clok", 3, "plugin-not-found", "Did you mean 'clock'"),
    ("uninstall clock", 2, "usage", "required by lamp"),
    ("update clok", 3, "plugin-not-found", "Did you mean 'clock'"),
    ("why nothing", 3, "plugin-not-found", "not installed"),
    ("run clok add", 3, "plugin-not-found", "Did you mean 'clock'"),
    ("run clock ad", 3, "operation-not-found", "Did you mean 'add'"),
    ("run clock add --param left=two", 1, "invalid-parameters", "expected integer"),
    ("run clock add --param lft=2", 1, "invalid-parameters", "Did you mean 'left'"),
    ("run clock add --params {", 2, "usage", "not JSON"),
    ("index add home-lab x.git", 2, "usage", "already"),
    ("index add new nowhere", 3, "file-missing", "nowhere"),
    ("index remove nothing", 3, "index-not-found", "nothing"),
    ("index update nothing", 3, "index-not-found", "nothing"),
    ("submissions nowhere", 3, "file-missing", "nowhere"),
    ("validate nowhere", 3, "file-missing", "nowhere"),
    ("schema nonsense", 2, "usage", "nonsense"),
    ("lock", 3, "file-missing", "heimnetz.yaml"),
    ("submissions https://example.invalid/r.git --offline", 7, "offline", "network"),
]


@pytest.mark.parametrize(("line", "exit_code", "code", "said"), REFUSALS)
def test_what_cannot_be_done_says_why(
    lit: World, line: str, exit_code: int, code: str, said: str
) -> None:
    """A code, a sentence, a hint, the documented exit code; the same as a document."""
    result = lit.run(line)
    assert result.exit_code == exit_code, result.stderr
    assert f"error[{code}]: " in result.stderr
    assert said in result.stderr
    assert "\nhint: " in result.stderr
    assert "Traceback" not in result.stderr
    error = lit.json(line)["error"]
    assert (error["code"], error["exit_code"]) == (code, exit_code)


def test_a_submission_that_breaks_the_law_is_refused(world: World) -> None:
    """A version that is published already cannot be published again, with other bytes."""
    wheel = make_wheel(world.root / "other", "clock", "1.0.0", summary="Something else")
    error = world.json(f"publish {wheel} --to {world.registry}")["error"]
    assert (error["code"], error["exit_code"]) == ("submission-refused", 9)
    assert "clock 1.0.0" in error["message"]


def test_findings_end_with_nine(world: World) -> None:
    """validate and scan print what they found and say so by their code."""
    code = "import subprocess\n\nsubprocess.run(input(), shell=True)\neval(input())\n"
    wheel = make_wheel(world.root / "dist", "evil", "1.0.0", files={"evil/__init__.py": code})
    result = world.run(f"scan {wheel}")
    assert result.exit_code == 9
    assert "evil/__init__.py:" in result.stdout
    assert world.run(f"scan {wheel} --fail-on never").exit_code == 0
    assert world.json(f"scan {wheel}")["failed"] is True


def test_the_bundled_index_serves_without_any_other(tmp_path: Path) -> None:
    """With no index added there is one, and it can be searched offline."""
    fresh = World(tmp_path)
    found = fresh.json("index list --offline")
    assert [one["index"] for one in found["indexes"]] == ["default"]
    assert fresh.json("search --offline")["schema"] == "heimnetz-git/search/1"


DAMAGE = {
    "current": "generations",
    "generations/1.json": "list",
    "config.yaml": "search",
    "cache/home-lab.sqlite": "search",
    "config/clock.yaml": "run clock rows",
}


@pytest.mark.parametrize("file", DAMAGE)
def test_a_damaged_home_is_no_fault_of_ours(lit: World, file: str) -> None:
    """Whatever is torn is mended or named; it never ends in an internal error or a trace."""
    path = lit.home / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"[\x00torn")
    result = lit.run(DAMAGE[file])
    assert result.exit_code != 70
    assert "Traceback" not in result.stderr
    assert result.exit_code == 0 or "\nhint: " in result.stderr
