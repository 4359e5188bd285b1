"""FlyteFile: in, out, read lazily, through streams, with a place of its own, and with names that need care."""

import os
import pathlib
import typing

from flytekit import FlyteContextManager, current_context, task
from flytekit.types.file import FlyteFile, JPEGImageFile, PDFFile

from conformance import EVERYWHERE, LOCAL, Case


def _new_file(name: str, content: bytes) -> str:
    path = pathlib.Path(current_context().working_directory, name)
    path.write_bytes(content)
    return str(path)


@task
def written() -> FlyteFile:
    return FlyteFile(_new_file("written.txt", b"some text"))


@task
def read(given: FlyteFile) -> tuple[str, str, bool]:
    before = os.path.exists(given.path)
    text = pathlib.Path(given).read_text()
    return text, f"{given.remote_source} {os.path.basename(given.path)}", before


@task
def downloaded(given: FlyteFile) -> list[str]:
    path = given.download()
    return [path, pathlib.Path(given).read_text(), str(given.downloaded), str(given.download() == path)]


@task
def streamed(given: FlyteFile) -> FlyteFile:
    made = FlyteFile.new_remote_file("streamed.txt")
    with given.open("r") as source, made.open("w") as destination:
        destination.write(source.read().upper())
    return made


@task
def cached_stream(given: FlyteFile) -> str:
    with given.open("rb", cache_type="readahead", cache_options={}) as source:
        return source.read(4).decode()


@task
def with_extensions(picture: JPEGImageFile) -> tuple[PDFFile, FlyteFile[typing.TypeVar("csv")]]:
    given = pathlib.Path(picture.download()).read_bytes()
    return PDFFile(_new_file("paper.pdf", given)), FlyteFile["csv"](_new_file("table.csv", b"a,b\n1,2\n"))


@task
def at_a_place_of_its_own() -> FlyteFile:
    return FlyteFile(_new_file("local.txt", b"placed"), remote_path=f"{os.environ['WHERE']}/placed.txt")


@task
def left_where_it_is() -> tuple[FlyteFile, FlyteFile]:
    """Not uploaded: one because it must not be, one because it is remote already."""
    files = FlyteContextManager.current_context().file_access
    remote = files.put_raw_data(b"remote", upload_prefix="own", file_name="remote.txt")
    return FlyteFile(_new_file("stays.txt", b"stays").replace(os.getcwd(), "."), remote_path=False), FlyteFile(remote)


@task
def passed_on(given: FlyteFile) -> FlyteFile:
    return given


@task
def from_source(given: FlyteFile) -> FlyteFile:
    return FlyteFile.from_source(str(given.remote_source or given.path))


@task
def named() -> dict[str, FlyteFile]:
    names = ("with space.txt", "grün ✓.txt", "100%+#&?.txt", "empty")
    return {name: FlyteFile(_new_file(name, b"" if name == "empty" else name.encode())) for name in names}


@task
def read_all(given: list[FlyteFile], more: dict[str, FlyteFile]) -> list[str]:
    texts = [f"{pathlib.Path(file.download()).name}: {pathlib.Path(file).read_text()}" for file in given]
    return texts + [f"{name}: {pathlib.Path(file.download()).read_text()}" for name, file in sorted(more.items())]


@task
def large() -> FlyteFile:
    return FlyteFile(_new_file("large.bin", b"0123456789abcdef" * (7 << 16)))


@task
def of_the_code() -> FlyteFile:
    """A file that lies beside the modules, by a path from the working directory."""
    return FlyteFile("failing.py")


@task
def is_missing() -> FlyteFile:
    return FlyteFile("/no/such/file.txt")


_P = "FileAccessProvider"
_FILES = {"here.txt": b"given", "nested/ä b.txt": "grün".encode()}


def _given(shared: str) -> dict[str, FlyteFile]:
    return {"given": FlyteFile(f"{shared}/here.txt")}


def _many(shared: str) -> dict[str, object]:
    one, other = FlyteFile(f"{shared}/here.txt"), FlyteFile(f"{shared}/nested/ä b.txt")
    return {"given": [one, other], "more": {"one": one, "ö": other}}


CASES = [
    Case("written", storage=EVERYWHERE, proves=(f"{_P}.async_put_data",)),
    Case("written", variant="file-uri", flags=("--raw-output-data-prefix", "file://{raw}"), storage=LOCAL),
    Case("read", _given, files=_FILES, storage=EVERYWHERE, proves=(f"{_P}.get_data",)),
    Case("downloaded", _given, files=_FILES, storage=EVERYWHERE, proves=(f"{_P}.get_data",)),
    Case("streamed", _given, files=_FILES, storage=EVERYWHERE),
    Case("cached_stream", _given, files=_FILES, storage=EVERYWHERE),
    Case(
        "with_extensions",
        lambda shared: {"picture": JPEGImageFile(f"{shared}/a.jpeg")},
        files={"a.jpeg": b"\xff\xd8\xff"},
        env={"FLYTE_FILE_CHECK": "0"},
        storage=EVERYWHERE,
    ),
    Case("at_a_place_of_its_own", storage=EVERYWHERE, env={"WHERE": "{run}/where"}),
    Case("left_where_it_is", storage=EVERYWHERE),
    Case("passed_on", _given, files=_FILES, storage=EVERYWHERE),
    Case("from_source", _given, files=_FILES, storage=EVERYWHERE),
    Case("named", storage=EVERYWHERE),
    Case("read_all", _many, files=_FILES, storage=EVERYWHERE),
    Case("large", storage=EVERYWHERE, env={"_F_P_WRITE_CHUNK_SIZE": str(5 << 20)}),
    Case("of_the_code", storage=EVERYWHERE),
    Case("is_missing", storage=EVERYWHERE, ends_with="error"),
]
