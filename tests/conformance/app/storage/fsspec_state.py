"""What fsspec keeps in a process: the next execution must find it as a new process does."""

import os
import pathlib

import fsspec
import fsspec.implementations.memory
from flytekit import FlyteContextManager, task
from flytekit.core.data_persistence import FileAccessProvider

from conformance import EVERYWHERE, LOCAL, S3, Case


def _files() -> FileAccessProvider:
    return FlyteContextManager.current_context().file_access


def _names(paths: list[str]) -> list[str]:
    return sorted(path.rsplit("/", 1)[-1] for path in paths)


@task
def listing() -> dict[str, str]:
    """Leaves a listing in which a file is that somebody else has deleted."""
    where = os.environ["WHERE"]
    kept = _files().get_filesystem_for_path(where)
    before = _names(kept.ls(where, detail=False))
    kept.pipe_file(f"{where}/passing", b"")
    kept.invalidate_cache()
    between = _names(kept.ls(where, detail=False))
    _files().get_filesystem_for_path(where, skip_instance_cache=True).rm(f"{where}/passing")
    return {"before": str(before), "between": str(between)}


@task
async def listing_async() -> dict[str, str]:
    where = os.environ["WHERE"]
    kept = await _files().get_async_filesystem_for_path(where)
    before = _names(await kept._ls(where, detail=False))
    await kept._pipe_file(f"{where}/passing", b"")
    kept.invalidate_cache()
    between = _names(await kept._ls(where, detail=False))
    other = await _files().get_async_filesystem_for_path(where, skip_instance_cache=True)
    await other._rm_file(f"{where}/passing")
    return {"before": str(before), "between": str(between)}


class Shouting(fsspec.implementations.memory.MemoryFileSystem):
    protocol = "shouting"

    def get_file(self, rpath: str, lpath: str, **_: object) -> None:
        pathlib.Path(lpath).write_text(rpath.upper())


@task
def implementation() -> dict[str, str]:
    before = "shouting" in fsspec.available_protocols() or "shouting" in fsspec.registry
    fsspec.register_implementation("shouting", Shouting)
    local = _files().get_random_local_path("shouted")
    _files().get_data("shouting://a/word", local)
    return {"before": str(before), "got": pathlib.Path(local).read_text()}


@task
def implementation_replaced() -> str:
    """An implementation of s3 that is none: flytekit takes its own all the same, others take this one."""
    before = fsspec.get_filesystem_class("s3").__name__
    fsspec.register_implementation("s3", Shouting, clobber=True)
    return f"{before} {fsspec.get_filesystem_class('s3').__name__} {type(_files().get_filesystem('s3')).__name__}"


@task
def changed_file_system() -> str:
    file_system = _files().get_filesystem("file")
    before = getattr(file_system, "mark", None)
    file_system.mark = "left here"
    return f"{before} {_files().get_filesystem('file').mark}"


@task
def options() -> list[str]:
    """Options that fsspec takes from variables when it is imported."""
    file_system = _files().get_filesystem("s3")
    return [str(file_system.default_block_size), str(file_system.storage_options.get("requester_pays"))]


@task
def large_upload() -> str:
    path = pathlib.Path(_files().get_random_local_path("large"))
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.truncate(13 << 20)
    _files().put_data(str(path), f"{os.environ['WHERE']}/large")
    with _files().get_filesystem_for_path(os.environ["WHERE"]).open(f"{os.environ['WHERE']}/written", "wb") as file:
        file.write(b"\0" * (6 << 20))
    return str(_files().get_filesystem_for_path(os.environ["WHERE"]).size(f"{os.environ['WHERE']}/large"))


_P = "FileAccessProvider"
_HERE = {"WHERE": "{run}/where"}
_SHARED = {"WHERE": "{shared}/listed"}
_LISTED = {"listed/a": b"a", "listed/b": b"b"}

CASES = [
    Case("listing", storage=EVERYWHERE, env=_SHARED, files=_LISTED, proves=(f"{_P}.get_filesystem_for_path",)),
    Case("listing_async", storage=S3, env=_SHARED, files=_LISTED, proves=(f"{_P}.get_async_filesystem_for_path",)),
    Case("implementation", storage=LOCAL),
    Case("implementation_replaced", storage=LOCAL),
    Case("changed_file_system", storage=EVERYWHERE),
    Case("options", storage=LOCAL),
    Case("options", variant="fsspec-variables", storage=LOCAL, env={"FSSPEC_S3": '{"requester_pays": true}'}),
    Case("options", variant="fsspec-block-size", storage=S3, env={"FSSPEC_S3": '{"default_block_size": 6000000}'}),
    Case("large_upload", storage=EVERYWHERE, env=_HERE, proves=(f"{_P}.put_data",)),
    Case("large_upload", variant="chunks", storage=S3, env={**_HERE, "_F_P_WRITE_CHUNK_SIZE": str(5 << 20)}),
]
