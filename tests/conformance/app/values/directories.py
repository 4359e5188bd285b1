"""FlyteDirectory: in, out, listed without downloading, and filled file by file."""

import os
import pathlib

from flytekit import current_context, task
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from conformance import EVERYWHERE, LOCAL, Case


@task
def made() -> FlyteDirectory:
    root = pathlib.Path(current_context().working_directory, "made")
    (root / "below" / "deeper").mkdir(parents=True)
    for name in ("a.txt", "below/b c.txt", "below/deeper/ü.txt"):
        (root / name).write_text(f"this is {name}")
    return FlyteDirectory(str(root))


@task
def at_a_place_of_its_own() -> FlyteDirectory:
    root = pathlib.Path(current_context().working_directory, "made")
    root.mkdir()
    (root / "a.txt").write_text("placed")
    return FlyteDirectory(str(root), remote_directory=f"{os.environ['WHERE']}/placed")


@task
def downloaded(given: FlyteDirectory) -> list[str]:
    root = pathlib.Path(given.download())
    found = [f"{file.relative_to(root)}: {file.read_text()}" for file in sorted(root.rglob("*")) if file.is_file()]
    return [str(given.downloaded), *found]


@task
def listed(given: FlyteDirectory) -> dict[str, list[str]]:
    entries = FlyteDirectory.listdir(given)
    return {
        "listdir": sorted(f"{type(one).__name__} {one.remote_source}" for one in entries),
        "read": sorted(pathlib.Path(one.download()).read_text() for one in entries if isinstance(one, FlyteFile)),
    }


@task
def crawled(given: FlyteDirectory) -> list[str]:
    return sorted(f"{base} {path}" for base, path in given.crawl())


@task
def filled() -> FlyteDirectory:
    directory = FlyteDirectory.new_remote()
    with directory.new_file("a.txt").open("w") as file:
        file.write("new file")
    with directory.new_dir("below").new_file("b.txt").open("wb") as file:
        file.write(b"new directory")
    return directory


@task
def named_new() -> FlyteDirectory:
    directory = FlyteDirectory.new("a name")
    pathlib.Path(directory.path, "a.txt").write_text("local first")
    return directory


@task
def passed_on(given: FlyteDirectory) -> tuple[FlyteDirectory, FlyteDirectory]:
    return given, FlyteDirectory.from_source(str(given.remote_source or given.path))


@task
def in_collections(given: list[FlyteDirectory]) -> dict[str, FlyteDirectory]:
    return {str(index): directory for index, directory in enumerate(given)}


_P = "FileAccessProvider"
_FILES = {"tree/a.txt": b"a", "tree/below/b c.txt": b"b", "tree/below/deeper/c.txt": b"c"}


def _given(shared: str) -> dict[str, FlyteDirectory]:
    return {"given": FlyteDirectory(f"{shared}/tree")}


CASES = [
    Case("made", storage=EVERYWHERE, proves=(f"{_P}.async_put_data",)),
    Case("made", variant="file-uri", flags=("--raw-output-data-prefix", "file://{raw}"), storage=LOCAL),
    Case("at_a_place_of_its_own", storage=EVERYWHERE, env={"WHERE": "{run}/where"}),
    Case("downloaded", _given, files=_FILES, storage=EVERYWHERE, proves=(f"{_P}.get_data",)),
    Case("listed", _given, files=_FILES, storage=EVERYWHERE),
    # flytekit walks with an argument that newer file systems of S3 do not take.
    Case("crawled", _given, files=_FILES, storage=LOCAL),
    Case("filled", storage=EVERYWHERE),
    Case("named_new", storage=EVERYWHERE),
    Case("passed_on", _given, files=_FILES, storage=EVERYWHERE),
    Case("in_collections", lambda shared: {"given": [_given(shared)["given"]] * 2}, files=_FILES, storage=EVERYWHERE),
]
