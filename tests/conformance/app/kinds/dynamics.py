"""Dynamic tasks: the nodes that an execution declares, as a DynamicJobSpec."""

import typing

from flytekit import LaunchPlan, Resources, conditional, current_context, dynamic, map_task, task, workflow

from conformance import EVERYWHERE, Case
from serialized import compressed_settings


@task
def double(a: int) -> int:
    return a * 2


@task(cache=True, cache_version="2", retries=3, requests=Resources(cpu="1"))
def heavy(a: int) -> int:
    return a


@task
def silent(a: int) -> None:
    print(a)


@workflow
def twice(a: int) -> int:
    return double(a=double(a=a))


LAUNCH_PLAN = LaunchPlan.get_or_create(twice, name="a_launch_plan", default_inputs={"a": 5})


@dynamic
def loop(n: int) -> list[int]:
    return [double(a=number) for number in range(n)]


@dynamic
def nested(n: int) -> list[int]:
    return loop(n=n)


@dynamic
def sub_workflow(a: int) -> int:
    return twice(a=a)


@dynamic
def launch_plan(a: int) -> int:
    return LAUNCH_PLAN(a=a)


@dynamic
def new_launch_plan(a: int) -> int:
    return LaunchPlan.create(f"plan_{a}", twice)(a=a)


@dynamic
def conditions(a: int) -> int:
    doubled = double(a=a)
    return conditional("size").if_(doubled > 10).then(double(a=doubled)).else_().then(twice(a=doubled))


@dynamic
def maps(a: list[int]) -> list[typing.Optional[int]]:
    return map_task(double, min_success_ratio=0.5, concurrency=2)(a=a)


@dynamic
def no_nodes(a: int) -> tuple[int, str]:
    return a, "text"


@dynamic
def nothing_at_all() -> None:
    pass


@dynamic
def ordered(a: int) -> None:
    first, second = silent(a=a), silent(a=a)
    first >> second


@dynamic
def void_promises(a: int) -> None:
    promise = silent(a=a)
    assert promise.ref.node_id == "dn0"
    assert promise.task_name.endswith(".silent")
    assert promise.runs_before(promise) is None
    promise.with_overrides(node_name="renamed", retries=4, requests=Resources(mem="1Gi"))


@dynamic
def overridden(a: int) -> int:
    return heavy(a=a).with_overrides(limits=Resources(cpu="2"), cache=False, name="other", interruptible=True)


@dynamic
def fails(a: int) -> int:
    double(a=a)
    raise ValueError(f"after a node, {a}")


@dynamic
def wrong_node_inputs(a: int) -> int:
    return double(b=a)


@dynamic
def sees_context(a: int) -> str:
    return f"{current_context().execution_id.name} {a}"


_ENV = compressed_settings()


def _case(name: str, inputs: dict[str, object], **more: typing.Any) -> Case:
    return Case(name, inputs, env=_ENV, **{"ends_with": "futures", **more})


CASES = [
    _case("loop", {"n": 3}, storage=EVERYWHERE),
    _case("loop", {"n": 1}, variant="one"),
    _case("loop", {"n": 0}, variant="none", ends_with="outputs"),
    _case("nested", {"n": 2}),
    _case("sub_workflow", {"a": 1}),
    _case("launch_plan", {"a": 1}),
    _case("new_launch_plan", {"a": 1}),
    _case("conditions", {"a": 1}),
    _case("maps", {"a": [1, 2]}),
    _case("no_nodes", {"a": 1}, ends_with="outputs"),
    _case("nothing_at_all", {}, ends_with="outputs"),
    _case("ordered", {"a": 1}, proves=("PythonTask.compile", "PythonTask.construct_node_metadata")),
    _case(
        "void_promises",
        {"a": 1},
        proves=("VoidPromise.ref", "VoidPromise.task_name", "VoidPromise.runs_before", "VoidPromise.with_overrides"),
    ),
    _case("overridden", {"a": 1}),
    _case("fails", {"a": 1}, ends_with="error"),
    _case("wrong_node_inputs", {"a": 1}, ends_with="error"),
    _case("sees_context", {"a": 1}, ends_with="outputs"),
    Case("loop", {"n": 1}, variant="no-image", ends_with="error"),
]
