"""Fast registration: code that comes with the command, unpacked over the image's."""

from flytekit.configuration import SERIALIZED_CONTEXT_ENV_VAR, ImageConfig, SerializationSettings

from conformance import EVERYWHERE, LOCAL, MAP_EXECUTE, Case

_TASKS = """
import os
import sys
from pathlib import Path

from flytekit import dynamic, task


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def origins() -> dict[str, str]:
    from merged import kept, replaced

    return {"kept": kept.ORIGIN, "replaced": replaced.ORIGIN, "file": __file__}


@task
def files() -> dict[str, str]:
    return {"bundle": Path("bundle.txt").read_text(), "image": Path("elsewhere/README").read_text()}


@task
def python_path() -> list[str]:
    return os.environ["PYTHONPATH"].split(os.pathsep)


@task
def fail() -> int:
    raise ValueError("from the bundle")


@dynamic
def fan(count: int) -> list[int]:
    return [add(a=number, b=number) for number in range(count)]


@task
def double(number: int) -> int:
    return 2 * number
"""
_BUNDLE = {
    "bundled.py": _TASKS,
    "bundle.txt": "from the bundle",
    "merged/__init__.py": "",
    "merged/replaced.py": 'ORIGIN = "bundle"\n',
}
_OTHER = {**_BUNDLE, "merged/replaced.py": 'ORIGIN = "another bundle"\n'}
_SETTINGS = SerializationSettings(image_config=ImageConfig.auto(img_name="example.org/image:v1"), version="v1")
_CONTEXT = {SERIALIZED_CONTEXT_ENV_VAR: _SETTINGS.serialized_context}
_PROVES = ("FastSerializationSettings",)


def _case(task: str, storage: tuple[str, ...] = LOCAL, **fields: object) -> Case:
    return Case(
        task,
        storage=storage,
        loader_args=("task-module", "bundled", "task-name", task),
        **{"distribution": _BUNDLE, **fields},
    )


_MAP_ARGS = (
    *("vars", "", "resolver", "flytekit.core.python_auto_container.default_task_resolver"),
    *("task-module", "bundled", "task-name", "double"),
)

CASES = [
    _case("add", EVERYWHERE, inputs={"a": 1, "b": 2}),
    _case("origins"),
    _case("origins", variant="another-bundle", distribution=_OTHER),
    _case("files"),
    _case("python_path"),
    _case("fail", ends_with="error"),
    _case("fan", inputs={"count": 2}, ends_with="futures", env=_CONTEXT, proves=_PROVES),
    _case(
        "fan",
        inputs={"count": 2},
        ends_with="futures",
        env=_CONTEXT,
        variant="elsewhere",
        destination_dir="elsewhere",
        proves=_PROVES,
    ),
    _case("add", inputs={"a": 1, "b": 2}, variant="elsewhere", destination_dir="elsewhere"),
    _case("add", inputs={"a": 1, "b": 2}, variant="dot", destination_dir="."),
    Case(
        "double",
        inputs={"number": [1, 2, 3]},
        program=MAP_EXECUTE,
        resolver="flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver",
        loader_args=_MAP_ARGS,
        env={"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "INDEX", "INDEX": "1"},
        distribution=_BUNDLE,
    ),
]
