"""Where options are written: command line, environment, TOML file. Each source gives the texts and their origin."""

from __future__ import annotations

import argparse
import difflib
import importlib
import importlib.metadata
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from flytewarm_server.option_kinds import SWITCH
from flytewarm_server.options import CONFIG_VARIABLE, ENV_PREFIX, OTHER_VARIABLES, ConfigError, Option


class UsageError(ConfigError):
    """A command line that cannot be read: an unknown flag, a flag without its value."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)  # argparse has already worded it


@dataclass(frozen=True)
class Given:
    """An option as somebody wrote it."""

    # The flag, the variable, or the file and key.
    origin: str
    # Its value, or its values where it is repeatable.
    texts: list[str]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


class _Version(argparse.Action):
    # argparse's own action would read the metadata of installed packages on every start.
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"flytewarm {importlib.metadata.version('flytewarm')}\n")
        parser.exit()


def _parser(options: Sequence[Option]) -> argparse.ArgumentParser:
    """Values stay text here, so that every source is converted and reported in the same way."""
    parser = _Parser(prog="flytewarm serve", description="Runs the flytewarm service.", allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="Show the version and exit.")
    parser.add_argument("--config", metavar="FILE", help=f"TOML file with options. Environment: {CONFIG_VARIABLE}.")
    for option in options:
        more = " Repeatable." if option.repeatable else ""
        settings: dict[str, Any] = {
            "dest": option.name,
            "help": f"{option.help}{more} Default: {option.default}.".replace("%", "%%"),
        }
        if option.kind is SWITCH:
            parser.add_argument(option.flag, action=argparse.BooleanOptionalAction, default=None, **settings)
        else:
            action = "append" if option.repeatable else "store"
            parser.add_argument(option.flag, action=action, metavar=option.kind.metavar, **settings)
    return parser


def from_command_line(options: Sequence[Option], argv: Sequence[str]) -> tuple[dict[str, Given], str | None]:
    """The options among the arguments, and the file that --config names.

    Raises UsageError; --help and --version print and raise SystemExit(0).
    """
    arguments, unknown = _parser(options).parse_known_args(argv)
    if unknown:
        meant = _meant(unknown[0].partition("=")[0], (option.flag for option in options))
        hint = f"; did you mean {meant}?" if meant else ""
        raise UsageError(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    given = {}
    for option in options:
        value = getattr(arguments, option.name)
        if isinstance(value, bool):
            flag = option.flag if value else f"--no-{option.flag[2:]}"
            given[option.name] = Given(flag, [option.kind.show(value)])
        elif value is not None:
            given[option.name] = Given(option.flag, value if isinstance(value, list) else [value])
    return given, arguments.config


def from_environment(options: Sequence[Option], environ: Mapping[str, str]) -> dict[str, Given]:
    """The options among the variables; an empty variable counts as not set. Raises ConfigError for FLYTEWARM_ variables
    that do not exist."""
    by_variable = {option.variable: option for option in options}
    given = {}
    for variable, text in environ.items():
        if not variable.startswith(ENV_PREFIX) or variable in OTHER_VARIABLES:
            continue
        option = by_variable.get(variable)
        if option is None:
            raise _unknown(variable, text, variable, {*by_variable, *OTHER_VARIABLES}, "variables")
        if text:
            texts = [part.strip() for part in text.split(",")] if option.repeatable else [text]
            given[option.name] = Given(variable, texts)
    return given


def from_file(options: Sequence[Option], file: str, named_by: str) -> dict[str, Given]:
    """The options in a TOML file, which `named_by` names. Raises ConfigError for a file that cannot be read, for keys
    that do not exist and for values of another type."""
    by_key = {option.key: option for option in options}
    given = {}
    for key, value in _read_toml(file, named_by).items():
        origin = f"{file}: {key}"
        option = by_key.get(key)
        if option is None:
            if isinstance(value, dict):
                raise ConfigError(origin, value, "options at the top level of the file", "is a table")
            raise _unknown(origin, value, key, by_key, "keys")
        given[option.name] = Given(origin, _toml_texts(option, origin, value))
    return given


def _unknown(origin: str, value: object, name: str, known: Iterable[str], what: str) -> ConfigError:
    """The error for a name that does not exist: it says which one was meant, or else all of them."""
    names = sorted(known)
    meant = _meant(name, names)
    expected = f"{meant}, perhaps" if meant else f"one of the {what} {', '.join(names)}"
    return ConfigError(origin, value, expected, "belongs to no option")


def _meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that a wrong one comes close to. Case, hyphens, underscores and the prefix of variables make no
    difference: flags, variables and keys differ in these."""
    alike = {_plain(one): one for one in known}
    found = difflib.get_close_matches(_plain(name), alike, n=1)
    return alike[found[0]] if found else None


def _plain(name: str) -> str:
    return name.strip("-").lower().replace("-", "_").removeprefix(ENV_PREFIX.lower())


def _read_toml(file: str, named_by: str) -> dict[str, Any]:
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: dict[str, Any] = toml.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(named_by, file, f"a readable file ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(named_by, file, f"a TOML file in UTF-8 ({error})") from error
    return document


def _toml_texts(option: Option, origin: str, value: object) -> list[str]:
    if option.repeatable and not isinstance(value, list):
        raise ConfigError(origin, value, f"a list, each item {option.kind.allowed}")
    items = value if option.repeatable and isinstance(value, list) else [value]
    for item in items:
        if type(item) not in option.kind.toml_types:  # not isinstance(): true is an int to Python
            raise ConfigError(origin, item, option.kind.allowed)
    return [str(item) for item in items]
