"""What one configuration option is, and the error that a bad one raises."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass
from typing import Any

from flytewarm_server.option_kinds import Kind

ENV_PREFIX = "FLYTEWARM_"
CONFIG_VARIABLE = "FLYTEWARM_CONFIG"
# The client's: where it finds the service, and how it gets in. They may be set for a whole pod. FLYTEWARM_TOKEN_FILE is
# an option here and the client's, too: it shows the first token of the same file.
_OF_THE_CLIENT = ("TARGET", "TOKEN", "TLS", "CA_CERT", "CLIENT_CERT", "CLIENT_KEY", "PARENT_EXECUTION")
OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, *(ENV_PREFIX + name for name in _OF_THE_CLIENT)})
_KEY = "flytewarm_option"


def variables_for_tasks() -> dict[str, str]:
    """The environment variables of this process, without the service's own options: no business of the tasks."""
    return {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}


class ConfigError(Exception):
    """An option that cannot be used. The message names it as it was written: flag, variable, or file and key."""

    def __init__(self, option: str, value: object, expected: str, fault: str = "is not allowed") -> None:
        super().__init__(f"{option}: {value!r} {fault}, expected {expected}")
        self.option, self.value, self.expected, self.fault = option, value, expected, fault


@dataclass(frozen=True)
class Option:
    """One line of the table of options."""

    name: str
    kind: Kind
    help: str
    repeatable: bool
    # The default as text, or a description of it where it depends on the machine.
    default: str

    @property
    def flag(self) -> str:
        """As on the command line: --max-queue."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """As in the environment: FLYTEWARM_MAX_QUEUE."""
        return ENV_PREFIX + self.name.upper()

    @property
    def key(self) -> str:
        """As in the TOML file: max_queue."""
        return self.name

    @classmethod
    def of(cls, described: Field[Any]) -> Option:
        """The option that a dataclass field with the metadata of `describe` stands for."""
        kind, help_text, repeatable, default = described.metadata[_KEY]
        if default is None and described.default is not MISSING:
            values = described.default if repeatable else (described.default,)
            default = ", ".join(kind.show(value) for value in values if value is not None) or "none"
        return cls(described.name, kind, help_text, repeatable, default)


def describe(
    kind: Kind, help_text: str, *, repeatable: bool = False, default: str | None = None
) -> Mapping[str, tuple[Kind, str, bool, str | None]]:
    """Metadata that makes a dataclass field an option. `default` describes a default that depends on the machine; other
    defaults describe themselves."""
    return {_KEY: (kind, help_text, repeatable, default)}
