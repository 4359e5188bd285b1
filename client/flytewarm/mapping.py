"""What a map has taken, has sent, has back and may give. No I/O: both executors share this."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import grpc

from flytewarm import requests
from flytewarm.errors import FlytewarmError, ResourceExhausted, StreamIncomplete
from flytewarm.requests import RunOptions
from flytewarm.status import refusal
from flytewarm.values import inputs_to_json
from flytewarm_api.v1 import execution_pb2, task_executor_pb2, worker_pool_pb2

# A message is closed with so many requests, or so many bytes of them.
_BATCH = 32
_BATCH_BYTES = 256 << 10
# What a message has around a request, in bytes, and more.
_ENVELOPE = 64
# The items in flight at services that do not tell their own bound.
_DEFAULT_CONCURRENCY = 64


class MapState:
    """One map. Items are known by their index, which begins with 0; requests by their number, which begins with 1."""

    def __init__(
        self,
        task: str,
        options: RunOptions | None,
        *,
        ordered: bool = True,
        return_exceptions: bool = False,
        concurrency: int | None = None,
    ) -> None:
        """For the parameters see Executor.map. Raises TypeError and ValueError for those that are none."""
        if options is not None and not isinstance(options, RunOptions):
            raise TypeError(f"options must be RunOptions, not {type(options).__name__}")
        options = options or RunOptions()
        if options.on_event is not None or options.on_log is not None:
            raise ValueError("map() calls neither on_event nor on_log, as no event tells which item it is of")
        if concurrency is not None and concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {concurrency}")
        self._template = requests.run_request(task, options, {})
        # Nobody looks at them, and they would be the larger part of what is sent.
        self._template.events.omit_progress = True
        self._ordered = ordered
        self._return_exceptions = return_exceptions
        self._concurrency = concurrency
        self._max_bytes = 0
        self._taken = self._sent = 0
        self._exhausted = False
        self._fault: BaseException | None = None
        self._broken: FlytewarmError | None = None
        self._index_of: dict[int, int] = {}
        # What became of items that have not been given yet, in the order in which that was known.
        self._ended: dict[int, execution_pb2.Outcome | Exception] = {}
        self._batch_bytes = 0
        self.messages: deque[task_executor_pb2.ExecuteTasksRequest] = deque()
        """What is to be sent. The last one grows until somebody takes it."""
        self.given = 0
        """How many items the caller has got."""
        self.failed = 0
        """How many of them have failed."""

    def limit(self, service: worker_pool_pb2.GetCapabilitiesResponse) -> None:
        """Takes over the service's limits."""
        self._max_bytes = service.max_message_bytes
        if self._concurrency is None:
            self._concurrency = service.max_stream_executions or _DEFAULT_CONCURRENCY

    @property
    def wants_more(self) -> bool:
        """Whether the next inputs should be taken."""
        if self._exhausted or self._broken is not None:
            return False
        return self._taken - self.given < (self._concurrency or _DEFAULT_CONCURRENCY)

    @property
    def exhausted(self) -> bool:
        """Whether there are no more inputs."""
        return self._exhausted

    def finished(self) -> bool:
        """Whether the caller has got everything. Raises, once there are no more results, what has ended them early: the
        error of the call, or that of the iterable of the inputs."""
        if self._broken is not None and self._is_waiting and not self.has_results:
            raise self._broken
        if not self._exhausted or self.given < self._taken:
            return False
        if self._fault is not None:
            raise self._fault
        return True

    @property
    def has_results(self) -> bool:
        """Whether results() gives something."""
        return self._next() is not None

    def take(self, inputs: Mapping[str, Any]) -> None:
        """Makes a request of the next inputs. Those that cannot be sent are an item that has failed."""
        index = self._taken
        self._taken += 1
        try:
            if not isinstance(inputs, Mapping):
                raise TypeError(f"inputs must be a dict, not {type(inputs).__name__}")
            self._add(index, inputs_to_json(inputs))
        except FlytewarmError as error:
            self._ended[index] = error
        except Exception as error:  # noqa: BLE001  # whatever the caller's own values raise when they are converted
            kind = "" if isinstance(error, TypeError) else f"{type(error).__name__}: "
            told = TypeError(f"item {index}: {kind}{error}")
            told.__cause__ = error
            self._ended[index] = told

    def exhaust(self, fault: BaseException | None = None) -> None:
        """There are no more inputs, because of the iterable's `fault` if it has one: the caller gets that last."""
        self._exhausted = True
        self._fault = fault

    def receive(self, response: task_executor_pb2.ExecuteTasksResponse) -> None:
        """Takes in what the service answers."""
        for answer in response.answers:
            if answer.HasField("refused"):
                self._ended[self._index_of.pop(answer.request_number)] = refusal(answer.refused)
            elif answer.events[-1].HasField("outcome"):
                self._ended[self._index_of.pop(answer.request_number)] = answer.events[-1].outcome

    def break_off(self, error: FlytewarmError | None) -> None:
        """The call has ended, with its error if it has one."""
        told = "the stream ended before all items had an outcome; what became of the others is not known"
        self._broken = error or StreamIncomplete(told)

    def results(self) -> Iterator[Any]:
        """Yields what the caller may get now. Raises the error of a failed item, unless errors are results."""
        while (index := self._next()) is not None:
            ended = self._ended.pop(index)
            self.given += 1
            result = self._result(index, ended)
            yield result if self._ordered else (index, result)

    @property
    def _is_waiting(self) -> bool:
        return bool(self._index_of) or not self._exhausted

    def _add(self, index: int, inputs_json: str) -> None:
        request = task_executor_pb2.ExecuteTaskRequest()
        request.CopyFrom(self._template)
        request.inputs_json = inputs_json
        if request.execution_id:
            request.execution_id += f"-{index}"
        if request.settings.output_prefix:
            request.settings.output_prefix += f"/{index}"
        size = request.ByteSize() + _ENVELOPE
        if self._max_bytes and size > self._max_bytes:
            # One such message would end the stream.
            told = f"item {index}: a request of {size} bytes is over the service's limit of {self._max_bytes}"
            raise ResourceExhausted(grpc.StatusCode.RESOURCE_EXHAUSTED, told)
        if not self.messages or self._is_full(size):
            self.messages.append(task_executor_pb2.ExecuteTasksRequest())
            self._batch_bytes = 0
        self.messages[-1].executions.append(request)
        self._batch_bytes += size
        self._sent += 1
        self._index_of[self._sent] = index

    def _is_full(self, more: int) -> bool:
        return len(self.messages[-1].executions) >= _BATCH or self._batch_bytes + more > _BATCH_BYTES

    def _next(self) -> int | None:
        if self._ordered:
            return self.given if self.given in self._ended else None
        return next(iter(self._ended), None)

    def _result(self, index: int, ended: execution_pb2.Outcome | Exception) -> Any:
        try:
            if isinstance(ended, Exception):
                raise ended
            return requests.native_result(ended)
        except (FlytewarmError, TypeError) as error:
            if isinstance(error, FlytewarmError):
                error.index = index
            self.failed += 1
            if not self._return_exceptions:
                raise
            return error
