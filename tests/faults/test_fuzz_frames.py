"""Whatever comes on a worker's socket, its execution gets one outcome and the service goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import Maker, fuzzing

from calls import Calls, request
from flytewarm_api.v1 import execution_pb2
from flytewarm_api.worker.framing import encode_frame
from flytewarm_api.worker.v1 import frames_pb2
from showcase.service import Service

TASKS = Path(__file__).parent.parent / "integration" / "tasks"
# What the service says of such a worker, and what a worker may say of itself: a task may well forge its own failure.
_CAUSES = {
    execution_pb2.ERROR_CAUSE_WORKER_LOST,
    execution_pb2.ERROR_CAUSE_TIMEOUT,
    execution_pb2.ERROR_CAUSE_USER,
    execution_pb2.ERROR_CAUSE_USER_RECOVERABLE,
    execution_pb2.ERROR_CAUSE_INPUTS,
    execution_pb2.ERROR_CAUSE_SYSTEM,
}
_RESULTS = ("outputs", "futures", "ignored")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(TASKS, workers=2, preload="intruders", options=("--cancel-grace", "0.1")) as running:
        yield running
        assert running.stop().problems == [], running.log


def _frames(seed: int) -> bytes:
    maker = Maker(seed, ("", "a", "worker"))
    replies = [maker.message(frames_pb2.WorkerReply) for _ in range(maker.random.randint(1, 3))]
    return maker.damaged(b"".join(encode_frame(reply.SerializeToString()) for reply in replies))


def test_every_execution_has_an_outcome(service: Service, full: bool) -> None:
    @fuzzing(2_000 if full else 25, full=full)
    @given(st.integers(0, 1 << 63))
    def check(seed: int) -> None:
        made = request("intruders.writes_to_sockets", data=_frames(seed).hex())
        made.policy.timeout.FromSeconds(1)
        outcomes = [event.outcome for event in calls.events(made) if event.HasField("outcome")]
        assert len(outcomes) == 1
        assert outcomes[0].WhichOneof("result") in _RESULTS or outcomes[0].error.cause in _CAUSES, outcomes

    with Calls(grpc.insecure_channel(service.target)) as calls:
        check()
        assert calls.run("intruders.writes_to_sockets", data="") == 0
