"""Storage that fails: what is missing, refused or unreachable, before, in and after the task."""

import os
import pathlib

from flyteidl.core.literals_pb2 import Literal
from flyteidl.core.types_pb2 import BlobType
from flytekit import FlyteContextManager, current_context, task
from flytekit.configuration import DataConfig, S3Config
from flytekit.core.data_persistence import FileAccessProvider
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from conformance import EVERYWHERE, LOCAL, S3, Case


def _new_file(text: str = "text") -> str:
    path = pathlib.Path(current_context().working_directory, "file.txt")
    path.write_text(text)
    return str(path)


@task
def reads(given: FlyteFile) -> str:
    return pathlib.Path(given.download()).read_text()


@task
def reads_directory(given: FlyteDirectory) -> list[str]:
    return os.listdir(given.download())


@task
def streams(given: FlyteFile) -> str:
    with given.open("r") as stream:
        return stream.read()


@task
def writes() -> FlyteFile:
    return FlyteFile(_new_file())


@task
def adds(a: int) -> int:
    return a + 1


@task
def reads_elsewhere() -> str:
    return pathlib.Path(FlyteFile(os.environ["WHERE"]).download()).read_text()


@task
def writes_elsewhere() -> FlyteFile:
    return FlyteFile(_new_file(), remote_path=os.environ["WHERE"])


@task
def writes_one_of_two() -> tuple[FlyteFile, FlyteFile]:
    """The first one is uploaded, and stays."""
    return FlyteFile(_new_file(), remote_path=f"{os.environ['HERE']}/one.txt"), FlyteFile("/no/such/file")


@task
def other_credentials() -> list[str]:
    """Wrong ones in a provider of the task's own; the execution's own go on to work."""
    own = FlyteContextManager.current_context().file_access
    s3 = own.data_config.s3
    wrong = S3Config(endpoint=s3.endpoint, access_key_id=s3.access_key_id, secret_access_key="wrong")
    other = FileAccessProvider(own.get_random_local_directory(), own.raw_output_prefix, DataConfig(s3=wrong))
    told = []
    for files in (own, other, own):
        try:
            told.append(files.put_raw_data(b"x", upload_prefix="credentials", file_name=f"{len(told)}"))
        except Exception as error:
            told.append(type(error).__name__)
    return told


def _missing(shared: str) -> dict[str, Literal]:
    """As an orchestrator gives it; flytekit itself refuses to make one of a local file that is not there."""
    given = Literal()
    given.scalar.blob.uri = f"{shared}/missing.txt"
    return {"given": given}


def _directory(shared: str) -> dict[str, Literal]:
    given = _missing(shared)
    given["given"].scalar.blob.metadata.type.dimensionality = BlobType.MULTIPART
    return given


# Nothing listens on the port that is for discarding; botocore is told to try once.
_UNREACHABLE = {
    "FLYTE_AWS_ENDPOINT": "http://127.0.0.1:9",
    "FLYTE_AWS_ACCESS_KEY_ID": "key",
    "FLYTE_AWS_SECRET_ACCESS_KEY": "secret",
    "FLYTE_AWS_RETRIES": "1",
    "AWS_MAX_ATTEMPTS": "1",
}
_WRONG_SECRET = {"FLYTE_AWS_SECRET_ACCESS_KEY": "wrong", "AWS_MAX_ATTEMPTS": "1"}
_WRONG_KEY = {"FLYTE_AWS_ACCESS_KEY_ID": "nobody", "AWS_MAX_ATTEMPTS": "1"}
_RAW, _OUTPUT = "--raw-output-data-prefix", "--output-prefix"

CASES = [
    Case("adds", None, variant="no-inputs", storage=EVERYWHERE, ends_with="error"),
    Case(
        "adds", None, variant="broken-inputs", files={"inputs.pb": b"\xff\xff"}, storage=EVERYWHERE, ends_with="error"
    ),
    Case("reads", _missing, storage=EVERYWHERE, ends_with="error"),
    Case("reads_directory", _directory, storage=EVERYWHERE, ends_with="error"),
    Case("streams", _missing, storage=EVERYWHERE, ends_with="error"),
    Case("reads_elsewhere", variant="unreachable", env={"WHERE": "s3://b/x", **_UNREACHABLE}, ends_with="error"),
    Case("writes_elsewhere", variant="unreachable", env={"WHERE": "s3://b/x", **_UNREACHABLE}, ends_with="error"),
    Case("reads_elsewhere", variant="protocol", env={"WHERE": "nosuch://b/x"}, ends_with="error", storage=EVERYWHERE),
    Case("writes_elsewhere", variant="protocol", env={"WHERE": "nosuch://b/x"}, ends_with="error", storage=EVERYWHERE),
    Case("reads_elsewhere", variant="bucket", env={"WHERE": "s3://no-such-bucket/x"}, ends_with="error", storage=S3),
    Case("writes_one_of_two", env={"HERE": "{run}/half"}, ends_with="error", storage=EVERYWHERE),
    Case("other_credentials", storage=S3),
    # No document can be written: the exit status tells it.
    Case("writes", variant="unreachable", env=_UNREACHABLE, ends_with="nothing", storage=S3),
    Case("writes", variant="wrong-secret", env=_WRONG_SECRET, ends_with="nothing", storage=S3),
    Case("writes", variant="wrong-key", env=_WRONG_KEY, ends_with="nothing", storage=S3),
    Case("writes", variant="raw-refused", flags=(_RAW, "/proc/nowhere/raw"), ends_with="error"),
    Case("adds", {"a": 1}, variant="raw-refused", flags=(_RAW, "/proc/nowhere/raw")),
    Case("writes", variant="raw-unreachable", flags=(_RAW, "s3://b/raw"), env=_UNREACHABLE, ends_with="error"),
    Case("writes", variant="raw-protocol", flags=(_RAW, "nosuch://b/raw"), ends_with="nothing", storage=LOCAL),
    Case("adds", {"a": 1}, variant="raw-protocol", flags=(_RAW, "nosuch://b/raw"), ends_with="nothing", storage=LOCAL),
    Case("adds", {"a": 1}, variant="output-refused", flags=(_OUTPUT, "/proc/nowhere/out"), ends_with="nothing"),
    Case("adds", {"a": 1}, variant="output-protocol", flags=(_OUTPUT, "nosuch://out"), ends_with="nothing"),
    Case("adds", {"a": 1}, variant="input-protocol", flags=("--inputs", "nosuch://in"), ends_with="error"),
    Case("adds", {"a": 1}, variant="output-file", flags=(_OUTPUT, "{shared}/inputs.pb"), ends_with="nothing"),
]
