"""The quick way through a task returns, raises and leaves what flytekit's own way does."""

import datetime
import logging
import tempfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any, Dict, List, NamedTuple, Optional  # noqa: UP035

import pytest
from flyteidl.core import literals_pb2
from flytekit import task
from flytekit.core import base_task, type_engine
from flytekit.core.base_task import IgnoreOutputs, PythonTask
from flytekit.core.context_manager import (
    ExecutionParameters,
    ExecutionState,
    FlyteContext,
    FlyteContextManager,
    OutputMetadataTracker,
)
from flytekit.core.type_engine import DictTransformer, ListTransformer, SimpleTransformer, TypeEngine
from flytekit.deck import DeckField
from flytekit.loggers import logger
from flytekit.models import literals
from flytekit.models.literals import Literal, LiteralCollection, LiteralMap, Primitive, Scalar
from flytekit.models.types import LiteralType, SimpleType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flytewarm_worker import flytekit_private, originals, quick_dispatch


class Named(NamedTuple):
    first: int
    second: str


class Single(NamedTuple):
    only: int


_VALUES: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(),
    float: st.floats(),
    bool: st.booleans(),
    str: st.text(),
    datetime.datetime: st.datetimes(timezones=st.just(datetime.timezone.utc)),
    datetime.timedelta: st.timedeltas(),
    datetime.date: st.dates(),
    list: st.lists(st.integers()),
    type(None): st.none(),
}
_ANY = st.one_of(*_VALUES.values())


def _returns(python_type: Any) -> PythonTask:
    """A task that returns what it is given, whatever that is."""

    @task
    def same(value: python_type, other: str = "") -> python_type:  # type: ignore[valid-type]
        return _RETURNED.pop() if _RETURNED else value

    return same


# What a task of _returns returns in place of its input.
_RETURNED: list[Any] = []
_TASKS = {kind: _returns(list[int] if kind is list else kind) for kind in _VALUES if kind is not type(None)}


@task
def two(value: int) -> tuple[int, str]:
    return _RETURNED[0] if _RETURNED else (value, str(value))  # type: ignore[no-any-return]


@task
def named(value: int) -> Named:
    return Named(value, str(value))


@task
def single(value: int) -> Single:
    return Single(value)


@task
def nothing(value: int) -> None: ...


@task
def no_inputs() -> int:
    return 42


@task
def raises(value: int) -> int:
    return value // 0


@task
def annotated(value: Annotated[int, "of the user"]) -> Annotated[int, "of the user"]:
    return value + 1


@task(enable_deck=True)
def with_deck(value: int) -> int:
    return value


@task
def looks(value: int) -> int:
    context = FlyteContextManager.current_context()
    return value + context.level + len(context.user_space_params.timeline_deck.time_info)


@task
def origin(value: int) -> str:
    return FlyteContextManager.current_context().get_origin_stackframe_repr()


def _literal_of(integer: int) -> Literal:
    return Literal(scalar=Scalar(primitive=Primitive(integer=integer)))


_SEVEN = _literal_of(7)
_LISTS: dict[Any, st.SearchStrategy[Any]] = {
    list[str]: st.lists(st.text()),
    List[float]: st.lists(st.floats()),  # noqa: UP006  # as people write it
    list[bool]: st.lists(st.booleans()),
    list[datetime.datetime]: st.lists(_VALUES[datetime.datetime]),
    list[list[int]]: st.lists(st.lists(st.integers())),
    list[Annotated[int, "of the user"]]: st.lists(st.integers()),
    list[Optional[int]]: st.lists(st.one_of(st.integers(), st.none())),  # noqa: UP045  # as people write it
    list[dict[str, int]]: st.lists(st.dictionaries(st.text(), st.integers())),
    dict[str, float]: st.dictionaries(st.text(), st.floats()),
    Dict[str, str]: st.dictionaries(st.text(), st.text()),  # noqa: UP006  # as people write it
    dict[str, list[bool]]: st.dictionaries(st.text(), st.lists(st.booleans())),
    dict[str, dict[str, int]]: st.dictionaries(st.text(), st.dictionaries(st.text(), st.integers())),
    dict[str, datetime.datetime]: st.dictionaries(st.text(), _VALUES[datetime.datetime]),
    dict[int, str]: st.dictionaries(st.integers(-(2**31), 2**31), st.text()),
    dict: st.dictionaries(st.text(), st.integers(-(2**31), 2**31)),
}
_TASKS_OF_LISTS = {kind: _returns(kind) for kind in _LISTS}
_OTHERS = (two, named, single, nothing, no_inputs, raises, annotated, with_deck, looks, origin)


@pytest.fixture(scope="module")
def context() -> Iterator[FlyteContext]:
    """A context of an execution, whose parameters are made anew by _run."""
    with tempfile.TemporaryDirectory() as directory:
        now = FlyteContextManager.current_context()
        state = ExecutionState(working_dir=directory, mode=ExecutionState.Mode.TASK_EXECUTION)
        builder = now.with_execution_state(state).with_output_metadata_tracker(OutputMetadataTracker())
        with FlyteContextManager.with_context(builder) as entered:
            yield entered


def _run(context: FlyteContext, way: Any, one: Any, inputs: LiteralMap, returned: list[Any]) -> tuple[Any, ...]:
    """What comes of one way: the outputs or the error, and the names in the timeline."""
    parameters = ExecutionParameters.new_builder(context.user_space_params).build()
    state = context.execution_state.with_params(user_space_params=parameters)
    depth = FlyteContextManager.size()
    _RETURNED[:] = returned
    with FlyteContextManager.with_context(context.with_execution_state(state)) as own:
        try:
            result: Any = _serialized(way(own, one, inputs.to_flyte_idl()))
        except Exception as error:  # noqa: BLE001  # whatever it is, it has to be the same
            result = (type(error), str(error), type(error.__cause__), str(error.__cause__))
        timeline = [entry["Name"] for entry in parameters.timeline_deck.time_info]
    _RETURNED.clear()
    assert FlyteContextManager.size() == depth
    return result, timeline


def _serialized(outputs: LiteralMap | literals_pb2.LiteralMap) -> bytes:
    message = outputs.to_flyte_idl() if isinstance(outputs, LiteralMap) else outputs
    return bytes(message.SerializeToString(deterministic=True))


def _quick(context: FlyteContext, one: Any, inputs: literals_pb2.LiteralMap) -> Any:
    return quick_dispatch.dispatch(context, one, inputs, literals_pb2.LiteralMap(), LiteralMap.from_flyte_idl)


def _in_place(context: FlyteContext, one: Any, inputs: literals_pb2.LiteralMap) -> Any:
    """The quick way, which has to put the outputs into the message that it is given."""
    outputs = literals_pb2.LiteralMap()
    assert quick_dispatch.dispatch(context, one, inputs, outputs, LiteralMap.from_flyte_idl) is outputs
    return outputs


def _flytekits(context: FlyteContext, one: Any, inputs: literals_pb2.LiteralMap) -> Any:
    return one.dispatch_execute(context, LiteralMap.from_flyte_idl(inputs))


def _literal(context: FlyteContext, value: Any) -> Literal:
    kind = list[int] if isinstance(value, list) else type(value)
    return TypeEngine.to_literal(context, value, kind, TypeEngine.to_literal_type(kind))


def _assert_same(context: FlyteContext, one: Any, inputs: LiteralMap, returned: list[Any]) -> None:
    ways = (_quick, _flytekits)
    quick, slow = (_run(context, way, one, inputs, list(returned)) for way in ways)
    assert quick == slow


_EXAMPLES = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_EXAMPLES
@given(st.sampled_from([*_TASKS.values()]), _ANY, st.lists(_ANY, max_size=1))
def test_values_of_any_type_for_inputs_of_any_type(
    context: FlyteContext, one: PythonTask, value: Any, returned: list[Any]
) -> None:
    _assert_same(context, one, LiteralMap({"value": _literal(context, value)}), returned)


@_EXAMPLES
@given(st.sampled_from(_OTHERS), st.dictionaries(st.sampled_from(["value", "other", "unknown"]), _ANY))
def test_any_inputs_for_tasks_of_all_kinds(context: FlyteContext, one: PythonTask, values: dict[str, Any]) -> None:
    _assert_same(context, one, LiteralMap({name: _literal(context, value) for name, value in values.items()}), [])


@_EXAMPLES
@given(st.data())
def test_lists_of_any_type_for_inputs_of_any_type(context: FlyteContext, data: st.DataObject) -> None:
    kind, expected = (data.draw(st.sampled_from([*_LISTS])) for _ in range(2))
    value, returned = data.draw(_LISTS[kind]), data.draw(st.lists(st.one_of(*_LISTS.values(), _ANY), max_size=1))
    if kind is not expected:
        value = _with_one_item(value)
    returned = [_with_one_item(one) for one in returned]
    given = TypeEngine.to_literal(context, value, kind, TypeEngine.to_literal_type(kind))
    _assert_same(context, _TASKS_OF_LISTS[expected], LiteralMap({"value": given}), returned)


def _with_one_item(value: Any) -> Any:
    """Of several items that do not fit flytekit tells any one."""
    if isinstance(value, dict):
        return {name: _with_one_item(one) for name, one in [*value.items()][:1]}
    return [_with_one_item(one) for one in value[:1]] if isinstance(value, list) else value


def test_a_list_of_what_is_no_list(context: FlyteContext) -> None:
    one, other = _literal(context, 1), _literal(context, "x")
    inputs = [
        Literal(),
        one,
        Literal(collection=LiteralCollection([one, Literal()])),
        Literal(collection=LiteralCollection([other, one])),
        Literal(collection=LiteralCollection([Literal(collection=LiteralCollection([one]))])),
        Literal(map=LiteralMap({"x": one})),
        Literal(collection=LiteralCollection([]), hash="h", metadata={"format": "pickle"}),
    ]
    for value in inputs:
        _assert_same(context, _TASKS[list], LiteralMap({"value": value}), [])


@pytest.mark.parametrize(
    ("kind", "value"), [(list[Annotated[int, []]], [1]), (dict[str, list[Annotated[str, {}]]], {"a": ["x"]})]
)
def test_annotations_without_a_hash(context: FlyteContext, kind: Any, value: Any) -> None:
    given = TypeEngine.to_literal(context, value, kind, TypeEngine.to_literal_type(kind))
    for returned in ([], [value], [3]):
        _assert_same(context, _returns(kind), LiteralMap({"value": given}), returned)


@_EXAMPLES
@given(st.one_of(st.tuples(_ANY, _ANY), st.tuples(st.integers(), st.text()), st.tuples(_ANY, _ANY, _ANY), _ANY))
def test_anything_returned_for_two_outputs(context: FlyteContext, returned: Any) -> None:
    _assert_same(context, two, LiteralMap({"value": _literal(context, 1)}), [returned])


class _IteratesDifferently(tuple):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        return iter((10, "ten"))


class _IndexesDifferently(tuple):  # type: ignore[type-arg]
    def __getitem__(self, index: Any) -> Any:
        return (20, "twenty")[index]


class _CountsDifferently(tuple):  # type: ignore[type-arg]
    def __len__(self) -> int:
        return 2


class _SaysItIsATuple:
    """As what is wrapped in a proxy does."""

    __class__ = tuple  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Any]:
        return iter((30, "thirty"))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: Any) -> Any:
        return (40, "forty")[index]


@_EXAMPLES
@given(
    st.sampled_from([_IteratesDifferently, _IndexesDifferently, _CountsDifferently, lambda _: _SaysItIsATuple()]),
    st.tuples(st.integers(), st.text()) | st.lists(_ANY, max_size=3).map(tuple),
)
def test_tuples_of_users_for_two_outputs(context: FlyteContext, kind: Any, values: Any) -> None:
    _assert_same(context, two, LiteralMap({"value": _literal(context, 1)}), [kind(values)])


def test_plain_tasks_do_go_the_quick_way(context: FlyteContext, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = LiteralMap({"value": _literal(context, 1)})
    assert originals.originals().are_in_place()
    monkeypatch.setattr(quick_dispatch, "_end_as_flytekit", None)
    for one in (_TASKS[int], two, nothing):
        result, _ = _run(context, _quick, one, inputs, [])
        assert isinstance(result, bytes)
    assert isinstance(_run(context, _quick, two, inputs, [Named(1, "x")])[0], bytes)


_NOW = datetime.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=datetime.timezone.utc)
_COVERED: list[tuple[Any, Any]] = [
    (int, 1),
    (float, 1.5),
    (bool, True),
    (str, "x"),
    (datetime.datetime, _NOW),
    (datetime.timedelta, datetime.timedelta(days=-1, microseconds=1)),
    (datetime.date, _NOW.date()),
    (list[int], [1]),
    (list[str], ["x"]),
    (list[list[int]], [[1], []]),
    (list[datetime.datetime], [_NOW]),
    (list[datetime.date], [_NOW.date()]),
    (dict[str, float], {"x": 1.5}),
]


@pytest.mark.parametrize(("kind", "value"), _COVERED)
def test_what_is_covered_goes_the_quick_way(
    context: FlyteContext, kind: Any, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways have the same results: so this must not come of flytekit's own."""
    inputs = LiteralMap({"value": TypeEngine.to_literal(context, value, kind, TypeEngine.to_literal_type(kind))})
    one = _returns(kind)
    monkeypatch.setattr(quick_dispatch, "_end_as_flytekit", None)
    assert _run(context, _in_place, one, inputs, [])[0] == _serialize_one(inputs.literals["value"])


def test_replaced_code_for_lists_is_called(context: FlyteContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that of simple values does not matter for it, nor the other way round."""
    inputs = LiteralMap({"value": _literal(context, [1])})
    originals.originals_of_lists()

    async def seven(*_: Any) -> Any:
        return [7]

    monkeypatch.setattr(ListTransformer, "async_to_python_value", seven)
    assert originals.originals().are_in_place()
    assert not originals.originals_of_lists().are_in_place()
    result, _ = _run(context, _quick, _TASKS[list], inputs, [])
    assert result == LiteralMap({"o0": _literal(context, [7])}).to_flyte_idl().SerializeToString(deterministic=True)


def test_replaced_code_for_dictionaries_is_called(context: FlyteContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of lists does not matter for it."""
    kind = dict[str, int]
    one = _returns(kind)
    inputs = LiteralMap({"value": TypeEngine.to_literal(context, {"a": 1}, kind, TypeEngine.to_literal_type(kind))})
    originals.originals_of_dictionaries()

    async def seven(*_: Any) -> Any:
        return {"a": 7}

    monkeypatch.setattr(DictTransformer, "async_to_python_value", seven)
    assert originals.originals_of_lists().are_in_place()
    assert not originals.originals_of_dictionaries().are_in_place()
    result, _ = _run(context, _quick, one, inputs, [])
    assert result == _serialize_one(Literal(map=LiteralMap({"a": _SEVEN})))


def test_a_transformer_of_just_this_list_is_asked(context: FlyteContext, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sevens(SimpleTransformer[Any]):
        def __init__(self) -> None:
            seven = _literal(context, 7)
            super().__init__("sevens", list[int], LiteralType(simple=SimpleType.INTEGER), lambda _: seven, lambda _: 7)

        def to_literal(self, *_: Any) -> Literal:
            return _literal(context, 7)

        def to_python_value(self, *_: Any) -> Any:
            return [7]

    inputs = LiteralMap({"value": _literal(context, [1])})
    monkeypatch.setitem(flytekit_private.transformers(), list[int], Sevens())
    _assert_same(context, _TASKS[list], inputs, [])
    result, _ = _run(context, _quick, _TASKS[list], inputs, [])
    assert result == LiteralMap({"o0": _literal(context, 7)}).to_flyte_idl().SerializeToString(deterministic=True)


def _serialize_one(value: Any) -> bytes:
    return LiteralMap({"o0": value}).to_flyte_idl().SerializeToString(deterministic=True)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 1),
        (float, 1.5),
        (bool, True),
        (str, "x"),
        (list[str], ["x", ""]),
        (list[int], []),
        (dict[str, float], {"x": 1.5, "": 0.0}),
        (dict[str, list[int]], {}),
        (list[dict[str, str]], [{}, {"x": "y"}]),
    ],
)
def test_plain_values_need_no_models(
    context: FlyteContext, kind: Any, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = LiteralMap({"value": TypeEngine.to_literal(context, value, kind, TypeEngine.to_literal_type(kind))})
    assert originals.originals_of_models().are_in_place()
    monkeypatch.setattr(quick_dispatch, "to_python", None)
    monkeypatch.setattr(quick_dispatch, "to_literal", None)
    assert _run(context, _in_place, _returns(kind), inputs, [])[0] == _serialize_one(inputs.literals["value"])


def test_integers_that_fit_into_no_literal_are_flytekits_to_refuse(context: FlyteContext) -> None:
    """It does so only when it makes the message."""

    def way(context: FlyteContext, one: Any, inputs: literals_pb2.LiteralMap) -> Any:
        outputs = literals_pb2.LiteralMap()
        result = quick_dispatch.dispatch(context, one, inputs, outputs, LiteralMap.from_flyte_idl)
        assert result.literals["o0"].scalar.primitive.integer == 2**63
        assert not outputs.literals
        return result

    result, _ = _run(context, way, _TASKS[int], LiteralMap({"value": _literal_of(1)}), [2**63])
    assert result[0] is ValueError


def test_replaced_models_are_asked(context: FlyteContext, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = LiteralMap({"value": _literal_of(1)})
    monkeypatch.setattr(Literal, "from_flyte_idl", classmethod(lambda _cls, _message: _SEVEN))
    assert not originals.originals_of_models().are_in_place()
    assert _run(context, _quick, _TASKS[int], inputs, [])[0] == _serialize_one(_SEVEN)
    monkeypatch.undo()
    assert originals.originals_of_models().are_in_place()


@pytest.mark.parametrize(
    ("name", "replaced"), [("_from_literal_transformer", lambda _: 7), ("_to_literal_transformer", lambda _: _SEVEN)]
)
def test_a_transformer_with_code_of_its_own_is_asked(
    context: FlyteContext, name: str, replaced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_engine.IntTransformer, name, replaced)
    assert _run(context, _quick, _TASKS[int], LiteralMap({"value": _literal_of(1)}), [])[0] == _serialize_one(_SEVEN)


def _sevens(*_: object) -> Any:
    return {"value": 7}


def _to_seven(_: object) -> Any:
    return 7


_SEVENS = SimpleTransformer("sevens", int, LiteralType(simple=SimpleType.INTEGER), lambda _: _SEVEN, lambda _: 7)
_REPLACED: dict[str, tuple[Any, str, Any]] = {
    "the instance's to_literal": (type_engine.IntTransformer, "to_literal", lambda *_: _SEVEN),
    "the instance's to_python_value": (type_engine.IntTransformer, "to_python_value", lambda *_: 7),
    "a model's property": (Primitive, "integer", property(_to_seven)),
    "another property of a model": (Literal, "hash", property(lambda _: "h", lambda *_: None)),
    "a name of the transformers": (type_engine, "Primitive", lambda integer: Primitive(integer=integer + 6)),
    "a name of the models": (literals, "Scalar", SimpleNamespace(from_flyte_idl=lambda _: _SEVEN.scalar)),
    "what runs coroutines": (base_task, "run_sync", lambda *_: (LiteralMap({"o0": _SEVEN}), {})),
    "what makes loops for inputs": (type_engine, "loop_manager", SimpleNamespace(synced=lambda _: _sevens)),
    "the search for transformers": (TypeEngine, "get_transformer", classmethod(lambda *_: _SEVENS)),
    "what is done to literals": (type_engine, "modify_literal_uris", lambda literal: literal.set_metadata({"a": "b"})),
}


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("size", ["1", "10", "-1", "0", "-2"])
@pytest.mark.parametrize(
    ("kind", "value"), [(list[int], [1, 2]), (list[int], []), (dict[str, int], {"a": 1}), (dict[str, list[int]], {})]
)
def test_collections_with_any_number_of_coroutines_at_a_time(
    context: FlyteContext, monkeypatch: pytest.MonkeyPatch, kind: Any, value: Any, size: str
) -> None:
    """There are numbers with which flytekit converts none."""
    inputs = LiteralMap({"value": TypeEngine.to_literal(context, value, kind, TypeEngine.to_literal_type(kind))})
    monkeypatch.setenv("_F_TE_MAX_COROS", size)
    flytekit_private.read_import_time_variables()

    @task
    def makes(value: int) -> kind:  # type: ignore[valid-type]
        return _RETURNED[0]

    try:
        _assert_same(context, _returns(kind), inputs, [])
        _assert_same(context, makes, LiteralMap({"value": _literal_of(1)}), [value])
    finally:
        monkeypatch.undo()
        flytekit_private.read_import_time_variables()


def _post_execute_of_the_task(patch: pytest.MonkeyPatch, one: Any) -> None:
    patch.setattr(one, "post_execute", lambda _, value: value + 100)


def _post_execute_of_the_class(patch: pytest.MonkeyPatch, _: Any) -> None:
    patch.setattr(PythonTask, "post_execute", lambda _self, _parameters, value: value + 100)


def _post_execute_that_ignores(patch: pytest.MonkeyPatch, one: Any) -> None:
    def ignore(*_: Any) -> Any:
        raise IgnoreOutputs("nothing")

    patch.setattr(one, "post_execute", ignore)


def _post_execute_with_literals(patch: pytest.MonkeyPatch, one: Any) -> None:
    patch.setattr(one, "post_execute", lambda *_: LiteralMap({"o0": _SEVEN}))


def _its_own_deck(patch: pytest.MonkeyPatch, one: Any) -> None:
    patch.setattr(one, "_disable_deck", False)
    patch.setattr(one, "_deck_fields", [DeckField.INPUT, DeckField.OUTPUT])


def _broken_decks(patch: pytest.MonkeyPatch, one: Any) -> None:
    patch.setattr(one, "_write_decks", lambda *_: 1 / 0)


def _no_interface(patch: pytest.MonkeyPatch, one: Any) -> None:
    patch.setattr(one, "_interface", None)


@pytest.mark.parametrize(
    "change",
    [
        _post_execute_of_the_task,
        _post_execute_of_the_class,
        _post_execute_that_ignores,
        _post_execute_with_literals,
        _its_own_deck,
        _broken_decks,
        _no_interface,
    ],
)
def test_what_a_task_changes_about_its_own_end(
    context: FlyteContext, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    @task
    def changes(value: int) -> int:
        change(monkeypatch, changes)
        seen.append(FlyteContextManager.current_context().user_space_params)
        return value

    results, seen = [], []
    for way in (_quick, _flytekits):
        result = _run(context, way, changes, LiteralMap({"value": _literal_of(1)}), [])
        monkeypatch.undo()
        results.append((result, [(deck.name, deck.html) for deck in seen.pop().decks]))
    assert results[0] == results[1]


@pytest.mark.parametrize("fails", [False, True])
def test_detailed_logs_that_a_task_asks_for(
    context: FlyteContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    @task
    def asks(value: int) -> int:
        logger.setLevel(logging.INFO)
        return 1 // 0 if fails else value

    level, told = logger.level, []
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    for way in (_quick, _flytekits):
        _run(context, way, asks, LiteralMap({"value": _literal_of(1)}), [])
        logger.setLevel(level)
        told.append([(one.filename, one.lineno, one.getMessage().partition("[Time")[0]) for one in caplog.records])
        caplog.clear()
    assert told[0] == told[1]
    assert len(told[0]) == (1 if fails else 3)


@pytest.mark.parametrize("when", ["before", "in the task"])
@pytest.mark.parametrize("replaced", _REPLACED.values(), ids=_REPLACED)
def test_what_somebody_has_replaced_is_called(
    context: FlyteContext, monkeypatch: pytest.MonkeyPatch, replaced: tuple[Any, str, Any], when: str
) -> None:
    """Before the task, or by the task before its outputs are converted."""
    owner, name, by = replaced
    ones: list[tuple[Any, Any]] = [(int, 1), (list[int], [1]), (dict[str, int], {"a": 1})]
    for kind, value in ones:
        inputs = LiteralMap({"value": TypeEngine.to_literal(context, value, kind, TypeEngine.to_literal_type(kind))})

        @task
        def replaces(value: kind) -> kind:  # type: ignore[valid-type]
            monkeypatch.setattr(owner, name, by, raising=False)
            return value

        with monkeypatch.context() as patch:
            if when == "before":
                patch.setattr(owner, name, by, raising=False)
                _assert_same(context, _returns(kind), inputs, [])
        if when == "in the task":
            results = []
            for way in (_quick, _flytekits):
                results.append(_run(context, way, replaces, inputs, []))
                monkeypatch.undo()
            assert results[0] == results[1]


def test_another_transformer_is_asked(context: FlyteContext, monkeypatch: pytest.MonkeyPatch) -> None:
    other = SimpleTransformer(
        "other", int, LiteralType(simple=SimpleType.INTEGER), lambda _: _SEVEN, lambda one: one.scalar.primitive.integer
    )
    monkeypatch.setitem(flytekit_private.transformers(), int, other)
    for one, value in ((_TASKS[int], _literal_of(1)), (_TASKS[list], Literal(collection=LiteralCollection([_SEVEN])))):
        _assert_same(context, one, LiteralMap({"value": value}), [])
    assert _run(context, _quick, _TASKS[int], LiteralMap({"value": _literal_of(1)}), [])[0] == _serialize_one(_SEVEN)


_SIMPLE_TYPES: dict[type, Any] = {
    int: 1,
    float: 0.5,
    bool: True,
    str: "x",
    datetime.datetime: datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    datetime.timedelta: datetime.timedelta(1),
    datetime.date: datetime.date(2024, 1, 1),
}


class _Hashing:
    """Makes literals with a hash, which flytekit takes off again; fails the first `failures` times."""

    def __init__(self, kind: type, failures: int) -> None:
        self.convert = flytekit_private.transformers()[kind]._to_literal_transformer
        self.failures, self.calls = failures, 0

    def __call__(self, value: Any) -> Literal:
        self.calls += 1
        if self.calls <= self.failures:
            raise RuntimeError(f"time {self.calls}")
        literal = self.convert(value)
        literal.hash = "h"
        return literal  # type: ignore[no-any-return]


@pytest.mark.parametrize("failures", [0, 1])
@pytest.mark.parametrize("registered", [True, False], ids=["registered", "changed"])
@pytest.mark.parametrize("kind", _SIMPLE_TYPES)
def test_a_users_transformer_of_a_simple_type_is_called_as_flytekit_does(
    context: FlyteContext, monkeypatch: pytest.MonkeyPatch, kind: Any, registered: bool, failures: int
) -> None:
    """One that is registered in the place of flytekit's own, or that one with functions of the user's."""
    own, value = flytekit_private.transformers()[kind], _SIMPLE_TYPES[kind]

    @task
    def beside_another(value: kind) -> tuple[kind, dict]:  # type: ignore[type-arg,valid-type]
        return value, {}

    def called(way: Any, one: PythonTask, inputs: LiteralMap) -> Any:
        flytekit_private.forget_literals()
        hashing = _Hashing(kind, failures)
        with monkeypatch.context() as patch:
            if registered:
                other = SimpleTransformer("other", kind, own._lt, hashing, own._from_literal_transformer)
                patch.setitem(flytekit_private.transformers(), kind, other)
            else:
                patch.setattr(own, "_to_literal_transformer", hashing)
            return _run(context, way, one, inputs, []), hashing.calls

    values: list[tuple[Any, Any]] = [(kind, value), (list[kind], [value]), (dict[str, kind], {"a": value})]
    cases = [(beside_another, *values[0]), *((_returns(of), of, whole) for of, whole in values)]
    for one, of, whole in cases:
        inputs = LiteralMap({"value": TypeEngine.to_literal(context, whole, of, TypeEngine.to_literal_type(of))})
        assert called(_quick, one, inputs) == called(_flytekits, one, inputs)


def test_replaced_code_of_flytekit_is_called(context: FlyteContext, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = LiteralMap({"value": _literal(context, 1)})
    monkeypatch.setattr(PythonTask, "post_execute", lambda *_: 7)
    assert not originals.originals().are_in_place()
    assert (
        _run(context, _quick, _TASKS[int], inputs, [])[0]
        == _run(context, _flytekits, _TASKS[int], LiteralMap({"value": _literal(context, 7)}), [])[0]
    )


def test_a_task_with_a_method_of_its_own_is_asked(context: FlyteContext, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = LiteralMap({"value": _literal(context, 1)})
    monkeypatch.setattr(_TASKS[int], "execute", lambda **_: 5)
    _assert_same(context, _TASKS[int], inputs, [])
    assert _run(context, _quick, _TASKS[int], inputs, [])[0] == LiteralMap(
        {"o0": _literal(context, 5)}
    ).to_flyte_idl().SerializeToString(deterministic=True)


def test_detailed_logs_are_written_as_ever(context: FlyteContext, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=logger.name):
        logger.addHandler(caplog.handler)
        _run(context, _quick, _TASKS[int], LiteralMap({"value": _literal(context, 1)}), [])
        logger.removeHandler(caplog.handler)
    assert any("Invoking" in record.getMessage() for record in caplog.records)
