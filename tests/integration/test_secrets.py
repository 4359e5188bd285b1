"""Secrets that come with a request stay with its task: they are in no log, no answer, no list and no metric."""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from flyteidl.core import tasks_pb2

from calls import Calls, request
from conftest import TASKS, open_calls
from faults import running, wait_for
from flytewarm_api.v1 import task_executor_pb2, worker_pool_pb2
from security_files import TOKEN, SecurityFiles
from showcase.service import Service, free_port

SECRET = "s3cr3t-value-"
_NOWHERE = "http://127.0.0.1:1"
Request = task_executor_pb2.ExecuteTaskRequest


def _variables() -> dict[str, str]:
    names = ("API_KEY", "_FSEC_GROUP_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "FLYTE_AWS_SECRET_ACCESS_KEY")
    return {name: f"{SECRET}{name}" for name in names} | {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_MAX_ATTEMPTS": "1",
        "FLYTE_AWS_RETRIES": "0",
        "FLYTE_AWS_ACCESS_KEY_ID": "key",
        "FLYTE_AWS_ENDPOINT": _NOWHERE,
    }


def _with_secrets(made: Request, **fields: Any) -> Request:
    made.MergeFrom(Request(**fields))
    made.settings.env.update(_variables())
    return made


def _template(value: str = f"{SECRET}container") -> Request:
    template = tasks_pb2.TaskTemplate()
    template.container.args.extend(["pyflyte-execute", "--inputs", "{{.input}}"])
    template.container.args.extend(["--output-prefix", "{{.outputPrefix}}"])
    template.container.args.extend(["--resolver", "no.such", "--", "x"])
    template.container.env.add(key="API_KEY", value=value)
    return Request(template=template)


def _add(**fields: Any) -> Request:
    return _with_secrets(request("basic.add", a=1, b=2), **fields)


def _failing() -> dict[str, Request]:
    """Requests that end badly, each in another place."""
    url = f"//user:{SECRET}password@127.0.0.1:1"
    return {
        "refused": _add(settings={"output_prefix": "relative", "env": {"NAME=x": SECRET, f"A={SECRET}": ""}}),
        "refused uri": _add(environment={"distribution_uri": f"http:{url}/x.zip?X-Amz-Signature={SECRET}"}),
        "no such task": _with_secrets(request("basic.no_such")),
        "no such module": _with_secrets(request("no_such.module")),
        "raises": _with_secrets(request("basic.fail", message="because")),
        "wrong inputs": _with_secrets(request("basic.add", a="x", b=2)),
        "inputs that are not there": _with_secrets(Request(task={"name": "basic.add"}, inputs_uri="s3://no/such")),
        "outputs that cannot be written": _add(settings={"output_prefix": "s3://no/such"}),
        "template": _with_secrets(_template()),
        "template's variable": _with_secrets(_template(f"{SECRET}\0")),
        "distribution": _add(environment={"distribution_uri": "s3://no/such.tar.gz"}),
        "signed distribution": _add(
            environment={"distribution_uri": f"http:{url}/x.tar.gz?X-Amz-Signature={SECRET}signature"}
        ),
        "preload": _add(environment={"preload_modules": ["no_such"], "env": {"API_KEY": f"{SECRET}environment"}}),
        "packages": _add(
            settings={"env": {"_F_RUNTIME_PACKAGES": f"--retries 0 --index-url http:{url}/simple no-such-package"}}
        ),
        "timeout": _with_secrets(request("intruders.sleeps_for_ever"), policy={"timeout": {"nanos": 100_000_000}}),
    }


@pytest.fixture(scope="module")
def port() -> int:
    """Of the side door."""
    return free_port()


@pytest.fixture(scope="module")
def secured(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that wants a token and logs all that it can."""
    files = SecurityFiles(tmp_path_factory.mktemp("security"))
    options = ("--token-file", str(files.tokens), "--log-level", "debug", "--cancel-grace", "0")
    with Service(TASKS, workers=1, options=(*options, "--http", f"127.0.0.1:{port}")) as started:
        yield started
        assert started.stop().problems == []


class _WithToken(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[misc]
    """Adds the token to each call."""

    def intercept_unary_unary(self, continuation: Any, details: Any, made: Any) -> Any:
        return continuation(_signed(details), made)

    def intercept_unary_stream(self, continuation: Any, details: Any, made: Any) -> Any:
        return continuation(_signed(details), made)


def _signed(details: Any) -> Any:
    return details._replace(metadata=(("authorization", f"Bearer {TOKEN}"),))


@contextlib.contextmanager
def _calls(service: Service) -> Iterator[Calls]:
    with open_calls(service) as opened:
        yield Calls(grpc.intercept_channel(opened.channel, _WithToken()))


def _told(calls: Calls, made: Request) -> str:
    """All that a caller is told of a request."""
    try:
        return "".join(map(str, calls.messages(made)))
    except grpc.RpcError as error:
        return f"{error.details()} {error.trailing_metadata()}"


def _lists(calls: Calls) -> str:
    """All that any caller is told of all executions and environments."""
    listed = calls.executor.ListExecutions(task_executor_pb2.ListExecutionsRequest(page_size=1000), timeout=60)
    got = [
        calls.executor.GetExecution(task_executor_pb2.GetExecutionRequest(execution_id=one.execution_id), timeout=60)
        for one in listed.executions
    ]
    environments = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest(), timeout=60)
    return f"{listed} {got} {environments}"


def test_nowhere(secured: Service, port: int) -> None:
    told = {}
    with _calls(secured) as calls:
        for name, made in _failing().items():
            told[name] = _told(calls, made)
        with running(calls, _with_secrets(request("intruders.sleeps_for_ever"))) as outcome:
            wait_for(lambda: bool(_busy(calls)))
            cancel = task_executor_pb2.CancelExecutionRequest(execution_id=_busy(calls))
            calls.executor.CancelExecution(cancel, timeout=60)
            told["cancelled"] = str(outcome.get(timeout=60))
        description = task_executor_pb2.DescribeTaskRequest(
            task={"name": "basic.no_such"}, environment={"env": {"API_KEY": f"{SECRET}described"}}
        )
        with pytest.raises(grpc.RpcError) as caught:
            calls.executor.DescribeTask(description, timeout=60)
        told["described"] = f"{caught.value.details()} {caught.value.trailing_metadata()}"
        told["lists"] = _lists(calls)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        told["metrics"] = answer.read().decode()
    told["log"] = secured.log
    assert [name for name, text in told.items() if SECRET in text or TOKEN in text] == []
    # Each has failed in its own way, and said why.
    for name, words in {
        "refused uri": "must end in .tar.gz",
        "raises": "because",
        "template": "No module named",
        "template's variable": "template.container.env: 'API_KEY'",
        "distribution": "SYSTEM:Distribution",
        "signed distribution": "127.0.0.1:1/x.tar.gz",
        "packages": "no-such-package",
        "timeout": "USER:Timeout",
        "cancelled": "USER:Cancelled",
        "preload": "no_such",
    }.items():
        assert words in told[name], name


def _busy(calls: Calls) -> str:
    """The id of what runs; empty when nothing does."""
    environments = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest(), timeout=60).environments
    return next((worker.execution_id for one in environments for worker in one.workers if worker.execution_id), "")
