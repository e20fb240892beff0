"""Validator rules on a plugin's code: its operations, what it imports, what it may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import heimnetz_git
from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.engine import scan
from heimnetz_git.scan.facts import Unreadable, read_facts
from heimnetz_git.sdk.subject import Subject

__all__ = ["host_internals", "operations", "permissions"]

_FACE = "heimnetz_git"
_DEFAULT_OPERATION = "execute"


def host_internals(subject: Subject) -> Iterator[Finding]:
    """A plugin imports the public face alone: what lies behind it changes without notice."""
    for file, data in sorted(subject.files.items()):
        if not file.endswith(".py"):
            continue
        try:
            imports = read_facts(file, data).imports
        except Unreadable:
            continue  # the scanner says so
        for use in imports:
            first, _, rest = use.name.partition(".")
            if first == _FACE and rest and rest not in heimnetz_git.__all__:
                yield Finding(
                    "host-internals",
                    Severity.MEDIUM,
                    f"{printable(use.name)} is not part of the public face of {_FACE}.",
                    Location(file, use.line, use.column),
                    hint=f"Import from {_FACE} itself: {', '.join(heimnetz_git.__all__[:6])}, ...",
                )


def permissions(subject: Subject) -> Iterator[Finding]:
    """What the code can do is declared, and nothing else (the scanner's two rules on that)."""
    report = scan(subject.files, subject.manifest.permissions)
    for finding in report.findings:
        if finding.rule.startswith("permission-") or finding.rule == "not-analysed":
            yield finding


def operations(subject: Subject) -> Iterator[Finding]:
    """Each operation says what it does and what it takes: a docstring and type hints.

    They become the operation's page, its JSON Schema and the check of its parameters.
    """
    module, _, name = subject.entry_point.partition(":")
    read = subject.module(module)
    if read is None:
        return
    file, tree = read
    plugin = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if plugin is None:
        if not _may_come_from_elsewhere(tree, name):
            message = (
                f"The entry point names {printable(name)!r}, and the module has no such class."
            )
            yield Finding("entry-point-class", Severity.HIGH, message, Location(file))
        return
    if ast.get_docstring(plugin) is None:
        message = f"The plugin's class {printable(name)} has no docstring."
        yield Finding("operations", Severity.LOW, message, _place(file, plugin))
    for method in plugin.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and _is_operation(method):
            yield from _operation(file, method)


def _operation(file: str, method: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Finding]:
    said = method.args
    bare = [
        argument.arg
        for argument in (*said.posonlyargs, *said.args, *said.kwonlyargs)[1:]
        if argument.annotation is None
    ]
    if bare or method.returns is None:
        what = ", ".join(bare) if bare else "its result"
        yield Finding(
            "operations",
            Severity.MEDIUM,
            f"The operation {method.name!r} has no type hint for {printable(what)}.",
            _place(file, method),
            hint="Types become its JSON Schema: def scan(self, host: str) -> list[Device]",
        )
    if ast.get_docstring(method) is None and not _has_summary(method):
        yield Finding(
            "operations",
            Severity.LOW,
            f"The operation {method.name!r} does not say what it does.",
            _place(file, method),
            hint="Its docstring's first line becomes its summary.",
        )


def _is_operation(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    named = (_decorator(decorator) == "operation" for decorator in method.decorator_list)
    return method.name == _DEFAULT_OPERATION or any(named)


def _decorator(node: ast.expr) -> str:
    """The last name of a decorator, called or not."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _has_summary(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether ``@operation("Does x.")`` says it."""
    return any(
        isinstance(decorator, ast.Call) and bool(decorator.args or decorator.keywords)
        for decorator in method.decorator_list
        if _decorator(decorator) == "operation"
    )


def _may_come_from_elsewhere(tree: ast.Module, name: str) -> bool:
    """Whether the module imports or assigns the name: then reading it alone cannot tell."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            if any((alias.asname or alias.name) in (name, "*") for alias in node.names):
                return True
        elif isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return True
    return False


def _place(file: str, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Location:
    return Location(file, node.lineno, node.col_offset + 1)
