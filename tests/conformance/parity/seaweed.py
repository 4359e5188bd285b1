"""A real S3 service on loopback: SeaweedFS, in one process, with everything it writes in one directory."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from showcase.service import free_port

ACCESS_KEY, SECRET_KEY = "conformance", "conformance-secret"
_START_SECONDS = 60.0


@contextlib.contextmanager
def running_s3() -> Iterator[str]:
    """Runs the service and yields the URL of its S3 endpoint. Raises RuntimeError with its log if it does not start."""
    directory = Path(tempfile.mkdtemp(prefix="fw-s3-"))
    try:
        with (directory / "log").open("wb") as log:
            endpoint, command = _command(directory)
            process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait_until_serving(endpoint, process, directory / "log")
            yield endpoint
        finally:
            # Its data goes anyway; asked politely, it takes half a minute.
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(directory)


def _command(directory: Path) -> tuple[str, list[str]]:
    identity = {
        "name": "conformance",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (directory / "identities.json").write_text(json.dumps({"identities": [identity]}))
    (directory / "data").mkdir()
    ports = {name: free_port() for name in _PORTS}
    options = {
        "dir": directory / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        # Nothing outside this machine is talked to.
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 8,
        "filer": "true",
        "filer.localSocket": directory / "filer.sock",
        "s3": "true",
        "s3.config": directory / "identities.json",
        "s3.localSocket": directory / "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **ports,
    }
    weed = Path(sys.executable).with_name("weed")
    arguments = [f"-{name}={value}" for name, value in options.items()]
    return f"http://127.0.0.1:{ports['s3.port']}", [str(weed), "server", *arguments]


_PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"),
)


def _wait_until_serving(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(endpoint, timeout=5).close()
        except urllib.error.HTTPError:
            return  # it answers: anonymous callers may not list buckets
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"weed does not serve: {error}\n{log.read_text(errors='replace')}") from error
            time.sleep(0.05)
        else:
            return
