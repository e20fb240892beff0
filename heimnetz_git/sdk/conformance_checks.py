"""The table of conformance checks, and those of what a release says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from heimnetz_git.host import schema
from heimnetz_git.sdk.conformance import Check, Stand
from heimnetz_git.sdk.conformance_calls import (
    asks_for_what_it_needs,
    junk,
    many_at_once,
    missing_parameter,
    parameter_of_the_wrong_type,
    private_names_are_no_operations,
    refuses_a_setting_of_the_wrong_type,
    refuses_an_unknown_setting,
    strangers_events,
    unknown_operation,
    unknown_parameter,
)
from heimnetz_git.sdk.conformance_life import (
    any_folder_will_do,
    double_start,
    double_stop,
    frozen,
    granted_nothing,
    is_well_after_its_start,
    keeps_its_data,
    killed,
    leaves_its_code_alone,
    offers_what_it_was_published_with,
    rests_when_nobody_calls,
    starts,
    starts_again,
    starts_quietly,
    starts_soon,
    stop_while_starting,
    stop_without_start,
    stops_soon,
    survives_foreign_data,
    survives_torn_data,
    swap,
    two_at_once,
)
from heimnetz_git.sdk.conformance_means import hold, parameters

__all__ = ["CHECKS"]


def has_operations(stand: Stand) -> None:
    """It offers at least one operation."""
    hold(stand.release.operations, "there is no operation: what is it for?")


def operations_say_what_they_do(stand: Stand) -> None:
    """Every operation has a summary."""
    bare = [name for name, one in stand.release.operations.items() if not one.get("summary")]
    hold(not bare, f"no summary: {', '.join(bare)}")


def parameters_are_closed(stand: Stand) -> None:
    """A parameter that is not known is refused, so that a typing error is seen."""
    loose = [
        name
        for name, one in stand.release.operations.items()
        if one.get("parameters", {}).get("additionalProperties") is not False
    ]
    hold(not loose, f"they take any parameter: {', '.join(loose)}")


def parameters_are_typed(stand: Stand) -> None:
    """Every parameter says what it takes."""
    bare = [f"{name}.{key}" for name, key, said in parameters(stand) if not said]
    hold(not bare, f"no type: {', '.join(bare)}")


def defaults_fit(stand: Stand) -> None:
    """The defaults of parameters and configuration are values that they accept."""
    described = [("configuration", stand.release.config)]
    described += [
        (name, one.get("parameters", {})) for name, one in stand.release.operations.items()
    ]
    for where, said in described:
        for key, inner in (said.get("properties") or {}).items():
            if "default" not in inner:
                continue
            whole = {**inner, "$defs": said.get("$defs", {})}
            problems = schema.check(inner["default"], schema.parse(whole), key)
            hold(not problems, f"{where}: the default of {key} is none that it accepts")


CHECKS: Mapping[str, Check] = {
    check.__name__.replace("_", "-"): check
    for check in (
        has_operations, operations_say_what_they_do, parameters_are_closed, parameters_are_typed,
        defaults_fit, starts, starts_soon, starts_quietly, double_start, stops_soon, double_stop,
        stop_without_start, stop_while_starting, starts_again, offers_what_it_was_published_with,
        two_at_once, swap, is_well_after_its_start, rests_when_nobody_calls, keeps_its_data,
        survives_foreign_data, survives_torn_data, any_folder_will_do, leaves_its_code_alone,
        refuses_an_unknown_setting, refuses_a_setting_of_the_wrong_type, asks_for_what_it_needs,
        unknown_operation, private_names_are_no_operations, unknown_parameter,
        parameter_of_the_wrong_type, missing_parameter, junk, many_at_once, strangers_events,
        killed, frozen, granted_nothing,
    )
}  # fmt: skip
"""Every check by its name, in the order in which they are made."""
