"""Bearer tokens, with a real service: who is let in, what stays open, and what changes while it runs."""

from __future__ import annotations

import os
import re
import ssl
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from calls import request
from conftest import TASKS, open_calls
from faults import wait_for
from flytewarm import AsyncExecutor, Credentials, Executor, Unauthenticated
from flytewarm_api.v1 import task_executor_pb2, worker_pool_pb2
from security_files import OTHER_TOKEN, TOKEN, SecurityFiles
from showcase.service import Service, free_port

OK, REFUSED = grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SecurityFiles:
    """The service's files."""
    return SecurityFiles(tmp_path_factory.mktemp("security"))


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Of the service on all interfaces: gRPC, HTTP."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def service(files: SecurityFiles, ports: tuple[int, int]) -> Iterator[Service]:
    """A service that wants tokens, on a Unix socket and on all interfaces."""
    options = (*files.tls, "--token-file", str(files.tokens), "--http", f"0.0.0.0:{ports[1]}")
    with Service(TASKS, workers=1, options=("--listen", f"0.0.0.0:{ports[0]}", *options)) as running:
        yield running
        assert running.stop().problems == []


def _metadata(header: str | None) -> tuple[tuple[str, str], ...]:
    return () if header is None else (("authorization", header),)


def _capabilities(service: Service, header: str | None) -> grpc.StatusCode:
    with open_calls(service) as calls:
        call = calls.pool.GetCapabilities.with_call
        try:
            call(worker_pool_pb2.GetCapabilitiesRequest(), metadata=_metadata(header), timeout=20)
        except grpc.RpcError as error:
            return error.code()  # type: ignore[no-any-return]
    return OK


def test_refusals_are_logged_without_what_was_shown(service: Service) -> None:
    wrong = "a-token-that-nobody-has-given"
    assert _capabilities(service, f"Bearer {wrong}") == REFUSED
    assert '"code": "UNAUTHENTICATED"' in service.log
    assert wrong not in service.log


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Bearer  {TOKEN}"])
def test_a_token_lets_in(service: Service, header: str) -> None:
    assert _capabilities(service, header) == OK


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer #"],
)
def test_anything_else_does_not(service: Service, header: str | None) -> None:
    assert _capabilities(service, header) == REFUSED


def _calls(service: Service, metadata: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, Any]]:
    """One call of every kind."""
    with open_calls(service) as calls:
        known = {"metadata": metadata, "timeout": 20}
        watch = task_executor_pb2.WatchExecutionRequest(execution_id="one")
        yield "execute", lambda: list(calls.executor.ExecuteTask(request("basic.add", a=1, b=2), **known))
        yield "stream", lambda: list(calls.executor.ExecuteTasks(iter([]), **known))
        yield "watch", lambda: list(calls.executor.WatchExecution(watch, **known))
        yield "list", lambda: calls.executor.ListExecutions(task_executor_pb2.ListExecutionsRequest(), **known)
        yield "drain", lambda: calls.pool.Drain(worker_pool_pb2.DrainRequest(), **known)
        yield "no such method", lambda: calls.channel.unary_unary("/a.B/C")(b"", **known)
        yield "junk", lambda: calls.channel.unary_unary("/flytewarm_api.v1.WorkerPool/Drain")(b"\xff", **known)
        reflection = reflection_pb2_grpc.ServerReflectionStub(calls.channel)
        wanted = reflection_pb2.ServerReflectionRequest(list_services="")
        yield "reflection", lambda: list(reflection.ServerReflectionInfo(iter([wanted]), **known))


@pytest.mark.parametrize("header", [None, f"Bearer {OTHER_TOKEN}"])
def test_every_method_is_refused_with_the_same_words(service: Service, header: str | None) -> None:
    told = set()
    for name, call in _calls(service, _metadata(header)):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        told.add((caught.value.code(), caught.value.details()))
        assert caught.value.code() == REFUSED, name
    assert told == {(REFUSED, "a valid token is required")}


def test_reflection_answers_with_a_token(service: Service) -> None:
    with open_calls(service) as calls:
        stub = reflection_pb2_grpc.ServerReflectionStub(calls.channel)
        wanted = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = stub.ServerReflectionInfo(iter([wanted]), metadata=_metadata(f"Bearer {TOKEN}"), timeout=20)
    assert "flytewarm_api.v1.TaskExecutor" in [one.name for one in answer.list_services_response.service]


def test_health_needs_none(service: Service) -> None:
    with open_calls(service) as calls:
        health = health_pb2_grpc.HealthStub(calls.channel)
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=20)
        first = next(health.Watch(health_pb2.HealthCheckRequest(), timeout=20))
    assert answer.status == first.status == health_pb2.HealthCheckResponse.SERVING


def test_over_tls(service: Service, files: SecurityFiles, ports: tuple[int, int]) -> None:
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(files.server_ca.cert_pem.bytes()), grpc.access_token_call_credentials(TOKEN)
    )
    with grpc.secure_channel(f"localhost:{ports[0]}", credentials) as channel:
        call = channel.unary_unary("/flytewarm_api.v1.WorkerPool/GetCapabilities")
        told = worker_pool_pb2.GetCapabilitiesResponse.FromString(call(b"", timeout=20))
    assert told.workers == 1


def _get(files: SecurityFiles, port: int, path: str, header: str | None) -> int:
    context = ssl.create_default_context()
    files.server_ca.configure_trust(context)
    headers = {} if header is None else {"Authorization": header}
    asked = urllib.request.Request(f"https://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, context=context, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_metrics_on_other_addresses_need_one(service: Service, files: SecurityFiles, ports: tuple[int, int]) -> None:
    assert _get(files, ports[1], "/healthz", None) == _get(files, ports[1], "/readyz", None) == 200
    assert _get(files, ports[1], "/metrics", None) == 401
    # No UTF-8.
    assert _get(files, ports[1], "/metrics", "Bearer \xff") == 401
    assert _get(files, ports[1], "/metrics", f"Bearer {OTHER_TOKEN}") == 401
    assert _get(files, ports[1], "/metrics", f"Bearer {TOKEN}") == 200


def test_metrics_on_loopback_need_none(own_service: Any, files: SecurityFiles) -> None:
    port = free_port()
    own_service("--token-file", str(files.tokens), "--http", f"127.0.0.1:{port}")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        assert answer.status == 200


def test_the_client_over_tls(service: Service, files: SecurityFiles, ports: tuple[int, int]) -> None:
    target, authority = f"localhost:{ports[0]}", files.server_certificate_authority
    credentials = Credentials(ca_cert=authority, token_file=files.tokens)
    with Executor(target, credentials=credentials) as executor:
        assert executor.run("basic.add", a=40, b=2) == 42
        assert next(one.task for one in executor.executions()) == "basic.add"
        assert executor.environments()[0].workers
    for wrong in (Credentials(ca_cert=authority), Credentials(ca_cert=authority, token=OTHER_TOKEN)):
        with Executor(target, credentials=wrong) as executor, pytest.raises(Unauthenticated):
            executor.run("basic.add", a=40, b=2)


def test_the_example_in_the_documentation(files: SecurityFiles, ports: tuple[int, int], service: Service) -> None:
    usage = (Path(__file__).resolve().parents[2] / "docs/usage.md").read_text()
    (example,) = (one for one in re.findall(r"```python\n(.*?)```", usage, flags=re.DOTALL) if "Credentials" in one)
    for documented, here in {
        "flytewarm.example:8700": f"localhost:{ports[0]}",
        "authority.pem": str(files.server_certificate_authority),
        "my_project.tasks": "basic",
        '"token"': repr(str(files.tokens)),
    }.items():
        assert documented in example
        example = example.replace(documented, here)
    ended = subprocess.run([sys.executable, "-c", example], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("42\n", "")


async def test_the_asyncio_client_over_tls(service: Service, files: SecurityFiles, ports: tuple[int, int]) -> None:
    credentials = Credentials(ca_cert=files.server_certificate_authority, token=TOKEN)
    async with AsyncExecutor(f"localhost:{ports[0]}", credentials=credentials) as executor:
        assert await executor.run("basic.add", a=40, b=2) == 42
        assert (await executor.capabilities()).workers == 1
        assert [one async for one in executor.executions()]
        assert await executor.environments()


def _flytewarm(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("flytewarm")), *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment)


def test_the_command_line(service: Service, files: SecurityFiles, ports: tuple[int, int]) -> None:
    target, authority = f"localhost:{ports[0]}", str(files.server_certificate_authority)
    flags = ("--target", target, "--ca-cert", authority, "--token-file", str(files.tokens))
    assert _flytewarm("run", *flags, "basic.add", "--a", "40", "--b", "2").stdout == "42\n"
    variables = {"FLYTEWARM_TARGET": target, "FLYTEWARM_CA_CERT": authority, "FLYTEWARM_TOKEN": TOKEN}
    assert _flytewarm("status", **variables).returncode == 0
    refused = _flytewarm("executions", **{**variables, "FLYTEWARM_TOKEN": OTHER_TOKEN})
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "UNAUTHENTICATED: a valid token is required" in refused.stderr
    clear = _flytewarm("status", FLYTEWARM_TARGET="service.test:1", FLYTEWARM_TOKEN=TOKEN)
    assert clear.returncode == 2
    assert "a token would travel to service.test:1 in the clear" in clear.stderr
    assert TOKEN not in refused.stderr + clear.stderr


def test_tokens_are_replaced_while_the_service_runs(service: Service, files: SecurityFiles) -> None:
    first, second = f"Bearer {TOKEN}", f"Bearer {OTHER_TOKEN}"
    files.write_tokens("# both, for a while", "", TOKEN, OTHER_TOKEN)
    wait_for(lambda: _capabilities(service, second) == OK)
    assert _capabilities(service, first) == OK
    files.write_tokens(OTHER_TOKEN)
    wait_for(lambda: _capabilities(service, first) == REFUSED)
    files.write_tokens("short")
    wait_for(lambda: _capabilities(service, first) == REFUSED and "tokens not reloaded" in service.log)
    assert _capabilities(service, second) == OK
    files.write_tokens(TOKEN)
    wait_for(lambda: _capabilities(service, first) == OK)
    assert TOKEN not in service.log
    assert "short" not in service.log


def test_the_socket_is_for_its_user_alone(service: Service) -> None:
    found = os.lstat(Path(service.target.removeprefix("unix:")))
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
