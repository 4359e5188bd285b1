"""Whether workers are forked or exec'd: by the option, and by what was found out."""

from __future__ import annotations

import pytest

from flytewarm_server.messages import worker_pool_pb2
from flytewarm_server.pool.start_method import StartMethod


@pytest.mark.parametrize(("option", "execs"), [("auto", False), ("fork", False), ("exec", True)])
def test_before_anything_is_known(option: str, execs: bool) -> None:
    assert StartMethod(option).execs is execs


def test_auto_execs_what_is_unfit_to_fork_from_then_on() -> None:
    method = StartMethod("auto")
    assert method.status == worker_pool_pb2.START_METHOD_FORK
    assert method.stop_forking("cuda", "a CUDA context")
    assert (method.kind, method.reason) == ("cuda", "a CUDA context")
    assert method.status == worker_pool_pb2.START_METHOD_EXEC
    # What execs cannot be saved by execs.
    assert not method.stop_forking("threads", "threads")
    assert method.reason == "a CUDA context"


@pytest.mark.parametrize("option", ["fork", "exec"])
def test_what_an_operator_has_chosen_stays(option: str) -> None:
    method = StartMethod(option)
    before = method.kind
    assert not method.stop_forking("threads", "threads")
    assert method.kind == before
