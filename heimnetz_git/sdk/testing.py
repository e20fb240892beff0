"""The pytest plugin that comes with heimnetz-git: fixtures that run a plugin in its real sandbox.

- ``plugin``: the project's plugin, built once for all tests; see RunningPlugin.
- ``host``: plays the plugins that it requires, and records what it asks for; see Host.
- ``plugins``: several plugins that call each other for real; see PluginSet.
- ``faults``: what may go wrong for ``plugin``, made to go wrong now; see Faults.
- ``registry``: a real empty registry, and a home that installs from it; see Registry.
- ``manifest_snapshot``: compares what others rely on with a file beside the tests; see Snapshot.

Markers: ``plugin_config(key=value, ...)`` is what a user would configure;
``plugin_limits(call="1s")`` takes the place of limits in the manifest; ``plugin_budget(start="2s",
memory="40M")`` fails a test whose plugin cost more. The option ``--sandbox`` chooses how plugins
are confined.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads this module in every run, and most need nothing of the rest
    from heimnetz_git.sdk.testing_faults import Faults
    from heimnetz_git.sdk.testing_host import Asked, Host
    from heimnetz_git.sdk.testing_plugin import Cost, Line, RunningPlugin
    from heimnetz_git.sdk.testing_registry import CommandFailed, Registry
    from heimnetz_git.sdk.testing_set import PluginSet
    from heimnetz_git.sdk.testing_snapshot import Snapshot
    from heimnetz_git.sdk.testing_workshop import Denied, Workshop

__all__ = [
    "Asked",
    "CommandFailed",
    "Cost",
    "Denied",
    "Faults",
    "Host",
    "Line",
    "PluginSet",
    "Registry",
    "RunningPlugin",
    "Snapshot",
]

_HOMES = {
    "Asked": "testing_host",
    "CommandFailed": "testing_registry",
    "Cost": "testing_plugin",
    "Denied": "testing_workshop",
    "Faults": "testing_faults",
    "Host": "testing_host",
    "Line": "testing_plugin",
    "PluginSet": "testing_set",
    "Registry": "testing_registry",
    "RunningPlugin": "testing_plugin",
    "Snapshot": "testing_snapshot",
}
MARKERS = (
    "plugin_config(**values): the configuration that the fixture 'plugin' starts with",
    "plugin_limits(**limits): limits other than the manifest's, such as call='1s'",
    "plugin_budget(start, memory, cpu): what the fixture 'plugin' may cost by the test's end",
)
WORKSHOP = pytest.StashKey["Workshop"]()


def __getattr__(name: str) -> Any:
    """A public name, imported when a test first uses it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"heimnetz_git.sdk.{_HOMES[name]}"), name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of ``pytest --help`` under 'heimnetz-git'."""
    group = parser.getgroup("heimnetz-git")
    group.addoption(
        "--sandbox",
        choices=["auto", "required", "off"],
        default="auto",
        help="how plugins under test are confined [auto: as far as this machine can]",
    )
    group.addoption(
        "--manifest-snapshot-update",
        action="store_true",
        help="write what 'manifest_snapshot' compares with",
    )
    group.addoption("--heimnetz-report", metavar="FILE", help="write what happened as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, and keep the report if one was asked for."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    file = config.getoption("heimnetz_report")
    if file and not hasattr(config, "workerinput"):
        from heimnetz_git.sdk.testing_report import Recorder

        found = Recorder(Path(file), lambda: config.stash.get(WORKSHOP, None))
        config.pluginmanager.register(found, "heimnetz-report")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Hold a test that is marked so to its budget, once it has passed otherwise."""
    yield
    budget = _marked(item, "plugin_budget")
    if budget and (running := getattr(item, "funcargs", {}).get("plugin")) is not None:
        running.stays_within(**budget)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """How plugins were confined, and what the sandbox refused; nothing when none ran."""
    workshop = config.stash.get(WORKSHOP, None)
    if workshop is None or workshop.isolated is None:
        return
    terminalreporter.section("heimnetz-git")
    if workshop.isolated:
        terminalreporter.line("Plugins ran in the sandbox.")
    for warning in workshop.warnings:
        terminalreporter.line(f"warning: {warning}")
    for one in workshop.denied:
        terminalreporter.line(f"refused to {one.plugin}: {one.wanted} ({one.test})")
    for trace in workshop.traces:
        for words, grants in (
            ("used by", trace.used),
            ("asked for in vain by", trace.refused),
            ("used by grant of a test alone by", trace.undeclared),
            ("declared and used in no test by", trace.unused),
        ):
            for grant in grants:
                terminalreporter.line(f"{words} {trace.plugin}: {grant}")


@pytest.fixture(scope="session")
def _workshop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Where projects are built, once for all tests."""
    from heimnetz_git.sdk.testing_workshop import Workshop

    config = request.config
    found = Workshop(config.getoption("sandbox"), lambda: tmp_path_factory.mktemp("heimnetz"))
    config.stash[WORKSHOP] = found
    return found


@pytest.fixture
def host() -> Host:
    """Plays the plugins that the one under test requires, and records what it asks for."""
    from heimnetz_git.sdk.testing_host import Host

    return Host()


@pytest.fixture
def plugin(
    request: pytest.FixtureRequest,
    _workshop: Workshop,
    host: Host,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningPlugin]:
    """The project's plugin, built, in a sandbox, with an empty data folder; starts when called."""
    from heimnetz_git.sdk.testing_plugin import RunningPlugin

    running = RunningPlugin(
        _workshop.unpacked(_project(request)),
        _workshop,
        host,
        folder=tmp_path_factory.mktemp("plugin"),
        test=request.node.nodeid,
        config=_marked(request.node, "plugin_config"),
        limits=_marked(request.node, "plugin_limits"),
    )
    yield running
    running.stop()


@pytest.fixture
def plugins(
    request: pytest.FixtureRequest,
    _workshop: Workshop,
    host: Host,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PluginSet]:
    """Several plugins that call each other for real; ``host`` plays those that are not there."""
    from heimnetz_git.sdk.testing_set import PluginSet

    found = PluginSet(
        _workshop,
        host,
        root=_project(request),
        folder=tmp_path_factory.mktemp("plugins"),
        test=request.node.nodeid,
    )
    yield found
    found.stop()


@pytest.fixture
def faults(plugin: RunningPlugin) -> Faults:
    """What may go wrong for the fixture ``plugin``, made to go wrong now."""
    from heimnetz_git.sdk.testing_faults import Faults

    return Faults(plugin)


@pytest.fixture
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A real registry with nothing in it, and a home of its own that installs from it."""
    from heimnetz_git.sdk.testing_registry import Registry

    return Registry(
        tmp_path_factory.mktemp("registry"),
        root=_project(request),
        sandbox=request.config.getoption("sandbox"),
    )


@pytest.fixture
def manifest_snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """Compares what others rely on with the file ``manifest.snapshot.json`` beside the test."""
    from heimnetz_git.sdk.testing_snapshot import SNAPSHOT, Snapshot

    update = request.config.getoption("manifest_snapshot_update")
    return Snapshot(request.path.parent / SNAPSHOT, update=update)


def _project(request: pytest.FixtureRequest) -> Path:
    """The plugin's project: the nearest folder above the test that has a ``plugin.yaml``."""
    for folder in request.path.parents:
        if (folder / "plugin.yaml").is_file():
            return folder
    return request.config.rootpath


def _marked(item: pytest.Item, name: str) -> dict[str, Any]:
    """The values of all such markers; the one nearest to the test counts."""
    found: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers(name))):
        found.update(*marker.args, **marker.kwargs)
    return found
