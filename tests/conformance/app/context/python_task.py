"""PythonTask: what a task says of itself while it runs, and what its methods do there."""

from collections import OrderedDict

import flytekit
from flytekit import Resources, Secret, task
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import ExecutionState, FlyteContextManager
from flytekit.core.interface import Interface
from flytekit.core.promise import Promise, VoidPromise
from flytekit.models.literals import LiteralMap

from conformance import Case
from seen import raised, told


class Doubling(PythonTask):
    """A task of a class of its own, with all hooks."""

    def __init__(self, name: str, **kwargs) -> None:
        interface = Interface(inputs=OrderedDict(a=int), outputs=OrderedDict(doubled=int, steps=str))
        super().__init__("doubling", name, {"config": 1}, interface=interface, environment={"KEY": "value"}, **kwargs)
        self.steps = []

    def pre_execute(self, user_params):
        self.steps[:] = ["pre"]
        return user_params.builder().add_attr("DOUBLING", "an attribute").build()

    def execute(self, **kwargs):
        self.steps.append(f"execute {flytekit.current_context().doubling}")
        return kwargs["a"] * 2

    def post_execute(self, user_params, rval):
        self.steps.append(f"post {user_params.doubling} {rval}")
        return rval, ", ".join(self.steps)


doubling = Doubling("context.python_task.doubling", docs=None)


@task(
    retries=3,
    cache=True,
    cache_version="1",
    timeout=90,
    interruptible=True,
    deprecated="soon",
    environment={"DECLARED": "1"},
    requests=Resources(cpu="1", mem="1Gi"),
    secret_requests=[Secret(group="g", key="k")],
    container_image="example.org/own:{{.image.default.version}}",
)
def described(a: int, b: str = "x") -> tuple[int, str]:
    """Short.

    Long.
    """
    return a, b


@task
def members() -> str:
    one = described
    metadata = one.metadata
    return told(
        name=one.name,
        type=[one.task_type, one.task_type_version],
        lhs=one.lhs,
        location=raised(lambda: one.location),
        found=raised(one.find_lhs),
        module=one.instantiated_in,
        config=str(one.task_config),
        environment=one.environment,
        decks=[one.deck_fields, one.disable_deck, one.enable_deck],
        docs=[one.docs.short_description, one.docs.long_description.value],
        interface=[sorted(one.interface.inputs), sorted(one.interface.outputs)],
        python=[str(one.python_interface.inputs), str(one.python_interface.outputs)],
        metadata=[
            metadata.retries,
            metadata.cache,
            metadata.cache_version,
            metadata.interruptible,
            metadata.deprecated,
        ],
        secrets=str(one.security_context),
        types=[
            str(one.get_input_types()),
            str(one.get_type_for_input_var("b", None)),
            str(one.get_type_for_output_var("o1", None)),
        ],
        node=str(one.construct_node_metadata()),
    )


@task
def definitions() -> str:
    settings = FlyteContextManager.current_context().serialization_settings
    return told(
        container=raised(lambda: described.get_container(settings)),
        custom=raised(lambda: described.get_custom(settings)),
        config=raised(lambda: described.get_config(settings)),
        pod=raised(lambda: described.get_k8s_pod(settings)),
        sql=raised(lambda: described.get_sql(settings)),
        resources=raised(lambda: described.get_extended_resources(settings)),
        base=[raised(lambda: doubling.get_container(settings)), raised(lambda: doubling.get_custom(settings))],
    )


@task
def executed() -> str:
    context = FlyteContextManager.current_context()
    parameters = context.user_space_params
    values = LiteralMap.from_flyte_idl(
        flytekit.core.type_engine.TypeEngine.dict_to_literal_map(context, {"a": 3}, {"a": int}).to_flyte_idl()
    )
    state = context.execution_state.with_params(mode=ExecutionState.Mode.LOCAL_TASK_EXECUTION)
    dispatched = doubling.dispatch_execute(context, values)
    with FlyteContextManager.with_context(context.with_execution_state(state)) as local:
        locally = doubling.local_execute(local, a=4)
        sandboxed = raised(lambda: doubling.sandbox_execute(local, values).literals["doubled"].scalar.primitive.integer)
    return told(
        direct=[described.execute(a=1, b="y"), described.pre_execute(parameters) is parameters],
        post=described.post_execute(parameters, 5),
        dispatched={name: str(one.value) for name, one in sorted(dispatched.literals.items())},
        local=[str(one.val.value) for one in locally],
        sandboxed=sandboxed,
        mode=described.local_execution_mode().name,
    )


@task
def compiled() -> str:
    context = FlyteContextManager.current_context()
    builder = context.with_compilation_state(context.new_compilation_state("p-"))
    with FlyteContextManager.with_context(builder) as entered:
        made = described.compile(entered, a=1)
        nodes = entered.compilation_state.nodes
        return told(
            promises=[isinstance(one, Promise) for one in made],
            void=isinstance(made, VoidPromise),
            nodes=[[node.id, node.flyte_entity.name, node.metadata.name] for node in nodes],
        )


_PROPERTIES = (
    *("name", "task_type", "task_type_version", "lhs", "location", "find_lhs", "instantiated_in", "task_config"),
    *("environment", "deck_fields", "disable_deck", "enable_deck", "docs", "interface", "python_interface"),
    *("metadata", "security_context", "get_input_types", "get_type_for_input_var", "get_type_for_output_var"),
    "construct_node_metadata",
)
_DEFINITIONS = ("container", "custom", "config", "k8s_pod", "sql", "extended_resources")
_EXECUTIONS = ("execute", "pre_execute", "post_execute", "dispatch_execute", "local_execute", "sandbox_execute")

CASES = [
    Case("members", proves=tuple(f"PythonTask.{name}" for name in _PROPERTIES)),
    Case("definitions", proves=tuple(f"PythonTask.get_{name}" for name in _DEFINITIONS)),
    Case("executed", proves=(*(f"PythonTask.{name}" for name in _EXECUTIONS), "PythonTask.local_execution_mode")),
    Case("compiled", proves=("PythonTask.compile",)),
    Case("doubling", {"a": 21}, proves=("PythonTask", "PythonTask.pre_execute", "PythonTask.post_execute")),
]
