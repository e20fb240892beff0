"""What an attribute or an item of something is: of names from outside, own classes, plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heimnetz_git.scan.atoms import (
    JOINED,
    LITERAL,
    REFLECTED,
    UNKNOWN,
    Atom,
    Atoms,
    Class,
    Func,
    Instance,
    Known,
    Map,
    Method,
    Own,
    Ref,
    Seq,
    plain,
)
from heimnetz_git.scan.machine import Machine, canonical
from heimnetz_git.scan.tables import Scope

__all__ = ["attribute_of", "hashable", "item_of", "join_texts", "made_of"]
_SHARED = "/tmp"  # noqa: S108 # a name, not a use
_HOMES = {
    "HOME": "~", "USERPROFILE": "~", "APPDATA": "%APPDATA%", "LOCALAPPDATA": "%LOCALAPPDATA%",
    "TEMP": "%TEMP%", "TMP": "%TEMP%", "PROGRAMDATA": "%PROGRAMDATA%", "TMPDIR": _SHARED,
    "SYSTEMROOT": "C:/Windows", "WINDIR": "C:/Windows", "PROGRAMFILES": "C:/Program Files",
}  # fmt: skip
_SPACES = ("globals()", "locals()", "__builtins__", "builtins.__dict__", "vars()",
           "__builtins__.__dict__", "__dict__")  # fmt: skip


def attribute_of(machine: Machine, base: Atom, attr: str, made: int = LITERAL) -> Atoms:
    """What ``base.attr`` is; ``made`` says how the attribute's name came about."""
    if isinstance(base, Ref):
        return (_of_ref(base, attr, made),)
    if isinstance(base, Known):
        return (Method(base.value, attr, base.made),)
    if isinstance(base, Own):
        if attr in base.module.scope.names:
            return machine.bound(attr, base.module.scope)
        return machine.imported(f"{base.module.name}.{attr}") if base.module.name else ()
    if isinstance(base, Instance | Class):
        return _of_class(machine, base.scope, attr, 0)
    if isinstance(base, Func):
        return (Ref("globals()", REFLECTED),) if attr in ("__globals__", "func_globals") else ()
    if isinstance(base, Seq | Map) and attr in ("join", "get", "items", "values"):
        return (Method(base, attr, LITERAL),)
    return ()


def _of_ref(base: Ref, attr: str, made: int) -> Ref:
    hidden = max(base.hidden, made)
    if attr == "__self__" and "." not in base.name:
        return Ref("builtins", REFLECTED)
    if attr in ("__globals__", "__builtins__") and not base.name.startswith("."):
        return Ref("globals()" if attr == "__globals__" else "builtins", REFLECTED)
    is_path = base.name == "pathlib.Path()" and base.text is not None
    if is_path and attr in ("absolute", "resolve"):
        return base
    if is_path and attr == "parent":
        return base._replace(text=(base.text or "").rpartition("/")[0])
    if base.name == "builtins" and attr == "__dict__":
        return Ref("__builtins__", hidden)
    return Ref(canonical(f"{base.name}.{attr}"), hidden, base.made, base.text)


def _of_class(machine: Machine, scope: Scope, attr: str, depth: int) -> Atoms:
    found: list[Atom] = []
    if attr in scope.names:
        found.extend(
            Func(one.scope, one.frame, bound=not _is_static(one.scope))
            if isinstance(one, Func)
            else one
            for one in machine.bound(attr, scope)
        )
    for value, at in scope.attributes.get(attr, [])[:6]:
        with machine.framed(None):
            found.extend(one for one in machine.value(value, at) if one not in found)
    if not found and depth < 8 and scope.parent is not None:
        for node in scope.node.bases[:4]:
            for base in machine.value(node, scope.parent):
                if isinstance(base, Class) and base.scope is not scope:
                    found.extend(_of_class(machine, base.scope, attr, depth + 1))
                elif isinstance(base, Ref):
                    found.append(Ref(canonical(f"{base.name}().{attr}"), base.hidden))
    return tuple(found[:6])


def _is_static(scope: Scope) -> bool:
    names = [getattr(one, "id", "") for one in getattr(scope.node, "decorator_list", ())]
    return "staticmethod" in names


def item_of(machine: Machine, base: Atom, keys: Atoms, scope: Scope) -> Atoms:
    """What ``base[key]`` is for each of the keys."""
    if isinstance(base, Ref):
        if not keys:
            return (base._replace(name=f"{base.name}[]"),)
        return tuple(atom for key in keys for atom in _ref_item(machine, base, key, scope))
    key = plain(keys)
    if key is UNKNOWN:
        return machine.elements(_values(base))
    if isinstance(base, Map):
        return base.items.get(key, ()) if hashable(key) else ()
    if isinstance(base, Seq):
        fits = isinstance(key, int) and -len(base.items) <= key < len(base.items)
        return base.items[key] if fits else ()
    if isinstance(base, Known):
        try:
            return (Known(base.value[key], max(base.made, JOINED if _is_text(base) else LITERAL)),)
        except (TypeError, KeyError, IndexError, ValueError):
            return ()
    return ()


def _is_text(base: Known) -> bool:
    return isinstance(base.value, str | bytes)


def hashable(key: Any) -> bool:
    """Whether a plain value may be the key of a dict here."""
    return isinstance(key, str | bytes | int | float | bool | None)


def _values(base: Atom) -> Atoms:
    """A dict's values as a sequence: what any key may give."""
    if isinstance(base, Map):
        return (Seq(tuple(base.items.values())),)
    if isinstance(base, Known) and isinstance(base.value, dict):
        return (Known(list(base.value.values()), base.made),)
    return (base,)


def _ref_item(machine: Machine, base: Ref, key: Atom, scope: Scope) -> Iterator[Atom]:
    """An item of one of Python's own name spaces, or of an object from outside."""
    text = key.value if isinstance(key, Known) and isinstance(key.value, str) else ""
    made = max(key.made if isinstance(key, Known) else LITERAL, REFLECTED, base.hidden)
    if base.name == "sys.modules" and text:
        yield Ref(canonical(text), made)
    elif base.name.startswith("os.environ") and text in _HOMES:
        yield Known(_HOMES[text])
    elif base.name == "vars()" and text and base.made and base.made[0].args:
        for one in machine.value(base.made[0].args[0], base.made[1]):
            yield from attribute_of(machine, one, text, made)
    elif base.name in _SPACES and text:
        known = machine.named(text, scope)
        for atom in known or (Ref(canonical(text), made),):
            yield atom._replace(hidden=made) if isinstance(atom, Ref) else atom
    elif base.name.endswith(".__dict__") and text:
        yield Ref(canonical(f"{base.name.removesuffix('.__dict__')}.{text}"), made)
    else:
        word = text if text.isidentifier() else ""
        yield Ref(f"{base.name}[{word}]", base.hidden, base.made)


def made_of(*many: Atoms) -> int:
    """The best hidden part decides how the whole came about."""
    return max((getattr(one, "made", 0) if isinstance(one, Known) else 0
                for atoms in many for one in atoms), default=LITERAL)  # fmt: skip


def join_texts(parts: list[str]) -> str:
    """Parts of a path as one path; an absolute part begins anew."""
    whole = ""
    for part in parts:
        text = part.replace("\\", "/")
        whole = text if text.startswith(("/", "~")) or not whole else f"{whole.rstrip('/')}/{text}"
    return whole
