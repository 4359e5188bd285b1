"""Prefixes as orchestrators write them, what is attached to uploads, and uploads that fail half-way."""

import os
import pathlib

from flytekit import Deck, FlyteContextManager, current_context, task
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from conformance import EVERYWHERE, LOCAL, S3, Case


def _new_file(name: str) -> str:
    path = pathlib.Path(current_context().working_directory, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"this is {name}")
    return str(path)


@task
def uploads() -> tuple[FlyteFile, FlyteDirectory, list[str]]:
    parameters = current_context()
    told = [parameters.raw_output_prefix, FlyteContextManager.current_context().file_access.raw_output_prefix]
    directory = os.path.dirname(_new_file("directory/one.txt"))
    _new_file("directory/two.html")
    return FlyteFile(_new_file("file.json")), FlyteDirectory(directory), [*told, parameters.output_metadata_prefix]


@task(enable_deck=True)
def with_deck() -> str:
    Deck("own", "<p>own</p>")
    return "a deck"


@task
def many_ways() -> list[str]:
    """Only what goes through flytekit's own uploads has the execution's metadata."""
    files, where = FlyteContextManager.current_context().file_access, os.environ["WHERE"]
    local = _new_file("a.txt")
    with files.get_filesystem_for_path(where).open(f"{where}/opened", "wb") as stream:
        stream.write(b"opened")
    return [
        files.put_data(local, f"{where}/put.txt"),
        files.put_data(local, f"{where}/own.txt", metadata={"mine": "yes"}),
        files.upload(local, f"{where}/typed", ContentType="text/special") if where.startswith("s3") else "",
        files.put_raw_data(local, upload_prefix="raw"),
        files.put_raw_data(b"bytes", upload_prefix="raw", file_name="bytes"),
    ]


@task
def half_written() -> tuple[FlyteFile, FlyteDirectory]:
    """One file of the directory cannot be read when it is uploaded."""
    root = pathlib.Path(_new_file("directory/a.txt")).parent
    (root / "b.txt").symlink_to("/no/such/file")
    return FlyteFile(_new_file("file.txt")), FlyteDirectory(str(root))


@task
def in_the_way() -> str:
    """Where a document belongs, the task puts a directory."""
    local = pathlib.Path(os.environ["OUTPUTS"], "outputs.pb", "below")
    local.mkdir(parents=True)
    return "never written"


_OUTPUT, _RAW = "--output-prefix", "--raw-output-data-prefix"
_OFF = {"FLYTE_PERSISTENCE_ATTACH_EXECUTION_METADATA": "false"}
_OTHERS = {
    "FLYTE_INTERNAL_EXECUTION_PROJECT": "other-project",
    "FLYTE_INTERNAL_EXECUTION_DOMAIN": "production",
    "FLYTE_INTERNAL_EXECUTION_ID": "another",
    "FLYTE_INTERNAL_EXECUTION_WORKFLOW": "a.workflow/with:signs",
    "FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN": "",
}

CASES = [
    Case("uploads", storage=EVERYWHERE),
    Case("uploads", variant="trailing-slashes", flags=(_OUTPUT, "{outputs}/", _RAW, "{raw}/"), storage=EVERYWHERE),
    Case("uploads", variant="deep", flags=(_OUTPUT, "{outputs}/a/b c/d", _RAW, "{raw}/ä/b"), storage=EVERYWHERE),
    Case("uploads", variant="file-uris", flags=(_OUTPUT, "file://{outputs}", _RAW, "file://{raw}"), storage=LOCAL),
    Case("uploads", variant="in-one-place", flags=(_RAW, "{outputs}"), storage=EVERYWHERE),
    Case("uploads", variant="no-metadata", env=_OFF, storage=EVERYWHERE),
    Case("uploads", variant="other-metadata", env=_OTHERS, storage=S3),
    Case("uploads", variant="input-uri", flags=("--inputs", "file://{shared}/inputs.pb"), storage=LOCAL),
    Case("with_deck", storage=EVERYWHERE),
    Case("with_deck", variant="trailing-slash", flags=(_OUTPUT, "{outputs}/"), storage=EVERYWHERE),
    Case("with_deck", variant="file-uri", flags=(_OUTPUT, "file://{outputs}"), storage=LOCAL),
    Case("many_ways", storage=S3, env={"WHERE": "{run}/where"}, proves=("FileAccessProvider.put_data",)),
    Case("half_written", storage=EVERYWHERE, ends_with="error"),
    Case("in_the_way", env={"OUTPUTS": "{outputs}"}, storage=LOCAL, ends_with="nothing"),
]
