"""A registry under attack: clock 1.0.0 of ada, a maintainer, keys, and what the attacker pushes."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.errors import HeimnetzError, SubmissionRefused
from heimnetz_git.model.layout import ALLOWED_SIGNERS, POLICY
from heimnetz_git.model.registry import Policy
from heimnetz_git.registry.submission import check, submissions
from heimnetz_git.registry.submission_merge import merge, merge_ready
from heimnetz_git.registry.submission_seen import note_seen
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.commits import sign_commit
from tests.gitkit import ADA, WHEN
from tests.test_registry_law import Bench, Files

__all__ = ["ADA_KEY", "ADA_LINE", "EVE_KEY", "EVE_LINE", "LATER", "MAX", "Siege", "new_key"]

LATER = WHEN + 30 * 86400
MAX = "Max <max@example.org>"


def new_key() -> tuple[bytes, str]:
    """A private key's file and the public line."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    return private, public.decode()


(ADA_KEY, ADA_LINE), (EVE_KEY, EVE_LINE) = new_key(), new_key()


class Siege:
    """The registry as a repository with main, and one attack on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = Repository.create(folder / "registry.git")
        self.bench = Bench(self.repo, folder)
        policy = Policy(format=1, maintainers=("max",))
        signers = f"ada {ADA_LINE}\neve {EVE_LINE}\n"
        self.bench.base = self.repo.write(
            self.bench.base,
            {POLICY: yamlfile.dump(policy), ALLOWED_SIGNERS: signers.encode()},
        )
        self.main = self.commit(self.bench.base)
        assert self.repo.set_branch("main", self.main, expect=None)

    def commit(self, tree: str, parents: list[str] | None = None, *, author: str = ADA) -> str:
        """A commit of a tree."""
        return self.repo.commit(tree, parents or [], "attack", author=author, when=WHEN)

    def head(self, files: Files, *, key: bytes | None = None, tree: str = "") -> str:
        """A commit on main with these files changed; signed with a key if there is one."""
        made = self.commit(self.repo.write(tree or self.bench.base, files), [self.main])
        return self.signed(made, key) if key else made

    def signed(self, commit: str, key: bytes) -> str:
        """The commit with a signature."""
        return self.store(sign_commit(self.repo.objects.read(commit, "commit"), key))

    def store(self, data: bytes) -> str:
        """A commit of exactly these bytes."""
        from heimnetz_git.storage.repo_objects import object_id

        self.repo.objects.add([("commit", data)])
        return object_id("commit", data)

    def push(self, head: str, branch: str = "submit/clock/1.1.0", *, by: str = "") -> str:
        """What a push does: the branch is there. ``by`` is whom the transport knew."""
        assert self.repo.set_branch(branch, head, expect=self.repo.branch(branch))
        note_seen(self.repo, {branch: head}, now=WHEN, by=by)
        return branch

    def refusals(self, branch: str) -> set[str]:
        """The rules against it, by hand and by itself; fails if anything of it landed."""
        before = self.repo.branch("main")
        swept = merge_ready(self.repo, when=LATER, author=MAX)
        rules = {one.rule for waits in swept.waiting for one in waits.findings}
        rules |= {f"waits-{waits.why}" for waits in swept.waiting}
        if branch in self.repo.branches("submit/"):
            try:
                merge(self.repo, branch, when=LATER, author=MAX)
            except SubmissionRefused as error:
                rules |= {getattr(one, "rule", "") for one in error.problems}
            except HeimnetzError as error:
                rules.add(error.code)
        assert self.repo.branch("main") == before, "something landed"
        return rules

    def checked(self, head: str) -> set[str]:
        """The rules that `registry check` names."""
        return {one.rule for one in check(self.repo, "main", head)}

    def checked_or_code(self, head: str) -> set[str]:
        """The same, or the code of the error that it ended with."""
        try:
            return self.checked(head)
        except HeimnetzError as error:
            return {error.code}

    def open(self) -> list[str]:
        """The submissions that wait."""
        return [one.branch for one in submissions(self.repo)]
