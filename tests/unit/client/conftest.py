"""A scripted service for the tests of this folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import ScriptedService


@pytest.fixture
def scripted() -> Iterator[ScriptedService]:
    """A gRPC server whose answers the test scripts."""
    # Not tmp_path: a socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="fw-") as directory, ScriptedService(Path(directory)) as service:
        yield service
