"""Finds every case: a module below the app directory that has a list CASES."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from flytekit.core.context_manager import ExecutionState, FlyteContextManager

from conformance import Case

APP = Path(__file__).parents[1] / "app"
# What nobody but an interpreter that runs tasks may import, by its file's name.
_NOT_IMPORTED = ("conformance.py", "__init__.py")


@dataclass(frozen=True)
class Item:
    """A case on one kind of storage."""

    module: str
    case: Case
    storage: str

    @property
    def id(self) -> str:
        """Unique, and good as a file name."""
        return f"{self.module}-{self.case.name}-{self.storage}"


def collect() -> list[Item]:
    """All cases on all their kinds of storage, in the order of their files."""
    items = [
        Item(module, case, storage) for module in _modules() for case in _cases(module) for storage in case.storage
    ]
    ids = [item.id for item in items]
    if repeated := {one for one in ids if ids.count(one) > 1}:
        raise ValueError(f"cases with the same name: {', '.join(sorted(repeated))}")
    return items


def _cases(module: str) -> list[Case]:
    """Imports a module in the mode in which the entrypoint imports it: in flytekit's default mode, that of a laptop,
    some tasks cannot be declared, such as one that only raises."""
    context = FlyteContextManager.current_context()
    state = context.execution_state.with_params(mode=ExecutionState.Mode.TASK_EXECUTION)
    with FlyteContextManager.with_context(context.with_execution_state(state)):
        return list(importlib.import_module(module).CASES)


def _modules() -> list[str]:
    """Modules whose text has a list of cases; others, such as those that fail to be imported, are left alone."""
    return [
        ".".join(path.relative_to(APP).with_suffix("").parts)
        for path in sorted(APP.rglob("*.py"))
        if path.name not in _NOT_IMPORTED and "\nCASES = [" in path.read_text()
    ]
