"""The Celery application, as its worker imports it. Broker and results: the Redis server that BENCHMARK_REDIS names."""

import os

from celery import Celery

import work

URL = os.environ["BENCHMARK_REDIS"]
app = Celery("benchmark", broker=URL, backend=URL)
app.conf.broker_connection_retry_on_startup = True


@app.task
def execute(inputs: bytes) -> bytes:
    """Runs the benchmark's task."""
    return work.execute(inputs)
