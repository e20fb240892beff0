"""Conformance checks of what a plugin is given: settings, calls and events."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from heimnetz_git.errors import HeimnetzError, InvalidParameters, OperationNotFound
from heimnetz_git.sdk.conformance import NotApplicable, Stand
from heimnetz_git.sdk.conformance_means import (
    all_words,
    hold,
    parameters,
    refused,
    still_well,
    typed,
)

__all__ = [
    "asks_for_what_it_needs",
    "junk",
    "many_at_once",
    "missing_parameter",
    "parameter_of_the_wrong_type",
    "private_names_are_no_operations",
    "refuses_a_setting_of_the_wrong_type",
    "refuses_an_unknown_setting",
    "strangers_events",
    "unknown_operation",
    "unknown_parameter",
]

GONE_WITHIN = 5.0
WRONG: Mapping[str, Any] = {
    "string": 7, "integer": "seven", "number": "seven", "boolean": "maybe", "array": "no list",
    "object": "no object", "null": "something",
}  # fmt: skip
JUNK: tuple[Any, ...] = (
    None, True, -1, 10**18, 1.5e308, "", "\x00", "\ud7ff" * 3, "x" * 100_000, [], [[[[]]]], {},
    {"": None}, {"__class__": {"__init__": {}}},
)  # fmt: skip


def refuses_an_unknown_setting(stand: Stand) -> None:
    """A setting that it does not know is refused by name: a typing error must be seen."""
    config = {**stand.config, "no-such-setting": 1}
    with stand.bench(config=config) as bench:
        error = refused(bench.start, InvalidParameters)
        hold("no-such-setting" in str(all_words(error)), "the error does not name the setting")


def refuses_a_setting_of_the_wrong_type(stand: Stand) -> None:
    """Every setting of another type than declared is refused before anything runs."""
    settings = [(key, WRONG[kind]) for key, kind in typed(stand.release.config) if kind in WRONG]
    if not settings:
        raise NotApplicable("it has no settings of one type")
    for key, value in settings:
        with stand.bench(config={**stand.config, key: value}) as bench:
            refused(bench.start, InvalidParameters)


def asks_for_what_it_needs(stand: Stand) -> None:
    """Without a setting that is required it does not start, and says which."""
    required = stand.release.config.get("required") or []
    if not required:
        raise NotApplicable("no setting is required")
    for key in required:
        config = {name: value for name, value in stand.config.items() if name != key}
        with stand.bench(config=config) as bench:
            refused(bench.start, InvalidParameters)


def unknown_operation(stand: Stand) -> None:
    """An operation that it does not have is refused, and it goes on."""
    with stand.started() as bench:
        refused(lambda: bench.call(stand.name, "no_such_operation"), OperationNotFound)
        still_well(stand, bench)


def private_names_are_no_operations(stand: Stand) -> None:
    """What is not declared as an operation cannot be called, whatever it is named."""
    with stand.started() as bench:
        for name in ("initialize", "cleanup", "__init__", "_call", "__class__", ""):
            refused(lambda name=name: bench.call(stand.name, name), OperationNotFound)  # type: ignore[misc]
        still_well(stand, bench)


def unknown_parameter(stand: Stand) -> None:
    """A parameter that it does not know is refused, for every operation."""
    with stand.started() as bench:
        for name in bench.operations(stand.name):
            refused(
                lambda name=name: bench.call(stand.name, name, no_such_parameter=1),  # type: ignore[misc]
                InvalidParameters,
            )
        still_well(stand, bench)


def parameter_of_the_wrong_type(stand: Stand) -> None:
    """A parameter of another type than declared is refused before the code sees it."""
    wrong = [
        (name, key, WRONG[said["type"]])
        for name, key, said in parameters(stand)
        if isinstance(said, dict) and said.get("type") in WRONG
    ]
    if not wrong:
        raise NotApplicable("no parameter has one type")
    with stand.started() as bench:
        for name, key, value in wrong:
            refused(
                lambda name=name, key=key, value=value: bench.call(  # type: ignore[misc]
                    stand.name, name, **{key: value}
                ),
                InvalidParameters,
            )
        still_well(stand, bench)


def missing_parameter(stand: Stand) -> None:
    """Without a parameter that is required the code is not reached."""
    demanding = [
        name
        for name, one in stand.release.operations.items()
        if one.get("parameters", {}).get("required")
    ]
    if not demanding:
        raise NotApplicable("no parameter is required")
    with stand.started() as bench:
        for name in demanding:
            refused(lambda name=name: bench.call(stand.name, name), InvalidParameters)  # type: ignore[misc]
        still_well(stand, bench)


def junk(stand: Stand) -> None:
    """Values of every kind for a parameter that is not there: refused, and it goes on."""
    with stand.started() as bench:
        for name in bench.operations(stand.name):
            for value in JUNK:
                refused(
                    lambda name=name, value=value: bench.call(  # type: ignore[misc]
                        stand.name, name, no_such_parameter=value
                    ),
                    HeimnetzError,
                )
        still_well(stand, bench)


def many_at_once(stand: Stand) -> None:
    """Refusals of several threads do not mix."""
    with stand.started() as bench:
        wrong: list[str] = []

        def ask(number: int) -> None:
            try:
                bench.call(stand.name, f"no_such_operation_{number}")
            except OperationNotFound as error:
                if f"no_such_operation_{number}" not in str(error):
                    wrong.append(str(error))
            except HeimnetzError as error:
                wrong.append(str(error))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(GONE_WITHIN * 4)
        hold(not wrong, wrong[0] if wrong else "")
        still_well(stand, bench)


def strangers_events(stand: Stand) -> None:
    """Events that it does not listen to do not disturb it."""
    with stand.started() as bench:
        for number in range(200):
            bench.emit("stranger.happened", number=number)
        still_well(stand, bench)
