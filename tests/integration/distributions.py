"""Code that comes with a request, and the answer of a task that returns a text."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from calls import Calls, request
from flytewarm_api.v1 import task_executor_pb2


def make_bundle(path: Path, files: Mapping[str, str]) -> str:
    """Writes an archive; returns its URI."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return str(path)


def with_code(uri: str, name: str = "bundled.answer") -> task_executor_pb2.ExecuteTaskRequest:
    """A request for a task of the code at `uri`."""
    made = request(name)
    made.environment.distribution_uri = uri
    return made


def text_of(calls: Calls, made: task_executor_pb2.ExecuteTaskRequest) -> str:
    """What the task returns, which has to succeed."""
    outcome = calls.outcome(made)
    assert outcome.HasField("outputs"), outcome
    (literal,) = outcome.outputs.literals.literals.values()
    return str(literal.scalar.primitive.string_value)
