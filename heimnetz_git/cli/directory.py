"""Every command in one table, so that help and completion need not import a single one."""

from __future__ import annotations

__all__ = ["COMMANDS", "GROUPS", "PANELS", "Entry", "rows"]

FIND = "Find and install"
WRITE = "Write plugins"
REGISTRY = "Run a registry"
MACHINE = "This machine"
PANELS = (FIND, WRITE, REGISTRY, MACHINE)


class Entry:
    """One command: its words, where it is written, what it does, and for whom.

    ``module`` is a module of this package, ``function`` the name in it. No NamedTuple: importing
    typing would take longer than answering ``--version`` or completing a name.
    """

    __slots__ = ("function", "module", "panel", "summary", "words")

    def __init__(self, words: str, module: str, function: str, summary: str, panel: str) -> None:
        self.words, self.module, self.function = words, module, function
        self.summary, self.panel = summary, panel


GROUPS: dict[str, tuple[str, str]] = {
    "sandbox": ("See, try and test how plugins are confined.", MACHINE),
    "index": ("Make, add and refresh the indexes that plugins come from.", MACHINE),
    "config": ("Read and change settings, and see where each comes from.", MACHINE),
    "ci": ("Check and merge submissions, as a registry's CI does.", REGISTRY),
    "registry": ("Check what a registry is asked to take.", REGISTRY),
}

COMMANDS: tuple[Entry, ...] = (
    Entry("search", "find", "search", "Find plugins by words.", FIND),
    Entry("info", "find", "info", "Show all about a plugin, or one version of it.", FIND),
    Entry("permissions", "find", "permissions", "Say in words what a plugin may do.", FIND),
    Entry("install", "user", "install", "Install plugins and all that they require.", FIND),
    Entry("update", "user", "update", "Bring plugins to their newest fitting versions.", FIND),
    Entry("uninstall", "user", "uninstall", "Remove plugins and what only they required.", FIND),
    Entry("run", "execute", "run", "Run an operation of an installed plugin.", FIND),
    Entry(
        "stats",
        "monitor",
        "stats",
        "Show how often plugins were called, and what that cost.",
        MACHINE,
    ),
    Entry(
        "top",
        "monitor",
        "top",
        "Watch the plugins of all running hosts.",
        MACHINE,
    ),
    Entry(
        "bisect",
        "monitor",
        "bisect",
        "Find the plugins that make a command fail.",
        MACHINE,
    ),
    Entry("list", "user", "list_plugins", "List the installed plugins.", FIND),
    Entry("tree", "state", "tree", "Show what requires what.", FIND),
    Entry("why", "state", "why", "Show why a plugin is installed.", FIND),
    Entry("why-not", "whynot", "why_not", "Show what keeps a release from being chosen.", FIND),
    Entry("audit", "audit", "audit", "Find known weaknesses of plugins and their packages.", FIND),
    Entry("outdated", "state", "outdated", "List plugins that have newer versions.", FIND),
    Entry(
        "generations", "state", "generations", "List the sets of plugins that were active.", FIND
    ),
    Entry("rollback", "state", "rollback", "Go back to an earlier set of plugins.", FIND),
    Entry("lock", "project", "lock", "Choose versions for a project and write its lock.", FIND),
    Entry("sync", "project", "sync", "Install exactly what a project's lock says.", FIND),
    Entry(
        "import-pylock",
        "pylock",
        "import_pylock",
        "Take a project's lock from a pylock.toml.",
        FIND,
    ),
    Entry("new", "scaffold", "new", "Begin a plugin: a small one that works.", WRITE),
    Entry("init", "preparing", "init", "Give a project a workflow that publishes on a tag.", WRITE),
    Entry("validate", "author", "validate", "Check a plugin project against the rules.", WRITE),
    Entry(
        "quality",
        "quality",
        "quality",
        "Show a plugin's quality tier, and what the next one asks for.",
        WRITE,
    ),
    Entry("scan", "scanning", "scan", "Show what a plugin's code can do and what is risky.", WRITE),
    Entry("test", "scaffold", "test", "Run a plugin's tests, in its real sandbox.", WRITE),
    Entry("dev", "dev", "dev", "Run the plugin you are writing, and reload it on change.", WRITE),
    Entry(
        "profile",
        "profile",
        "profile",
        "Measure what an operation costs, and what the start does.",
        WRITE,
    ),
    Entry("build", "author", "build", "Build a plugin's wheel, reproducibly.", WRITE),
    Entry(
        "compare",
        "compare",
        "compare",
        "Compare two releases, and say which version the changes ask for.",
        WRITE,
    ),
    Entry("publish", "publishing", "publish", "Submit a release to a registry.", WRITE),
    Entry("yank", "facts", "yank", "Ask that a release is offered no more.", WRITE),
    Entry("unyank", "facts", "unyank", "Ask that a yanked release is offered again.", WRITE),
    Entry("deprecate", "facts", "deprecate", "Ask to mark a plugin as one not to choose.", WRITE),
    Entry(
        "archive", "facts", "archive", "Ask to mark a plugin as one that nobody looks after.", WRITE
    ),
    Entry("adopt", "facts", "adopt", "Ask to take over an archived plugin.", WRITE),
    Entry("transfer", "facts", "transfer", "Ask to give a plugin to other owners.", WRITE),
    Entry("remove", "facts", "remove", "Ask to remove a plugin for good.", WRITE),
    Entry("withdraw", "facts", "withdraw", "Take back a submission that waits.", WRITE),
    Entry("schema", "author", "schema", "Print the JSON Schema of a kind of file.", WRITE),
    Entry(
        "submissions",
        "maintainer",
        "submissions",
        "List what waits to be merged, and what for.",
        REGISTRY,
    ),
    Entry(
        "merge", "maintainer", "merge", "Check submissions once more and take them in.", REGISTRY
    ),
    Entry("approve", "deciding", "approve", "Decide from afar what a rule holds.", REGISTRY),
    Entry(
        "ci check",
        "ci",
        "ci_check",
        "Check a submission: the law, the scanner, permissions.",
        REGISTRY,
    ),
    Entry(
        "ci merge", "ci", "ci_merge", "Merge what is ready at a registry, on any forge.", REGISTRY
    ),
    Entry(
        "registry check",
        "maintainer",
        "registry_check",
        "Judge a change of a registry by its law.",
        REGISTRY,
    ),
    Entry(
        "registry receive", "maintainer", "registry_receive", "Judge a push, as a hook.", REGISTRY
    ),
    Entry(
        "registry upstream",
        "deciding",
        "registry_upstream",
        "Keep the names of registries upstream.",
        REGISTRY,
    ),
    Entry(
        "registry rebuild",
        "deciding",
        "registry_rebuild",
        "Build a submission's wheel anew and compare.",
        REGISTRY,
    ),
    Entry(
        "registry shell",
        "deciding",
        "registry_shell",
        "Serve one SSH key's git commands, and nothing else.",
        REGISTRY,
    ),
    Entry("index init", "indexes", "index_init", "Make a new registry.", MACHINE),
    Entry("index add", "indexes", "index_add", "Add an index and fetch it.", MACHINE),
    Entry("index list", "indexes", "index_list", "List the indexes.", MACHINE),
    Entry("index show", "indexes", "index_show", "Show an index at a glance.", MACHINE),
    Entry("index update", "indexes", "index_update", "Fetch what is new in the indexes.", MACHINE),
    Entry("index remove", "indexes", "index_remove", "Forget an index.", MACHINE),
    Entry("index path", "indexes", "index_path", "Say where in an index a plugin is.", MACHINE),
    Entry("index export", "exporting", "index_export", "Write a registry as plain files.", MACHINE),
    Entry(
        "index verify", "exporting", "index_verify", "Recompute all that an export says.", MACHINE
    ),
    Entry(
        "doctor",
        "sandboxing",
        "doctor",
        "Say what sandbox this machine can make, and why no better.",
        MACHINE,
    ),
    Entry(
        "sandbox explain",
        "sandboxing",
        "sandbox_explain",
        "Show how an installed plugin is confined on this machine.",
        MACHINE,
    ),
    Entry(
        "sandbox selftest",
        "sandboxing",
        "sandbox_selftest",
        "Attack the sandbox of this machine, harmlessly.",
        MACHINE,
    ),
    Entry(
        "sandbox exec",
        "sandbox",
        "sandbox_exec",
        "Run a Python script as a plugin would be run.",
        MACHINE,
    ),
    Entry("config list", "operator", "config_list", "List every setting and its value.", MACHINE),
    Entry("config get", "operator", "config_get", "Print one setting.", MACHINE),
    Entry("config set", "operator", "config_set", "Change a setting in the user's file.", MACHINE),
    Entry(
        "config unset",
        "operator",
        "config_unset",
        "Take a setting out of the user's file.",
        MACHINE,
    ),
    Entry(
        "completion", "operator", "completion", "Print the completion script of a shell.", MACHINE
    ),
)


def rows(group: str = "") -> list[tuple[str, str, str]]:
    """Name, summary and panel of each command of a group; of the program's own without one, which
    has its groups behind them."""
    if group:
        start = f"{group} "
        return [
            (entry.words.removeprefix(start), entry.summary, entry.panel)
            for entry in COMMANDS
            if entry.words.startswith(start)
        ]
    single = [(entry.words, entry.summary, entry.panel) for entry in COMMANDS]
    return [row for row in single if " " not in row[0]] + [
        (name, summary, panel) for name, (summary, panel) in GROUPS.items()
    ]
