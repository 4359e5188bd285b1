"""Tasks that cannot be loaded."""

from flytekit import task, workflow

from conformance import MAP_EXECUTE, Case

ARRAY_NODE = "flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver"


@task
def fine() -> int:
    return 1


@workflow
def a_workflow() -> int:
    return fine()


a_number = 5
a_class = int


class Refuses:
    @staticmethod
    def load_task(loader_args: list[str]) -> object:
        raise LookupError(f"refused: {loader_args}")


refusing_resolver = Refuses()


def _module(name: str, task_name: str = "any_task") -> tuple[str, ...]:
    return ("task-module", name, "task-name", task_name)


_HERE = "outcomes.loading"
_NOTHING = {"ends_with": "nothing", "meant": ("no-resolver",)}

CASES = [
    Case("unknown_module", loader_args=_module("no.such.module"), ends_with="error"),
    Case("unknown_task", loader_args=_module(_HERE, "no_such_task"), ends_with="error"),
    Case("module_raises", loader_args=_module("outcomes.raises_at_import"), ends_with="error"),
    Case("module_exits", loader_args=_module("outcomes.exits_at_import"), ends_with="nothing", meant=("process-ends",)),
    Case("module_in_pieces", loader_args=_module("outcomes.half_imported"), ends_with="error"),
    Case("syntax_error", loader_args=_module("outcomes.not_python"), ends_with="error"),
    Case("missing_dependency", loader_args=_module("outcomes.needs_more"), ends_with="error"),
    Case("a_number", loader_args=_module(_HERE, "a_number"), ends_with="error", meant=("no-task",)),
    Case("a_class", loader_args=_module(_HERE, "a_class"), ends_with="error", meant=("no-task",)),
    Case("a_workflow", loader_args=_module(_HERE, "a_workflow"), ends_with="error", meant=("no-task",)),
    Case("too_few_arguments", loader_args=("task-module", _HERE), ends_with="error"),
    Case("refusing_resolver", resolver=f"{_HERE}.refusing_resolver", loader_args=("a", "b"), ends_with="error"),
    Case("unknown_resolver", resolver=f"{_HERE}.no_such_resolver", loader_args=("a",), **_NOTHING),
    Case("unknown_resolver_module", resolver="no.such.resolver", loader_args=("a",), **_NOTHING),
    Case("not_a_resolver", resolver=f"{_HERE}.a_number", loader_args=("a",), ends_with="error"),
    Case("map_arguments", program=MAP_EXECUTE, resolver=ARRAY_NODE, loader_args=("vars", ""), ends_with="error"),
    Case(
        "fine",
        variant="fail-on-error",
        loader_args=_module("no.module"),
        env={"FLYTE_FAIL_ON_ERROR": "1"},
        ends_with="error",
    ),
]
