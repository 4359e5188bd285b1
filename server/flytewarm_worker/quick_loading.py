"""Loading without its detours: a task of a module that is imported, as flytekit's default resolver finds it.

flytekit imports the resolver's module and the task's, which are there, and takes an attribute of each. Whatever is not
fully covered goes flytekit's own way: other resolvers and versions of flytekit, modules that are still to be imported,
or make their attributes when they are asked for, detailed logs.
"""

from __future__ import annotations

import importlib
import logging
import sys
from types import ModuleType
from typing import Any

from flytekit.core import python_auto_container
from flytekit.core.context_manager import ExecutionParameters
from flytekit.core.python_auto_container import DefaultTaskResolver
from flytekit.loggers import logger

from flytewarm_worker.originals import originals, originals_of_loading
from flytewarm_worker.timeline import Moment, add_entries

#: The resolver of a task that is named without one.
DEFAULT_RESOLVER = "flytekit.core.python_auto_container.default_task_resolver"
_MODULE, _, _NAME = DEFAULT_RESOLVER.rpartition(".")
# That of importlib, by which one is told that somebody has replaced.
_IMPORT = importlib.import_module


def load(resolver: str, arguments: list[str], parameters: ExecutionParameters) -> Any:
    """The task that load_object_from_module(resolver).load_task(arguments) returns in the context with `parameters`;
    None when flytekit has to load it, or to tell why it cannot."""
    if resolver != DEFAULT_RESOLVER or len(arguments) < 4 or logger.isEnabledFor(logging.INFO):
        return None
    begin = Moment()
    task = imported_task(arguments)
    if not hasattr(task, "dispatch_execute") or not _is_flytekits_way_known():
        return None
    add_entries(parameters, begin, Moment(), "Load task")
    return task


def imported_task(arguments: list[str]) -> Any:
    """What an imported module has under the name of a task; None when it has to be imported or asked first, as what is
    in the place of a module may answer as it likes."""
    module = sys.modules.get(arguments[1])
    return vars(module).get(arguments[3]) if type(module) is ModuleType else None


def _is_flytekits_way_known() -> bool:
    found = vars(python_auto_container).get(_NAME)
    return (
        type(found) is DefaultTaskResolver
        and "load_task" not in vars(found)
        and sys.modules.get(_MODULE) is python_auto_container
        and importlib.import_module is _IMPORT
        and originals().are_in_place()
        and originals_of_loading().are_in_place()
    )
