"""Rules on damage: wallets, mining, deletion, encryption."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.apis import Kind
from heimnetz_git.scan.atoms import Argument, Ref
from heimnetz_git.scan.capabilities import commands
from heimnetz_git.scan.flows import texts_in
from heimnetz_git.scan.program import Event
from heimnetz_git.scan.rules_host import module_has
from heimnetz_git.scan.signs import (
    DESTRUCTION,
    MINING,
    WALLET,
)
from heimnetz_git.scan.submission import Submission, found
from heimnetz_git.scan.tables import text_of

__all__ = ["clipper", "destruction", "miner", "self_deletion"]

_REMOVERS = ("os.remove", "os.unlink", "pathlib.Path().unlink", "shutil.rmtree")


def clipper(submission: Submission) -> Iterator[Finding]:
    """An address of a wallet in the clipboard is replaced by another (ATT&CK T1565).

    The clipboard is read, held against the form of wallet addresses, and written. There is no
    false alarm in a plugin.
    """
    reads = {
        event.file
        for event in submission.program.events
        if event.api
        in (
            "pyperclip.paste",
            "win32clipboard.GetClipboardData",
            "clipboard.paste",
            "tkinter.Tk().clipboard_get",
            "pandas.read_clipboard",
        )
    }
    for event in submission.program.calls(
        "pyperclip.copy",
        "clipboard.copy",
        "win32clipboard.SetClipboardText",
        "win32clipboard.SetClipboardData",
        "tkinter.Tk().clipboard_append",
    ):
        if event.file in reads:
            wallet = module_has(event, WALLET) or _has_pattern(event)
            yield found(
                clipper,
                Severity.HIGH if wallet else Severity.MEDIUM,
                event.location,
                "The clipboard is read and replaced"
                + (", by the form of wallet addresses." if wallet else "."),
            )
    yield from _clipping_texts(submission)


def _clipping_texts(submission: Submission) -> Iterator[Finding]:
    """A script among the texts that replaces addresses, or a browser started with one's own."""
    for module in submission.program.modules:
        if not submission.can(Kind.WRITE, module.file):
            continue
        for node, _ in module.texts:
            text = text_of(node)
            script = len(text) > 100 and "replace" in text and _ADDRESSES.search(text) is not None
            if script or "--load-extension=" in text:
                yield found(
                    clipper,
                    Severity.HIGH,
                    Location(module.file, *module.place(node)),
                    "A script that replaces addresses of wallets is written."
                    if script
                    else "A browser is started with an extension that the code brings.",
                    capability=Kind.WRITE,
                )
                break


_ADDRESSES = re.compile(r"0x\)?\[a-fA-F0-9\]\{40\}|\(?bc1|\[13\]\)?\[a-km-zA-HJ-NP-Z")


def _has_pattern(event: Event) -> bool:
    return module_has(
        event, re.compile(r"^(?:bc1|0x[0-9a-fA-F]{40}|[13][a-km-zA-HJ-NP-Z1-9]{25,34})")
    )


def miner(submission: Submission) -> Iterator[Finding]:
    """The machine computes coins for somebody else (ATT&CK T1496).

    Names of mining pools, protocols and programs in what is run, fetched or connected to.
    """
    for event in submission.events(Kind.RUN, Kind.CONNECT, Kind.WRITE):
        text = " ".join((event.ref.text or "", *texts_in(submission.program, event.given)))
        match = MINING.search(text)
        if match is not None:
            yield found(
                miner,
                Severity.HIGH,
                event.location,
                f"{event.api}() is about mining ({printable(match[0])!r}).",
                capability=Kind.RUN,
            )


def self_deletion(submission: Submission) -> Iterator[Finding]:
    """The code removes itself, so that nobody can read it later (ATT&CK T1070.004).

    ``os.remove(__file__)`` and its like. An installer cleans up after itself; a plugin is removed
    by the host.
    """
    for event in submission.program.calls(*_REMOVERS):
        nodes = list(event.given)
        if event.ref.made is not None:
            nodes += [(one, event.ref.made[1]) for one in event.ref.made[0].args]
        names = {
            one.name
            for node, scope in nodes
            for inner in ast.walk(node)
            if isinstance(inner, ast.expr)
            for one in submission.program.machine.value(inner, scope)
            if isinstance(one, Ref)
        }
        itself = "__file__" in names or ("sys.argv[]" in names and _is_first(nodes))
        if itself and not any(_is_other(node) for node, _ in nodes):
            yield found(
                self_deletion,
                Severity.MEDIUM if event.api == "shutil.rmtree" else Severity.HIGH,
                event.location,
                f"{event.api}() removes the code that is running.",
                capability=Kind.WRITE,
            )


def _is_first(nodes: list[Argument]) -> bool:
    """Whether an item of ``sys.argv`` is its first: the program itself."""
    return any(
        isinstance(one, ast.Subscript) and getattr(one.slice, "value", None) == 0
        for node, _ in nodes
        for one in ast.walk(node)
    )


def _is_other(node: ast.expr) -> bool:
    """Whether a path is another file beside the module: a name is added to it."""
    texts = [
        one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and len(one.value) > 1
    ]
    return bool(texts) or any(
        isinstance(one, ast.Attribute) and one.attr in ("with_suffix", "with_name")
        for one in ast.walk(node)
    )


def destruction(submission: Submission) -> Iterator[Finding]:
    """People's files are deleted or encrypted (ATT&CK T1485, T1486; CWE-506).

    A whole home or system folder is removed, disks are overwritten, files are walked through,
    encrypted and written back. False alarms: a backup tool's restore. Keep to the data folder.
    """
    program = submission.program
    for event in submission.events(Kind.RUN):
        for text in commands(program, event):
            match = DESTRUCTION.search(text.replace("'", ""))
            if match is not None:
                yield found(
                    destruction,
                    Severity.HIGH,
                    event.location,
                    f"{event.api}() destroys data ({printable(match[0][:40])!r}).",
                    capability=Kind.RUN,
                )
    for event in program.calls("shutil.rmtree"):
        text = program.text(event.argument(0, "path"))
        if text.rstrip("*") in _WHOLE:
            yield found(
                destruction,
                Severity.HIGH,
                event.location,
                f"shutil.rmtree() removes {text}.",
                capability=Kind.WRITE,
            )
    yield from _swept(submission)
    walks = {
        event.file
        for event in program.calls(
            "os.walk", "pathlib.Path().rglob", "glob.glob", "os.listdir", "glob.iglob"
        )
    }
    for event in program.events:
        if event.api.endswith((".encrypt", ".encryptor().update")) and event.file in walks:
            flow = submission.flow(event)
            if flow.first("file") is not None and submission.can(Kind.WRITE, event.file):
                yield found(
                    destruction,
                    Severity.HIGH,
                    event.location,
                    "Files are walked through, encrypted and written back.",
                    capability=Kind.WRITE,
                )


def _swept(submission: Submission) -> Iterator[Finding]:
    """Every file below a folder that holds everything is removed."""
    for event in submission.program.calls(*_REMOVERS):
        swept = (one.detail for one in submission.flow(event).origins if one.label == "file")
        whole = next((one for one in swept if one.rstrip("*") in _WHOLE), "")
        if whole:
            yield found(
                destruction,
                Severity.HIGH,
                event.location,
                f"{event.api}() removes what is below {printable(whole)}.",
                capability=Kind.WRITE,
            )


# Folders that hold everything.
_WHOLE = frozenset({"/", "~", "~/", "/home", "/etc", "/usr", "/var", "/home/", "C:", "C:/", "C:\\"})
