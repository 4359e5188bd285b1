"""FileAccessProvider: its coroutines, in async tasks, and in tasks that run a loop or a thread of their own."""

import asyncio
import io
import os
import pathlib
import threading

from flytekit import FlyteContextManager, task
from flytekit.core.data_persistence import FileAccessProvider
from flytekit.utils.asyn import run_sync

from conformance import EVERYWHERE, LOCAL, Case


def _files() -> FileAccessProvider:
    return FlyteContextManager.current_context().file_access


async def _round_trip(files: FileAccessProvider, where: str) -> list[str]:
    local = files.get_random_local_directory()
    pathlib.Path(local, "a.txt").write_text("asynchronously")
    put = await files.async_put_data(f"{local}/a.txt", f"{where}/a.txt")
    directory = await files.async_put_data(local, f"{where}/directory", is_multipart=True)
    raw = [
        await files.async_put_raw_data(f"{local}/a.txt", upload_prefix="given"),
        await files.async_put_raw_data(b"bytes", file_name="bytes"),
        await files.async_put_raw_data(io.StringIO("text"), file_name="text"),
    ]
    got = files.get_random_local_path("got")
    await files.async_get_data(put, got)
    again = await files.get(put, f"{local}/again.txt")
    await files.async_get_data(directory, f"{local}/all", is_multipart=True)
    texts = [pathlib.Path(path).read_text() for path in (got, again, f"{local}/all/a.txt")]
    return [put, directory, *raw, *texts, str(again == f"{local}/again.txt")]


async def _listing(files: FileAccessProvider, where: str) -> list[str]:
    file_system = await files.get_async_filesystem_for_path(where)
    if not getattr(file_system, "async_impl", False):
        return [type(file_system).__name__, *(path.rsplit("/", 1)[-1] for path in file_system.find(where))]
    found = await file_system._find(where)
    await file_system._pipe_file(f"{where}/piped", b"through a pipe")
    content = await file_system._cat_file(f"{where}/piped")
    return [type(file_system).__name__, *sorted(path.rsplit("/", 1)[-1] for path in found), content.decode()]


@task
async def in_async_task() -> list[str]:
    files, where = _files(), os.environ["WHERE"]
    return await _round_trip(files, where) + await _listing(files, where)


@task
async def many_at_once() -> list[str]:
    files, where = _files(), os.environ["WHERE"]
    texts = await asyncio.gather(*(files.async_put_raw_data(b"%d" % i, "many", f"{i}.txt") for i in range(12)))
    local = files.get_random_local_directory()
    await asyncio.gather(*(files.async_get_data(uri, f"{local}/{i}") for i, uri in enumerate(texts)))
    return [*texts, *(pathlib.Path(local, str(i)).read_text() for i in range(12)), str(files.exists(where))]


@task
def through_run_sync() -> list[str]:
    return run_sync(_round_trip, _files(), os.environ["WHERE"])


@task
def in_a_loop_of_its_own() -> list[str]:
    return asyncio.run(_round_trip(_files(), os.environ["WHERE"]))


@task
def in_a_thread() -> list[str]:
    files, where, told = _files(), os.environ["WHERE"], []
    thread = threading.Thread(target=lambda: told.extend(run_sync(_round_trip, files, where)))
    thread.start()
    thread.join()
    return told


@task
async def failing() -> list[str]:
    told, local = [], _files().get_random_local_path("x")
    for attempt in (
        _files().async_get_data(f"{os.environ['WHERE']}/missing", local),
        _files().get(f"{os.environ['WHERE']}/missing", local),
        _files().async_put_data("/no/such/file", f"{os.environ['WHERE']}/x"),
        _files().async_put_raw_data("/no/such/file"),
    ):
        try:
            await attempt
        except Exception as error:
            told.append(f"{type(error).__name__}: {error}")
    return told


_P = "FileAccessProvider"
_COROUTINES = tuple(f"{_P}.{name}" for name in ("async_get_data", "async_put_data", "async_put_raw_data", "get"))
_LISTING = (f"{_P}.get_async_filesystem_for_path",)
_HERE = {"WHERE": "{run}/where"}
_MEMORY = {"WHERE": "memory://where"}
_FILE_URI = {"WHERE": "file://{run}/where"}

CASES = [
    Case("in_async_task", proves=_COROUTINES + _LISTING, storage=EVERYWHERE, env=_HERE),
    Case("in_async_task", variant="memory", proves=_COROUTINES + _LISTING, storage=LOCAL, env=_MEMORY),
    Case("in_async_task", variant="file-uri", proves=_COROUTINES + _LISTING, storage=LOCAL, env=_FILE_URI),
    Case("many_at_once", proves=_COROUTINES, storage=EVERYWHERE, env=_HERE),
    Case("through_run_sync", proves=_COROUTINES, storage=EVERYWHERE, env=_HERE),
    Case("in_a_loop_of_its_own", proves=_COROUTINES, storage=EVERYWHERE, env=_HERE),
    Case("in_a_thread", proves=_COROUTINES, storage=EVERYWHERE, env=_HERE),
    Case("failing", storage=EVERYWHERE, env=_HERE),
]
