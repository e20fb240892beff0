"""What the operator of a machine allows wins over what an index offers."""

from __future__ import annotations

import pytest

from heimnetz_git.enterprise.policy import check, enforce
from heimnetz_git.errors import PolicyDenied
from heimnetz_git.model.lock import Candidate
from heimnetz_git.model.machinepolicy import MachinePolicy
from heimnetz_git.model.permission import FilePermissions, NetworkPermissions, Permissions
from heimnetz_git.model.release import Artifact, Release

HOME = "6b1c5f57-3f0e-4b0f-9a53-7f3d0f6f1b11"


def offered(
    name: str = "clock", terms: str = "MIT", permissions: Permissions | None = None
) -> Candidate:
    """A candidate from the registry HOME."""
    release = Release(
        format=1,
        name=name,
        version="1.0.0",
        type="utility",
        summary="Tells the time",
        license=terms,
        host={"heimnetz": ">=1,<2"},
        python=">=3.11",
        permissions=permissions or Permissions(),
        artifacts=(Artifact(path="a/clock-1.0.0-py3-none-any.whl", size=1, sha256="0" * 64),),
    )
    return Candidate(release=release, registry=HOME, index="home", oid="1" * 40)


LAN = Permissions(network=NetworkPermissions(connect=("lan:9/udp",)))
WORLD = Permissions(network=NetworkPermissions(connect=("*",)))

CASES = [
    (MachinePolicy(format=1), offered(), []),
    (MachinePolicy(format=1, deny=("cl*",)), offered(), ["denied-name"]),
    (MachinePolicy(format=1, allow=("acme-*",)), offered(), ["denied-name"]),
    (MachinePolicy(format=1, allow=("acme-*",)), offered("acme-clock"), []),
    (MachinePolicy(format=1, registries=(HOME,)), offered(), []),
    (MachinePolicy(format=1, registries=("another",)), offered(), ["foreign-registry"]),
    (MachinePolicy(format=1, licenses=("MIT",)), offered(), []),
    (
        MachinePolicy(format=1, licenses=("MIT",)),
        offered(terms="MIT OR 0BSD"),
        ["denied-license"],
    ),
    (MachinePolicy(format=1, ceiling=LAN), offered(permissions=LAN), []),
    (MachinePolicy(format=1, ceiling=LAN), offered(permissions=WORLD), ["above-ceiling"]),
    (MachinePolicy(format=1, ceiling=Permissions()), offered(), []),
]


@pytest.mark.parametrize(("policy", "candidate", "broken"), CASES)
def test_a_policy_names_each_rule_that_is_broken(
    policy: MachinePolicy, candidate: Candidate, broken: list[str]
) -> None:
    """Names, registries, licences and permissions are held against what the operator wrote."""
    assert [finding.rule for finding in check(policy, [candidate], source="p.yaml")] == broken


def test_a_denied_install_says_everything_at_once() -> None:
    """All reasons come in one refusal, with the policy's file and its own exit code."""
    policy = MachinePolicy(format=1, deny=("clock",), licenses=("0BSD",), ceiling=Permissions())
    asks = Permissions(files=FilePermissions(read=("/etc/hosts",)))
    with pytest.raises(PolicyDenied) as refused:
        enforce(policy, [offered(permissions=asks)], source="/etc/policy.yaml")
    assert [problem.rule for problem in refused.value.problems] == [
        "denied-name",
        "denied-license",
        "above-ceiling",
    ]
    assert refused.value.exit_code == 6
    assert "/etc/policy.yaml" in refused.value.hint
