"""Settings in layers (flag, environment, project, user, site, default), each with its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import msgspec

from heimnetz_git.errors import InvalidConfiguration, InvalidFile, printable
from heimnetz_git.model.config import IndexSettings, Project, Settings
from heimnetz_git.storage.home import HOME_VARIABLE, default_root, site_settings, user_settings

__all__ = [
    "PROJECT_FILE",
    "Effective",
    "Layer",
    "Setting",
    "change",
    "find_project",
    "load",
    "read_project",
    "setting_type",
    "user_values",
]

PREFIX = "HEIMNETZ_GIT_"
PROJECT_FILE = "heimnetz.yaml"
USER_FILE = "config.yaml"
LARGEST = 1 << 20
FIELDS: tuple[str, ...] = Settings.__struct_fields__
TYPES: dict[str, Any] = get_type_hints(Settings)
MERGED = ("host", "indexes")  # a layer adds to these; it replaces the others


class Setting(NamedTuple):
    """One value in force; ``key`` is dotted for indexes and host APIs."""

    key: str
    value: Any
    origin: str


class Layer(NamedTuple):
    """The values of one place, as plain data."""

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Effective:
    """All settings in force and where they came from.

    ``user_file`` is where ``config set`` writes; ``project`` the project's file, if there is one.
    """

    settings: Settings
    entries: tuple[Setting, ...]
    home: Path
    user_file: Path
    project: Path | None


def load(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    cwd: Path,
    *,
    user: Callable[[], Path] = user_settings,
    site: Callable[[], Path] = site_settings,
) -> Effective:
    """The settings for a run in ``cwd``. Raises InvalidConfiguration naming the place.

    When a flag or the environment names a home, the user's file is the one in that home, so that
    a named home has everything in it.
    """
    named = flags.get("home") or environ.get(HOME_VARIABLE)
    user_file = (cwd / Path(named).expanduser() / USER_FILE) if named else user()
    project = find_project(cwd)
    layers = [
        Layer("default", _defaults()),
        _file_layer("site", site()),
        _file_layer("user", user_file),
        _project_layer(project),
        _environment_layer(environ, cwd),
        _flag_layer(flags, cwd),
    ]
    entries = tuple(_merge(layers))
    settings = _settings(entries)
    home = Path(settings.home) if settings.home else default_root(environ)
    return Effective(settings, entries, home, user_file, project)


def _defaults() -> dict[str, Any]:
    """Every field's default; ``to_builtins`` leaves defaults out."""
    plain = Settings()
    return {field: msgspec.to_builtins(getattr(plain, field)) for field in FIELDS}


def user_values(path: Path) -> dict[str, Any]:
    """What the user's file sets, as nested plain data; empty when there is no such file."""
    return dict(_file_layer("user", path).values)


def change(path: Path, changes: Mapping[str, Any]) -> None:
    """Set dotted keys in the settings file at ``path``, or take them out with None.

    Comments and order are kept. Raises InvalidConfiguration, and leaves the file as it was, when
    the result would not be a settings file.
    """
    from heimnetz_git.storage import yamlfile
    from heimnetz_git.storage.home import write_atomic

    before = path.read_bytes() if path.exists() else b""
    paths: dict[str | tuple[str, ...], object] = {
        tuple(key.split(".")): value for key, value in changes.items()
    }
    after = yamlfile.edit(before, paths, str(path))
    _values(after, Settings, path)
    write_atomic(path, after)


def find_project(start: Path) -> Path | None:
    """The nearest ``heimnetz.yaml`` in ``start`` or above it."""
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder / PROJECT_FILE
    return None


def read_project(path: Path) -> Project:
    """A project's file as a value; what is unknown in it is refused."""
    from heimnetz_git.storage.yamlfile import read_file

    return read_file(path, Project, authoring=True)


def _file_layer(origin: str, path: Path) -> Layer:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Layer(origin, {})
    except OSError as error:
        raise InvalidConfiguration(
            f"{printable(str(path))} cannot be read: {error.strerror}.", file=str(path)
        ) from error
    return Layer(f"{origin} {path}", _values(data, Settings, path))


def _project_layer(path: Path | None) -> Layer:
    if path is None:
        return Layer("project", {})
    values = _values(path.read_bytes(), Project, path).get("settings") or {}
    _hold_project(values, path)
    values = _rooted(dict(values), path.parent)
    return Layer(f"project {path}", values)


def _hold_project(values: Mapping[str, Any], path: Path) -> None:
    """A project comes from elsewhere: it may tighten how plugins are confined, never loosen it."""
    if values.get("sandbox") in ("off", "auto"):
        raise InvalidConfiguration(
            f"{printable(str(path))} sets 'sandbox: {values['sandbox']}': a project may only set"
            " it to 'required'.",
            file=str(path),
            key="sandbox",
        )
    if "package_index" in values or "package_installer" in values:
        raise InvalidConfiguration(
            f"{printable(str(path))} says where Python packages come from: that is for the user's"
            " or the machine's settings.",
            file=str(path),
        )


def _values(data: bytes, kind: type[msgspec.Struct], path: Path) -> dict[str, Any]:
    """What a file sets, as plain data; checked as the kind that it is."""
    from heimnetz_git.storage import yamlfile

    written = yamlfile.canonical(data, kind)
    if written is not None:  # what it says is what it sets: the form leaves defaults out
        return _rooted(msgspec.to_builtins(written), path.parent)
    try:
        raw = yamlfile.parse(data, str(path))
        if raw is None:
            return {}
        yamlfile.read(data, kind, str(path), authoring=True)
    except InvalidFile as error:
        raise InvalidConfiguration(
            f"The settings in {printable(str(path))} cannot be used.",
            problems=error.problems,
            file=str(path),
        ) from error
    values = dict(raw) if isinstance(raw, Mapping) else {}
    return _rooted(values, path.parent)


def _rooted(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Relative homes are taken from the folder of the file that names them."""
    if values.get("home"):
        values["home"] = str(folder / Path(values["home"]).expanduser())
    return values


def _environment_layer(environ: Mapping[str, str], cwd: Path) -> Layer:
    values = {
        field: _from_text(field, environ[PREFIX + field.upper()], PREFIX + field.upper())
        for field in FIELDS
        if environ.get(PREFIX + field.upper())
    }
    return Layer("environment", _rooted(values, cwd))


def _flag_layer(flags: Mapping[str, Any], cwd: Path) -> Layer:
    values = {name: value for name, value in flags.items() if name in FIELDS}
    return Layer("flag", _rooted(values, cwd))


def _from_text(field: str, text: str, source: str) -> Any:
    """A setting written as text: dictionaries as JSON, the rest as it is."""
    try:
        if field in MERGED:
            return msgspec.to_builtins(msgspec.json.decode(text, type=TYPES[field]))
        return msgspec.convert(text, TYPES[field], strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InvalidConfiguration(
            f"{source} is {printable(text)!r}, which cannot be used: {error}.",
            key=field,
            source=source,
        ) from error


def setting_type(key: str, text: str) -> Any:
    """``text`` as the value of the setting ``key`` (``indexes.acme.priority`` too).

    Raises InvalidConfiguration when there is no such setting or the value does not fit.
    """
    top, *rest = key.split(".")
    if top not in FIELDS:
        raise InvalidConfiguration(_unknown(key), key=key)
    if top == "host" and len(rest) == 1:
        return text
    if top == "indexes" and len(rest) == 2 and rest[1] in IndexSettings.__struct_fields__:
        return _index_value(key, rest[1], text)
    if rest or top in MERGED:
        raise InvalidConfiguration(_unknown(key), key=key)
    return _from_text(top, text, key)


def _index_value(key: str, field: str, text: str) -> Any:
    if field == "patterns":
        return [pattern for pattern in text.split(",") if pattern]
    try:
        return msgspec.convert(text, get_type_hints(IndexSettings)[field], strict=False)
    except msgspec.ValidationError as error:
        raise InvalidConfiguration(
            f"{key} cannot be {printable(text)!r}: {error}.", key=key
        ) from error


def _unknown(key: str) -> str:
    import difflib

    close = difflib.get_close_matches(key, FIELDS, n=1)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return f"There is no setting '{printable(key)}'.{guess}"


def _merge(layers: list[Layer]) -> Iterator[Setting]:
    """The last layer that says something wins, key by key."""
    found: dict[str, Setting] = {}
    for layer in layers:
        for field, value in layer.values.items():
            pairs = (
                [(f"{field}.{name}", item) for name, item in value.items()]
                if field in MERGED
                else [(field, value)]
            )
            for key, item in pairs:
                found[key] = Setting(key, item, layer.origin)
    order = {field: number for number, field in enumerate(FIELDS)}
    yield from sorted(found.values(), key=lambda entry: (order[entry.key.split(".")[0]], entry.key))


def _settings(entries: tuple[Setting, ...]) -> Settings:
    values: dict[str, Any] = {}
    for key, value, _ in entries:
        top, _, name = key.partition(".")
        if name:
            values.setdefault(top, {})[name] = value
        else:
            values[top] = value
    return msgspec.convert(values, Settings)
