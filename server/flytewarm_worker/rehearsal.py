"""A small task of ours, which each new worker runs before it takes work.

The first execution in a process takes five times as long as those after it: it touches memory that the process still
shares with its zygote, and fills caches. What a rehearsal leaves is put back as after any other execution.
"""

from __future__ import annotations

import flytekit
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar

from flytewarm_api.v1 import task_executor_pb2
from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_worker import flytekit_private
from flytewarm_worker.request import Request

_INPUTS = LiteralMap(
    literals={
        "number": Literal(scalar=Scalar(primitive=Primitive(integer=1))),
        "text": Literal(scalar=Scalar(primitive=Primitive(string_value="one"))),
    }
)


@flytekit.task  # type: ignore[untyped-decorator]  # flytekit has its types left out
def rehearsed(number: int, text: str) -> str:
    """Has inputs and an output of simple types."""
    return text * number


# It is no task of the environment's: who lists what was declared must not find it.
flytekit_private.entities().remove(rehearsed)


def request() -> tuple[frames_pb2.Execute, Request]:
    """What the server would send for it."""
    task = task_executor_pb2.TaskReference(name=f"{__name__}.{rehearsed.__name__}")
    asked = task_executor_pb2.ExecuteTaskRequest(task=task, literals=_INPUTS)
    return frames_pb2.Execute(execution_id="rehearsal"), Request(asked)
