"""Settings -> FlyteContext: what flytekit's entrypoint sets up, for one execution on a reused process."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator

import flytekit
from flytekit.bin import entrypoint
from flytekit.configuration import SERIALIZED_CONTEXT_ENV_VAR, StatsConfig
from flytekit.core.checkpointer import SyncCheckpoint
from flytekit.core.context_manager import (
    ExecutionParameters,
    ExecutionState,
    FlyteContext,
    FlyteContextManager,
    OutputMetadataTracker,
)
from flytekit.loggers import user_space_logger
from flytekit.models.core.identifier import Identifier, ResourceType, WorkflowExecutionIdentifier

from flytewarm_api.v1 import settings_pb2
from flytewarm_worker import flytekit_private
from flytewarm_worker.configuration import Configuration
from flytewarm_worker.context_parts import FileAccess, execution_state
from flytewarm_worker.contexts import origin_in
from flytewarm_worker.sandbox import Sandbox
from flytewarm_worker.serialization import serialization_settings
from flytewarm_worker.stats import is_kept, stats_config, task_stats
from flytewarm_worker.variables import raw_environment

_FILE_ACCESS = FileAccess()
#: Where the entrypoint enters it.
ORIGIN = origin_in(entrypoint.setup_execution)


def task_environment(settings: settings_pb2.ExecutionSettings) -> dict[str, str]:
    """The environment variables of the task: settings.env, and the identifiers as flytepropeller exports them."""
    execution, task = settings.execution, settings.task
    named = {
        "FLYTE_INTERNAL_EXECUTION_PROJECT": execution.project,
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": execution.domain,
        "FLYTE_INTERNAL_EXECUTION_ID": execution.name,
        "FLYTE_INTERNAL_EXECUTION_WORKFLOW": settings.workflow,
        "FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN": settings.launch_plan,
        "FLYTE_INTERNAL_TASK_PROJECT": task.project,
        "FLYTE_INTERNAL_TASK_DOMAIN": task.domain,
        "FLYTE_INTERNAL_TASK_NAME": task.name,
        "FLYTE_INTERNAL_TASK_VERSION": task.version,
        SERIALIZED_CONTEXT_ENV_VAR: settings.serialization.compressed,
    }
    if settings.map_task.HasField("index"):
        # As the backend announces the index: one variable names the variable that holds it.
        named["BATCH_JOB_ARRAY_INDEX_VAR_NAME"] = "FLYTE_K8S_ARRAY_INDEX"
        named["FLYTE_K8S_ARRAY_INDEX"] = str(settings.map_task.index)
    return {**settings.env, **{name: value for name, value in named.items() if value}}


@contextlib.contextmanager
def loading_context() -> Iterator[None]:
    """Enters the mode in which the entrypoint imports task modules. In flytekit's default mode, that of a laptop, some
    tasks cannot be declared: a function that only raises is refused for its missing return."""
    context = FlyteContextManager.current_context()
    state = context.execution_state.with_params(mode=ExecutionState.Mode.TASK_EXECUTION)
    with FlyteContextManager.with_context(context.with_execution_state(state)):
        yield


def execution_context(
    settings: settings_pb2.ExecutionSettings, sandbox: Sandbox, configuration: Configuration
) -> FlyteContext:
    """Makes the context of one execution, to be entered(). task_environment(settings) must be in os.environ already."""
    identity = _Identity.from_environment()
    raw_output_prefix = settings.raw_output_prefix or f"{sandbox.root}/raw"
    file_access = _FILE_ACCESS.provider(sandbox.root, raw_output_prefix, configuration.data, identity.upload_metadata())
    use_outside_contexts(sandbox, configuration)
    # Built in two steps, as the entrypoint does: contexts know how many they come from.
    outer = FlyteContextManager.current_context()
    context = outer.new_builder().with_file_access(file_access).build()
    parameters = _parameters(settings, identity, sandbox, raw_output_prefix, configuration.stats)
    state = execution_state(file_access._local_sandbox_dir, parameters, outer.execution_state)
    builder = context.new_builder().with_execution_state(state).with_output_metadata_tracker(OutputMetadataTracker())
    builder = builder.with_serialization_settings(
        serialization_settings(
            settings.serialization, configuration.images, identity.project, identity.domain, identity.task.version
        )
    )
    return builder.build()


def use_outside_contexts(sandbox: Sandbox, configuration: Configuration) -> None:
    """Gives what runs outside of the execution's context, such as threads of the task, its sandbox, too."""
    flytekit_private.use_outside_contexts(sandbox.outside, configuration.data)


def shares_what_is_kept(context: FlyteContext) -> bool:
    """Whether file systems and statistics of a context are those that another one would be given."""
    return _FILE_ACCESS.is_kept(context.file_access) and is_kept(context.user_space_params.stats)


class _Identity:
    """Who is executed, as flytekit's entrypoint reads it: from environment variables, long names before short ones."""

    def __init__(self) -> None:
        self.project = _one_of("FLYTE_INTERNAL_EXECUTION_PROJECT", "_F_PRJ")
        self.domain = _one_of("FLYTE_INTERNAL_EXECUTION_DOMAIN", "_F_DM")
        self.name = _one_of("FLYTE_INTERNAL_EXECUTION_ID", "_F_NM")
        self.workflow = _one_of("FLYTE_INTERNAL_EXECUTION_WORKFLOW", "_F_WF")
        self.launch_plan = _one_of("FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN", "_F_LP")
        self.task = Identifier(
            ResourceType.TASK,
            _one_of("FLYTE_INTERNAL_TASK_PROJECT", "_F_TK_PRJ"),
            _one_of("FLYTE_INTERNAL_TASK_DOMAIN", "_F_TK_DM"),
            _one_of("FLYTE_INTERNAL_TASK_NAME", "_F_TK_NM"),
            _one_of("FLYTE_INTERNAL_TASK_VERSION", "_F_TK_V"),
        )

    @classmethod
    def from_environment(cls) -> _Identity:
        return cls()

    def upload_metadata(self) -> dict[str, str]:
        return {
            "flyte-execution-project": self.project,
            "flyte-execution-domain": self.domain,
            "flyte-execution-launchplan": self.launch_plan,
            "flyte-execution-workflow": self.workflow,
            "flyte-execution-name": self.name,
        }

    def stats_prefix(self) -> str:
        return f"{self.task.project}.{self.task.domain}.{self.task.name}.user_stats"

    def stats_tags(self) -> dict[str, str]:
        return {
            "exec_project": self.project,
            "exec_domain": self.domain,
            "exec_workflow": self.workflow,
            "exec_launchplan": self.launch_plan,
            "api_version": flytekit.__version__,
        }


def _one_of(*variables: str) -> str:
    """entrypoint.get_one_of, of which os.environ would encode each name."""
    environment = raw_environment()
    for variable in variables:
        if (value := environment.get(variable.encode())) is not None:
            return os.fsdecode(value)
    return ""


def _parameters(
    settings: settings_pb2.ExecutionSettings,
    identity: _Identity,
    sandbox: Sandbox,
    raw_output_prefix: str,
    stats: StatsConfig,
) -> ExecutionParameters:
    return ExecutionParameters(
        execution_id=WorkflowExecutionIdentifier(project=identity.project, domain=identity.domain, name=identity.name),
        execution_date=execution_date(settings),
        stats=task_stats(
            stats_config(settings.stats) if settings.HasField("stats") else stats,
            identity.stats_prefix(),
            identity.stats_tags(),
        ),
        logging=user_space_logger,
        tmp_dir=sandbox.user,
        raw_output_prefix=raw_output_prefix,
        output_metadata_prefix=settings.output_prefix or None,
        checkpoint=_checkpoint(settings),
        task_id=identity.task,
    )


def execution_date(settings: settings_pb2.ExecutionSettings) -> datetime.datetime:
    """When the execution takes place: as its settings say, or now."""
    if settings.HasField("execution_date"):
        return settings.execution_date.ToDatetime(tzinfo=datetime.timezone.utc)
    return datetime.datetime.now(datetime.timezone.utc)


def _checkpoint(settings: settings_pb2.ExecutionSettings) -> SyncCheckpoint | None:
    if not settings.checkpoint.destination:
        return None
    return SyncCheckpoint(
        checkpoint_dest=settings.checkpoint.destination, checkpoint_src=settings.checkpoint.source or None
    )
