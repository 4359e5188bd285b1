"""Each execution on one worker reaches storage with its own settings, whatever the one before had."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2
from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from parity.seaweed import ACCESS_KEY, SECRET_KEY
from parity.storage import Storage

# Nothing listens there.
_CLOSED = "http://127.0.0.1:9"
# Botocore tries once, and asks no machine in a network for credentials.
_QUICK = {"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"}


def _flytekit(endpoint: str, key: str, secret: str) -> dict[str, str]:
    return {
        "FLYTE_AWS_ENDPOINT": endpoint,
        "FLYTE_AWS_ACCESS_KEY_ID": key,
        "FLYTE_AWS_SECRET_ACCESS_KEY": secret,
    }


def _botocore(endpoint: str, key: str, secret: str) -> dict[str, str]:
    return {"FLYTE_AWS_ENDPOINT": endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}


def _fsspec(endpoint: str, key: str, secret: str) -> dict[str, str]:
    options = {"key": key, "secret": secret, "endpoint_url": endpoint}
    return {"FSSPEC_S3": json.dumps(options)}


@pytest.mark.parametrize("variables", [_flytekit, _botocore, _fsspec])
@pytest.mark.parametrize("wrong", ["endpoint", "key", "secret"])
def test_right_wrong_right(variables: object, wrong: str, stub: TaskExecutorStub, s3: Storage) -> None:
    uri = f"{s3.root}/credentials/{variables.__name__}-{wrong}"
    s3.write(uri, b"read")
    right = {"endpoint": s3.data_config.s3.endpoint, "key": ACCESS_KEY, "secret": SECRET_KEY}
    other = {"endpoint": _CLOSED, "key": "nobody", "secret": "wrong"}
    outcomes = [
        _read(stub, uri, {**_QUICK, **variables(**settings)})
        for settings in (right, {**right, wrong: other[wrong]}, right, right)
    ]
    assert [outcome.WhichOneof("result") for outcome in outcomes] == ["outputs", "error", "outputs", "outputs"], (
        outcomes
    )
    assert outcomes[2].outputs == outcomes[0].outputs
    counts = [(outcome.receipt.worker, outcome.receipt.worker_executions) for outcome in outcomes]
    assert counts == [(counts[0][0], counts[0][1] + number) for number in range(4)]


def _read(stub: TaskExecutorStub, uri: str, env: Mapping[str, str]) -> execution_pb2.Outcome:
    request = task_executor_pb2.ExecuteTaskRequest(
        task=task_executor_pb2.TaskReference(name="storage.failing.reads_elsewhere"),
        settings=settings_pb2.ExecutionSettings(env={**env, "WHERE": uri}),
        inputs_json="{}",
    )
    events = [event for message in stub.ExecuteTask(request, timeout=60) for event in message.events]
    return events[-1].outcome
