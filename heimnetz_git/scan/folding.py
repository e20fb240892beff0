"""What the pure functions of the standard library make of known values, within bounds.

Only functions without effects on plain data are here, and each is guarded against results that are
out of proportion. Raises Unfoldable for all else.
"""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import codecs
import html
import itertools
import json
import lzma
import operator
import re
import string
import struct
import textwrap
import urllib.parse
import zlib
from collections.abc import Callable
from typing import Any

__all__ = ["CONSTANTS", "LARGEST", "PURE", "Unfoldable", "arithmetic", "call", "compare", "method"]

LARGEST = 1 << 20
MOST_ITEMS = 1 << 16
_WIDE = re.compile(r"\d{5,}|[.\[]|__")


class Unfoldable(Exception):
    """The function is not pure, its arguments do not fit, or the result would be too large."""


def call(name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
    """The result of the function ``name``. Raises Unfoldable."""
    function = PURE.get(name)
    if function is None:
        raise Unfoldable(name)
    return _guarded(function, args, keywords)


def method(owner: Any, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
    """The result of a method of a str, bytes, int, list, tuple or dict. Raises Unfoldable."""
    try:
        return _method(owner, name, args, keywords)
    except TypeError:
        raise Unfoldable(name) from None


def _method(owner: Any, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
    for kind, names in _METHODS:
        if isinstance(owner, kind) and name in names:
            break
    else:
        raise Unfoldable(name)
    if name == "tobytes":
        return owner
    if name in ("ljust", "rjust", "center", "zfill", "expandtabs", "to_bytes"):
        _bounded_ints(args)
    elif (name in ("format", "format_map") and _WIDE.search(owner)) or (
        name == "replace" and len(args) > 1 and len(owner) * len(args[1]) > LARGEST * 8
    ):
        raise Unfoldable(name)
    return _guarded(getattr(owner, name), args, keywords)


def _guarded(function: Callable[..., Any], args: list[Any], keywords: dict[str, Any]) -> Any:
    try:
        result = function(*args, **keywords)
        if isinstance(result, _LAZY):
            result = _bounded_list(result)
    except (Unfoldable, MemoryError, RecursionError):
        raise Unfoldable from None
    except Exception as error:  # whatever a builtin raises on arguments that do not fit
        raise Unfoldable(str(error)[:80]) from None
    if isinstance(result, str | bytes | list | tuple | bytearray) and len(result) > LARGEST:
        raise Unfoldable("too large")
    if isinstance(result, int) and result.bit_length() > LARGEST:
        raise Unfoldable("too large")
    return bytes(result) if isinstance(result, bytearray | memoryview) else result


_LAZY: tuple[type[Any], ...] = (map, filter, zip, reversed, enumerate, range,
         itertools.chain, itertools.islice,
         itertools.starmap, type({}.keys()), type({}.values()), type({}.items()),
         type(iter([])), type(iter("")), type(iter(b"")))  # fmt: skip


def _bounded_list(values: Any = ()) -> list[Any]:
    found = list(itertools.islice(iter(values), MOST_ITEMS + 1))
    if len(found) > MOST_ITEMS:
        raise Unfoldable("too many items")
    return found


def _bounded_ints(args: list[Any]) -> None:
    if any(isinstance(arg, int) and abs(arg) > MOST_ITEMS for arg in args):
        raise Unfoldable("too wide")


_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Div: operator.truediv, ast.Mod: operator.mod,
    ast.BitXor: operator.xor, ast.BitAnd: operator.and_, ast.BitOr: operator.or_,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.Pow: operator.pow,
}  # fmt: skip
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right, ast.NotIn: lambda left, right: left not in right,
}  # fmt: skip


def arithmetic(sign: ast.operator, left: Any, right: Any) -> Any:
    """``left sign right`` of plain data. Raises Unfoldable."""
    kind = type(sign)
    if kind is ast.Mult:
        size = len(right) if hasattr(right, "__len__") else 1
        size *= len(left) if hasattr(left, "__len__") else 1
        times = [one for one in (left, right) if isinstance(one, int)]
        if size * max([abs(one) for one in times], default=1) > LARGEST and (
            len(times) < 2 or max(one.bit_length() for one in times) > LARGEST // 2
        ):
            raise Unfoldable("too large")
    if kind in (ast.Pow, ast.LShift) and (
        not isinstance(right, int) or abs(right) > 4096 or _bits(left) * max(right, 1) > LARGEST
    ):
        raise Unfoldable("too large")
    if kind is ast.Mod and isinstance(left, str | bytes) and _WIDE.search(str(left)):
        raise Unfoldable("too wide")
    if kind not in _OPERATORS:
        raise Unfoldable("operator")
    return _guarded(_OPERATORS[kind], [left, right], {})


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 1 << 30


def compare(sign: ast.cmpop, left: Any, right: Any) -> bool:
    """Whether a comparison of plain data holds. Raises Unfoldable."""
    return bool(_guarded(_COMPARISONS[type(sign)], [left, right], {}))


def _bytes(data: Any) -> bytes:
    return data.encode("latin-1") if isinstance(data, str) else bytes(data)


def _inflate(data: Any, wbits: int = 15, **_: Any) -> bytes:
    return zlib.decompressobj(wbits).decompress(_bytes(data), LARGEST)


def _gunzip(data: Any) -> bytes:
    return _inflate(data, 31)


def _bunzip(data: Any) -> bytes:
    return bz2.BZ2Decompressor().decompress(_bytes(data), LARGEST)


def _unlzma(data: Any, *_: Any, **__: Any) -> bytes:
    return lzma.LZMADecompressor(memlimit=64 << 20).decompress(_bytes(data), LARGEST)


_CODECS = {"rot13": "rot13", "rot_13": "rot13", "hex": "hex", "hex_codec": "hex",
           "base64": "base64", "base64_codec": "base64", "utf-8": "utf-8", "utf8": "utf-8",
           "ascii": "ascii", "latin-1": "latin-1", "latin1": "latin-1", "utf-16": "utf-16",
           "unicode_escape": "unicode_escape", "raw_unicode_escape": "raw_unicode_escape",
           "uu": "uu", "quopri": "quopri", "idna": "idna", "punycode": "punycode"}  # fmt: skip


def _decode(data: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
    name = encoding.lower().replace("-codec", "")
    if name in ("zlib", "zip", "zlib_codec"):
        return _inflate(data)
    if name in ("bz2", "bz2_codec"):
        return _bunzip(data)
    if name not in _CODECS or errors not in ("strict", "ignore", "replace"):
        raise Unfoldable(name)
    return codecs.decode(data, _CODECS[name], errors)


def _encode(data: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
    name = encoding.lower()
    if name not in _CODECS:
        raise Unfoldable(name)
    return codecs.encode(data, _CODECS[name], errors)


def _to_bytes(*args: Any) -> bytes:
    _bounded_ints(list(args[:1]) if args and isinstance(args[0], int) else [])
    return bytes(*args)


def _to_text(*args: Any) -> str:
    return str(*args)


def _b64(data: Any, *_: Any, **__: Any) -> bytes:
    raw = _bytes(data)
    return base64.b64decode(raw + b"=" * (-len(raw.strip()) % 4))


def _urlsafe(data: Any) -> bytes:
    raw = _bytes(data)
    return base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))


def _cycle(values: Any) -> list[Any]:
    items = _bounded_list(values)
    return (items * (MOST_ITEMS // max(len(items), 1) + 1))[:MOST_ITEMS] if items else []


def _bounded_range(*args: int) -> list[int]:
    return _bounded_list(range(*args))


def _power(*args: Any) -> Any:
    if len(args) == 3 and all(isinstance(arg, int) and arg.bit_length() < 8192 for arg in args):
        return pow(*args)
    return arithmetic(ast.Pow(), *args)


def _join(glue: Any, parts: Any) -> Any:
    return glue.join(_bounded_list(parts))


def _reduce_bytes(value: int, length: int = 1, byteorder: str = "big", **_: Any) -> bytes:
    _bounded_ints([length])
    return int(value).to_bytes(length, byteorder)  # type: ignore[arg-type] # "big" or "little"


def _plain_format(value: Any, spec: str = "") -> str:
    if _WIDE.search(spec):
        raise Unfoldable("too wide")
    return format(value, spec)


def _packed(form: str, args: tuple[Any, ...]) -> bytes:
    if re.search(r"\d{6,}", str(form)):
        raise Unfoldable("too wide")
    return struct.pack(form, *args)


def _plain_sub(pattern: Any, by: Any, text: Any) -> Any:
    """Only patterns without repetition: others may take for ever."""
    if not isinstance(by, str | bytes) or re.search(r"[*+{(]", str(pattern)) or len(text) > 65536:
        raise Unfoldable("pattern")
    return re.sub(pattern, by, text)


PURE: dict[str, Callable[..., Any]] = {
    "abs": abs, "all": all, "any": any, "ascii": ascii, "bin": bin, "bool": bool,
    "bytearray": _to_bytes, "bytes": _to_bytes, "chr": chr, "dict": dict, "divmod": divmod,
    "enumerate": enumerate, "float": float, "format": _plain_format,
    "frozenset": lambda *a: sorted(set(*a)), "hex": hex, "int": int, "iter": _bounded_list,
    "len": len, "list": _bounded_list, "max": max, "memoryview": _to_bytes, "min": min,
    "next": lambda values, *_: _bounded_list(values)[0], "oct": oct, "ord": ord, "pow": _power,
    "range": _bounded_range, "repr": repr, "reversed": lambda values: list(reversed(values)),
    "round": round, "set": lambda *a: sorted(set(*a)), "slice": slice,
    "sorted": sorted, "str": _to_text, "sum": sum,
    "tuple": lambda *a: tuple(_bounded_list(*a)), "zip": zip, "str.join": _join,
    "bytes.fromhex": bytes.fromhex, "bytearray.fromhex": bytes.fromhex, "bytes.join": _join,
    "int.from_bytes": int.from_bytes, "int.to_bytes": _reduce_bytes, "str.maketrans": str.maketrans,
    "bytes.maketrans": bytes.maketrans,
    "str.format": lambda text, *a: method(text, "format", list(a), {}),
    "base64.b64decode": _b64, "base64.standard_b64decode": _b64, "base64.decodebytes": _b64,
    "base64.decodestring": _b64, "base64.urlsafe_b64decode": _urlsafe,
    "base64.b32decode": base64.b32decode, "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode, "base64.a85decode": base64.a85decode,
    "base64.b64encode": base64.b64encode, "binascii.a2b_base64": binascii.a2b_base64,
    "binascii.unhexlify": binascii.unhexlify, "binascii.a2b_hex": binascii.unhexlify,
    "binascii.hexlify": binascii.hexlify, "bz2.decompress": _bunzip, "codecs.decode": _decode,
    "codecs.encode": _encode, "gzip.decompress": _gunzip, "lzma.decompress": _unlzma,
    "zlib.decompress": _inflate, "html.unescape": html.unescape, "json.loads": json.loads,
    "struct.pack": lambda form, *a: _packed(form, a), "struct.unpack": struct.unpack,
    "urllib.parse.unquote": urllib.parse.unquote, "urllib.parse.quote": urllib.parse.quote,
    "urllib.parse.unquote_plus": urllib.parse.unquote_plus,
    "urllib.parse.urljoin": urllib.parse.urljoin, "itertools.chain": itertools.chain,
    "itertools.chain.from_iterable": itertools.chain.from_iterable, "itertools.cycle": _cycle,
    "itertools.islice": itertools.islice, "ast.literal_eval": ast.literal_eval,
    "re.sub": _plain_sub, "textwrap.dedent": textwrap.dedent,
    "operator.add": operator.add, "operator.concat": operator.concat, "operator.xor": operator.xor,
    "operator.mod": lambda left, right: arithmetic(ast.Mod(), left, right),
    "operator.sub": operator.sub, "operator.getitem": operator.getitem,
    "sys.intern": str, "string.capwords": string.capwords,
}  # fmt: skip


CONSTANTS: dict[str, Any] = {
    **{f"string.{name}": getattr(string, name) for name in (
        "ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "hexdigits", "octdigits",
        "printable", "punctuation", "whitespace")},
    "os.sep": "/", "os.linesep": "\n", "os.path.sep": "/", "os.pathsep": ":",
    "os.devnull": "/dev/null",
}  # fmt: skip
_SHARED = {"count", "index"}
_METHODS: tuple[tuple[Any, frozenset[str]], ...] = (
    (str, frozenset({
        *_SHARED, "capitalize", "casefold", "center", "encode", "endswith", "expandtabs", "find",
        "format", "format_map", "isalpha", "isdigit", "isidentifier", "islower", "isupper", "join",
        "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind",
        "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
        "swapcase",
        "title", "translate", "upper", "zfill", "__add__", "__mod__", "__getitem__", "__str__",
        "isspace", "isalnum", "isnumeric", "__len__", "__contains__", "isascii"})),
    (bytes, frozenset({
        *_SHARED, "decode", "endswith", "find", "fromhex", "hex", "join", "ljust", "lower",
        "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rjust",
        "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith",
        "strip", "swapcase", "tobytes",
        "translate", "upper", "zfill", "__add__", "__getitem__"})),
    (int, frozenset({"to_bytes", "bit_length", "__xor__", "__add__", "__sub__", "__str__",
                     "__mul__", "conjugate"})),
    (list | tuple, frozenset({*_SHARED, "copy", "__getitem__", "__len__"})),
    (dict, frozenset({"get", "keys", "values", "items", "copy", "__getitem__"})),
)  # fmt: skip
