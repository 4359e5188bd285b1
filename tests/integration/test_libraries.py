"""Libraries (--preload-library): imported once for all environments that can share them, and anew for those that
cannot."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from calls import request
from conftest import open_calls
from distributions import make_bundle, text_of, with_code
from faults import Barrier, StartService, is_ready, launched, wait_for
from flytewarm_api.v1 import task_executor_pb2, worker_pool_pb2
from showcase.service import Service

# Each import adds a line to a file.
LIBRARY = """
import os

with open(os.environ["IMPORTS"], "a") as imports:
    imports.write("imported\\n")
MODE = os.environ.get("LIBRARY_MODE", "plain")
"""
TASKS = """
import library
from flytekit import task


@task
def mode() -> str:
    return library.MODE + {suffix!r}
"""


@pytest.fixture
def imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often the library was imported. It is found by PYTHONPATH; an application that uses it is in `app`."""
    for name, file, text in (("lib", "library.py", LIBRARY), ("app", "tasks.py", TASKS.format(suffix=""))):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    path = [str(tmp_path / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("IMPORTS", str(tmp_path / "imports"))
    return lambda: len((tmp_path / "imports").read_text().splitlines())


@pytest.fixture
def start(own_service: StartService, imports: object, tmp_path: Path) -> Callable[..., Service]:
    """Starts a service that preloads the library and the application."""
    return lambda *options: own_service(
        "--preload-library", "library", "--preload", "tasks", *options, app_dir=tmp_path / "app"
    )


def _bundle(path: Path, **modules: str) -> task_executor_pb2.ExecuteTaskRequest:
    """A request for tasks.mode with code of its own."""
    return with_code(make_bundle(path, {f"{name}.py": text for name, text in modules.items()}), "tasks.mode")


def test_new_code_does_not_import_them_again(
    start: Callable[..., Service], imports: Callable[[], int], tmp_path: Path
) -> None:
    with open_calls(start()) as calls:
        assert text_of(calls, request("tasks.mode")) == "plain"
        for number in range(2):
            made = _bundle(tmp_path / f"code-{number}.tar.gz", tasks=TASKS.format(suffix=f" {number}"))
            assert text_of(calls, made) == f"plain {number}"
        assert imports() == 1


def test_code_may_have_a_module_in_place_of_their_package(start: Callable[..., Service], tmp_path: Path) -> None:
    own = "from flytekit import task\nimport wsgiref\n\n\n@task\ndef mode() -> str:\n    return wsgiref.KIND\n"
    with open_calls(start("--preload-library", "wsgiref.util")) as calls:
        made = _bundle(tmp_path / "code.tar.gz", tasks=own, wsgiref="KIND = 'a module'\n")
        assert text_of(calls, made) == "a module"


def test_code_may_have_another_module_in_their_place(start: Callable[..., Service], tmp_path: Path) -> None:
    own = "from flytekit import task\nimport wave\n\n\n@task\ndef mode() -> str:\n    return wave.__file__\n"
    # Of Python's own library, before which that of a distribution is found.
    service = start("--preload-library", "wave")
    with open_calls(service) as calls:
        where = text_of(calls, _bundle(tmp_path / "code.tar.gz", tasks=own))
        assert where == wave.__file__
        where = text_of(calls, _bundle(tmp_path / "other.tar.gz", tasks=own, wave=""))
        assert where != wave.__file__
        assert "the code has a module wave in place of a library" in service.log


def test_variables_are_there_when_they_are_imported(start: Callable[..., Service], imports: Callable[[], int]) -> None:
    made = request("tasks.mode")
    made.environment.env["LIBRARY_MODE"] = "another"
    with open_calls(start()) as calls:
        assert text_of(calls, made) == "another"
        assert imports() == 2


def test_packages_may_bring_others_in_their_place(start: Callable[..., Service], imports: Callable[[], int]) -> None:
    made = request("tasks.mode")
    # It is there already: nothing is installed.
    made.settings.env.update({"_F_RUNTIME_PACKAGES": "pip", "PIP_NO_INDEX": "1"})
    with open_calls(start()) as calls:
        assert text_of(calls, made) == "plain"
        assert imports() == 2


def test_one_that_needs_the_application_stops_the_start(imports: object, tmp_path: Path) -> None:
    (tmp_path / "app" / "settings.py").write_text("")
    (tmp_path / "lib" / "library.py").write_text("import settings\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = ("--app-dir", str(tmp_path / "app"), "--preload-library", "library")
    with launched(scratch, "--listen", f"unix:{scratch}/s", *options) as server:
        assert "preload module library: ModuleNotFoundError" in server.read_until("could not start")
        assert server.end() == 1
    assert list(scratch.iterdir()) == []


STARTED = "threading.Thread(target=threading.Event().wait, name='left', daemon=True).start"


@pytest.mark.parametrize(
    ("code", "options", "reason"),
    [
        (f"{STARTED}()", (), "preloaded code started threads: left"),
        (f"import os\nos.register_at_fork(after_in_child=lambda: {STARTED}())", (), ""),
        (f"import os\nos.register_at_fork(after_in_child=lambda: {STARTED}())", ("--start-method", "fork"), ""),
    ],
)
def test_those_that_no_fork_survives_are_not_shared(
    start: Callable[..., Service],
    imports: Callable[[], int],
    tmp_path: Path,
    code: str,
    options: tuple[str, ...],
    reason: str,
) -> None:
    (tmp_path / "lib" / "library.py").write_text(f"{LIBRARY}import threading\n{code}\n")
    service = start(*options)
    with open_calls(service) as calls:
        assert "libraries not shared" in service.log
        assert text_of(calls, request("tasks.mode")) == "plain"
        (status,) = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest()).environments
        assert status.start_method_reason == reason
        before = imports()
        assert text_of(calls, _bundle(tmp_path / "code.tar.gz", tasks=TASKS.format(suffix=""))) == "plain"
        assert imports() > before


def test_with_workers_that_are_execd_each_imports_them(
    start: Callable[..., Service], imports: Callable[[], int]
) -> None:
    with open_calls(start("--start-method", "exec")) as calls:
        assert text_of(calls, request("tasks.mode")) == "plain"
        assert imports() == 1


def test_when_their_process_ends_all_is_loaded_again(start: Callable[..., Service], imports: Callable[[], int]) -> None:
    service = start()
    with open_calls(service) as calls:
        (base,) = psutil.Process(service.pid).children()
        (libraries,) = base.children()
        libraries.kill()
        wait_for(lambda: imports() == 2 and is_ready(calls))
        assert text_of(calls, request("tasks.mode")) == "plain"


def test_one_whose_import_hangs_stops_the_start(imports: object, barrier: Barrier, tmp_path: Path) -> None:
    (tmp_path / "lib" / "library.py").write_text(f"open({barrier.path!r}).read()\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = ("--app-dir", str(tmp_path / "app"), "--preload-library", "library", "--start-timeout", "5")
    with launched(scratch, "--listen", f"unix:{scratch}/s", *options) as server:
        barrier.wait_until_reached()
        assert "importing libraries took longer than 5.0 s (--start-timeout)" in server.read_until("could not start")
        assert server.end() == 1
        barrier.forget()
    assert list(scratch.iterdir()) == []
