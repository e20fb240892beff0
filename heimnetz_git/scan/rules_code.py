"""Rules on what the code does: dynamic code, shells, native code, credential files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.capabilities import Kind
from heimnetz_git.scan.facts import Call, Facts
from heimnetz_git.scan.fold import UNKNOWN
from heimnetz_git.scan.submission import Submission, found

__all__ = [
    "SINKS",
    "credential_files",
    "dynamic_code",
    "native_code",
    "not_analysed",
    "shell_command",
]

# Functions that run what they are given; the engine notes what their arguments mention.
SINKS = frozenset(
    {
        "__import__",
        "compile",
        "eval",
        "exec",
        "getattr",
        "importlib.import_module",
        "marshal.loads",
        "pickle.loads",
        "types.FunctionType",
    }
)
_DECODERS = frozenset(
    {
        "base64.a85decode", "base64.b16decode", "base64.b32decode", "base64.b64decode",
        "base64.b85decode", "base64.decodebytes", "base64.urlsafe_b64decode", "binascii.a2b_base64",
        "binascii.unhexlify", "bytearray.fromhex", "bytes.fromhex", "bz2.decompress",
        "codecs.decode", "gzip.decompress", "lzma.decompress", "marshal.loads", "zlib.decompress",
    }
)  # fmt: skip
_DOWNLOADS = frozenset(
    {"urllib.request.urlopen()", "requests.get()", "requests.post()", "httpx.get()", "httpx.post()"}
)
_SHELLS = frozenset(
    {
        "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell", "commands.getoutput",
    }
)  # fmt: skip
_SHELL_PROGRAMS = re.compile(
    r"(?:.*/)?(?:ba|da|z|k|c|fi)?sh|(?:.*[/\\])?(?:cmd|powershell)(?:\.exe)?"
)
_CREDENTIALS = re.compile(
    r"""\.ssh/(?:id_|identity|authorized_keys)|\.aws/credentials|\.gnupg/|\.netrc\b|\.pgpass\b
    |\.git-credentials|\.docker/config\.json|\.kube/config|\.config/gh/hosts\.yml|/etc/shadow
    |\.mozilla/firefox|Google/Chrome|google-chrome|User\ Data/|Login\ Data|\bkey4\.db|\blogins\.json
    |\.bash_history|\.zsh_history|login\.keychain|wallet\.dat|\.electrum/|Local\ Storage/leveldb""",
    re.VERBOSE,
)
_PATH_CALLS = re.compile(r"open|.*\.(?:open|join|joinpath|expanduser|Path|read_\w+|copy\w*|glob)")


def not_analysed(submission: Submission) -> Iterator[Finding]:
    """A module that this scanner cannot read is not cleared by it.

    Newer syntax, a nesting too deep, a file too large or one that is not Python at all: whatever
    hides there is unseen. Mend the file, or ask the registry's maintainers to read it.
    """
    for broken in submission.broken:
        yield found(
            not_analysed,
            Severity.MEDIUM,
            broken.location,
            f"This module could not be analysed: {broken.reason}.",
            hint="Write it so that the oldest Python you support can parse it.",
        )


def dynamic_code(submission: Submission) -> Iterator[Finding]:
    """Code that is made at run time cannot be read beforehand (CWE-95).

    ``exec``, ``eval``, ``pickle.loads``, ``marshal.loads``, imports of a computed name. High when
    what is run was decoded or downloaded in the same breath: that is how malware unpacks itself.
    Use ``json``, ``ast.literal_eval``, a dict of functions or an entry point instead.
    """
    for module in submission.modules:
        for call in module.calls:
            judged = _dynamic(call)
            if judged is not None:
                severity, message = judged
                yield found(
                    dynamic_code,
                    severity,
                    Location(module.file, call.line, call.column),
                    message,
                    hint="Say what can run: a dict of functions, json, ast.literal_eval.",
                    capability=Kind.DYNAMIC,
                )


def _dynamic(call: Call) -> tuple[Severity, str] | None:
    """How bad one call is, and in which words; None when it is not dynamic code."""
    name = call.name
    first = call.args[0] if call.args else UNKNOWN
    hidden = _unpacks(call)
    if name in ("exec", "eval", "types.FunctionType", "marshal.loads") and hidden:
        return Severity.HIGH, f"{name}() runs what {hidden}() gives: code that nobody can read."
    if name in ("exec", "eval"):
        if isinstance(first, str):
            return Severity.LOW, f"{name}() runs a constant: write it as code."
        return Severity.MEDIUM, f"{name}() runs code that is not known before."
    if name in ("pickle.loads", "pickle.load", "pickle.Unpickler", "shelve.open"):
        return Severity.MEDIUM, f"{name}() runs code that its input names."
    if name in ("marshal.loads", "marshal.load", "types.CodeType", "types.FunctionType"):
        return Severity.MEDIUM, f"{name}() makes code out of data."
    if name == "__import__" and not isinstance(first, str):
        return Severity.MEDIUM, "__import__() imports a name that is not known before."
    if name == "importlib.import_module" and not isinstance(first, str):
        return Severity.LOW, "import_module() imports a name that is not known before."
    if name == "getattr" and _computed_builtin(call):
        return Severity.MEDIUM, "getattr() takes a computed name from a module that runs things."
    return None


def _unpacks(call: Call) -> str:
    """The decoder or download whose result the call is given, if any."""
    for name in sorted(call.mentions):
        plain = name.removesuffix("()")
        if plain in _DECODERS and plain != call.name:
            return plain
        if any(name.startswith(download) for download in _DOWNLOADS):
            return name.partition("(")[0]
    return ""


def _computed_builtin(call: Call) -> bool:
    return bool(call.mentions & {"os", "subprocess", "builtins", "__builtins__"}) and (
        len(call.args) > 1 and not isinstance(call.args[1], str)
    )


def shell_command(submission: Submission) -> Iterator[Finding]:
    """A shell reads more than one wants to say (CWE-78).

    ``os.system``, ``shell=True``, ``sh -c``: a host name with a semicolon in it becomes a command.
    Call the program itself with a list of arguments. Low when the command is constant.
    """
    for module in submission.modules:
        for call in module.calls:
            if not _is_shell(call):
                continue
            command = call.args[0] if call.args else UNKNOWN
            constant = isinstance(command, str) or (
                isinstance(command, tuple) and UNKNOWN not in command
            )
            words = "a constant command" if constant else "a command made at run time"
            yield found(
                shell_command,
                Severity.LOW if constant else Severity.MEDIUM,
                Location(module.file, call.line, call.column),
                f"{call.name}() hands {words} to a shell.",
                hint="Pass a list: subprocess.run(['/usr/bin/ip', 'neigh']).",
                capability=Kind.RUN,
            )


def _is_shell(call: Call) -> bool:
    if call.name in _SHELLS:
        return True
    if not call.name.startswith("subprocess."):
        return False
    shell = call.keywords.get("shell", False)
    if shell is not False and shell != 0:
        return True
    command = call.args[0] if call.args else UNKNOWN
    if not isinstance(command, tuple) or len(command) < 2:
        return False
    program, switch = command[:2]
    is_program = isinstance(program, str) and _SHELL_PROGRAMS.fullmatch(program)
    return bool(is_program) and switch in ("-c", "/c", "/C", "-Command", "-EncodedCommand")


def native_code(submission: Submission) -> Iterator[Finding]:
    """Native code is not bound by what this scanner reads.

    A library loaded by ctypes or cffi can do whatever the kernel lets the process do; the sandbox
    still holds it, the scanner does not see it. A person should know why it is needed.
    """
    for capability in submission.capabilities:
        if capability.kind is Kind.NATIVE:
            what = repr(printable(capability.target)) if capability.target else "a library"
            yield found(
                native_code,
                Severity.MEDIUM,
                capability.location,
                f"{capability.via}() loads {what}: native code that cannot be analysed here.",
                capability=Kind.NATIVE,
            )


def credential_files(submission: Submission) -> Iterator[Finding]:
    """Keys, passwords and browser profiles are not a plugin's business (CWE-522, ATT&CK T1555).

    Paths such as ``~/.ssh/id_ed25519`` or a browser's login store. High when the module also
    builds such a path and talks to the network: that is how credentials leave a house. A path
    that the plugin's ``files.read`` grants name is the user's to judge, and not reported here.
    """
    granted = submission.permissions.files.read if submission.permissions else ()
    for module in submission.modules:
        talks = _talks(submission, module)
        for text in module.texts:
            value = text.value if isinstance(text.value, str) else text.value.decode("latin-1")
            match = _CREDENTIALS.search(value.replace("\\", "/"))
            if match is None or any(match[0] in grant for grant in granted):
                continue
            touched = bool(_PATH_CALLS.fullmatch(text.inside))
            yield found(
                credential_files,
                Severity.HIGH if touched and talks else Severity.MEDIUM,
                Location(module.file, text.line, text.column),
                f"The code names {printable(match[0])!r}, where credentials or private data live"
                + (", and talks to the network." if talks else "."),
                hint="Take secrets from the host: declare them under 'permissions.secrets'.",
                capability=Kind.READ,
            )


def _talks(submission: Submission, module: Facts) -> bool:
    return any(
        it.kind is Kind.CONNECT and it.location.file == module.file
        for it in submission.capabilities
    )
