"""Whether an execution takes longer while many environments are loaded, each with code that a request brought."""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from addition import EXAMPLES, request
from blocking_client import Client, client_of
from bundles import MODULE, make_bundle
from figures.found import found, ratio
from flytewarm_api.v1.task_executor_pb2 import ExecuteTaskRequest
from showcase.service import Service
from timings import time_calls
from turns import in_all_orders, take_turns

_MANY = 64
_OPTIONS = ("--max-environments", str(_MANY), "--min-workers", "1")


def measure(rounds: int = 12) -> dict[str, Any]:
    """Two services take turns, with one such environment and with 64, of which either one or each is called in turn."""
    directory = Path(tempfile.mkdtemp())
    asked = [_request(make_bundle(directory, number)) for number in range(_MANY)]
    few_service, many_service = (Service(app_dir=EXAMPLES, options=_OPTIONS) for _ in range(2))
    with few_service, many_service, client_of(few_service) as few, client_of(many_service) as many:
        few.execute(asked[0])
        loading = [time_calls(many.caller(one), 1, warm_up=0)[0] for one in asked]
        calls = {
            "1": _in_turns(few, asked[:1]),
            "64, one called": _in_turns(many, asked[:1]),
            "64, in turns": _in_turns(many, asked),
        }
        orders = in_all_orders(calls, rounds)
        medians = take_turns(orders, lambda name: statistics.median(time_calls(calls[name], _MANY)))
    return {
        "first result of each": found("ms", loading),
        **{f"p50, {name}": found("ms", values) for name, values in medians.items()},
        "64, one called / 1": ratio(medians["64, one called"], medians["1"]),
        "64 in turns / 1": ratio(medians["64, in turns"], medians["1"]),
    }


def _request(uri: str) -> ExecuteTaskRequest:
    made = request(task=f"{MODULE}.add")
    made.environment.distribution_uri = uri
    return made


def _in_turns(client: Client, asked: Sequence[ExecuteTaskRequest]) -> Callable[[], object]:
    turns = cycle(asked)
    return lambda: client.execute(next(turns))
