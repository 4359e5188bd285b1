"""Runs a case as Flyte does: the real entrypoint, one interpreter, one task."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance import Case
from parity.commands import Places, command, environment
from parity.fold import Fold
from parity.runs import Run, read_run
from parity.storage import Storage

_TIMEOUT_S = 120.0


def run_cold(case: Case, module: str, storage: Storage, places: Places, app: Path) -> tuple[Run, str]:
    """Runs the entrypoint to its end; returns what it left, and what it wrote to its streams."""
    program, *arguments = command(case, module, places)
    with tempfile.TemporaryDirectory(prefix="fw-cold-") as scratch, _working_dir(case, app) as directory:
        done = subprocess.run(
            [str(Path(sys.executable).with_name(program)), *arguments],
            cwd=directory,
            env={**os.environ, "TMPDIR": scratch, **environment(case, dict(storage.env), places)},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
        run = read_run(done.returncode, storage, places, _fold(scratch, places, app, directory))
    return run, done.stdout + done.stderr


@contextlib.contextmanager
def _working_dir(case: Case, app: Path) -> Iterator[Path]:
    """The app directory, or a copy where the command unpacks code into it."""
    if not case.distribution:
        yield app
        return
    with tempfile.TemporaryDirectory(prefix="fw-app-") as copy:
        yield Path(shutil.copytree(app, copy, dirs_exist_ok=True))


def _fold(scratch: str, places: Places, app: Path, directory: Path) -> Fold:
    here = re.escape(scratch)
    return Fold(
        [
            # setup_execution's own sandbox; the user's directory lies in the sandbox of the context below it.
            (rf"{here}/flyte[a-z0-9_]{{8}}(?=/|\b)", "{sandbox}"),
            (rf"{here}/flyte-[^/\s]+/sandbox", "{sandbox}"),
            (here, "{tmp}"),
            (re.escape(places.run), "{run}"),
            (re.escape(places.shared), "{shared}"),
            (re.escape(str(directory)), "{cwd}"),
            (re.escape(str(app)), "{cwd}"),
        ]
    )
