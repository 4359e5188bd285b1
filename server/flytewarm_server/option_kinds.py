"""What the text of an option may be: each kind converts text to a value, checks a value and says what is allowed."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytewarm_server.addresses import MAX_UNIX_PATH_BYTES, parse_address, parse_tcp_address
from flytewarm_server.security.uris import place

_SIZE_UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True)
class Kind:
    """How one option's text becomes its value."""

    # Text to value; ValueError when it cannot be read.
    convert: Callable[[str], Any]
    # What is allowed, as the end of the sentence "expected …".
    allowed: str
    # The placeholder in --help; empty for a switch.
    metavar: str
    # Whether a value that could be read is acceptable.
    check: Callable[[Any], bool] = lambda _: True
    # The TOML types that stand for this kind, beside text where that is one of them.
    toml_types: tuple[type, ...] = (str,)
    # Value to text: the inverse of convert.
    show: Callable[[Any], str] = str

    def parse(self, text: str) -> Any:
        """The value that text stands for. Raises ValueError when it is not allowed."""
        value = self.convert(text)
        if not self.check(value):
            raise ValueError(text)
        return value


def integer(low: int, high: int) -> Kind:
    """A whole number from low to high."""
    return Kind(
        convert=_whole_number,
        allowed=f"a whole number from {low} to {high}",
        metavar="N",
        check=lambda value: type(value) is int and low <= value <= high,
        toml_types=(int,),
    )


def size(low: int, high: int) -> Kind:
    """A number of bytes from low to high."""
    return Kind(
        convert=_size,
        allowed=f"a number of bytes from {show_size(low)} to {show_size(high)}, plain or with KiB, MiB or GiB",
        metavar="BYTES",
        check=lambda value: type(value) is int and low <= value <= high,
        toml_types=(int, str),
        show=show_size,
    )


def seconds(low: float, high: float) -> Kind:
    """A duration in seconds from low to high."""
    return Kind(
        convert=float,
        allowed=f"a number of seconds from {low:g} to {high:g}",
        metavar="SECONDS",
        check=lambda value: type(value) in (int, float) and math.isfinite(value) and low <= value <= high,
        toml_types=(int, float),
        show=lambda value: f"{value:g}",
    )


def choice(*words: str) -> Kind:
    """One of a few words."""
    return Kind(str, allowed=f"one of {', '.join(words)}", metavar="|".join(words), check=lambda value: value in words)


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", text, re.ASCII):
        raise ValueError(text)  # int() would also take underscores and spaces
    return int(text)


def _size(text: str) -> int:
    match = re.fullmatch(r"([0-9]+) ?(|KiB|MiB|GiB)", text, re.ASCII)
    if match is None:
        raise ValueError(text)
    return int(match[1]) * _SIZE_UNITS[match[2]]


def show_size(value: int) -> str:
    """The shortest exact text of a number of bytes: 67108864 is 64MiB."""
    for unit, factor in reversed(_SIZE_UNITS.items()):
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(value)


def _switch(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError(text)
    return text.lower() in _TRUE


def _absolute(text: str) -> Path:
    # Not Path.resolve(): the interpreter of a virtual environment is a symbolic link that must stay one.
    if not text:
        raise ValueError(text)
    return Path(os.path.abspath(text))


SWITCH = Kind(_switch, "true or false", metavar="", toml_types=(bool,), show=lambda value: str(value).lower())
ADDRESS = Kind(
    parse_address,
    f"host:port, [ipv6]:port (port 0 to 65535) or unix:PATH (at most {MAX_UNIX_PATH_BYTES} bytes)",
    metavar="ADDRESS",
)
TCP_ADDRESS = Kind(parse_tcp_address, "host:port or [ipv6]:port (port 0 to 65535)", metavar="HOST:PORT")
DIRECTORY = Kind(_absolute, "an existing directory", metavar="DIR", check=os.path.isdir)
FILE = Kind(
    _absolute,
    "the path of a readable file",
    metavar="FILE",
    check=lambda path: os.path.isfile(path) and os.access(path, os.R_OK),
)
EXECUTABLE = Kind(
    _absolute,
    "the path of an executable file",
    metavar="PATH",
    check=lambda path: os.path.isfile(path) and os.access(path, os.X_OK),
)
MODULE = Kind(
    str,
    "a dotted module name",
    metavar="MODULE",
    check=lambda name: all(part.isidentifier() for part in name.split(".")),
)
URI_PREFIX = Kind(
    str,
    "a URI or an absolute path, without .., ::, %2F and the like",
    metavar="PREFIX",
    check=lambda prefix: place(prefix) is not None,
)
