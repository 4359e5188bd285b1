"""Whether an execution takes longer after many have been: two services take turns, one old, one young."""

import statistics
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from addition import EXAMPLES, MODULE, request
from blocking_client import Client, client_of
from figures.found import found, one, ratio
from showcase.service import Service
from timings import time_calls
from turns import in_all_orders, take_turns

_YOUNG = 1000
_CALLERS = 4


def measure(executions: int, rounds: int = 20, calls: int = 40) -> dict[str, Any]:
    """`executions` is how many the old service has had before; the young one has had 1,000."""
    old_service, young_service = (Service(app_dir=EXAMPLES, preload=MODULE) for _ in range(2))
    with old_service, young_service, client_of(old_service) as old, client_of(young_service) as young:
        _age(old, executions)
        _age(young, _YOUNG)
        clients = {"young": young, "old": old}
        orders = in_all_orders(clients, rounds)
        medians = take_turns(orders, lambda name: statistics.median(time_calls(clients[name].caller(request()), calls)))
    return {
        "executions before": one("executions", executions),
        "p50 after 1,000": found("ms", medians["young"]),
        f"p50 after {executions:,}": found("ms", medians["old"]),
        f"p50 after {executions:,} / after 1,000": ratio(medians["old"], medians["young"]),
    }


def _age(client: Client, executions: int) -> None:
    asked = request()

    def some(count: int) -> None:
        for _ in range(count):
            client.execute(asked)

    with ThreadPoolExecutor(_CALLERS) as threads:
        list(threads.map(some, [executions // _CALLERS] * _CALLERS))
