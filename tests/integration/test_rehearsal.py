"""A worker has run something before it is given work: that makes its first execution quick, and nobody sees it."""

from __future__ import annotations

import json

from calls import request
from conftest import TASKS, open_calls
from showcase.service import Service

# Without a rehearsal there are some 220.
_FEW = 130


def test_the_first_execution_is_like_the_next_and_finds_nothing() -> None:
    with Service(TASKS, preload="firsts", workers=1) as service, open_calls(service) as calls:
        first, second = (int(calls.run("firsts.page_faults")) for _ in range(2))
        receipt = calls.outcome(request("firsts.page_faults")).receipt
        declared = json.loads(calls.run("firsts.declared"))
        problems = service.stop().problems
    assert second - first < _FEW
    assert receipt.worker_executions == 3
    assert declared == ["firsts.page_faults", "firsts.declared"]
    assert problems == []
