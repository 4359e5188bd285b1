"""FileAccessProvider: files and directories there and back, as tasks without coroutines do it."""

import io
import os
import pathlib

from flytekit import FlyteContextManager, task
from flytekit.core.data_persistence import FileAccessProvider

from conformance import EVERYWHERE, LOCAL, Case


def _files() -> FileAccessProvider:
    return FlyteContextManager.current_context().file_access


def _new_file(name: str, text: str) -> str:
    path = _files().get_random_local_path(name)
    pathlib.Path(path).parent.mkdir(parents=True)
    pathlib.Path(path).write_text(text)
    return path


def _new_directory() -> str:
    path = _files().get_random_local_directory()
    for name in ("one.txt", "below/two.txt", "below/ä b.txt"):
        file = pathlib.Path(path, name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"this is {name}")
    return path


def _tree(path: str) -> list[str]:
    root = pathlib.Path(path)
    return sorted(f"{file.relative_to(root)}: {file.read_text()}" for file in root.rglob("*") if file.is_file())


@task
def one_file() -> dict[str, str]:
    files, where = _files(), os.environ["WHERE"]
    before = files.exists(f"{where}/put.txt")
    put = files.put_data(_new_file("a.txt", "put"), f"{where}/put.txt")
    uploaded = files.upload(_new_file("a.txt", "uploaded"), f"{where}/deep/er/uploaded.txt")
    got, downloaded = files.get_random_local_path("got"), files.get_random_local_path("downloaded")
    files.get_data(f"{where}/put.txt", got)
    files.download(f"{where}/deep/er/uploaded.txt", downloaded)
    return {
        "before": str(before),
        "after": str(files.exists(f"{where}/put.txt")),
        "missing": str(files.exists(f"{where}/missing")),
        "put": f"{put} {pathlib.Path(got).read_text()}",
        "uploaded": f"{uploaded} {pathlib.Path(downloaded).read_text()}",
    }


@task
def one_directory() -> dict[str, list[str]]:
    files, where = _files(), os.environ["WHERE"]
    put = files.put_data(_new_directory(), f"{where}/put", is_multipart=True)
    uploaded = files.upload_directory(_new_directory(), f"{where}/uploaded")
    got, downloaded = files.get_random_local_path("got"), files.get_random_local_directory()
    files.get_data(put, got, is_multipart=True)
    files.download_directory(uploaded, downloaded)
    listed = files.get_filesystem_for_path(where).find(where)
    return {
        "put": [put, *_tree(got)],
        "uploaded": [uploaded, *_tree(downloaded)],
        "listed": sorted(name.rsplit("/", 1)[-1] for name in listed),
        "exists": [str(files.exists(uploaded)), str(files.exists(f"{where}/nowhere"))],
    }


@task
def raw_data() -> list[str]:
    files = _files()
    with open(_new_file("reader.txt", "from a reader"), "rb") as reader:
        read = files.put_raw_data(reader, upload_prefix="given", file_name="reader.txt")
    return [
        read,
        files.put_raw_data(_new_file("path.txt", "from a path")),
        files.put_raw_data(pathlib.Path(_new_file("p.txt", "renamed")), upload_prefix="given", file_name="renamed.txt"),
        files.put_raw_data(_new_directory(), upload_prefix="given", file_name="directory"),
        files.put_raw_data(b"some bytes \x00\xff", upload_prefix="", file_name="bytes"),
        files.put_raw_data(b"under a random name"),
        files.put_raw_data(io.BytesIO(b"many small pieces" * 100), file_name="pieces", read_chunk_size_bytes=7),
        files.put_raw_data(io.StringIO("h\u00e9"), file_name="latin", encoding="latin-1"),
        files.put_raw_data(
            b"elsewhere", upload_prefix=os.environ["WHERE"], file_name="elsewhere", skip_raw_data_prefix=True
        ),
    ]


@task
def refused() -> list[str]:
    files = _files()
    link = _new_file("target.txt", "") + ".link"
    os.symlink("target.txt", link)
    told = []
    for given in ("/no/such/file", link, 5):
        try:
            files.put_raw_data(given, upload_prefix="x", file_name="y")
        except Exception as error:
            told.append(f"{type(error).__name__}: {error}")
    return told


@task
def nothing_there() -> list[str]:
    """What is raised for missing sources, with the exceptions that caused it."""
    files, where = _files(), os.environ["WHERE"]
    attempts = (
        lambda: files.get_data(f"{where}/missing", files.get_random_local_path("x")),
        lambda: files.download_directory(f"{where}/missing", files.get_random_local_directory()),
        lambda: files.put_data("/no/such/file", f"{where}/x"),
        lambda: files.upload_directory("/no/such/directory", f"{where}/x"),
        lambda: files.get_data("nosuchprotocol://x/y", files.get_random_local_path("x")),
        lambda: files.exists("nosuchprotocol://x/y"),
    )
    told = []
    for attempt in attempts:
        try:
            told.append(f"returned {attempt()}")
        except Exception as error:
            told.append(f"{type(error).__name__}: {error} from {type(error.__cause__).__name__}")
    return told


_P = "FileAccessProvider"
_ONE_FILE = tuple(f"{_P}.{name}" for name in ("put_data", "upload", "get_data", "download", "exists"))
_ONE_DIRECTORY = tuple(f"{_P}.{name}" for name in ("upload_directory", "download_directory", "put_data", "get_data"))
_HERE = {"WHERE": "{run}/where"}
_FILE_URI = {"WHERE": "file://{run}/where"}
_MEMORY = {"WHERE": "memory://where/ever"}

CASES = [
    Case("one_file", proves=_ONE_FILE, storage=EVERYWHERE, env=_HERE),
    Case("one_file", variant="file-uri", proves=_ONE_FILE, storage=LOCAL, env=_FILE_URI),
    Case("one_file", variant="memory", proves=_ONE_FILE, storage=LOCAL, env=_MEMORY),
    Case("one_directory", proves=_ONE_DIRECTORY, storage=EVERYWHERE, env=_HERE),
    Case("one_directory", variant="file-uri", proves=_ONE_DIRECTORY, storage=LOCAL, env=_FILE_URI),
    Case("one_directory", variant="memory", proves=_ONE_DIRECTORY, storage=LOCAL, env=_MEMORY),
    Case("raw_data", proves=(f"{_P}.put_raw_data",), storage=EVERYWHERE, env=_HERE),
    Case(
        "raw_data",
        variant="file-uri",
        proves=(f"{_P}.put_raw_data",),
        storage=LOCAL,
        env=_FILE_URI,
        flags=("--raw-output-data-prefix", "file://{raw}/"),
    ),
    Case(
        "raw_data",
        variant="memory",
        proves=(f"{_P}.put_raw_data",),
        storage=LOCAL,
        env=_MEMORY,
        flags=("--raw-output-data-prefix", "memory://raw"),
    ),
    Case("refused", storage=EVERYWHERE),
    Case("nothing_there", storage=EVERYWHERE, env=_HERE),
    Case("nothing_there", variant="memory", storage=LOCAL, env=_MEMORY),
]
