"""Under which identity and settings the examples run: once as pyflyte-execute's environment, once in a request."""

from functools import cache

from flyteidl.core.identifier_pb2 import Identifier, ResourceType, WorkflowExecutionIdentifier
from flytekit.configuration import Image, ImageConfig
from flytekit.configuration import SerializationSettings as FlytekitSettings

from flytewarm_api.v1.settings_pb2 import ExecutionSettings, SerializationSettings

PROJECT, DOMAIN, EXECUTION, TASK, VERSION = "examples", "development", "showcase", "example", "v1"


@cache
def serialization_context() -> str:
    """What flytekit puts into a dynamic task's container at registration, so that it can serialize further tasks."""
    image = Image(name="default", fqn="ghcr.io/flyteorg/flytekit", tag="py3.11-latest")
    settings = FlytekitSettings(ImageConfig(default_image=image, images=[image]), project=PROJECT, domain=DOMAIN)
    return str(settings.serialized_context)


def environment() -> dict[str, str]:
    """For pyflyte-execute, as Flyte gives it to a container."""
    return {
        "FLYTE_INTERNAL_EXECUTION_PROJECT": PROJECT,
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": DOMAIN,
        "FLYTE_INTERNAL_EXECUTION_ID": EXECUTION,
        "FLYTE_INTERNAL_TASK_PROJECT": PROJECT,
        "FLYTE_INTERNAL_TASK_DOMAIN": DOMAIN,
        "FLYTE_INTERNAL_TASK_NAME": TASK,
        "FLYTE_INTERNAL_TASK_VERSION": VERSION,
        "_F_SS_C": serialization_context(),
    }


def settings(output_prefix: str, raw_output_prefix: str) -> ExecutionSettings:
    """For a request: the same, and where to write."""
    return ExecutionSettings(
        execution=WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=EXECUTION),
        task=Identifier(resource_type=ResourceType.TASK, project=PROJECT, domain=DOMAIN, name=TASK, version=VERSION),
        serialization=SerializationSettings(compressed=serialization_context()),
        output_prefix=output_prefix,
        raw_output_prefix=raw_output_prefix,
    )
