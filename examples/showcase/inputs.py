"""Python values to literals, as flytekit's own type engine makes them."""

import importlib
from pathlib import Path

from flyteidl.core.literals_pb2 import LiteralMap
from flytekit.core.context_manager import FlyteContext, FlyteContextManager
from flytekit.core.data_persistence import FileAccessProvider
from flytekit.core.type_engine import TypeEngine

from showcase.cases import Case


def make_inputs(case: Case, directory: Path) -> LiteralMap:
    """Converts an example's values by the types of its task; data that needs a file is written under `directory`."""
    types = getattr(importlib.import_module(case.task_module), case.task).python_interface.inputs
    with FlyteContextManager.with_context(_context(directory)) as context:
        literals = {
            name: TypeEngine.to_literal(context, value, types[name], TypeEngine.to_literal_type(types[name]))
            for name, value in case.make_values().items()
        }
    return LiteralMap(literals={name: literal.to_flyte_idl() for name, literal in literals.items()})


def _context(directory: Path) -> FlyteContext.Builder:
    context = FlyteContextManager.current_context()
    access = FileAccessProvider(
        local_sandbox_dir=str(directory / "sandbox"), raw_output_prefix=str(directory / "data"), data_config=None
    )
    return context.with_file_access(access)
