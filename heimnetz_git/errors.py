"""Every error that heimnetz-git raises on purpose, as a ladder of what a caller can do about it.

::

    HeimnetzError                      1  something failed
    ├── UsageError                     2  the call itself is wrong
    │   ├── InvalidName                   not a plugin, version or index name
    │   ├── InvalidConfiguration          a setting cannot be used
    │   └── AmbiguousName                 two indexes offer the name
    ├── NotFound                       3  nothing of that name
    │   ├── PluginNotFound
    │   ├── ReleaseNotFound
    │   ├── IndexNotFound
    │   ├── OperationNotFound
    │   ├── SubmissionNotFound
    │   ├── GenerationNotFound
    │   └── FileMissing
    ├── Refused                        4  trust or permission says no
    │   ├── PermissionRefused             the user did not grant it
    │   ├── AccessDenied                  the sandbox did not grant it
    │   ├── RewriteRefused                an index changed its own past
    │   ├── IndexExpired                  an export promised to be renewed by now
    │   └── SignatureInvalid
    ├── VerificationFailed             5  what came is not what was promised
    │   ├── SizeMismatch
    │   ├── DigestMismatch
    │   ├── WheelRejected                 an archive that could do harm or lies
    │   ├── HostileTree                   an index tree with links, exec bits, colliding paths
    │   ├── ReleaseChanged                a published file is not what it was
    │   └── CorruptRepository
    ├── PolicyDenied                   6  an operator's rule says no
    ├── NetworkError                   7  the outside did not answer
    │   ├── Offline                       needs the network, told not to use it
    │   ├── DownloadFailed
    │   ├── LoginRequired                 a server wants to know who asks
    │   └── RemoteRefused                 a server refused a push
    ├── LockOutOfDate                  8
    ├── FindingsError                  9  a check found something
    │   ├── ProjectInvalid
    │   └── SubmissionRefused             the law of the index says no
    ├── InvalidFile                    1  a file is not of its kind; carries every problem in it
    │   └── FormatTooNew                  written for a newer heimnetz-git
    ├── ResolutionImpossible           1  no set of releases fits; carries the explanation
    ├── StorageError                   1  the disk
    │   ├── HomeBusy                      another process holds the lock
    │   ├── HomeReadOnly
    │   └── DiskFull
    ├── BuildFailed                    1
    ├── PackagesFailed                 1  pip or uv could not install a plugin's Python packages
    ├── SandboxUnavailable             1
    └── PluginFailed                   1  the plugin, not us
        ├── OperationFailed               it raised
        ├── InvalidParameters             what it was given is not what it takes
        ├── PluginCrashed                 its process ended
        ├── PluginTimedOut
        └── ProtocolViolation             it does not speak the protocol

The number is the process's exit code (``docs/reference/exit-codes.md``). Each class has a stable
kebab-case ``code`` and a ``hint`` that says what to do next; facts are attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

__all__ = [
    "AccessDenied",
    "AmbiguousName",
    "BuildFailed",
    "CorruptRepository",
    "DigestMismatch",
    "DiskFull",
    "DownloadFailed",
    "FileMissing",
    "FindingsError",
    "FormatTooNew",
    "GenerationNotFound",
    "HeimnetzError",
    "HomeBusy",
    "HomeReadOnly",
    "HostileTree",
    "IndexExpired",
    "IndexNotFound",
    "InvalidConfiguration",
    "InvalidFile",
    "InvalidName",
    "InvalidParameters",
    "LockOutOfDate",
    "LoginRequired",
    "NetworkError",
    "NotFound",
    "Offline",
    "OperationFailed",
    "OperationNotFound",
    "PackagesFailed",
    "PermissionRefused",
    "PluginCrashed",
    "PluginFailed",
    "PluginNotFound",
    "PluginTimedOut",
    "PolicyDenied",
    "ProjectInvalid",
    "ProtocolViolation",
    "Refused",
    "ReleaseChanged",
    "ReleaseNotFound",
    "RemoteRefused",
    "ResolutionImpossible",
    "RewriteRefused",
    "SandboxUnavailable",
    "SignatureInvalid",
    "SizeMismatch",
    "StorageError",
    "SubmissionNotFound",
    "SubmissionRefused",
    "UsageError",
    "VerificationFailed",
    "WheelRejected",
    "printable",
]

LONGEST_NAME_SHOWN = 200


def printable(text: str, *, longest: int = LONGEST_NAME_SHOWN) -> str:
    """``text`` on one line, without control or bidirectional characters, cut at ``longest``.

    For names, paths and messages that came from outside and go to a terminal or a log.
    """
    clean = "".join(
        char if char.isprintable() else f"\\x{ord(char):02x}" if ord(char) < 256 else "�"
        for char in text[: longest + 1]
    )
    return clean if len(text) <= longest else clean[:longest] + "…"


class HeimnetzError(Exception):
    """Something failed; the root of the ladder.

    ``str()`` is one sentence: what and why. ``facts`` are JSON values for ``--json``; ``problems``
    are the single problems behind the error (values with ``to_json()``-able fields), if several.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    hint: str = "Run the command again with -v for more."

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        problems: Iterable[Any] = (),
        **facts: Any,
    ) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint
        self.problems = tuple(problems)
        self.facts = facts


class UsageError(HeimnetzError):
    """The call is wrong: a missing, unknown or contradictory argument."""

    code = "usage"
    exit_code = 2
    hint = "See --help of the command."


class InvalidName(UsageError):
    """Text that is not a plugin name, a version or an index name."""

    code = "invalid-name"
    hint = "Names are lower case letters, digits and single hyphens, such as 'wake-on-lan'."


class InvalidConfiguration(UsageError):
    """A setting has a value that cannot be used."""

    code = "invalid-configuration"
    hint = "See where it comes from with 'heimnetz-git config list --show-origin'."


class AmbiguousName(UsageError):
    """Two indexes of equal standing offer a plugin of this name."""

    code = "ambiguous-name"
    hint = "Route the name to one index: 'heimnetz-git index add --pattern NAME ...'."


class NotFound(HeimnetzError):
    """There is nothing of that name."""

    code = "not-found"
    exit_code = 3
    hint = "Check the spelling."


class PluginNotFound(NotFound):
    """No index that may be asked has a plugin of that name."""

    code = "plugin-not-found"
    hint = "Try 'heimnetz-git search', or 'heimnetz-git index update' if it is new."


class ReleaseNotFound(NotFound):
    """The plugin exists, this version of it does not."""

    code = "release-not-found"
    hint = "See its versions with 'heimnetz-git info NAME'."


class IndexNotFound(NotFound):
    """No index of that name has been added."""

    code = "index-not-found"
    hint = "See 'heimnetz-git index list'."


class OperationNotFound(NotFound):
    """The plugin has no operation of that name."""

    code = "operation-not-found"
    hint = "See its operations with 'heimnetz-git info NAME'."


class SubmissionNotFound(NotFound):
    """The registry has no open submission of that name."""

    code = "submission-not-found"
    hint = "See 'heimnetz-git submissions'."


class GenerationNotFound(NotFound):
    """There is no generation of that number to go back to."""

    code = "generation-not-found"
    hint = "See 'heimnetz-git generations'."


class FileMissing(NotFound):
    """A file or folder that was named does not exist."""

    code = "file-missing"
    hint = "Check the path."


class Refused(HeimnetzError):
    """Trust or permission says no."""

    code = "refused"
    exit_code = 4
    hint = "Nothing was changed."


class PermissionRefused(Refused):
    """The permissions that a plugin asks for were not granted."""

    code = "permission-refused"
    hint = "Read them with 'heimnetz-git info NAME', then grant them with --yes if you agree."


class AccessDenied(Refused):
    """The sandbox refused something that the plugin's permissions do not cover."""

    code = "access-denied"
    hint = (
        "If the plugin should do this, its author must declare it under 'permissions:' in"
        " plugin.yaml."
    )


class RewriteRefused(Refused):
    """An index no longer contains the commit that was last seen: its history was rewritten."""

    code = "rewrite-refused"
    hint = "Ask its maintainers why; accept it with 'heimnetz-git index update --accept-rewrite'."


class IndexExpired(Refused):
    """An export is older than it says that it may be: somebody may be holding news back."""

    code = "index-expired"
    hint = "Check this machine's clock; else the registry's maintainers must export it anew."


class SignatureInvalid(Refused):
    """A signature is missing, does not verify, or its signer is not allowed."""

    code = "signature-invalid"
    hint = "Do not use the file; tell the registry's maintainers."


class VerificationFailed(HeimnetzError):
    """What came is not what was promised."""

    code = "verification-failed"
    exit_code = 5
    hint = "Nothing was installed. Refresh the index; if it stays so, report it to the registry."


class SizeMismatch(VerificationFailed):
    """The artifact is longer or shorter than the registry promised."""

    code = "size-mismatch"
    hint = "Refresh the index; if it stays so, report the plugin to its registry."


class DigestMismatch(VerificationFailed):
    """The artifact is not the one that the registry promised."""

    code = "digest-mismatch"
    hint = "Refresh the index; if it stays so, report the plugin to its registry."


class WheelRejected(VerificationFailed):
    """A wheel breaks the rules for wheels, or holds what a plugin may not hold."""

    code = "wheel-rejected"
    hint = (
        "Report the plugin to its registry; as its author, build it anew with 'heimnetz-git build'."
    )


class HostileTree(VerificationFailed):
    """An index holds what it may not: links, submodules, programs, colliding paths."""

    code = "hostile-tree"
    hint = "Do not use this index until its maintainers have cleaned it."


class ReleaseChanged(VerificationFailed):
    """A published release, signature or artifact was edited or removed."""

    code = "release-changed"
    hint = "Published files never change. Ask the registry's maintainers what happened."


class CorruptRepository(VerificationFailed):
    """A repository's objects are damaged or incomplete."""

    code = "corrupt-repository"
    hint = "Remove and add the index again."


class PolicyDenied(HeimnetzError):
    """A rule of this machine's operator forbids it."""

    code = "policy-denied"
    exit_code = 6
    hint = "See which with 'heimnetz-git config list --show-origin'."


class NetworkError(HeimnetzError):
    """The outside did not answer, or not as expected."""

    code = "network"
    exit_code = 7
    hint = "Check the connection and the address, then try again."


class Offline(NetworkError):
    """This needs the network, and --offline forbids it."""

    code = "offline"
    hint = "Run it without --offline, or fetch it beforehand."


class DownloadFailed(NetworkError):
    """A download broke off or was refused."""

    code = "download-failed"
    hint = "Try again: what has arrived is kept and resumed."


class LoginRequired(NetworkError):
    """A server wants a login, or does not accept the one that there is."""

    code = "login-required"
    hint = (
        "Put a token into the variable HEIMNETZ_TOKEN, or into git's credential helper or the"
        " system's keyring; for ssh load a key that the server knows."
    )


class RemoteRefused(NetworkError):
    """The server took the connection and refused the change."""

    code = "remote-refused"
    hint = "Read the server's words above; check your rights on that repository."


class LockOutOfDate(HeimnetzError):
    """The lock does not match what is asked for, or what the registry has."""

    code = "lock-out-of-date"
    exit_code = 8
    hint = "Make it anew with 'heimnetz-git lock'."


class FindingsError(HeimnetzError):
    """A check found something."""

    code = "findings"
    exit_code = 9
    hint = "Mend each finding, then check again."


class ProjectInvalid(FindingsError):
    """A plugin project breaks the rules for plugins."""

    code = "project-invalid"
    hint = "Mend each problem; 'heimnetz-git validate' checks again."


class SubmissionRefused(FindingsError):
    """The law of the index does not allow this submission."""

    code = "submission-refused"
    hint = "Mend each finding and publish again."


class InvalidFile(HeimnetzError):
    """A file is not what its kind must be; every problem in it is listed."""

    code = "invalid-file"
    hint = "Mend the lines named above."


class FormatTooNew(InvalidFile):
    """A file was written for a newer heimnetz-git."""

    code = "format-too-new"
    hint = "Update heimnetz-git."


class ResolutionImpossible(HeimnetzError):
    """No set of releases fits everything that was asked for."""

    code = "resolution-impossible"
    hint = "Loosen one of the requirements named above."


class StorageError(HeimnetzError):
    """The disk did not do as asked."""

    code = "storage"
    hint = "Check the folder, its rights and its free space."


class HomeBusy(StorageError):
    """Another heimnetz-git is changing this home."""

    code = "home-busy"
    hint = "Wait for it to end, then try again."


class HomeReadOnly(StorageError):
    """The home cannot be written to."""

    code = "home-read-only"
    hint = "Check its rights, or name another one with --home or HEIMNETZ_GIT_HOME."


class DiskFull(StorageError):
    """There is no room left on the disk."""

    code = "disk-full"
    hint = "Free some space, then try again: the old state is untouched."


class BuildFailed(HeimnetzError):
    """The project's build back end did not make a wheel."""

    code = "build-failed"
    hint = "Read its output above."


class PackagesFailed(HeimnetzError):
    """A plugin's Python packages could not be installed."""

    code = "packages-failed"
    hint = "Read the installer's output above."


class SandboxUnavailable(HeimnetzError):
    """This machine cannot confine a plugin as asked."""

    code = "sandbox-unavailable"
    hint = "Install bubblewrap ('apt install bubblewrap', or the extra heimnetz-git[sandbox])."


class PluginFailed(HeimnetzError):
    """The plugin failed, not the host."""

    code = "plugin-failed"
    hint = "Report it to the plugin's author; see 'heimnetz-git info NAME' for links."


class OperationFailed(PluginFailed):
    """The operation raised an error of its own."""

    code = "operation-failed"
    hint = "Read its message above; check the parameters and the configuration."


class InvalidParameters(PluginFailed):
    """Parameters, a result or a configuration do not match their schema."""

    code = "invalid-parameters"
    hint = "See the schema with 'heimnetz-git info NAME --json'."


class PluginCrashed(PluginFailed):
    """The plugin's process ended before it answered."""

    code = "plugin-crashed"
    hint = "Run it again with -v to see its output."


class PluginTimedOut(PluginFailed):
    """The plugin took longer than its limit."""

    code = "plugin-timed-out"
    hint = "Its author can raise 'limits:' in plugin.yaml."


class ProtocolViolation(PluginFailed):
    """The plugin's process does not speak the protocol."""

    code = "protocol-violation"
    hint = "Report it to the plugin's author."
