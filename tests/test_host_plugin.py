"""What a plugin's author writes and tests with, without any process."""

from __future__ import annotations

import textwrap
from pathlib import Path

import msgspec
import pytest

import heimnetz_git
from heimnetz_git import BasePlugin, Context, InvalidParameters, PluginManager, operation
from heimnetz_git.host.operations import operations_of
from tests.pluginkit import plugin

SMALLEST = '''\
from heimnetz_git import BasePlugin, operation


class Greeter(BasePlugin):
    @operation
    def greet(self, name: str = "world") -> str:
        """Say hello."""
        return f"hello {name}"
'''


class Device(msgspec.Struct):
    """A value as operations return it."""

    mac: str
    names: list[str] = []


class Watcher(BasePlugin):
    """A plugin with a configuration, two operations and a call to another plugin."""

    class Config(msgspec.Struct):
        """Its configuration."""

        path: str
        every: int = 60

    config: Config

    @operation
    def devices(self, limit: int = 10) -> list[Device]:
        """All devices.

        In no order.
        """
        return [Device(self.config.path)][:limit]

    @operation("Ask the registry.")
    def ask(self, device: Device) -> dict[str, str]:
        """Ask."""
        answer: dict[str, str] = self.context.call("device-registry", "add", device=device)
        return answer

    def helper(self) -> None:
        """Not an operation."""


def test_the_public_face_is_complete_and_sorted() -> None:
    """Every name in __all__ can be had, and none is listed twice or out of order."""
    assert heimnetz_git.__all__ == sorted(set(heimnetz_git.__all__))
    assert all(getattr(heimnetz_git, name) is not None for name in heimnetz_git.__all__)
    assert set(heimnetz_git.__all__) <= set(dir(heimnetz_git))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = heimnetz_git.nothing


def test_the_smallest_useful_plugin_has_at_most_fifteen_lines(tmp_path: Path) -> None:
    """One class, one method; and it runs in its own process."""
    assert len(SMALLEST.splitlines()) <= 15
    spec = plugin(tmp_path, "", name="greeter", head=SMALLEST)
    spec = msgspec.structs.replace(spec, entry_point="greeter:Greeter")
    with PluginManager([spec], on_warning=print) as plugins:
        plugins.start()
        assert plugins.call("greeter", "greet", name="Ada") == "hello Ada"


def test_a_context_for_tests_starts_a_plugin_with_typed_configuration(tmp_path: Path) -> None:
    """An author's test needs a context, and gets a ready plugin."""
    context = Context.for_tests(data=tmp_path, config={"path": "/x"})
    started = context.start(Watcher)
    assert started.devices() == [Device("/x")]
    assert started.config.every == 60
    assert started.context.data == tmp_path


def test_calls_to_others_are_answered_by_the_test() -> None:
    """What crosses is plain, as between processes: a Struct arrives as a dict."""
    calls = {"device-registry.add": lambda device: {"seen": device["mac"]}}
    started = Context.for_tests(config={"path": "x"}, calls=calls).start(Watcher)
    assert started.ask(Device("aa")) == {"seen": "aa"}


def test_a_call_without_an_answer_says_what_to_pass() -> None:
    """The error names the key that is missing in calls=."""
    started = Context.for_tests(config={"path": "x"}).start(Watcher)
    with pytest.raises(LookupError, match=r"device-registry\.add"):
        started.ask(Device("aa"))


def test_every_problem_of_a_configuration_is_reported() -> None:
    """A wrong type, an unknown key and a missing one come together, with a suggestion."""
    with pytest.raises(InvalidParameters) as caught:
        Context.for_tests(config={"every": "often", "pth": "x"}).start(Watcher)
    found = {(problem.path, problem.code) for problem in caught.value.problems}
    assert found == {("path", "missing"), ("every", "wrong-type"), ("pth", "unknown-key")}
    assert "Did you mean 'path'?" in str(caught.value)


def test_a_plugin_without_config_refuses_one() -> None:
    """A setting for a plugin that has none is a mistake, not ignored."""
    with pytest.raises(InvalidParameters, match="There is no such key"):
        Context.for_tests(config={"x": 1}).start(BasePlugin)


def test_operations_are_described_by_type_hints_and_docstrings() -> None:
    """Summary, parameters and result as JSON Schema, for marked methods only."""
    described = {name: one.describe() for name, one in operations_of(Watcher).items()}
    assert sorted(described) == ["ask", "devices"]
    assert described["ask"]["summary"] == "Ask the registry."
    assert described["devices"] == {
        "summary": "All devices.",
        "parameters": {
            "type": "object",
            "properties": {"limit": {"type": "integer", "default": 10}},
            "required": [],
            "additionalProperties": False,
        },
        "result": {
            "type": "array",
            "items": {"$ref": "#/$defs/Device"},
            "$defs": {
                "Device": {
                    "title": "Device",
                    "description": "A value as operations return it.",
                    "type": "object",
                    "properties": {
                        "mac": {"type": "string"},
                        "names": {"type": "array", "items": {"type": "string"}, "default": []},
                    },
                    "required": ["mac"],
                }
            },
        },
    }


def test_an_operation_checks_what_it_is_given_and_what_it_gives() -> None:
    """Parameters and result are converted strictly, whoever calls."""
    started = Context.for_tests(config={"path": "x"}).start(Watcher)
    devices = operations_of(Watcher)["devices"]
    assert devices.run(started, {}) == [{"mac": "x", "names": []}]
    with pytest.raises(InvalidParameters, match=r"limit: This is string\. Expected integer"):
        devices.run(started, {"limit": "3"})


def test_execute_is_an_operation_without_a_mark() -> None:
    """A plugin that does one thing may just define execute."""

    class One(BasePlugin):
        def execute(self, **params: int) -> int:
            """Add up."""
            return sum(params.values())

    found = operations_of(One)["execute"]
    assert found.describe()["parameters"]["additionalProperties"] is True
    assert found.run(Context.for_tests().start(One), {"a": 1, "b": 2}) == 3


@pytest.mark.parametrize("signature", ["self, *parts", "self, x, /"])
def test_parameters_must_have_names(signature: str) -> None:
    """What cannot be passed by name cannot be an operation."""
    scope: dict[str, type[BasePlugin]] = {}
    body = textwrap.dedent(f"""
        class Wrong(BasePlugin):
            @operation
            def run({signature}): ...
    """)
    exec(body, {"BasePlugin": BasePlugin, "operation": operation}, scope)
    with pytest.raises(TypeError, match="passed by name"):
        operations_of(scope["Wrong"])
