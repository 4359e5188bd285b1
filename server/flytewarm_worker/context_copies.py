"""An execution's context as a copy of one like it, which takes a tenth of the time that it takes to make one.

What a task may change in a context is copied, down to the last list; the rest is shared, as flytekit shares it: what
nobody can change, and loggers, statistics and file systems, which are put back or made anew elsewhere. What is neither
cannot be copied.
"""

from __future__ import annotations

import datetime
import logging
from pathlib import Path, PosixPath
from typing import Any, TypeAlias

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


# Its type; what is the same in all copies: names and values, or items; and the names of others, with their places in
# the list of parts.
_Part: TypeAlias = "tuple[type, Any, list[tuple[Any, int]]]"


class NotCopiedError(Exception):
    """A context has something of a type that is not known here."""


class Copies:
    """Contexts that have nothing in common with one, as it is now, that can be changed.

    It is gone through once. A copy is made from a list of its parts, those that others hold first, each with what is
    the same in all copies.
    """

    def __init__(self, context: FlyteContext) -> None:
        """No part may hold itself; one that is held twice becomes two. Raises NotCopiedError."""
        self._parts: list[_Part] = []
        self._add(context)

    def make(self, sandbox: Sandbox) -> FlyteContext:
        """One for an execution in `sandbox`, with a raw output prefix of its own there."""
        made: list[Any] = []
        for kind, same, others in self._parts:
            held = same.copy()
            for name, index in others:
                held[name] = made[index]
            if kind is dict or kind is list:
                made.append(held)
            else:
                part: Any = object.__new__(kind)
                part.__dict__.update(held)
                made.append(part)
        return _placed(made[-1], sandbox)

    def _add(self, value: Any) -> int:
        """Adds a part, after those that it holds. Returns its place in the list."""
        kind = type(value)
        if kind in _OBJECTS or kind is dict:
            own: Any = (value if kind is dict else vars(value)).copy()
            items = list(own.items())
        elif kind is list:
            own = value.copy()
            items = list(enumerate(own))
        else:
            raise NotCopiedError(kind.__qualname__)
        others = [
            (name, self._add(one)) for name, one in items if type(one) not in _FIXED and not isinstance(one, _KEPT)
        ]
        for name, _ in others:
            # The place is kept: those of a dictionary have an order.
            own[name] = None
        self._parts.append((kind, own, others))
        return len(self._parts) - 1


def _placed(made: FlyteContext, sandbox: Sandbox) -> FlyteContext:
    """As execution_context() makes them."""
    files, parameters = made.file_access, made.execution_state.user_space_params
    raw = f"{sandbox.root}/raw"
    files._local_sandbox_dir = made.execution_state.working_dir = Path(f"{sandbox.root}/local_flytekit")
    made.execution_state.engine_dir = f"{sandbox.root}/local_flytekit/engine_dir"
    files._raw_output_prefix, parameters._raw_output_prefix = f"{raw}/", raw
    parameters._working_directory = sandbox.user
    return made
