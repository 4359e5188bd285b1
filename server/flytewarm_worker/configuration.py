"""flytekit's configuration, read again only when what it is read from has changed.

flytekit reads environment variables and its file for every execution, which costs more than a small task.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from flytekit.configuration import DataConfig, ImageConfig, StatsConfig

from flytewarm_worker import file_systems, flytekit_private
from flytewarm_worker.variables import raw_environment

# Variables that name an execution; no setting is read from them, and they differ each time.
EXECUTION_VARIABLES = frozenset(
    {
        "FLYTE_INTERNAL_EXECUTION_PROJECT",
        "FLYTE_INTERNAL_EXECUTION_DOMAIN",
        "FLYTE_INTERNAL_EXECUTION_ID",
        "FLYTE_INTERNAL_EXECUTION_WORKFLOW",
        "FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN",
        "FLYTE_INTERNAL_TASK_PROJECT",
        "FLYTE_INTERNAL_TASK_DOMAIN",
        "FLYTE_INTERNAL_TASK_NAME",
        "FLYTE_INTERNAL_TASK_VERSION",
        "TMPDIR",
    }
)
_UNRELATED = frozenset(map(os.fsencode, EXECUTION_VARIABLES))

_Identity: TypeAlias = "tuple[int, ...]"


@dataclass(frozen=True)
class Configuration:
    """What flytekit's auto() methods say in the present environment."""

    data: DataConfig
    stats: StatsConfig
    images: ImageConfig

    @classmethod
    def read(cls) -> Configuration:
        """Reads everything, also what flytekit and fsspec read only when they are imported."""
        flytekit_private.forget_configuration_file()
        flytekit_private.read_import_time_variables()
        file_systems.read_environment()
        return cls(DataConfig.auto(), StatsConfig.auto(), ImageConfig.auto())


class ConfigurationCache:
    """Remembers the configuration of the last environment."""

    def __init__(self) -> None:
        self._environment: dict[bytes, bytes] | None = None
        self._paths: list[bytes] = []
        self._files: list[_Identity] = []
        self._configuration: Configuration | None = None

    def current(self) -> Configuration:
        """The configuration for os.environ, and for the files that there are now where flytekit looks for its own."""
        environment = {name: value for name, value in raw_environment().items() if name not in _UNRELATED}
        if environment != self._environment:
            self._environment, self._paths = environment, list(_paths(environment))
            self._configuration = None
        files = [_identity(path) for path in self._paths]
        if self._configuration is None or files != self._files:
            self._configuration = Configuration.read()
            self._files = files
        return self._configuration


def _paths(environment: dict[bytes, bytes]) -> Iterator[bytes]:
    """All places in which flytekit looks for its file, and fsspec for its directory: tasks may write there."""
    for variable in (b"_FLYTECTL_CONFIG_PYFLYTE_OVERRIDE", b"FLYTECTL_CONFIG"):
        if path := environment.get(variable):
            yield path
    yield b"flytekit.config"
    home = os.path.expanduser(b"~")
    yield home + b"/.flyte/config"
    yield home + b"/.flyte/config.yaml"
    yield os.fsencode(file_systems.configuration_directory())


def _identity(path: bytes) -> _Identity:
    """Changes when the file does. The path does in each execution, which has a working directory of its own."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
