"""New code that imports large libraries: a new process, and the service with and without these preloaded."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from addition import EXAMPLES, INPUT_BYTES, MODULE
from blocking_client import client_of
from bundles import make_bundle
from commands import fast_execute, first_result, run_in
from figures.found import found, ratio
from showcase.service import Service
from turns import shuffled, take_turns

_LIBRARIES = ("pandas", "sklearn.linear_model")


def measure(repetitions: int = 5) -> dict[str, Any]:
    """Each has code that nobody has seen before; they take turns."""
    root = Path(tempfile.mkdtemp())
    (root / "inputs.pb").write_bytes(INPUT_BYTES)
    preloaded = tuple(part for name in _LIBRARIES for part in ("--preload-library", name))
    with_them, without = (Service(app_dir=EXAMPLES, preload=MODULE, options=options) for options in (preloaded, ()))
    with with_them, without, client_of(with_them) as client, client_of(without) as client_without:
        ways: dict[str, Callable[[list[str]], float]] = {
            "cold": lambda command: run_in(Path(tempfile.mkdtemp(dir=root)) / "new", command),
            "preloaded": lambda command: first_result(client, command),
            "not preloaded": lambda command: first_result(client_without, command),
        }
        commands = (fast_execute(root, make_bundle(root, number, imports=_LIBRARIES)) for number in itertools.count())
        orders = (shuffled(ways, turn) for turn in range(repetitions))
        times = take_turns(orders, lambda name: ways[name](next(commands)))
    return {
        "pyflyte-fast-execute, cold": found("ms", times["cold"]),
        "first result, preloaded": found("ms", times["preloaded"]),
        "first result, not preloaded": found("ms", times["not preloaded"]),
        "first result, preloaded / cold": ratio(times["preloaded"], times["cold"]),
        "first result, not preloaded / cold": ratio(times["not preloaded"], times["cold"]),
    }
