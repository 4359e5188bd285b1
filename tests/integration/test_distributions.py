"""Code that comes with a request: found by its content, kept apart, refused when it is not safe."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import zipfile
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import grpc
import psutil
import pytest

from calls import Calls, details, request
from conftest import open_calls
from distributions import make_bundle, text_of, with_code
from faults import Barrier, StartService, idle_worker, last_outcome, queued, running, wait_for
from flytewarm_api.v1 import execution_pb2, task_executor_pb2, worker_pool_pb2
from showcase.service import Service

State = execution_pb2
CODE = "from flytekit import task\n\n\n@task\ndef answer() -> str:\n    return {!r}\n"


def _answers(path: Path, text: str) -> str:
    return make_bundle(path, {"bundled.py": CODE.format(text)})


def _environments(calls: Calls) -> list[str]:
    """Keys of the environments beside the default one."""
    listed = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest()).environments
    return [one.key for one in listed][1:]


@pytest.fixture
def served(own_service: StartService) -> Iterator[tuple[Service, Calls]]:
    service = own_service("--max-environments", "2")
    with open_calls(service) as calls:
        yield service, calls
    assert service.stop().problems == []


def test_new_content_is_a_new_environment(served: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = served
    uri = _answers(tmp_path / "code.tar.gz", "first")
    assert [text_of(calls, with_code(uri)) for _ in range(2)] == ["first", "first"]
    (first,) = _environments(calls)
    # The same content under another name is the same environment.
    (tmp_path / "copy.tar.gz").write_bytes(Path(uri).read_bytes())
    outcome = calls.outcome(with_code(f"file://{tmp_path}/copy.tar.gz"))
    assert outcome.receipt.environment == first
    assert outcome.receipt.worker_executions == 3
    # Other content under the same name is not.
    _answers(tmp_path / "code.tar.gz", "second")
    assert text_of(calls, with_code(uri)) == "second"
    assert len(_environments(calls)) == 2
    assert calls.run("basic.add", a=1, b=2) == 3


@pytest.mark.parametrize("start_method", ["fork", "exec"])
def test_new_code_comes_before_the_old_that_pythonpath_names(
    own_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_method: str
) -> None:
    # As flytekit's images have it: the application's directory is in PYTHONPATH, too, and overwritten by new code.
    app, beside = tmp_path / "app", tmp_path / "beside"
    for directory in (app, beside):
        directory.mkdir()
        (directory / "bundled.py").write_text(CODE.format(directory.name))
    path = [f"{app}/", str(beside), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    program = "import bundled, sys; sys.stdout.write(bundled.__file__)"
    ask = f"subprocess.run([sys.executable, '-c', {program!r}], capture_output=True, text=True).stdout"
    child = f"import subprocess, sys\nfrom flytekit import task\n\n\n@task\ndef answer() -> str:\n    return {ask}\n"
    service = own_service("--start-method", start_method, app_dir=app)
    with open_calls(service) as calls:
        assert text_of(calls, request("bundled.answer")) == "app"
        assert text_of(calls, with_code(_answers(tmp_path / "code.tar.gz", "new"))) == "new"
        found = text_of(calls, with_code(make_bundle(tmp_path / "child.tar.gz", {"bundled.py": child})))
        assert found.startswith(str(service.scratch)), found


def test_the_least_recently_used_goes(served: tuple[Service, Calls], tmp_path: Path) -> None:
    service, calls = served
    uris = [_answers(tmp_path / f"{number}.tar.gz", str(number)) for number in range(3)]
    keys = [calls.outcome(with_code(uri)).receipt.environment for uri in uris[:2]]
    assert text_of(calls, with_code(uris[0])) == "0"
    assert text_of(calls, with_code(uris[2])) == "2"
    assert keys[1] not in _environments(calls)
    wait_for(lambda: not list(service.scratch.glob(f"flytewarm-*/environments/{keys[1]}*")))
    assert text_of(calls, with_code(uris[1])) == "1"


def test_two_requests_wait_for_one_environment(served: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = served
    uri = _answers(tmp_path / "code.tar.gz", "once")
    with running(calls, with_code(uri)) as one, running(calls, with_code(uri)) as other:
        keys = {results.get(timeout=60).receipt.environment for results in (one, other)}
    assert keys == set(_environments(calls))
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"../escaped.py": ""}, "'../escaped.py' has '..'"),
        ({"/escaped.py": ""}, "has an absolute path"),
        ({"flytekit/__init__.py": ""}, "a module flytekit of its own"),
        ({"yaml.py": ""}, "a module yaml of its own"),
    ],
)
def test_unsafe_code_is_refused(
    served: tuple[Service, Calls], tmp_path: Path, files: dict[str, str], fault: str
) -> None:
    _, calls = served
    made = with_code(make_bundle(tmp_path / "code.tar.gz", files))
    made.settings.output_prefix = str(tmp_path / "out")
    outcome = calls.outcome(made)
    assert (outcome.state, outcome.error.cause) == (State.EXECUTION_STATE_FAILED, State.ERROR_CAUSE_USER)
    assert fault in outcome.error.error.message
    assert (tmp_path / "out" / "error.pb").exists()
    assert _environments(calls) == []
    assert calls.run("basic.add", a=1, b=2) == 3


def test_code_may_be_a_program_as_well(served: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = served
    files = {"bundled.py": CODE.format("a task"), "__main__.py": "", "__init__.py": ""}
    assert text_of(calls, with_code(make_bundle(tmp_path / "code.tar.gz", files))) == "a task"


def test_what_is_not_there_or_not_meant(served: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = served
    missing = calls.outcome(with_code(f"{tmp_path}/none.tar.gz")).error.error
    assert (missing.code, f"{tmp_path}/none.tar.gz does not exist" in missing.message) == ("USER:Distribution", True)
    uri = _answers(tmp_path / "code.tar.gz", "x")
    made = with_code(uri)
    made.environment.distribution_digest = "0" * 64
    other = calls.outcome(made).error.error
    assert "not " + "0" * 64 in other.message
    Path(uri).write_bytes(b"damaged")
    assert "not a readable .tar.gz" in calls.outcome(with_code(uri)).error.error.message
    closed = with_code("s3://bucket/code.tar.gz")
    closed.settings.env["FLYTE_AWS_ENDPOINT"] = "http://127.0.0.1:9"
    closed.settings.env["FLYTE_AWS_ACCESS_KEY_ID"] = closed.settings.env["FLYTE_AWS_SECRET_ACCESS_KEY"] = "x"
    assert calls.outcome(closed).error.error.code == "SYSTEM:Distribution"


def test_an_execution_whose_code_never_comes_can_be_cancelled(served: tuple[Service, Calls]) -> None:
    _, calls = served
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = with_code("s3://bucket/code.tar.gz")
        made.execution_id = "waits-for-code"
        made.settings.env["FLYTE_AWS_ENDPOINT"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        made.settings.env["FLYTE_AWS_ACCESS_KEY_ID"] = made.settings.env["FLYTE_AWS_SECRET_ACCESS_KEY"] = "x"
        with queued(calls, made) as stream:
            calls.executor.CancelExecution(task_executor_pb2.CancelExecutionRequest(execution_id="waits-for-code"))
            assert last_outcome(stream).state == State.EXECUTION_STATE_CANCELLED
    assert calls.run("basic.add", a=1, b=2) == 3


class _Held(ThreadingHTTPServer):
    """A storage whose files are all the same archive, which it does not hand out before it is released."""

    daemon_threads = True

    def __init__(self, content: bytes | None) -> None:
        """`content`: None has the files missing when they are read."""
        super().__init__(("127.0.0.1", 0), _HeldFiles)
        self.content = content
        self.read: Queue[str] = Queue()
        self.released = threading.Event()

    def uri(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}.tar.gz"


class _HeldFiles(BaseHTTPRequestHandler):
    server: _Held

    def do_HEAD(self) -> None:
        self._begin(HTTPStatus.OK)

    def do_GET(self) -> None:
        self.server.read.put(self.path)
        self.server.released.wait()
        if self.server.content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self._begin(HTTPStatus.OK)
            self.wfile.write(self.server.content)

    def _begin(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("ETag", f'"{self.path}"')
        self.send_header("Content-Length", str(len(self.server.content or b"x")))
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Not to standard error."""


@contextlib.contextmanager
def _held(content: bytes | None) -> Iterator[_Held]:
    with _Held(content) as storage:
        serving = threading.Thread(target=storage.serve_forever)
        serving.start()
        try:
            yield storage
        finally:
            storage.released.set()
            storage.shutdown()
            serving.join()


def _zygotes(service: Service) -> set[int]:
    """Those of environments, which are forked from the base zygote, the server's only child."""
    (base,) = psutil.Process(service.pid).children()
    return {one.pid for one in base.children()}


def test_the_fork_does_not_wait_for_the_download(served: tuple[Service, Calls], tmp_path: Path) -> None:
    service, calls = served
    before = _zygotes(service)
    content = Path(_answers(tmp_path / "code.tar.gz", "held")).read_bytes()
    with _held(content) as storage, running(calls, with_code(storage.uri("code"))) as results:
        storage.read.get(timeout=60)
        wait_for(lambda: len(_zygotes(service)) == len(before) + 1)
        ahead = _zygotes(service)
        storage.released.set()
        outcome = results.get(timeout=60)
    assert outcome.HasField("outputs"), outcome
    # It was that one which loaded the code.
    assert _zygotes(service) == ahead


def test_what_was_forked_for_code_that_does_not_come_ends(served: tuple[Service, Calls]) -> None:
    service, calls = served
    before = _zygotes(service)
    with _held(None) as storage, contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(running(calls, with_code(storage.uri(f"code-{n}")))) for n in range(6)]
        asked = {storage.read.get(timeout=60) for _ in waiting}
        # Its zygote is forked after all that were asked for before.
        other = request("basic.add", a=1, b=2)
        other.environment.preload_modules.append("basic")
        assert calls.outcome(other).HasField("outputs")
        # Not one for each: requests for code that cannot be had must not fill the machine.
        assert (len(asked), len(_zygotes(service))) == (6, len(before) + 4 + 1)
        storage.released.set()
        for results in waiting:
            assert results.get(timeout=60).error.error.code.endswith(":Distribution")
    wait_for(lambda: len(_zygotes(service)) == len(before) + 1)


def test_an_environment_that_is_lost_is_made_again(served: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = served
    uri = make_bundle(
        tmp_path / "code.tar.gz",
        {
            "bundled.py": CODE.format("x")
            + "\n\n@task\ndef parent() -> int:\n    import os\n\n    return os.getppid()\n"
        },
    )
    outcome = calls.outcome(with_code(uri, "bundled.parent"))
    (zygote,) = outcome.outputs.literals.literals.values()
    os.kill(zygote.scalar.primitive.integer, signal.SIGKILL)
    wait_for(lambda: _environments(calls) == [])
    assert text_of(calls, with_code(uri)) == "x"


def test_an_execution_whose_environment_is_lost_has_an_outcome(
    served: tuple[Service, Calls], barrier: Barrier, tmp_path: Path
) -> None:
    _, calls = served
    made = request("probes.wait_on", fifo=barrier.path)
    made.environment.distribution_uri = _answers(tmp_path / "code.tar.gz", "x")
    with running(calls, made) as results:
        barrier.wait_until_reached()
        listed = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest()).environments
        (worker,) = [one for one in listed[1].workers if one.execution_id]
        psutil.Process(worker.pid).parent().kill()
        outcome = results.get(timeout=10)
        barrier.forget()
    assert (outcome.state, outcome.error.error.code) == (State.EXECUTION_STATE_LOST, "SYSTEM:WorkerLost")


def test_variables_and_modules_of_the_environment(served: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = served
    text = "import os\n\nfrom flytekit import task\n\nSEEN = os.environ['SEEN_AT_IMPORT']\n\n\n"
    text += "@task\ndef answer() -> str:\n    return SEEN\n"
    made = with_code(make_bundle(tmp_path / "code.tar.gz", {"bundled.py": text}))
    made.environment.env["SEEN_AT_IMPORT"] = "in time"
    made.environment.preload_modules.append("bundled")
    assert text_of(calls, made) == "in time"
    made.environment.preload_modules.append("no_such_module")
    error = calls.outcome(made).error.error
    assert (error.code, "no_such_module" in error.message) == ("USER:EnvironmentBroken", True)


@pytest.mark.parametrize("text", ["'\\udcff told'", "'x' * (4 << 20) + ' told'"])
def test_whatever_code_raises_is_told(served: tuple[Service, Calls], tmp_path: Path, text: str) -> None:
    _, calls = served
    made = with_code(make_bundle(tmp_path / "code.tar.gz", {"raises.py": f"raise ValueError({text})\n"}))
    made.environment.preload_modules.append("raises")
    error = calls.outcome(made).error.error
    assert (error.code, error.message.rstrip()[-5:]) == ("USER:EnvironmentBroken", " told")


def test_code_that_hangs_while_it_is_imported_is_killed(own_service: StartService, tmp_path: Path) -> None:
    service = own_service("--start-timeout", "5")
    made = with_code(make_bundle(tmp_path / "code.tar.gz", {"hangs.py": "import signal\n\nsignal.sigwait([])\n"}))
    made.environment.preload_modules.append("hangs")
    with open_calls(service) as calls:
        idle_worker(calls)
        before = service.processes
        error = calls.outcome(made).error.error
    assert (error.code, "--start-timeout" in error.message) == ("USER:EnvironmentBroken", True)
    wait_for(lambda: service.processes <= before, seconds=10)


def test_variables_larger_than_a_socket_holds(served: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = served
    made = with_code(_answers(tmp_path / "code.tar.gz", "x"))
    made.environment.env["LARGE"] = "x" * (1 << 20)
    assert text_of(calls, made) == "x"
    del made.environment.env["LARGE"]
    assert text_of(calls, made) == "x"


def test_a_task_of_a_distribution_is_described(served: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = served
    asked = task_executor_pb2.DescribeTaskRequest(task={"name": "bundled.answer"})
    asked.environment.distribution_uri = _answers(tmp_path / "code.tar.gz", "x")
    assert calls.executor.DescribeTask(asked).name == "bundled.answer"
    asked.environment.distribution_uri = f"{tmp_path}/none.tar.gz"
    with pytest.raises(grpc.RpcError) as caught:
        calls.executor.DescribeTask(asked)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "does not exist" in caught.value.details()
    assert list(details(caught.value))


def _wheel(directory: Path) -> Path:
    path = directory / "runtime_extra-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("runtime_extra.py", "ORIGIN = 'installed at run time'\n")
        info = "runtime_extra-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: runtime-extra\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_runtime_packages_are_installed_once(served: tuple[Service, Calls], tmp_path: Path) -> None:
    _, calls = served
    made = request("probes.imported", module="runtime_extra", name="ORIGIN")
    made.settings.env.update({"_F_RUNTIME_PACKAGES": str(_wheel(tmp_path)), "PIP_NO_INDEX": "1"})
    receipts = []
    for _ in range(2):
        assert text_of(calls, made) == "installed at run time"
        receipts.append(calls.outcome(made).receipt)
    assert len({receipt.environment for receipt in receipts}) == 1
    assert receipts[-1].worker_executions == 4
    # Not in the default environment.
    assert (
        "No module named"
        in calls.outcome(request("probes.imported", module="runtime_extra", name="ORIGIN")).error.error.message
    )
    made.settings.env["_F_RUNTIME_PACKAGES"] = f"{tmp_path}/none.whl"
    error = calls.outcome(made).error.error
    assert (error.code, "none.whl" in error.message) == ("USER:Distribution", True)


def _hanging_build(directory: Path) -> str:
    setup = "import signal\n\nsignal.sigwait([])\n"
    info = "Metadata-Version: 2.1\nName: hangs\nVersion: 1.0\n"
    path = directory / "hangs-1.0.tar.gz"
    return make_bundle(path, {"hangs-1.0/setup.py": setup, "hangs-1.0/PKG-INFO": info})


def test_what_builds_packages_ends_with_its_time(own_service: StartService, tmp_path: Path) -> None:
    service = own_service("--start-timeout", "8")
    made = request("basic.add", a=1, b=2)
    made.settings.env["_F_RUNTIME_PACKAGES"] = f"--no-build-isolation {_hanging_build(tmp_path)}"
    with open_calls(service) as calls:
        idle_worker(calls)
        before = service.processes
        assert "took longer than 8.0 s" in calls.outcome(made).error.error.message
    wait_for(lambda: service.processes <= before, seconds=10)
    assert [path.name[:10] for path in service.scratch.iterdir()] == ["flytewarm-"]


def test_code_is_not_blamed_for_an_interpreter_that_ends(
    own_service: StartService, barrier: Barrier, tmp_path: Path
) -> None:
    service = own_service()
    text = f"open({barrier.path!r}).read()\n"
    made = with_code(make_bundle(tmp_path / "code.tar.gz", {"waits.py": text}))
    made.environment.preload_modules.append("waits")
    with open_calls(service) as calls, running(calls, made) as results:
        barrier.wait_until_reached()
        (base,) = psutil.Process(service.pid).children()
        base.kill()
        assert results.get(timeout=10).error.error.code == "SYSTEM:EnvironmentBroken"
        barrier.forget()


def test_work_in_its_environment_is_drained(own_service: StartService, tmp_path: Path) -> None:
    service = own_service()
    text = "import time\n\nfrom flytekit import task\n\n\n@task\ndef answer() -> str:\n"
    text += "    print('started', flush=True)\n    time.sleep(1)\n    return 'finished'\n"
    made = with_code(make_bundle(tmp_path / "code.tar.gz", {"bundled.py": text}))
    lines: Queue[execution_pb2.Event] = Queue()
    with open_calls(service) as calls:
        stream = calls.executor.ExecuteTask(made)
        for message in stream:
            for event in message.events:
                lines.put(event)
            if any(event.HasField("log") for event in message.events):
                break
        os.kill(service.pid, signal.SIGTERM)
        outcome = last_outcome(stream)
    assert outcome.state == State.EXECUTION_STATE_SUCCEEDED
    assert service.stop().problems == []
