"""Who decides what a rule holds: by approval, or by merging and proving who it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from heimnetz_git.errors import InvalidFile, SignatureInvalid, SubmissionRefused, printable
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.registry import Policy
from heimnetz_git.registry.keyring import Keyring, keyring_of
from heimnetz_git.registry.law_outcome import held, may_override
from heimnetz_git.registry.submission_approve import Approval, decided
from heimnetz_git.registry.submission_value import Submission
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.allowed_signers import matches
from heimnetz_git.trust.commits import named_principals
from heimnetz_git.trust.signatures import SigningKey, sign

__all__ = ["Decider", "decider_of", "overrides"]


class Decider(NamedTuple):
    """Who merges: a name, and whether a key proves it."""

    name: str = ""
    is_proven: bool = False

    def __str__(self) -> str:
        """`` by max``, `` by max, unproven`` or nothing."""
        if not self.name:
            return ""
        return f" by {printable(self.name)}" + ("" if self.is_proven else ", unproven")


def decider_of(
    repo: Repository, base: str, name: str, key: SigningKey | None, *, at: int
) -> Decider:
    """Who decides when ``name`` merges onto main's commit ``base``, signing with ``key``.

    A key proves it, by ``trust/allowed_signers`` of the base. Without one a name is believed only
    when no key of that name stands there: then nothing could prove it. Raises SubmissionRefused,
    SignatureInvalid.
    """
    keyring = keyring_of(repo, repo.tree(base))
    if key is not None:
        names = _names_of(keyring, key, at)
        if name and name not in names:
            raise SubmissionRefused(
                f"This key is not that of {printable(name)!r}.",
                hint="trust/allowed_signers says whose key it is.",
            )
        return Decider(name or names[0], is_proven=True)
    if name and _has_key(keyring, name):
        raise SubmissionRefused(
            f"Anybody could say to be {printable(name)!r}, who has a key.",
            hint="Prove it: 'heimnetz-git merge --sign KEYFILE'.",
        )
    return Decider(name)


def _names_of(keyring: Keyring, key: SigningKey, at: int) -> tuple[str, ...]:
    """Whom a key speaks for: asked by a signature over nothing, which it alone can make."""
    try:
        names = named_principals(keyring.signer_of(b"", sign(b"", key), at=at))
    except (SignatureInvalid, InvalidFile) as error:
        raise SubmissionRefused(f"The key proves nothing: {error}") from None
    if not names:
        raise SubmissionRefused("The key's line in trust/allowed_signers names nobody.")
    return names


def _has_key(keyring: Keyring, name: str) -> bool:
    return any(
        not signer.authority and matches(name, signer.principals) for signer in keyring.signers
    )


def overrides(
    policy: Policy,
    asked: Submission,
    found: Sequence[Finding],
    *,
    chosen: Collection[str],
    decider: Decider,
    approvals: Iterable[Approval] = (),
) -> tuple[str, ...]:
    """What is decided against, a line of the commit each: ``RULE by NAME``.

    Every hold must be decided: by an approval of this head, or by ``chosen``. Raises
    SubmissionRefused when one is not, or the decider may not.
    """
    rules = sorted({one.rule for one in held(found)})
    approved = decided(policy, approvals, asked.head, rules)
    left = [rule for rule in rules if rule not in approved]
    missing = [rule for rule in left if rule not in chosen]
    if missing:
        raise SubmissionRefused(
            f"{printable(asked.branch)!r} waits for a maintainer: {', '.join(missing)}.",
            hint=f"Decide with {' '.join(f'--override {rule}' for rule in missing)}.",
            problems=[one for one in held(found) if one.rule in missing],
            branch=printable(asked.branch),
        )
    _check_may(policy, left, decider.name)
    return tuple(
        f"{rule} by {printable(approved[rule])}" if rule in approved else f"{rule}{decider}"
        for rule in rules
    )


def _check_may(policy: Policy, rules: Sequence[str], by: str) -> None:
    for rule in rules:
        if not may_override(policy, rule, by):
            raise SubmissionRefused(
                f"{printable(by or 'Nobody')!r} may not override {rule!r}.",
                hint="policy.yaml names who may, under 'override' or 'maintainers'.",
                rule=rule,
            )
