"""FileAccessProvider: what it knows and how it names things, without reading or writing."""

import os

from flytekit import FlyteContextManager, task
from flytekit.core.data_persistence import FileAccessProvider

from conformance import EVERYWHERE, LOCAL, S3, Case


def _files() -> FileAccessProvider:
    return FlyteContextManager.current_context().file_access


@task
def properties() -> dict[str, str]:
    files = _files()
    return {
        "data_config": repr(files.data_config),
        "local_access": str(files.local_access.protocol),
        "local_sandbox_dir": str(files.local_sandbox_dir),
        "sandbox exists": str(os.path.isdir(files.local_sandbox_dir)),
        "raw_output_fs": f"{type(files.raw_output_fs).__name__} {files.raw_output_fs.protocol}",
        "raw_output_prefix": files.raw_output_prefix,
    }


@task
def names() -> dict[str, str]:
    files = _files()
    other_bucket = files.generate_new_custom_path(alt="elsewhere", stem="stem")
    return {
        "generate_new_custom_path": files.generate_new_custom_path(),
        "generate_new_custom_path, stem": files.generate_new_custom_path(stem="a stem"),
        # The rest of the path differs between runs.
        "generate_new_custom_path, alt": f"{other_bucket.split('/')[2]} {other_bucket.endswith('/stem')}",
        "get_file_tail": files.get_file_tail("s3://bucket/some/leaf.txt"),
        "get_random_local_path": files.get_random_local_path(),
        "get_random_local_path, named": files.get_random_local_path("/some/leaf.txt"),
        "get_random_remote_path": files.get_random_remote_path(),
        "get_random_remote_path, named": files.get_random_remote_path("/some/leaf.txt"),
        "get_random_remote_directory": files.get_random_remote_directory(),
        "get_random_string": files.get_random_string(),
        "get_random_string, again": files.get_random_string(),
    }


@task
def local_directory() -> list[str]:
    made = [_files().get_random_local_directory() for _ in range(2)]
    return [f"{path} {os.path.isdir(path)} {os.listdir(path)}" for path in made]


@task
def joined() -> dict[str, str]:
    files = _files()
    file_system = files.get_filesystem_for_path(files.raw_output_prefix)
    return {
        "join": files.join(files.raw_output_prefix, "a", "b.txt"),
        "join, fs": files.join("memory://x/", "y", fs=files.get_filesystem("memory")),
        "join, unstrip": files.join(files.raw_output_prefix, "a", unstrip=True),
        "sep": files.sep(file_system),
        "sep, none": files.sep(None),
        "strip_file_header": files.strip_file_header("file:///a/b") + " " + files.strip_file_header("s3://a/b"),
        "is_remote": str([files.is_remote(path) for path in ("/a", "file:///a", "s3://a/b", "memory://a")]),
        "recursive_paths": str(files.recursive_paths("s3://a/b", "c")),
        "recursive_paths, local": str(files.recursive_paths(os.getcwd(), "c")),
        "recursive_paths, missing": str(files.recursive_paths("/no/such/path", "c")),
    }


@task
def join_nothing() -> str:
    return _files().join()


@task
def file_systems() -> dict[str, str]:
    files = _files()
    paths = ("/a", "file:///a", "memory://a", "s3://bucket/a")
    found = {path: files.get_filesystem_for_path(path) for path in paths}
    told = {path: f"{type(one).__name__} {_options(one)}" for path, one in found.items()}
    anonymous = files.get_filesystem("s3", anonymous=True)
    return {
        **told,
        "default": type(files.get_filesystem()).__name__,
        "anonymous": f"{type(anonymous).__name__} {_options(anonymous)}",
        "kept": str(files.get_filesystem("memory") is found["memory://a"]),
    }


def _options(file_system: object) -> list[tuple[str, str]]:
    return sorted((name, str(value)) for name, value in file_system.storage_options.items())


_P = "FileAccessProvider"
_PROPERTIES = ("data_config", "local_access", "local_sandbox_dir", "raw_output_fs", "raw_output_prefix")
_NAMES = (
    *("generate_new_custom_path", "get_file_tail", "get_random_local_path", "get_random_remote_path"),
    *("get_random_remote_directory", "get_random_string"),
)
_JOINED = ("join", "sep", "strip_file_header", "is_remote", "recursive_paths")
_SETTINGS = {
    "FLYTE_AWS_RETRIES": "7",
    "FLYTE_AWS_BACKOFF_SECONDS": "2",
    "FLYTE_AWS_ADDRESSING_STYLE": "virtual",
    "FLYTE_AWS_ENABLE_DEBUG": "true",
    "FLYTE_AZURE_STORAGE_ACCOUNT_NAME": "an account",
    "FLYTE_PERSISTENCE_ATTACH_EXECUTION_METADATA": "false",
}

CASES = [
    Case("properties", proves=tuple(f"{_P}.{name}" for name in _PROPERTIES), storage=EVERYWHERE),
    Case("properties", variant="settings", env=_SETTINGS, proves=(f"{_P}.data_config",)),
    Case(
        "properties",
        variant="file-uri",
        flags=("--raw-output-data-prefix", "file://{raw}"),
        proves=(f"{_P}.raw_output_prefix",),
    ),
    Case("names", proves=tuple(f"{_P}.{name}" for name in _NAMES), storage=EVERYWHERE),
    Case("local_directory", proves=(f"{_P}.get_random_local_directory",)),
    Case("joined", proves=tuple(f"{_P}.{name}" for name in _JOINED), storage=EVERYWHERE),
    Case("join_nothing", ends_with="error", storage=LOCAL),
    Case("file_systems", proves=(f"{_P}.get_filesystem", f"{_P}.get_filesystem_for_path"), storage=EVERYWHERE),
    Case("file_systems", variant="settings", env={"FLYTE_AWS_ADDRESSING_STYLE": "virtual"}, storage=S3),
]
