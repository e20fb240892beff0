"""Telling a refusal of the sandbox from an ordinary error."""

from __future__ import annotations

import errno

import pytest

from heimnetz_git.errors import (
    AccessDenied,
    HeimnetzError,
    InvalidParameters,
    OperationFailed,
    PluginFailed,
)
from heimnetz_git.host.denial import denial, explain
from heimnetz_git.host.failures import describe_error, to_error
from heimnetz_git.host.messages import Failure
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.values import refuse
from heimnetz_git.model.finding import Location, Problem
from tests.pluginkit import granted

SPEC = LaunchSpec(
    name="probe",
    version="1.0.0",
    entry_point="probe:Plugin",
    paths=("/store/probe/code",),
    data="/home/data/probe",
    permissions=granted(read=("/srv/leases",), run=("/usr/sbin/ip",)),
)
ONLINE = LaunchSpec(
    name="probe",
    version="1.0.0",
    entry_point="probe:Plugin",
    paths=(),
    data="/data",
    permissions=granted(connect=("lan:9/udp",)),
)


def failed(path: str = "", number: int = errno.ENOENT, doing: str = "") -> Failure:
    """An OSError as it comes from the plugin's process."""
    return Failure("OSError", "no", path=path, number=number, doing=doing)


REFUSED = {
    "a file that is there": (failed("/etc/passwd"), "files: {read: [/etc/passwd]}"),
    "not permitted": (failed("/etc/x", errno.EACCES), "files: {read: [/etc/x]}"),
    "written to": (failed("/srv/leases", errno.EROFS), "files: {write: [/srv/leases]}"),
    "beside a grant": (failed("/srv/leases2"), "files: {read: [/srv/leases2]}"),
    "granted, but closed": (failed("/srv/leases", errno.EACCES), "let others read"),
    "a program": (failed("/usr/bin/nmap", doing="run"), "run: [/usr/bin/nmap]"),
    "a program by its name": (failed("nmap", doing="run"), "run: [/usr/bin/nmap]"),
    "any program": (failed("", errno.EPERM, "run"), "run: [/usr/bin/PROGRAM]"),
    "a socket": (failed("", errno.EACCES, "network"), "network: {connect:"),
    "a name": (failed("", -3, "network"), "network: {connect:"),
}


@pytest.mark.parametrize(("failure", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_names_the_line_to_add(failure: Failure, hint: str) -> None:
    """As a hint, with the plugin's name in the message."""
    error = denial(failure, SPEC, lambda _path: True)
    assert isinstance(error, AccessDenied)
    assert hint in error.hint
    assert "probe" in str(error)


ORDINARY = {
    "a file that is nowhere": (failed("/nonexistent"), SPEC),
    "a file of its own": (failed("/home/data/probe/x"), SPEC),
    "its own code": (failed("/store/probe/code/x"), SPEC),
    "a name without a folder": (failed("config.txt"), SPEC),
    "another kind of error": (failed("/etc/passwd", errno.EISDIR), SPEC),
    "a refused connection": (failed("", errno.ECONNREFUSED, "network"), SPEC),
    "a network that was granted": (failed("", errno.ENETUNREACH, "network"), ONLINE),
    "a granted program": (failed("/usr/sbin/ip", doing="run"), SPEC),
    "no system error": (Failure("ValueError", "/etc/passwd"), SPEC),
}


@pytest.mark.parametrize(("failure", "spec"), ORDINARY.values(), ids=ORDINARY.keys())
def test_an_ordinary_error_stays_one(failure: Failure, spec: LaunchSpec) -> None:
    """The sandbox is not blamed for what any process would meet."""
    assert denial(failure, spec, lambda path: path != "/nonexistent") is None


@pytest.mark.parametrize(
    ("failure", "operation", "kind"),
    [
        (Failure("ValueError", "no"), "run", OperationFailed),
        (Failure("ValueError", "no"), "", PluginFailed),
        (Failure("X", "no", "invalid-parameters"), "run", InvalidParameters),
        (Failure("X", "no", "policy-denied"), "run", OperationFailed),
        (Failure("X", "no", "no-such-code"), "run", OperationFailed),
    ],
)
def test_only_errors_of_plugins_cross(
    failure: Failure, operation: str, kind: type[HeimnetzError]
) -> None:
    """A plugin cannot make the host believe in a policy, a signature or a missing index."""
    assert type(explain(failure, SPEC, operation)) is kind


def test_a_file_behind_another_error_is_found() -> None:
    """A library that wraps an OSError does not hide what was refused."""
    try:
        try:
            raise PermissionError(errno.EACCES, "no", "/etc/passwd")
        except OSError as inner:
            raise ValueError("cannot read settings") from inner
    except ValueError as error:
        failure = describe_error(error, [])
    assert (failure.type, failure.path, failure.number) == ("ValueError", "/etc/passwd", 13)


def test_an_error_that_cannot_be_printed_is_still_an_error() -> None:
    """A plugin's exception may have any __str__."""

    class Bad(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "cannot be read" in describe_error(Bad()).message


def test_problems_cross_with_their_paths() -> None:
    """Every one of them, for the user who has to mend the configuration."""
    problem = Problem("x", "It is missing.", Location("configuration"), path="a.b")
    with pytest.raises(InvalidParameters) as caught:
        refuse("The configuration does not fit", (problem,))
    again = to_error(describe_error(caught.value))
    assert isinstance(again, InvalidParameters)
    assert [(one.path, one.message) for one in again.problems] == [("a.b", "It is missing.")]
