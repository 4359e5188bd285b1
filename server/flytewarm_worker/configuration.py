"""flytekit's configuration, read again only when what it is read from has changed.

flytekit reads environment variables and its file for every execution, which costs more than a small task.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

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
        self._file: tuple[int, ...] = ()
        self._configuration: Configuration | None = None

    def current(self) -> Configuration:
        """The configuration for os.environ and the working directory, where flytekit looks for its file."""
        environment = {name: value for name, value in raw_environment().items() if name not in _UNRELATED}
        file = _identity("flytekit.config")
        if self._configuration is None or environment != self._environment or file != self._file:
            self._configuration = Configuration.read()
            self._environment, self._file = environment, file
        return self._configuration


def _identity(path: str) -> tuple[int, ...]:
    """Changes when the file does. The path does in each execution, which has a working directory of its own."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
