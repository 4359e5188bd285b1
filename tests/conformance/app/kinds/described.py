"""What a task's own object says while it runs."""

import typing

from flytekit import Resources, Secret, current_context, task
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContextManager
from flytekit.extras.accelerators import T4

from conformance import EVERYWHERE, Case


@task(
    cache=True,
    cache_version="3",
    retries=2,
    timeout=60,
    interruptible=True,
    deprecated="use another",
    environment={"TASK_VARIABLE": "value"},
    container_image="example.org/own:1",
    requests=Resources(cpu="1", mem="1Gi"),
    accelerator=T4,
    secret_requests=[Secret(group="a-group", key="a-key", mount_requirement=Secret.MountType.ENV_VAR)],
    docs=None,
)
def subject(a: int, text: str = "default") -> tuple[int, str]:
    """The subject.

    More about it.
    """
    return a, text


@task
def names() -> list[str]:
    return [
        subject.name,
        subject.task_type,
        str(subject.task_type_version),
        subject.location,
        subject.instantiated_in,
        subject.lhs,
        subject.find_lhs(),
    ]


@task
def interface() -> list[str]:
    return [
        str(sorted((name, variable.type) for name, variable in subject.interface.inputs.items())),
        subject.interface.outputs["o0"].description,
        str(subject.python_interface),
        str(subject.get_input_types()),
        str(subject.get_type_for_input_var("a", 1)),
        str(subject.get_type_for_output_var("o1", "x")),
    ]


@task
def settings() -> list[str]:
    security = subject.security_context
    return [
        str(subject.metadata),
        str(subject.environment),
        str(subject.docs and subject.docs.short_description),
        str(security and security.secrets),
        str(subject.task_config),
        str(subject.enable_deck),
        str(subject.disable_deck),
        str([field.value for field in subject.deck_fields]),
    ]


@task
def serialized() -> list[str]:
    settings = SerializationSettings(image_config=ImageConfig.auto(img_name="example.org/image:v1"), version="v1")
    return [
        str(subject.get_config(settings)),
        str(subject.get_container(settings)),
        str(subject.get_custom(settings)),
        str(subject.get_extended_resources(settings)),
        str(subject.get_k8s_pod(settings)),
        str(subject.get_sql(settings)),
    ]


@task
def ways_to_run() -> list[typing.Any]:
    parameters = current_context()
    return [
        str(subject.local_execution_mode()),
        subject.pre_execute(parameters) is parameters,
        subject.execute(a=1, text="x") == (1, "x"),
        subject.post_execute(parameters, 5),
        subject(a=2) == (2, "default"),
    ]


@task
def runs_locally() -> str:
    context = FlyteContextManager.current_context()
    state = context.execution_state.with_params(mode=subject.local_execution_mode())
    with FlyteContextManager.with_context(context.with_execution_state(state)) as local:
        first, second = subject.local_execute(local, a=3, text="local")
    return f"{first.val.scalar.primitive.integer} {second.val.scalar.primitive.string_value}"


@task
def runs_in_a_sandbox() -> str:
    context = FlyteContextManager.current_context()
    from flytekit.models.literals import LiteralMap

    try:
        outputs = names.sandbox_execute(context, LiteralMap(literals={}))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return str(len(outputs.literals["o0"].collection.literals))


def _proves(*names: str) -> tuple[str, ...]:
    return tuple(f"PythonTask.{name}" for name in names)


CASES = [
    Case("subject", {"a": 1, "text": "x"}, proves=("PythonTask",), storage=EVERYWHERE),
    Case(
        "names",
        proves=_proves("name", "task_type", "task_type_version", "location", "instantiated_in", "lhs", "find_lhs"),
    ),
    Case(
        "interface",
        proves=_proves(
            *("interface", "python_interface", "get_input_types", "get_type_for_input_var", "get_type_for_output_var")
        ),
    ),
    Case(
        "settings",
        proves=_proves("metadata", "environment", "docs", "security_context", "task_config"),
    ),
    Case(
        "serialized",
        proves=_proves(
            *("get_config", "get_container", "get_custom", "get_extended_resources", "get_k8s_pod", "get_sql")
        ),
    ),
    Case("ways_to_run", proves=_proves("local_execution_mode", "pre_execute", "post_execute")),
    Case("runs_locally", proves=_proves("local_execute")),
    Case("runs_in_a_sandbox", proves=_proves("sandbox_execute")),
]
