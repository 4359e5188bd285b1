"""Inputs of a case: native values -> inputs.pb in the storage."""

from __future__ import annotations

import importlib
import io
import tarfile
from pathlib import Path
from typing import Any

from flyteidl.core.literals_pb2 import Literal, LiteralMap
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.data_persistence import FileAccessProvider
from flytekit.core.type_engine import TypeEngine

from conformance import Case
from parity.commands import DISTRIBUTION
from parity.storage import Storage


def write_shared(case: Case, module: str, storage: Storage, shared: str, scratch: Path) -> None:
    """Writes the case's files, and inputs.pb, below a directory that all runs of the case read."""
    for path, content in case.files.items():
        storage.write(f"{shared}/{path}", content(shared) if callable(content) else content)
    if case.distribution:
        storage.write(f"{shared}/{DISTRIBUTION}", _archive(case))
    if case.inputs is None:
        return
    values = case.inputs(shared) if callable(case.inputs) else case.inputs
    if "inputs.pb" not in case.files:
        storage.write(f"{shared}/inputs.pb", _literals(case, module, dict(values), storage, shared, scratch))


def _literals(case: Case, module: str, values: dict[str, Any], storage: Storage, shared: str, scratch: Path) -> bytes:
    if not values:
        return LiteralMap().SerializeToString()
    types = _types(case, module, values)
    files = FileAccessProvider(str(scratch), f"{shared}/given", storage.data_config)
    context = FlyteContextManager.current_context().new_builder().with_file_access(files)
    ready = {name: value for name, value in values.items() if isinstance(value, Literal)}
    native = {name: value for name, value in values.items() if name not in ready}
    with FlyteContextManager.with_context(context) as entered:
        message = TypeEngine.dict_to_literal_map(entered, native, types).to_flyte_idl()
    for name, literal in ready.items():
        message.literals[name].CopyFrom(literal)
    return bytes(message.SerializeToString(deterministic=True))


def _types(case: Case, module: str, values: dict[str, Any]) -> dict[str, Any]:
    """The task's own, unless its code comes with the command: then those of the values."""
    if case.distribution:
        return {name: _type(value) for name, value in values.items()}
    found: dict[str, Any] = getattr(importlib.import_module(module), case.task).python_interface.inputs
    return found


def _type(value: Any) -> Any:
    return list[type(value[0])] if isinstance(value, list) else type(value)  # type: ignore[misc]  # made at run time


def _archive(case: Case) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in case.distribution.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()
