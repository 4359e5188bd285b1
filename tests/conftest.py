"""What holds for every test: temporary files go where they are removed, and forks leave alone what is not theirs."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile

import grpc
import hypothesis
import pytest

# Tests fork this process while gRPC's threads live in it; its own handlers of a fork would hang then, and the children
# do not call it. Said before it starts, and not to the processes that tests start.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
grpc.insecure_channel("unix:/nowhere").close()
del os.environ["GRPC_ENABLE_FORK_SUPPORT"]

# Garbage of other tests is not for their children to collect: asyncio objects of gRPC wait for their thread then, which
# is not there, and descriptors would close in the middle.
os.register_at_fork(after_in_child=gc.freeze)

# flytekit makes directories when it is imported, here and in every cold pyflyte-execute, and leaves them.
_TEMPORARY = tempfile.mkdtemp(prefix="fw-tests-")
os.environ["TMPDIR"] = tempfile.tempdir = _TEMPORARY


# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --every, for tests/conformance, and --full, for tests/faults: pytest reads options from this file alone."""
    parser.addoption(
        "--every", type=int, default=1, metavar="N", help="run one conformance case of N, and the first of each file"
    )
    parser.addoption("--full", action="store_true", help="run load, soak and fuzzing in full length, for minutes")


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether load, soak and fuzzing run in full length."""
    return bool(pytestconfig.getoption("--full"))


def pytest_unconfigure() -> None:
    """Leaves nothing behind."""
    shutil.rmtree(_TEMPORARY, ignore_errors=True)
