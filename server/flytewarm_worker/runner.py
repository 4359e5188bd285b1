"""One execution in a worker: settings, task, inputs, dispatch, outcome, documents, deck; timed phase by phase."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flyteidl.core import literals_pb2
from flytekit.core import constants, utils
from flytekit.core.context_manager import ExecutionParameters, FlyteContext
from flytekit.exceptions.system import FlyteNonRecoverableSystemException
from flytekit.exceptions.user import FlyteUserRuntimeException
from flytekit.models import literals

from flytewarm_api.v1 import execution_pb2
from flytewarm_api.worker.framing import APART_BYTES
from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_worker import decks, flytekit_private, outcome, quick_dispatch, quick_loading, tasks
from flytewarm_worker.context import ORIGIN
from flytewarm_worker.contexts import entered
from flytewarm_worker.json_values import JsonInputError, json_from_literals, literals_from_json, literals_from_values
from flytewarm_worker.limits import Limits
from flytewarm_worker.outcome import Result
from flytewarm_worker.plain_json import plain_from_values
from flytewarm_worker.plain_literals import PlainInputs, are_models_in_place
from flytewarm_worker.process_state import ProcessState
from flytewarm_worker.request import Request
from flytewarm_worker.sandbox import Sandbox
from flytewarm_worker.stats import MetricSink, tell_metrics
from flytewarm_worker.usage import CpuTimes, peak_memory_bytes

EventSink = Callable[[execution_pb2.Event], None]


@dataclass(frozen=True)
class Ended:
    """An outcome with its receipt. `literals`: the map of its outputs, serialized, where that is large, and then not in
    it; else None."""

    outcome: execution_pb2.Outcome
    literals: bytes | None


class Runner:
    """Runs one execution. The environment variables of the task must be set already."""

    def __init__(
        self,
        frame: frames_pb2.Execute,
        request: Request,
        sandbox: Sandbox,
        make_context: Callable[[], FlyteContext],
        emit: EventSink,
        state: ProcessState,
    ) -> None:
        """`make_context` makes the execution's context, and raises what flytekit raises for its settings."""
        self._frame = frame
        self._request = request.message
        self._unreadable = request.unreadable
        self._settings = self._request.settings
        self._sandbox = sandbox
        self._make_context = make_context
        self._emit = emit
        self._state = state
        self._receipt = execution_pb2.Receipt()
        self._task = self._request.task
        self._reading_inputs = False
        # The literal map of the outputs, if there are any.
        self._literals = b""
        self._limits = Limits(
            self._request.events.inline_limit_bytes, frame.max_event_bytes, frame.max_error_bytes, frame.max_deck_bytes
        )
        self._map_task = self._settings.map_task if self._settings.HasField("map_task") else None

    def run(self) -> Ended:
        """Runs the task and returns how that ended, the documents written. Does not raise."""
        started, cpu = time.perf_counter_ns(), CpuTimes.now()
        try:
            self._state.begin()
            made = self._make_context()
            tell_metrics(made.user_space_params.stats, self._metric_sink())
            with entered(made, ORIGIN) as context:
                result = self._run_in(context)
        except BaseException as error:  # noqa: BLE001  # every execution ends with an outcome
            # Settings that flytekit refuses, or storage that does not take the documents.
            result = outcome.of_exception(error, user_code_ran=True)
        self._limits.fit_outcome(result.outcome, len(self._literals))
        self._fill_receipt(started, cpu)
        result.outcome.receipt.CopyFrom(self._receipt)
        return Ended(result.outcome, self._take_large_literals(result.outcome))

    def _run_in(self, context: FlyteContext) -> Result:
        with contextlib.ExitStack() as stack:
            task = None
            try:
                task = self._load(context)
                if task is None:
                    return outcome.of_ignored("dry run (--test): the task was not run")
                flytekit_private.forget_last_execution(task)
                stack.enter_context(flytekit_private.deck_switch(task, self._deck_enabled()))
                success = outcome.success()
                outputs = success.outputs.literals
                value = self._dispatch(context, task, self._inputs(context, task), outputs)
                prefix = self._settings.output_prefix
                if value is outputs:
                    result = outcome.of_outputs(success, task, prefix)
                else:
                    result = outcome.of_return(value, task, prefix, self._map_task is not None)
                self._describe_outputs(result.outcome)
            except BaseException as error:  # noqa: BLE001  # every execution ends with an outcome
                ran = flytekit_private.user_code_time(context.user_space_params) is not None
                result = outcome.of_exception(error, user_code_ran=ran, reading_inputs=self._reading_inputs)
                self._limits.fit_error_documents(result.documents.values())
            if result.documents:
                self._write_documents(context, result)
                if task is not None and flytekit_private.writes_deck(task):
                    self._publish_deck(context)
        return result

    def _load(self, context: FlyteContext) -> Any:
        """The task; None for a dry run, which loads only its resolver."""
        with _timed(self._receipt, "load_ns"), _as_user_error():
            self._task = tasks.reference_of(self._request, self._frame.template_task, self._sandbox.root)
            location, arguments = tasks.resolver_and_arguments(self._task)
            if self._map_task is None and not self._frame.dry_run:
                task = quick_loading.load(location, arguments, context.user_space_params)
                if task is not None:
                    return task
            # What a fresh process would import is there already, most of the time.
            is_there = tasks.is_imported(location, arguments)
            with contextlib.nullcontext() if is_there else self._state.importing():
                resolver = tasks.load_resolver(location, self._map_task is not None)
                return None if self._frame.dry_run else tasks.load_task(resolver, arguments, self._map_task)

    def _inputs(self, context: FlyteContext, task: Any) -> quick_dispatch.Inputs:
        self._reading_inputs = True
        inputs = self._read_inputs(context, task)
        self._reading_inputs = False
        return inputs

    def _as_model(self, context: FlyteContext, task: Any, inputs: quick_dispatch.Inputs) -> literals.LiteralMap:
        if isinstance(inputs, PlainInputs):
            return literals_from_json(context, task, self._request.inputs_json)
        if isinstance(inputs, literals.LiteralMap):
            return inputs
        self._reading_inputs = True
        model = literals.LiteralMap.from_flyte_idl(inputs)
        self._reading_inputs = False
        return model

    def _read_inputs(self, context: FlyteContext, task: Any) -> quick_dispatch.Inputs:
        if self._unreadable is not None:
            raise self._unreadable
        source = self._request.WhichOneof("inputs")
        if source == "inputs_json":
            with _timed(self._receipt, "convert_ns"):
                return self._read_json(context, task)
        message = self._download(context) if source == "inputs_uri" else self._request.literals
        self._receipt.input_bytes = self._frame.literals_bytes or message.ByteSize()
        return message

    def _read_json(self, context: FlyteContext, task: Any) -> quick_dispatch.Inputs:
        values = json.loads(self._request.inputs_json)
        if quick_dispatch.is_plain(task) and are_models_in_place():
            plain = plain_from_values(task, values)
            if plain is not None:
                self._receipt.input_bytes = plain.message.ByteSize()
                return plain
        try:
            inputs = literals_from_values(context, task, values)
        except JsonInputError as error:
            # What flytekit makes of inputs that it cannot convert.
            raise FlyteNonRecoverableSystemException(error) from error
        self._receipt.input_bytes = inputs.to_flyte_idl().ByteSize()
        return inputs

    def _download(self, context: FlyteContext) -> literals_pb2.LiteralMap:
        local = os.path.join(context.execution_state.working_dir, constants.INPUT_FILE_NAME)
        with _timed(self._receipt, "download_ns"):
            context.file_access.get_data(self._request.inputs_uri, local)
            return utils.load_proto_from_file(literals_pb2.LiteralMap, local)

    def _dispatch(
        self, context: FlyteContext, task: Any, inputs: quick_dispatch.Inputs, outputs: literals_pb2.LiteralMap
    ) -> Any:
        emit_live = functools.partial(self._emit_deck, context, final=False)
        flytekit_private.install_deck_sink(lambda _task_name, parameters: emit_live(parameters))
        begin = time.time_ns()
        try:
            as_model = functools.partial(self._as_model, context, task)
            return quick_dispatch.dispatch(context, task, inputs, outputs, as_model)
        finally:
            flytekit_private.forget_deck_sink()
            if not self._reading_inputs:
                self._split_dispatch(begin, time.time_ns(), flytekit_private.user_code_time(context.user_space_params))

    def _split_dispatch(self, begin: int, end: int, user_code: tuple[int, int] | None) -> None:
        if user_code is None:
            # Inputs that failed to convert, or a task that hides its timer (flytekit_private.user_code_time).
            self._receipt.run_ns = end - begin
            return
        start, duration = user_code
        # Beside what reading JSON took.
        self._receipt.convert_ns += max(0, start - begin)
        self._receipt.run_ns = duration
        self._receipt.convert_back_ns = max(0, end - start - duration)

    def _write_documents(self, context: FlyteContext, result: Result) -> None:
        prefix = self._output_prefix()
        if not prefix:
            return
        with _timed(self._receipt, "upload_ns"):
            for name, document in result.documents.items():
                utils.write_proto_to_file(document, os.path.join(context.execution_state.engine_dir, name))
            context.file_access.put_data(context.execution_state.engine_dir, prefix, is_multipart=True)
        told = getattr(result.outcome, result.outcome.WhichOneof("result"))
        told.uri = f"{prefix}/{next(iter(result.documents))}"

    def _output_prefix(self) -> str:
        if self._map_task is None or not self._settings.output_prefix:
            return self._settings.output_prefix
        return tasks.map_output_prefix(self._task.resolver, self._settings.output_prefix)

    def _publish_deck(self, context: FlyteContext) -> None:
        with _timed(self._receipt, "deck_ns"):
            self._emit_deck(context, context.user_space_params, final=True)

    def _emit_deck(self, context: FlyteContext, parameters: ExecutionParameters, final: bool) -> None:
        deck = decks.publish(context, parameters, final)
        if deck is None or self._request.events.omit_decks:
            return
        self._limits.fit_deck(deck)
        self._emit(_now(execution_pb2.Event(deck=deck)))

    def _metric_sink(self) -> MetricSink:
        """Holds nothing of the execution, whose inputs may be large: a task may keep what calls it."""
        return _ignore_metric if self._request.events.omit_metrics else functools.partial(_emit_metric, self._emit)

    def _deck_enabled(self) -> bool | None:
        return self._settings.deck.enabled if self._settings.deck.HasField("enabled") else None

    def _describe_outputs(self, told: execution_pb2.Outcome) -> None:
        if told.HasField("outputs"):
            # Once: for its size alone it would have to be serialized as well.
            self._literals = told.outputs.literals.SerializeToString()
            self._receipt.output_bytes = len(self._literals)
            if self._request.events.outputs_as_json:
                told.outputs.json = json_from_literals(told.outputs.literals)

    def _take_large_literals(self, told: execution_pb2.Outcome) -> bytes | None:
        if len(self._literals) < APART_BYTES or not (told.HasField("outputs") and told.outputs.HasField("literals")):
            return None
        told.outputs.ClearField("literals")
        return self._literals

    def _fill_receipt(self, started: int, cpu: CpuTimes) -> None:
        used = CpuTimes.now() - cpu
        self._receipt.worker_ns = time.perf_counter_ns() - started
        self._receipt.cpu_user_ns = used.user_ns
        self._receipt.cpu_system_ns = used.system_ns
        self._receipt.peak_memory_bytes = peak_memory_bytes()


class _timed:  # noqa: N801  # used as contextlib's own are
    """Adds the time in the block to a field of the receipt, also when the block raises."""

    def __init__(self, receipt: execution_pb2.Receipt, field: str) -> None:
        self._receipt, self._field = receipt, field

    def __enter__(self) -> None:
        self._begin = time.perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        spent = time.perf_counter_ns() - self._begin
        setattr(self._receipt, self._field, getattr(self._receipt, self._field) + spent)


class _as_user_error:  # noqa: N801  # used as contextlib's own are
    """A task that cannot be loaded is most likely the user's error, as the entrypoint sees it."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, Exception):
            raise FlyteUserRuntimeException(error) from error


def _emit_metric(emit: EventSink, metric: execution_pb2.Metric) -> None:
    emit(_now(execution_pb2.Event(metric=metric)))


def _ignore_metric(_metric: execution_pb2.Metric) -> None: ...


def _now(event: execution_pb2.Event) -> execution_pb2.Event:
    event.time.GetCurrentTime()
    return event
