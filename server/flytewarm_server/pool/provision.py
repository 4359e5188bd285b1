"""Lays out the code of an environment that comes with a request: distribution, overlay, packages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from flytewarm_server.distribution.archive import unpack
from flytewarm_server.distribution.errors import DistributionError, UnreachableDistributionError
from flytewarm_server.distribution.overlay import overlay
from flytewarm_server.options import variables_for_tasks
from flytewarm_server.pool.environment import Code, EnvironmentSpec
from flytewarm_server.storage import on_daemon_thread

# What flytekit calls a pickled task that is sent instead of an archive (python_auto_container.PICKLE_FILE_PATH).
_PICKLE = "pkl.gz"
_ARCHIVE_SUFFIX = ".tar.gz"
# How long a thread that unpacks may take to notice that it must stop, in seconds.
_STOP_SECONDS = 5.0
# Of what pip says of a failure, the end: an outcome has to fit into a message. In characters.
_LONGEST_REASON = 64 << 10
_INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")


def file_name(uri: str) -> str:
    """The last part of a distribution's URI, which tells what it is."""
    return urlsplit(uri).path.rsplit("/", 1)[-1]


def is_distribution(uri: str) -> bool:
    """Whether the URI names something that the entrypoint knows how to unpack."""
    return file_name(uri) == _PICKLE or file_name(uri).endswith(_ARCHIVE_SUFFIX)


async def lay_out_code(spec: EnvironmentSpec, name: str, archive: Path, directory: Path, max_bytes: int) -> Code:
    """Unpacks a fetched distribution, whose file name is `name`, below `directory`. Raises DistributionError."""
    code, stop = directory / "code", Event()

    def work() -> None:
        code.mkdir(parents=True)
        if name == _PICKLE:
            shutil.copyfile(archive, code / _PICKLE)
        else:
            unpack(archive, code, max_bytes, stop)
        if spec.unpacks_into_app_dir:
            overlay(code, Path(spec.app_dir))

    unpacking = asyncio.ensure_future(on_daemon_thread(work, "unpack"))
    try:
        await asyncio.shield(unpacking)
    except asyncio.CancelledError:
        # The caller removes the directory: nothing must be written there any more.
        stop.set()
        await asyncio.wait([unpacking], timeout=_STOP_SECONDS)
        raise
    except DistributionError as error:
        raise DistributionError(f"distribution {name}: {error}") from error
    except OSError as error:
        # Of this machine: a full disk, too many open files.
        raise UnreachableDistributionError(f"distribution {name} cannot be unpacked: {error}") from error
    return Code(str(code) if spec.unpacks_into_app_dir else spec.app_dir, (str(code),))


async def install_packages(
    spec: EnvironmentSpec, directory: Path, variables: Mapping[str, str], timeout: float
) -> tuple[str, ...]:
    """Installs the runtime packages below `directory`; returns the directories to import them from.

    What the interpreter has already is not installed again, as pip would not. Raises DistributionError.
    """
    wanted = spec.runtime_packages.split()
    if not wanted:
        return ()
    temporary = directory / "pip"
    temporary.mkdir()
    # What a pip that was killed leaves behind goes with the environment.
    environment = {**variables_for_tasks(), **variables, "TMPDIR": str(temporary)}
    report, target = directory / "packages.json", directory / "packages"
    pip = [spec.python, *_INSTALL]
    await _run([*pip, "--dry-run", "--report", str(report), *wanted], environment, timeout)
    missing = [requirement(one["download_info"]) for one in json.loads(report.read_text())["install"]]
    if not missing:
        return ()
    await _run([*pip, "--no-deps", "--target", str(target), *missing], environment, timeout)
    return (str(target),)


def requirement(download: Mapping[str, Any]) -> str:
    """What pip installs from where it has found a package (PEP 610: a repository's URL is there without its kind)."""
    url = str(download["url"])
    if repository := download.get("vcs_info"):
        url = f"{repository['vcs']}+{url}@{repository['commit_id']}"
    return f"{url}#subdirectory={download['subdirectory']}" if "subdirectory" in download else url


async def _run(command: Sequence[str], environment: Mapping[str, str], timeout: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # A group of its own, to end what builds packages with it.
        start_new_session=True,
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), timeout)
    except asyncio.TimeoutError:
        raise DistributionError(f"installing the runtime packages took longer than {timeout} s") from None
    finally:
        # Also when the service stops meanwhile.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        told = errors.decode(errors="replace").strip()[-_LONGEST_REASON:] or f"exit status {process.returncode}"
        raise DistributionError(f"the runtime packages cannot be installed: {told}")
