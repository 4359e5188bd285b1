"""An execution's context as a copy of one like it, which takes a tenth of the time that it takes to make one.

What a task may change in a context is copied, down to the last list; the rest is shared, as flytekit shares it: what
nobody can change, and loggers, statistics and file systems, which are put back or made anew elsewhere. What is neither
cannot be copied.
"""

from __future__ import annotations

import datetime
import logging
from pathlib import Path, PosixPath
from typing import Any

from flytekit.configuration import (
    DataConfig,
    FastSerializationSettings,
    Image,
    ImageConfig,
    SerializationSettings,
)
from flytekit.core.context_manager import (
    ExecutionParameters,
    ExecutionState,
    FlyteContext,
    OutputMetadataTracker,
    SecretsManager,
)
from flytekit.core.data_persistence import FileAccessProvider
from flytekit.interfaces.stats.taggable import TaggableStats
from flytekit.models.core.identifier import Identifier, WorkflowExecutionIdentifier
from fsspec import AbstractFileSystem

from flytewarm_worker.sandbox import Sandbox

# All that they hold is in their dictionaries.
_OBJECTS = frozenset(
    {
        ExecutionParameters,
        ExecutionState,
        FastSerializationSettings,
        FileAccessProvider,
        FlyteContext,
        Identifier,
        Image,
        ImageConfig,
        OutputMetadataTracker,
        SecretsManager,
        SerializationSettings,
        WorkflowExecutionIdentifier,
    }
)
# Paths are replaced by those of the copy's own sandbox.
_FIXED = frozenset(
    {str, int, float, bool, type(None), datetime.datetime, DataConfig, ExecutionState.Mode, PosixPath, TaggableStats}
)
_KEPT = (logging.Logger, AbstractFileSystem)


class NotCopiedError(Exception):
    """A context has something of a type that is not known here."""


def copied(context: FlyteContext, sandbox: Sandbox) -> FlyteContext:
    """A context that has nothing in common with this one that can be changed, for an execution in `sandbox` with a raw
    output prefix of its own there. No part may hold itself. Raises NotCopiedError."""
    made: FlyteContext = _copied(context)
    # As execution_context() makes them.
    files, parameters = made.file_access, made.execution_state.user_space_params
    raw = f"{sandbox.root}/raw"
    files._local_sandbox_dir = made.execution_state.working_dir = Path(f"{sandbox.root}/local_flytekit")
    made.execution_state.engine_dir = f"{sandbox.root}/local_flytekit/engine_dir"
    files._raw_output_prefix, parameters._raw_output_prefix = f"{raw}/", raw
    parameters._working_directory = sandbox.user
    return made


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind in _OBJECTS:
        made = object.__new__(kind)
        made.__dict__.update(_copied(value.__dict__))
        return made
    if kind is dict:
        return {name: one if type(one) in _FIXED else _copied(one) for name, one in value.items()}
    if kind is list:
        return [one if type(one) in _FIXED else _copied(one) for one in value]
    if isinstance(value, _KEPT):
        return value
    raise NotCopiedError(kind.__qualname__)
