"""Decks of tasks that are more than a function."""

from flytekit import Deck, dynamic, map_task, task

from conformance import MAP_EXECUTE, Case
from serialized import compressed_settings

RESOLVER = "flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver"


@task(enable_deck=True)
def double(a: int) -> int:
    Deck("item", f"<p>{a}</p>")
    return a * 2


doubles = map_task(double)
_DOUBLE = ("vars", "", "resolver", "flytekit.core.python_auto_container.default_task_resolver")


@dynamic(enable_deck=True)
def dynamic_with_nodes(a: int) -> int:
    Deck("dynamic", f"<p>{a}</p>")
    return double(a=a)


@dynamic(enable_deck=True)
def dynamic_without_nodes(a: int) -> int:
    Deck("dynamic", f"<p>{a}</p>")
    return a


@task(enable_deck=True)
async def asynchronous(a: int) -> int:
    Deck("async", f"<p>{a}</p>")
    return a


@task(enable_deck=True)
def calls_another(a: int) -> int:
    return double(a=a) + 1


CASES = [
    Case(
        "doubles",
        {"a": [1, 2, 3]},
        program=MAP_EXECUTE,
        resolver=RESOLVER,
        loader_args=(*_DOUBLE, "task-module", "decks.of_kinds", "task-name", "double"),
        env={"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "INDEX", "INDEX": "1"},
    ),
    Case("dynamic_with_nodes", {"a": 3}, env=compressed_settings(), ends_with="futures"),
    Case("dynamic_without_nodes", {"a": 3}),
    Case("asynchronous", {"a": 3}),
    Case("calls_another", {"a": 3}),
]
