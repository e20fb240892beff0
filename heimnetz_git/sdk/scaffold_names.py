"""Which names a new plugin may have, and the names in Python that follow from them."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Callable, Iterator

from heimnetz_git.errors import InvalidName, printable
from heimnetz_git.model.names import import_name, plugin_name
from heimnetz_git.sdk.project import SKIPPED

__all__ = ["USED_IN_TEMPLATES", "class_name", "new_plugin_name", "title_of"]

SHORTEST = 3
# Modules of the standard library that some supported Python has and the running one may not.
_OTHER_STDLIB = frozenset(
    {
        "aifc", "annotationlib", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk",
        "compression", "crypt", "distutils", "imghdr", "imp", "lib2to3", "mailcap", "msilib", "nis",
        "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd", "sunau", "telnetlib", "uu",
        "xdrlib",
    }
)  # fmt: skip
# What lies beside a plugin on its search path, in its project, or on its author's.
_NEIGHBOURS = frozenset(
    {
        "build", "hatchling", "heimnetz_git", "hypothesis", "jinja2", "msgspec", "mypy",
        "packaging", "pip", "pkg_resources", "pytest", "ruff", "setuptools", "src", "tests",
        "wheel",
    }
)  # fmt: skip
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
_OURS = ("heimnetz", "heimnetzgit")
_LOOKS_LIKE = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "i"), ("l", "i"), ("2", "z"), ("3", "e"))
# A class of one of these names would hide what the templates import or define.
USED_IN_TEMPLATES = frozenset(
    {
        "AccessDenied", "Any", "BaseHTTPRequestHandler", "BasePlugin", "Collection", "Config",
        "Context", "Counter", "Event", "Finding", "Found", "HTTPServer", "Handler", "Host",
        "IPv4Network", "IPv6Network", "InvalidParameters", "Iterable", "Iterator", "Log", "Mapping",
        "Memory", "OperationFailed", "Path", "Point", "Range", "Reachable", "Report", "Rule",
        "RunningPlugin", "Service", "Thread", "VendorCount",
    }
)  # fmt: skip


def new_plugin_name(text: str) -> str:
    """``text`` as the name of a plugin that is begun today, in normal form.

    Stricter than what a registry takes: the name must also work as a Python package beside others
    and as a folder everywhere. Raises InvalidName with the reason.
    """
    name = plugin_name(text)
    for rule in _RULES:
        for why in rule(name):
            raise InvalidName(
                f"A plugin cannot be called {printable(text)!r}: {why}.",
                hint="Say what it does, in two or three words: 'wake-on-lan'.",
                name=name,
            )
    return name


def class_name(name: str) -> str:
    """The plugin's class: ``wake-on-lan`` -> ``WakeOnLan``."""
    joined = "".join(part.capitalize() for part in name.split("-"))
    taken = joined in USED_IN_TEMPLATES or hasattr(builtins, joined)
    return f"{joined}Plugin" if taken else joined


def title_of(name: str) -> str:
    """What people read: ``wake-on-lan`` -> ``Wake on lan``."""
    return name.replace("-", " ").capitalize()


def _too_short(name: str) -> Iterator[str]:
    if len(name) < SHORTEST:
        yield f"a name of less than {SHORTEST} characters cannot be found"


def _not_a_package(name: str) -> Iterator[str]:
    module = import_name(name)
    if not module.isidentifier():
        yield f"its Python package would be {module!r}, and that begins with a digit"
    elif keyword.iskeyword(module):
        yield f"{module!r} is a word of the Python language"


def _taken(name: str) -> Iterator[str]:
    module = import_name(name)
    if module in sys.stdlib_module_names | _OTHER_STDLIB:
        yield f"its package would hide the module {module!r} of Python's standard library"
    elif module in _NEIGHBOURS:
        yield f"its package would hide {module!r}, which plugins or their tests import"
    elif name in SKIPPED or module in SKIPPED:
        yield f"a folder called {name!r} is taken for what tools leave behind"


def _device(name: str) -> Iterator[str]:
    if _DEVICES.fullmatch(name):
        yield f"{name!r} is a device on Windows, where no folder can have that name"


def _ours(name: str) -> Iterator[str]:
    words = name.split("-")
    if "heimnetz" in words or "plugin" in words:
        yield "it says what every plugin here is; leave 'heimnetz' and 'plugin' out"
    elif any(_near(_skeleton(name), _skeleton(own)) for own in _OURS):
        yield "it looks like 'heimnetz', and people would take it for a part of that"


_RULES: tuple[Callable[[str], Iterator[str]], ...] = (
    _too_short, _not_a_package, _device, _taken, _ours,
)  # fmt: skip


def _skeleton(name: str) -> str:
    """A name as the eye takes it in at a glance (after UTS #39, for the letters of names)."""
    text = name.replace("-", "")
    for looks, like in _LOOKS_LIKE:
        text = text.replace(looks, like)
    return text


def _near(one: str, other: str) -> bool:
    """Whether one letter changed, added, dropped or swapped with its neighbour is all."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at : at + 2][::-1] == long[at : at + 2] and short[at + 2 :] == long[at + 2 :]
    return swapped or short[at + 1 :] == long[at + 1 :]
