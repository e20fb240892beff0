"""Flows: from where a value may come, followed backwards through names, calls and attributes.

The walk is over all that may reach an expression, without regard to order; its answer is a set of
labels such as ``network`` or ``file:~/.ssh/id_rsa``, each with the places passed on the way.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from heimnetz_git.model.finding import Location, Step
from heimnetz_git.scan.apis import BY_NAME, SOURCES, Kind
from heimnetz_git.scan.atoms import HOLE, Argument, Atoms, Class, Func, Instance, Known, Ref, plain
from heimnetz_git.scan.program import Program
from heimnetz_git.scan.signs import CLOUD, TELLING
from heimnetz_git.scan.tables import Binding, Scope, written

__all__ = ["Flow", "Origin", "flow_into", "texts_in"]

MOST_VISITED = 700
MOST_STEPS = 6
_REACHING = frozenset({"getattr", "object.__getattribute__", "operator.attrgetter", "eval"})
_ENVIRON = ("os.environ", "os.environ.copy", "os.environ.items", "os.environ.values")


class Origin(NamedTuple):
    """Where a flow begins: its label, what is read, and the steps to where it ends.

    ``hops`` is how many times the flow passes from one function's text to another's.
    """

    label: str
    detail: str
    trail: tuple[Step, ...]
    hops: int = 0


class Flow(NamedTuple):
    """Everything that may reach an expression.

    ``names`` are the variables passed, ``longest`` the length of the longest text without a space.
    """

    origins: tuple[Origin, ...]
    names: frozenset[int]
    longest: int = 0

    def labels(self) -> frozenset[str]:
        """The labels alone."""
        return frozenset(one.label for one in self.origins)

    def first(self, *labels: str) -> Origin | None:
        """The first origin with one of these labels."""
        return next((one for one in self.origins if one.label in labels), None)


class _Walk:
    """One walk backwards; ``parents`` tells how each expression was come by."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.machine = program.machine
        self.seen: dict[int, tuple[ast.AST, Scope, int]] = {}
        self.queue: list[tuple[ast.AST, Scope]] = []
        self.found: dict[tuple[str, str], Origin] = {}
        self.names: set[int] = set()
        self.longest = 0

    def push(self, node: ast.AST | None, scope: Scope, parent: int = 0) -> None:
        """Look at ``node`` later, once."""
        if node is not None and id(node) not in self.seen and len(self.seen) < MOST_VISITED:
            self.seen[id(node)] = (node, scope, parent)
            self.queue.append((node, scope))

    def run(self) -> None:
        """Until nothing new is reached."""
        index = 0
        while index < len(self.queue):
            node, scope = self.queue[index]
            index += 1
            visit = _VISITS.get(type(node))
            if visit is not None:
                visit(self, node, scope)
            else:
                for child in ast.iter_child_nodes(node):
                    self.push(child, self.inside(node, scope), id(node))

    def inside(self, node: ast.AST, scope: Scope) -> Scope:
        """The scope of what stands in a lambda or comprehension."""
        return scope.module.scopes.get(id(node), scope)

    def label(self, label: str, detail: str, node: ast.AST, scope: Scope) -> None:
        """Note that a flow begins here."""
        if (label, detail) not in self.found:
            trail, hops = self._trail(node, scope, detail)
            self.found[label, detail] = Origin(label, detail, trail, hops)

    def _trail(self, node: ast.AST, scope: Scope, detail: str) -> tuple[tuple[Step, ...], int]:
        steps: list[Step] = []
        words = detail
        hops, holder = 0, scope.holder()
        current: tuple[ast.AST, Scope, int] | None = (node, scope, self.seen[id(node)][2])
        while current is not None:
            at, inside, parent = current
            if inside.holder() is not holder:
                hops, holder = hops + 1, inside.holder()
            module = inside.module
            place = Location(module.file, *module.place(at))
            last = steps[-1].location if steps else None
            new = last is None or (last.file, last.line) != (place.file, place.line)
            if new and len(steps) < MOST_STEPS:
                steps.append(Step(place, words or "passes here"))
            words = ""
            current = self.seen.get(parent)
        return tuple(steps), hops

    def atoms(self, node: ast.expr, scope: Scope) -> Atoms:
        """What an expression stands for."""
        return self.machine.value(node, scope)


def _call(walk: _Walk, node: ast.Call, scope: Scope) -> None:
    for atom in walk.atoms(node.func, scope):
        if isinstance(atom, Ref):
            if _label_ref(walk, atom, node, scope):
                return
            if atom.name in _REACHING:
                _label_name(walk, walk.atoms(node, scope), node, scope)
        elif isinstance(atom, Func):
            for result in atom.scope.returns[:8]:
                walk.push(result, atom.scope, id(node))
        elif isinstance(atom, Class):
            walk.names.add(id(atom.scope))
    _push_parts(walk, node, scope)


def _push_parts(walk: _Walk, node: ast.Call, scope: Scope) -> None:
    """A call's arguments and what stands before it."""
    for argument in node.args:
        walk.push(argument, scope, id(node))
    for word in node.keywords:
        walk.push(word.value, scope, id(node))
    if isinstance(node.func, ast.Attribute):
        walk.push(node.func.value, scope, id(node))
    else:
        walk.push(node.func, scope, id(node))


def _label_ref(walk: _Walk, ref: Ref, node: ast.Call, scope: Scope) -> bool:
    """Label what a call to ``name`` gives; true when nothing before it matters."""
    name = ref.name
    label = SOURCES.get(name)
    if label is not None:
        walk.label(label, f"{name}()", node, scope)
    if name in ("os.getenv", "os.environ.get", "os.environ.pop"):
        _label_variables(walk, node.args[0] if node.args else None, node, scope)
        return True
    if name in _ENVIRON:
        walk.label("environment", f"{name}()", node, scope)
        return True
    for api in BY_NAME.get(name, ()):
        if api.kind is Kind.READ:
            argument: Argument | None = (node.args[0], scope) if node.args else None
            text = ref.text or walk.program.text(argument)
            walk.label("file", text, node, scope)
        elif api.kind is Kind.CONNECT:
            said = " ".join(texts_in(walk.program, [(one, scope) for one in node.args[:2]]))
            cloud = CLOUD.search(said) is not None
            walk.label("cloud" if cloud else "network", f"{name}()", node, scope)
        elif api.kind is Kind.RUN:
            said = " ".join(texts_in(walk.program, [(one, scope) for one in node.args[:1]]))
            match = TELLING.search(said)
            walk.label("told" if match else "output", match[0] if match else f"{name}()",
                       node, scope)  # fmt: skip
    if name in ("socket.socket().recv", "socket.socket().recvfrom", "socket.socket().accept",
                "socket.socket().makefile", "socket.socket().recv_into"):  # fmt: skip
        walk.label("network", f"{name}()", node, scope)
    return False


def _name(walk: _Walk, node: ast.Name, scope: Scope) -> None:
    at: Scope | None = scope
    while at is not None:
        bindings = at.names.get(node.id)
        if bindings:
            walk.names.add(id(bindings))
            for binding in bindings[:24]:
                _binding(walk, binding, at, node)
            for value, inside in at.module.mutations.get(node.id, ())[:40]:
                if inside.within(at) or at.kind == "module":
                    walk.push(value, inside, id(node))
            break
        at = at.parent
    if at is None or any(one.how in ("import", "far") for one in at.names[node.id]):
        _label_name(walk, walk.machine.named(node.id, scope), node, scope)


def _label_name(walk: _Walk, atoms: Atoms, node: ast.expr, scope: Scope) -> None:
    """Label a name that is a source by itself, such as the environment."""
    for atom in atoms:
        if isinstance(atom, Ref) and atom.name == "os.environ":
            walk.label("environment", "os.environ", node, scope)
        elif isinstance(atom, Ref) and atom.name == "__file__":
            walk.label("package", "__file__", node, scope)
        elif (
            isinstance(atom, Ref)
            and atom.name.endswith(".__file__")
            and atom.name.count(".") == 1
            and not atom.name.startswith("__main__")
        ):
            walk.label("loaded", atom.name, node, scope)
        elif isinstance(atom, Ref) and atom.name in SOURCES:
            walk.label(SOURCES[atom.name], atom.name, node, scope)


def _binding(walk: _Walk, binding: Binding, scope: Scope, node: ast.AST) -> None:
    how, what, where = binding
    if how in ("value", "iter", "aug"):
        walk.push(what, scope, id(node))
    elif how == "far":
        _binding(walk, what[0], what[1], node)
    elif how == "default":
        walk.push(what, scope.parent or scope, id(node))
    elif how in ("item", "opaque") and what is not None:
        _binding(walk, what, scope, node)
    elif how == "param":
        index, name = where
        _label_parameter(walk, what, name, node)
        for call, at, bound, _ in walk.machine.callers(what)[:8]:
            _argument(walk, call, at, index - bound, name, node)
    elif how == "rest":
        for call, at, _, _ in walk.machine.callers(what)[:8]:
            for one in (*call.args, *(word.value for word in call.keywords)):
                walk.push(one, at, id(node))


_KEYS = re.compile(
    r"(?:mnemonic|seed_?phrase|seed_?words|recovery_?phrase|secret_?phrase"
    r"|wallet_?(?:key|seed|secret)|keypair)s?$",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"(?:private_?key|priv_?key|password|passwd|pwd|credentials?|sessionid|cookies?)$",
    re.IGNORECASE,
)
# Programs that talk to people: what their handlers are given comes from whoever writes there.
_CHATS = re.compile(
    r"(?:discord|nextcord|disnake|telebot|telegram|aiogram|pyrogram|telethon|slack_bolt|vkbottle)\b"
)


def _label_parameter(walk: _Walk, scope: Scope, name: str, node: ast.AST) -> None:
    """Label a parameter that is a secret by its name, or a message to a bot's handler."""
    if _KEYS.match(name):
        walk.label("wallet", name, node, scope)
    elif _LOGIN.match(name):
        walk.label("login", name, node, scope)
    for decorator in getattr(scope.node, "decorator_list", ()):
        for atom in walk.atoms(decorator, scope.parent or scope):
            if isinstance(atom, Ref) and _CHATS.match(atom.name):
                walk.label("network", "a chat message", node, scope)


def _argument(  # noqa: PLR0917 # a call is these
    walk: _Walk, call: ast.Call, scope: Scope, index: int, name: str, node: ast.AST
) -> None:
    for word in call.keywords:
        if word.arg == name or word.arg is None:
            walk.push(word.value, scope, id(node))
    if 0 <= index < len(call.args):
        walk.push(call.args[index], scope, id(node))


def _attribute(walk: _Walk, node: ast.Attribute, scope: Scope) -> None:
    _label_name(walk, walk.atoms(node, scope), node, scope)
    name = written(node)
    own = False
    for atom in walk.atoms(node.value, scope):
        if isinstance(atom, Instance | Class):
            stored = atom.scope.attributes.get(node.attr, ())
            walk.names.add(id(stored))
            for value, at in stored[:8]:
                walk.push(value, at, id(node))
            own = True
    at_scope: Scope | None = scope
    while at_scope is not None and name:
        for binding in at_scope.names.get(name, ()):
            _binding(walk, binding, at_scope, node)
        at_scope = at_scope.parent
    for value, at in scope.module.mutations.get(name, ())[:40] if name else ():
        walk.push(value, at, id(node))
    if not own:  # of an own object, only what was put into this attribute
        walk.push(node.value, scope, id(node))


def _label_variables(walk: _Walk, key: ast.expr | None, node: ast.expr, scope: Scope) -> None:
    """Label each variable of the environment that a key may name."""
    names = [] if key is None else [plain((one,)) for one in walk.atoms(key, scope)]
    for name in names or [""]:
        walk.label("variable", name if isinstance(name, str) else "", node, scope)


def _subscript(walk: _Walk, node: ast.Subscript, scope: Scope) -> None:
    for atom in walk.atoms(node.value, scope):
        if isinstance(atom, Ref) and atom.name == "os.environ":
            _label_variables(walk, node.slice, node, scope)
            return
    walk.push(node.value, scope, id(node))
    walk.push(node.slice, scope, id(node))


def _constant(walk: _Walk, node: ast.Constant, _: Scope) -> None:
    if isinstance(node.value, bytes) or (isinstance(node.value, str) and " " not in node.value):
        walk.longest = max(walk.longest, len(node.value))


_VISITS: dict[type, Any] = {
    ast.Call: _call, ast.Name: _name, ast.Attribute: _attribute, ast.Subscript: _subscript,
    ast.Constant: _constant,
}  # fmt: skip


def flow_into(program: Program, arguments: Iterable[Argument]) -> Flow:
    """Everything that may reach these expressions."""
    walk = _Walk(program)
    for node, scope in arguments:
        walk.push(node, scope)
    walk.run()
    return Flow(tuple(walk.found.values()), frozenset(walk.names), walk.longest)


def texts_in(program: Program, arguments: Iterable[Argument]) -> Iterator[str]:
    """Every text among the values of these expressions and their parts."""
    for node, scope in arguments:
        for inner in ast.walk(node):
            if isinstance(inner, ast.expr):
                for atom in program.machine.value(inner, scope):
                    if isinstance(atom, Known) and isinstance(atom.value, str | bytes):
                        value = atom.value
                        yield value if isinstance(value, str) else value.decode("latin-1")
                    elif isinstance(atom, Ref) and atom.text:
                        yield atom.text.replace(HOLE, "")
