"""flytekit.current_context(): who is executed, when, and where its files go."""

import datetime
import os

import flytekit
from flytekit import task
from flytekit.models.core.identifier import Identifier, WorkflowExecutionIdentifier

from conformance import EVERYWHERE, Case
from seen import raised, told

_LONG_NAMES = (
    *("FLYTE_INTERNAL_EXECUTION_PROJECT", "FLYTE_INTERNAL_EXECUTION_DOMAIN", "FLYTE_INTERNAL_EXECUTION_ID"),
    *("FLYTE_INTERNAL_TASK_PROJECT", "FLYTE_INTERNAL_TASK_DOMAIN", "FLYTE_INTERNAL_TASK_NAME"),
    "FLYTE_INTERNAL_TASK_VERSION",
)
_SHORT_NAMES = {
    "_F_PRJ": "short-p",
    "_F_DM": "short-d",
    "_F_NM": "short-n",
    "_F_TK_PRJ": "short-tp",
    "_F_TK_DM": "short-td",
    "_F_TK_NM": "short-tn",
    "_F_TK_V": "short-v",
}


@task
def identifiers() -> str:
    parameters = flytekit.current_context()
    execution, own = parameters.execution_id, parameters.task_id
    return told(
        types=[type(execution) is WorkflowExecutionIdentifier, type(own) is Identifier],
        execution=[execution.project, execution.domain, execution.name],
        task=[own.resource_type, own.project, own.domain, own.name, own.version],
    )


@task
def moment() -> str:
    date = flytekit.current_context().execution_date
    age = datetime.datetime.now(datetime.timezone.utc) - date
    return told(type=type(date).__name__, zone=str(date.tzinfo), recent=datetime.timedelta() <= age < _A_WHILE)


_A_WHILE = datetime.timedelta(minutes=2)


@task
def prefixes() -> str:
    parameters = flytekit.current_context()
    return told(
        raw=parameters.raw_output_prefix,
        metadata=parameters.output_metadata_prefix,
        same=parameters.raw_output_prefix == flytekit.FlyteContext.current_context().file_access.raw_output_prefix,
    )


@task
def working_directory() -> str:
    directory = flytekit.current_context().working_directory
    found = os.listdir(directory)
    with open(os.path.join(directory, "written"), "w") as file:
        file.write("x")
    return told(
        type=type(directory).__name__,
        path=directory,
        found=found,
        now=os.listdir(directory),
        beside=sorted({*os.listdir(os.path.dirname(directory))} - {os.path.basename(directory)}),
    )


@task
def checkpoint() -> str:
    return told(checkpoint=raised(lambda: type(flytekit.current_context().checkpoint).__name__))


@task
def shown() -> str:
    text = repr(flytekit.current_context())
    return told(start=text.split("=")[0], fields=[part.split("=")[0] for part in text.split(", ") if "=" in part])


CASES = [
    Case(
        "identifiers",
        proves=("ExecutionParameters.execution_id", "ExecutionParameters.task_id"),
    ),
    Case("identifiers", variant="short", env=_SHORT_NAMES, unset=_LONG_NAMES),
    Case("identifiers", variant="both", env=_SHORT_NAMES),
    Case("identifiers", variant="none", unset=_LONG_NAMES),
    Case("moment", proves=("ExecutionParameters.execution_date",)),
    Case(
        "prefixes",
        proves=("ExecutionParameters.raw_output_prefix", "ExecutionParameters.output_metadata_prefix"),
        storage=EVERYWHERE,
    ),
    Case("prefixes", variant="given-twice", flags=("--raw-output-data-prefix", "{run}/other")),
    Case("working_directory", proves=("ExecutionParameters.working_directory",)),
    Case("checkpoint", proves=("ExecutionParameters.checkpoint",)),
    Case("checkpoint", variant="unfilled", flags=("--checkpoint-path", "{{.checkpointOutputPrefix}}")),
    Case("checkpoint", variant="given", flags=("--checkpoint-path", "{run}/checkpoint")),
    Case("shown"),
]
