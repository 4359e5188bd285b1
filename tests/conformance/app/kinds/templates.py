"""Shim tasks: all that they are comes from a task template."""

import sqlite3
import tempfile
import typing
from pathlib import Path

from flytekit import kwtypes
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.core.interface import Interface
from flytekit.core.python_customized_container_task import PythonCustomizedContainerTask
from flytekit.core.shim_task import ShimTaskExecutor
from flytekit.extras.sqlite3.task import SQLite3Config, SQLite3Task
from flytekit.models.task import TaskTemplate

from conformance import EVERYWHERE, Case

RESOLVER = "flytekit.core.python_customized_container_task.default_task_template_resolver"
_SQLITE = "flytekit.extras.sqlite3.task.SQLite3TaskExecutor"
_IMAGE = Image(name="default", fqn="example.org/image", tag="v1")
_SETTINGS = SerializationSettings(ImageConfig(_IMAGE, [_IMAGE]), project="p", domain="d", version="v")


class Repeats(ShimTaskExecutor["RepeatTask"]):
    def execute_from_model(self, tt: TaskTemplate, **kwargs: typing.Any) -> typing.Any:
        if kwargs["times"] < 0:
            raise ValueError("negative times")
        return tt.custom["word"] * kwargs["times"]


class NamesItself(ShimTaskExecutor["RepeatTask"]):
    def execute_from_model(self, tt: TaskTemplate, **kwargs: typing.Any) -> typing.Any:
        return f"{tt.id.name} {tt.id.version} {tt.type}"


class RepeatTask(PythonCustomizedContainerTask[str]):
    def __init__(self, name: str, executor: type, outputs: dict[str, type]) -> None:
        super().__init__(
            name=name,
            task_config="word",
            container_image="example.org/image:v1",
            executor_type=executor,
            task_type="repeat",
            interface=Interface(inputs=kwtypes(times=int), outputs=outputs),
        )

    def get_custom(self, settings: SerializationSettings) -> dict[str, typing.Any]:
        return {"word": self.task_config}


# Instances are found by their module's names, as all tasks are.
repeats = RepeatTask("repeats", Repeats, kwtypes(text=str))
names_itself = RepeatTask("names_itself", NamesItself, kwtypes(name=str))
query = SQLite3Task(
    "query",
    query_template="select n, name from things where n > {{.inputs.least}} order by n",
    inputs=kwtypes(least=int),
    task_config=SQLite3Config(uri="replaced"),
)
bad_query = SQLite3Task("bad_query", query_template="select nonsense", task_config=SQLite3Config(uri="replaced"))


def _template(task: PythonCustomizedContainerTask[typing.Any]) -> typing.Callable[[str], bytes]:
    def make(shared: str) -> bytes:
        template = task.serialize_to_model(_SETTINGS).to_flyte_idl()
        if "uri" in template.custom:
            template.custom["uri"] = f"{shared}/things.db"
        return template.SerializeToString(deterministic=True)

    return make


def _database(_shared: str) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "things.db"
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("create table things (n integer, name text)")
            connection.executemany("insert into things values (?, ?)", [(1, "one"), (2, "two"), (3, "drei ü")])
        connection.close()
        return path.read_bytes()


def _case(
    task: str, executor: str, inputs: dict[str, typing.Any], files: dict[str, typing.Any], **more: typing.Any
) -> Case:
    arguments = ("{shared}/template.pb", executor)
    return Case(task, inputs, resolver=RESOLVER, loader_args=arguments, files=files, **more)


_REPEATS = {"template.pb": _template(repeats)}
_BAD = {"ends_with": "error"}

CASES = [
    _case("repeats", "kinds.templates.Repeats", {"times": 3}, _REPEATS, storage=EVERYWHERE),
    _case("repeats", "kinds.templates.Repeats", {"times": -1}, _REPEATS, variant="fails", **_BAD),
    _case("repeats", "kinds.templates.NoSuch", {"times": 1}, _REPEATS, variant="no-executor", **_BAD),
    _case("repeats", "kinds.templates.Repeats", {"times": 1}, {}, variant="no-template", **_BAD),
    _case("repeats", "kinds.templates.Repeats", {"times": 1}, {"template.pb": b"\xff"}, variant="garbage", **_BAD),
    _case("names_itself", "kinds.templates.NamesItself", {"times": 3}, {"template.pb": _template(names_itself)}),
    _case(
        "query",
        _SQLITE,
        {"least": 1},
        {"template.pb": _template(query), "things.db": _database},
        storage=EVERYWHERE,
    ),
    _case("query", _SQLITE, {"least": 1}, {"template.pb": _template(query)}, variant="no-database", **_BAD),
    _case("bad_query", _SQLITE, {}, {"template.pb": _template(bad_query), "things.db": _database}, **_BAD),
]
