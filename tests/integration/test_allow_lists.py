"""Allow-lists of a real service: whatever way a request takes, what it names is looked at before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from flyteidl.core import tasks_pb2
from google.rpc import error_details_pb2

from calls import Calls, details, request, violated_fields
from conftest import TASKS, open_calls
from flytewarm_api.v1 import settings_pb2, task_executor_pb2
from showcase.service import Service

DEFAULT = "flytekit.core.python_auto_container.default_task_resolver"
SHIM = "flytekit.core.python_customized_container_task.default_task_template_resolver"
MAP = "flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver"
PICKLED = "flytekit.extras.cloud_pickle_resolver.experimental_cloud_pickle_resolver"
OTHER = ["task-module", "probes", "task-name", "x"]
Request = task_executor_pb2.ExecuteTaskRequest


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that requests may name."""
    return tmp_path_factory.mktemp("allowed")


@pytest.fixture(scope="module")
def restricted(allowed: Path) -> Iterator[Calls]:
    """A service that allows the modules `basic` and `shims`, and no code of requests but that in `allowed`."""
    options = ("--allow-module", "basic", "--allow-module", "shims", "--allow-uri", str(allowed))
    options += ("--allow-distribution", str(allowed))
    with Service(TASKS, workers=1, options=options) as running:
        with open_calls(running) as calls:
            yield calls
        assert running.stop().problems == []


def _command(*loader: str, resolver: str = DEFAULT, program: str = "pyflyte-execute", out: str = "") -> list[str]:
    paths = ["--inputs", f"{out}/in.pb", "--output-prefix", out]
    return [program, *paths, "--resolver", resolver, "--", *loader]


def _by_resolver(resolver: str, *loader: str) -> Callable[[Path], Request]:
    return lambda _: Request(task=task_executor_pb2.TaskReference(resolver=resolver, loader_args=loader))


def _by_command(*loader: str, **more: str) -> Callable[[Path], Request]:
    return lambda allowed: Request(command={"args": _command(*loader, **{"out": str(allowed), **more})})


def _by_template(*arguments: str, **variables: str) -> Callable[[Path], Request]:
    template = tasks_pb2.TaskTemplate()
    template.container.args.extend(arguments)
    for name, value in variables.items():
        template.container.env.add(key=name, value=value)
    return lambda _: Request(template=template)


def _with(**fields: object) -> Callable[[Path], Request]:
    def make(_: Path) -> Request:
        made = request("basic.add", a=1, b=2)
        made.MergeFrom(Request(**fields))  # type: ignore[arg-type]  # the fields of the message
        return made

    return make


_CASES: dict[str, tuple[Callable[[Path], Request], str, str]] = {
    "name": (lambda _: request("probes.x"), "task.name", "--allow-module"),
    "loader arguments": (_by_resolver(DEFAULT, *OTHER), "task.resolver", "--allow-module"),
    "resolver": (_by_resolver("os.environ", "x"), "task.resolver", "--allow-resolver"),
    "pickled code": (_by_resolver(PICKLED, "gASV"), "task.resolver", "--allow-resolver"),
    "mapped module": (_by_resolver(MAP, "vars", "", "resolver", DEFAULT, *OTHER), "task.resolver", "--allow-module"),
    "mapped resolver": (_by_resolver(MAP, "vars", "", "resolver", PICKLED, "x"), "task.resolver", "--allow-resolver"),
    "command": (_by_command(*OTHER), "command.args", "--allow-module"),
    "command's resolver": (_by_command("x", resolver=PICKLED), "command.args", "--allow-resolver"),
    "command's paths": (_by_command("task-module", "basic", out="/etc"), "inputs_uri", "--allow-uri"),
    "map command": (
        _by_command("vars", "", "resolver", DEFAULT, *OTHER, resolver=MAP, program="pyflyte-map-execute"),
        "command.args",
        "--allow-module",
    ),
    "template": (
        _by_template(*_command(*OTHER, out="{{.outputPrefix}}")),
        "template.container.args",
        "--allow-module",
    ),
    "template's types": (
        _by_template(*_command("{{.taskTemplatePath}}", "shims.Repeats", resolver=SHIM, out="{{.input}}")),
        "template.container.args",
        "--allow-resolver",
    ),
    "template's variables": (
        _by_template(*_command("task-module", "basic", out="{{.input}}"), LD_PRELOAD="x"),
        "settings.env",
        "--allow-module",
    ),
    "editor": (
        _with(settings=settings_pb2.ExecutionSettings(env={"_F_E_VS": "true"})),
        "settings.env",
        "--allow-module",
    ),
    "distribution": (
        _with(environment=settings_pb2.Environment(distribution_uri="/elsewhere/x.tar.gz")),
        "environment.distribution_uri",
        "--allow-distribution",
    ),
    "preload": (
        _with(environment=settings_pb2.Environment(preload_modules=["probes"])),
        "environment.preload_modules",
        "--allow-module",
    ),
    "zygote's variables": (
        _with(environment=settings_pb2.Environment(env={"PYTHONPATH": "/x"})),
        "environment.env",
        "--allow-module",
    ),
    "task's variables": (
        _with(settings=settings_pb2.ExecutionSettings(env={"_F_RUNTIME_PACKAGES": "evil"})),
        "settings.env",
        "--allow-module",
    ),
    "outputs": (
        _with(settings=settings_pb2.ExecutionSettings(output_prefix="/etc")),
        "settings.output_prefix",
        "--allow-uri",
    ),
    "raw outputs": (
        _with(settings=settings_pb2.ExecutionSettings(raw_output_prefix="s3://theirs/x")),
        "settings.raw_output_prefix",
        "--allow-uri",
    ),
    "checkpoint": (
        _with(settings=settings_pb2.ExecutionSettings(checkpoint={"destination": "/etc", "source": "/etc"})),
        "settings.checkpoint.destination",
        "--allow-uri",
    ),
}


@pytest.mark.parametrize("name", _CASES)
def test_every_way_in_is_watched(restricted: Calls, allowed: Path, name: str) -> None:
    make, field, option = _CASES[name]
    with pytest.raises(grpc.RpcError) as caught:
        restricted.outcome(make(allowed))
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED, caught.value
    assert violated_fields(caught.value)[0] == field
    (info,) = [one for one in details(caught.value) if isinstance(one, error_details_pb2.ErrorInfo)]
    assert (info.reason, info.metadata["option"]) == ("NOT_ALLOWED", option)


def test_a_fast_command_outside_of_the_list_is_refused(restricted: Calls, allowed: Path) -> None:
    inner = _command("task-module", "basic", "task-name", "add", out=str(allowed))
    for uri in (f"{allowed}-evil/x.tar.gz", f"{allowed}/../x.tar.gz", f"zip://x.tar.gz::{allowed}/x.tar.gz"):
        command = ["pyflyte-fast-execute", "--additional-distribution", uri, "--dest-dir", ".", "--", *inner]
        with pytest.raises(grpc.RpcError) as caught:
            restricted.outcome(Request(command={"args": command}))
        assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert violated_fields(caught.value) == ["environment.distribution_uri"]


@pytest.mark.parametrize(
    "made",
    [
        task_executor_pb2.DescribeTaskRequest(task={"name": "probes.x"}),
        task_executor_pb2.DescribeTaskRequest(task={"resolver": PICKLED, "loader_args": ["x"]}),
        task_executor_pb2.DescribeTaskRequest(
            task={"name": "basic.add"}, environment={"preload_modules": ["probes"], "env": {"LD_PRELOAD": "x"}}
        ),
        task_executor_pb2.DescribeTaskRequest(
            task={"name": "basic.add"}, environment={"distribution_uri": "/elsewhere/x.tar.gz"}
        ),
    ],
    ids=["module", "resolver", "environment", "distribution"],
)
def test_descriptions_too(restricted: Calls, made: task_executor_pb2.DescribeTaskRequest) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        restricted.executor.DescribeTask(made, timeout=60)
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_what_is_listed_runs(restricted: Calls, allowed: Path) -> None:
    made = request("basic.add", a=40, b=2)
    made.settings.output_prefix = str(allowed / "out")
    made.settings.env["MODE"] = "x"
    assert restricted.outcome(made).HasField("outputs")
    assert (allowed / "out" / "outputs.pb").exists()
    assert restricted.executor.DescribeTask(
        task_executor_pb2.DescribeTaskRequest(task={"name": "basic.add"}), timeout=60
    ).inputs


def test_a_distribution_that_is_listed_is_looked_for(restricted: Calls, allowed: Path) -> None:
    made = request("basic.add", a=1, b=2)
    made.environment.distribution_uri = str(allowed / "x.tar.gz")
    assert restricted.outcome(made).error.error.code == "USER:Distribution"
