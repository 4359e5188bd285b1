"""dispatch_execute without its detours, for what most tasks are: plain functions of simple values and lists of them.

flytekit makes a coroutine of each conversion and runs them on an event loop, also where there is nothing to wait for:
that takes longer than all the rest of a small execution. Here the same transformers are called one after the other.
Whatever is not fully covered goes flytekit's own way: other tasks, types and versions of flytekit, values that do not
fit, decks, metadata of outputs, detailed logs. What a task can see is the same: its context, and the timeline's entries
in their order.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from flyteidl.core import literals_pb2
from flytekit.core import base_task
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteContext
from flytekit.core.python_function_task import PythonFunctionTask
from flytekit.exceptions.system import (
    FlyteDownloadDataException,
    FlyteNonRecoverableSystemException,
    FlyteUploadDataException,
)
from flytekit.exceptions.user import FlyteUserRuntimeException
from flytekit.loggers import logger
from flytekit.models.dynamic_job import DynamicJobSpec
from flytekit.models.literals import Literal, LiteralMap
from flytekit.models.types import LiteralType

from flytewarm_worker import flytekit_private
from flytewarm_worker.contexts import entered, origin_in
from flytewarm_worker.originals import METHODS, originals
from flytewarm_worker.plain_literals import PlainInputs, are_models_in_place, filler, reader
from flytewarm_worker.simple_values import NotCoveredError, to_literal, to_python
from flytewarm_worker.timeline import Moment, add_entries

# Entries of the timeline, the inner one first.
_TRANSLATED = ("AsyncTranslate literal to python value", "Translate literal to python value")
_CONVERTED = ("Translate the output to literals", "dispatch execute")
_CALLED = "Execute user level code"
_OF_TUPLES = tuple((name, getattr(tuple, name)) for name in ("__getitem__", "__iter__", "__len__"))
# Of JSON, in which a dictionary has an order, there is no message alone.
Inputs: TypeAlias = literals_pb2.LiteralMap | LiteralMap | PlainInputs
_ORIGIN = origin_in(PythonTask.dispatch_execute)


def dispatch(
    context: FlyteContext,
    task: Any,
    inputs: Inputs,
    outputs: literals_pb2.LiteralMap,
    as_model: Callable[[Inputs], LiteralMap],
) -> Any:
    """Returns and raises what task.dispatch_execute(context, as_model(inputs)) does. Of outputs that need no model it
    makes none: those are put into `outputs`, an empty message, which is returned then."""
    begin = Moment()
    arguments = _arguments(context, task, inputs) if is_plain(task) else None
    if arguments is None:
        return task.dispatch_execute(context, as_model(inputs))
    add_entries(context.user_space_params, begin, Moment(), *_TRANSLATED)
    state = copy.copy(context.execution_state)
    with entered(context.with_execution_state(state).build(), _ORIGIN) as own:
        value = _call(own, task, arguments)
        # Asked again: the task may have replaced what comes now.
        if is_plain(task):
            begin = Moment()
            if _put_simple(own, task, value, outputs):
                add_entries(own.user_space_params, begin, Moment(), *_CONVERTED)
                return outputs
            # What was put in before something was not covered.
            outputs.Clear()
        return _end_as_flytekit(context, own, task, arguments, value)


def is_plain(task: Any) -> bool:
    """Whether dispatch() may go another way than flytekit's."""
    return (
        type(task) is PythonFunctionTask
        and task.execution_mode is PythonFunctionTask.ExecutionBehavior.DEFAULT
        and not flytekit_private.writes_deck(task)
        and METHODS.isdisjoint(vars(task))
        and not logger.isEnabledFor(logging.INFO)
        and originals().are_in_place()
    )


def _arguments(context: FlyteContext, task: PythonTask, inputs: Inputs) -> dict[str, Any] | None:
    """The arguments of the task; None when flytekit has to make them, or to tell why it cannot."""
    if isinstance(inputs, PlainInputs):
        return inputs.arguments
    types = task.python_interface.inputs
    convert = _converter(inputs)
    arguments = {}
    for name, literal in inputs.literals.items():
        try:
            arguments[name] = convert(context, literal, types.get(name))
        except Exception:  # noqa: BLE001  # flytekit raises it again, in its own words
            return None
    return arguments


def _converter(inputs: literals_pb2.LiteralMap | LiteralMap) -> Callable[[FlyteContext, Any, Any], Any]:
    """What makes values of literals."""
    if type(inputs) is LiteralMap:
        return to_python
    return _of_message if are_models_in_place() else _by_model


def _of_message(context: FlyteContext, literal: literals_pb2.Literal, expected: Any) -> Any:
    try:
        return reader(expected)(literal)
    except NotCoveredError:
        return _by_model(context, literal, expected)


def _by_model(context: FlyteContext, literal: literals_pb2.Literal, expected: Any) -> Any:
    return to_python(context, Literal.from_flyte_idl(literal), expected)


def _call(context: FlyteContext, task: PythonTask, arguments: dict[str, Any]) -> Any:
    begin = Moment()
    try:
        return task.execute(**arguments)
    except Exception as error:
        raise FlyteUserRuntimeException(error) from error
    finally:
        if logger.isEnabledFor(logging.INFO):
            # The task has asked for detailed logs.
            flytekit_private.end_timer(_CALLED, begin.date, begin.wall, begin.cpu)
        else:
            add_entries(context.user_space_params, begin, Moment(), _CALLED)


def _put_simple(context: FlyteContext, task: PythonTask, value: Any, outputs: literals_pb2.LiteralMap) -> bool:
    """Puts the outputs in; False when flytekit has to convert them, or to tell why it cannot, and some may be there."""
    try:
        return _are_put(context, task, value, outputs)
    except Exception:  # noqa: BLE001  # as above
        return False


def _are_put(context: FlyteContext, task: PythonTask, value: Any, outputs: literals_pb2.LiteralMap) -> bool:
    variables, declared = task.interface.outputs, task.python_interface
    if declared.output_tuple_name or context.output_metadata_tracker.output_metadata:
        return False
    if isinstance(value, (LiteralMap, DynamicJobSpec)):
        return False
    values = (value,) if len(variables) == 1 else value if variables else ()
    if not _is_as_tuple(type(values)) or len(values) != len(variables):
        return False
    put = _into_message if are_models_in_place() else _by_model_into
    # Also without outputs.
    outputs.SetInParent()
    for (name, variable), one in zip(variables.items(), values, strict=True):
        put(context, outputs.literals[name], one, declared.outputs[name], variable.type)
    return True


def _is_as_tuple(kind: Any) -> bool:
    """Whether items are counted, iterated over and found by their place as those of a tuple."""
    return kind is tuple or (issubclass(kind, tuple) and all(getattr(kind, name) is own for name, own in _OF_TUPLES))


def _into_message(
    context: FlyteContext, message: literals_pb2.Literal, value: Any, expected: Any, literal_type: LiteralType
) -> None:
    try:
        filler(expected)(message, value)
    except NotCoveredError:
        message.Clear()
        _by_model_into(context, message, value, expected, literal_type)


def _by_model_into(
    context: FlyteContext, message: literals_pb2.Literal, value: Any, expected: Any, literal_type: LiteralType
) -> None:
    message.CopyFrom(to_literal(context, value, expected, literal_type).to_flyte_idl())


def _end_as_flytekit(
    context: FlyteContext, own: FlyteContext, task: PythonTask, arguments: dict[str, Any], value: Any
) -> Any:
    """What PythonTask.dispatch_execute() does in the context of its `own` after the task has returned a value."""
    parameters = own.user_space_params
    value = task.post_execute(parameters, value)
    if isinstance(value, (LiteralMap, DynamicJobSpec)):
        return value
    try:
        with base_task.timeit(_CONVERTED[-1]):
            literal_map, by_name = base_task.run_sync(task._output_to_literal_map, value, own)
        task._write_decks(arguments, by_name, context, parameters)
    except (FlyteUploadDataException, FlyteDownloadDataException):
        raise
    except Exception as error:
        raise FlyteNonRecoverableSystemException(error) from error
    return literal_map
