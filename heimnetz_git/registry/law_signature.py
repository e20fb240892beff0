"""The law about signatures over release files: what is signed is signed well, by who may."""

from __future__ import annotations

from collections.abc import Iterator

from heimnetz_git.errors import InvalidFile, SignatureInvalid, printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.layout import ALLOWED_SIGNERS, plugin_path
from heimnetz_git.registry.keyring import keyring_of
from heimnetz_git.registry.law_case import LARGEST_FILE, REGULAR, Actor, Case, finding
from heimnetz_git.trust.allowed_signers import fingerprint, signers_of
from heimnetz_git.trust.commits import named_principals
from heimnetz_git.trust.signatures import checked

__all__ = ["signature_unknown", "signature_wrong"]


def signature_wrong(case: Case) -> Iterator[Finding]:
    """A ``.sig`` beside a release is a good signature over that file, by an owner or a maintainer.

    In the namespace ``heimnetz-git``, by ``trust/allowed_signers`` of the base. It stays for ever:
    one that is damaged, of another file, by a stranger or by a key taken back stays out.
    """
    for path, release, armored in _signed(case):
        try:
            checked(release, armored)
            if _is_known(case, armored, release):
                yield from _who(case, path, release, armored)
        except (SignatureInvalid, InvalidFile) as error:
            yield finding("signature-wrong", path, str(error), severity=Severity.CRITICAL)


def signature_unknown(case: Case) -> Iterator[Finding]:
    """A signature by a key that ``trust/allowed_signers`` does not name waits for a maintainer.

    It says nothing to anybody until the key stands there.
    """
    for path, release, armored in _signed(case):
        try:
            if _is_known(case, armored, release):
                continue
            key, certificate = checked(release, armored)
        except (SignatureInvalid, InvalidFile):
            continue
        shown = fingerprint(certificate.authority if certificate else key)
        said = f"No line of {ALLOWED_SIGNERS} names the key {shown}."
        hint = f"A maintainer adds the key to {ALLOWED_SIGNERS}; or publish without --sign."
        yield finding("signature-unknown", path, said, severity=Severity.MEDIUM, hint=hint)


def _signed(case: Case) -> Iterator[tuple[str, bytes, bytes]]:
    """Each new signature that lies beside a release: its path, the release's bytes, and it."""
    for each in case.of("signature"):
        release = case.repo.entry(case.head, each.path.removesuffix(".sig"))
        if each.new is None or each.old is not None or release is None:
            continue
        if each.new.mode == release.mode == REGULAR:
            data, armored = case.repo.read(release.oid), case.repo.read(each.new.oid)
            if max(len(data), len(armored)) <= LARGEST_FILE:
                yield each.path, data, armored


def _is_known(case: Case, armored: bytes, release: bytes) -> bool:
    key, certificate = checked(release, armored)
    known = certificate.authority if certificate else key
    return any(signers_of(known, keyring_of(case.repo, case.base).signers))


def _who(case: Case, path: str, release: bytes, armored: bytes) -> Iterator[Finding]:
    """That the signer is an owner of the plugin or a maintainer."""
    keyring = keyring_of(case.repo, case.base)
    names = named_principals(keyring.signer_of(release, armored, at=case.at))
    place = plugin_path(case.names[0])
    entry = case.owned or case.entry_at(case.repo.entry(case.head, place), place)
    signer = Actor(names[0], proof="signature", also=names[1:]) if names else None
    if signer and signer.names.intersection(case.policy.maintainers):
        return
    if entry is not None and (signer is None or not signer.owns(entry)):
        who = printable(signer.name) if signer else "Nobody in particular"
        said = f"{who} signed it, who neither owns the plugin nor is a maintainer."
        yield finding("signature-wrong", path, said, severity=Severity.CRITICAL)
