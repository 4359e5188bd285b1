"""What every system is given to do: add(40, 2), as literals, and what must come back."""

from pathlib import Path

from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar

from flytewarm_api.v1.execution_pb2 import EXECUTION_STATE_SUCCEEDED, Event
from flytewarm_api.v1.settings_pb2 import ISOLATION_UNSPECIFIED, Isolation
from flytewarm_api.v1.task_executor_pb2 import ExecuteTaskRequest, TaskReference

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MODULE = "flytewarm_examples.arithmetic"
TASK = f"{MODULE}.add"


def literals(**values: int) -> LiteralMap:
    """A literal map of integers."""
    return LiteralMap(
        literals={name: Literal(scalar=Scalar(primitive=Primitive(integer=value))) for name, value in values.items()}
    )


INPUTS = literals(a=40, b=2)
INPUT_BYTES = INPUTS.SerializeToString(deterministic=True)
OUTPUT_BYTES = literals(o0=42).SerializeToString(deterministic=True)


def request(isolation: Isolation = ISOLATION_UNSPECIFIED, task: str = TASK) -> ExecuteTaskRequest:
    """An execution of a task of two integers, by default of add."""
    made = ExecuteTaskRequest(task=TaskReference(name=task), literals=INPUTS)
    made.policy.isolation = isolation
    return made


def check_outputs(outputs: bytes) -> None:
    """Raises RuntimeError unless these are the outputs that the task has, as a serialized literal map."""
    if outputs != OUTPUT_BYTES:
        raise RuntimeError("the task did not return what it should")


def check(last: Event) -> None:
    """Raises RuntimeError unless an execution's last event says that it succeeded."""
    if last.outcome.state != EXECUTION_STATE_SUCCEEDED:
        raise RuntimeError(f"the task did not succeed: {last}")
