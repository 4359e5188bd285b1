"""Where a run's inputs and outputs lie: a local directory or a bucket, behind one interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
from flytekit.configuration import DataConfig, S3Config

from parity.seaweed import ACCESS_KEY, SECRET_KEY

BUCKET = "conformance"


@dataclass(frozen=True)
class Storage:
    """One kind of storage. `env` is what a task needs to reach it."""

    name: str
    root: str
    filesystem: Any
    data_config: DataConfig
    env: Mapping[str, str] = field(default_factory=dict)

    def write(self, uri: str, content: bytes) -> None:
        """Writes a file and the directories above it."""
        self.filesystem.makedirs(uri.rsplit("/", 1)[0], exist_ok=True)
        self.filesystem.pipe_file(uri, content)

    def make_directory(self, uri: str) -> None:
        """Makes a directory, where the storage has such things."""
        self.filesystem.makedirs(uri, exist_ok=True)

    def read_tree(self, uri: str) -> dict[str, bytes]:
        """Every file below a directory, by its path relative to that."""
        if not self.filesystem.exists(uri):
            return {}
        self.filesystem.invalidate_cache()
        base = self.filesystem._strip_protocol(uri).rstrip("/") + "/"
        return {path.removeprefix(base): self.filesystem.cat_file(path) for path in self.filesystem.find(uri)}

    def attributes(self, uri: str) -> dict[str, Any]:
        """What the storage keeps of a file beside its content. Call it for files that read_tree has found."""
        if self.name != "s3":
            return {}
        bucket, key, _ = self.filesystem.split_path(uri)
        head = self.filesystem.call_s3("head_object", Bucket=bucket, Key=key)
        return {
            "content type": head.get("ContentType"),
            "metadata": head["Metadata"],
            # Only the tag of what came in parts says in how many.
            "parts": int(head["ETag"].strip('"').partition("-")[2] or 1),
        }


def local_storage(root: Path) -> Storage:
    """Below a directory of this machine."""
    return Storage("local", str(root), fsspec.filesystem("file"), DataConfig())


def s3_storage(endpoint: str) -> Storage:
    """In a new bucket of an S3 service."""
    filesystem = fsspec.filesystem("s3", key=ACCESS_KEY, secret=SECRET_KEY, endpoint_url=endpoint)
    filesystem.mkdir(BUCKET)
    env = {
        "FLYTE_AWS_ENDPOINT": endpoint,
        "FLYTE_AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "FLYTE_AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }
    config = S3Config(endpoint=endpoint, access_key_id=ACCESS_KEY, secret_access_key=SECRET_KEY)
    return Storage("s3", f"s3://{BUCKET}", filesystem, DataConfig(s3=config), env)
