"""The queue before the workers: order, bounds, places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytewarm_server.execution.admission import Admission, QueueFullError, WaitingQueue
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import settings_pb2, task_executor_pb2
from flytewarm_server.timers import Delay


def _execution(name: str, priority: int = 0) -> Execution:
    policy = settings_pb2.ExecutionPolicy(priority=priority)
    return Execution(
        name, ValidRequest(task_executor_pb2.ExecuteTaskRequest(policy=policy)), max_log_bytes=0, coalescing=Delay(0)
    )


def _drain(queue: WaitingQueue) -> list[str]:
    return [queue.remove(next(iter(queue))).id for _ in range(len(queue))]


def test_priority_goes_before_age() -> None:
    queue = WaitingQueue()
    for name, priority in [("a", 0), ("b", 5), ("c", -5), ("d", 5), ("e", 0)]:
        queue.push(_execution(name, priority))
    assert _drain(queue) == ["b", "d", "a", "e", "c"]


def test_the_place_is_the_number_of_those_ahead() -> None:
    queue = WaitingQueue()
    places = [queue.push(_execution(str(n), priority)) for n, priority in enumerate([0, 0, 7, -1, 7, 0])]
    assert places == [0, 1, 0, 3, 1, 4]


def test_removing_what_does_not_wait_is_an_error() -> None:
    queue = WaitingQueue()
    queue.push(_execution("a"))
    with pytest.raises(KeyError):
        queue.remove(_execution("b"))
    with pytest.raises(KeyError):
        queue.remove(_execution("a", priority=1))
    assert len(queue) == 1


@given(steps=st.lists(st.one_of(st.integers(-2, 2), st.just("pop"), st.tuples(st.just("remove"), st.integers(0)))))
def test_it_behaves_as_a_sorted_list(steps: list[int | str | tuple[str, int]]) -> None:
    queue, model = WaitingQueue(), list[Execution]()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            new = _execution(str(number), priority=step)
            model.append(new)
            # A stable sort keeps age within a priority.
            model.sort(key=lambda one: -one.request.message.policy.priority)
            assert queue.push(new) == model.index(new)
        elif model:
            chosen = 0 if step == "pop" else int(step[1]) % len(model)
            taken = model.pop(chosen)
            assert chosen or next(iter(queue)) is taken
            assert queue.remove(taken) is taken
        assert len(queue) == len(model)
    assert _drain(queue) == [one.id for one in model]


def test_it_tells_its_order_and_who_wants_a_process_of_its_own() -> None:
    queue = WaitingQueue()
    alone = Execution(
        "c",
        ValidRequest(task_executor_pb2.ExecuteTaskRequest(), own_process=True),
        max_log_bytes=0,
        coalescing=Delay(0),
    )
    for execution in (_execution("a"), _execution("b", 5), alone):
        queue.push(execution)
    assert [execution.id for execution in queue] == ["b", "a", "c"]
    assert queue.own_process == 1
    queue.remove(alone)
    assert (queue.own_process, [execution.id for execution in queue]) == (0, ["b", "a"])


def test_one_more_than_the_limit_in_all_is_refused() -> None:
    admission = Admission(in_all=2, for_each=0)
    admission.take("a", 0)
    admission.take("a", 0)
    with pytest.raises(QueueFullError, match=r"2 requests wait already, the limit is 2 \(--max-queue\)") as caught:
        admission.take("b", 0)
    assert caught.value.limit == "--max-queue"
    assert len(admission) == 2
    admission.leave("a", 0)
    admission.take("b", 0)


def test_one_more_than_the_limit_of_an_environment_is_refused() -> None:
    admission = Admission(in_all=100, for_each=2)
    admission.take("a", 0)
    admission.take("a", 0)
    with pytest.raises(QueueFullError, match=r"2 requests wait for this environment already") as caught:
        admission.take("a", 0)
    assert caught.value.limit == "--max-queue-per-environment"
    admission.take("b", 0)


def _fill(admission: Admission, environment: str) -> int:
    """Takes places until one is refused; returns how many there were."""
    taken = 0
    while True:
        try:
            admission.take(environment, 0)
        except QueueFullError:
            return taken
        taken += 1


@pytest.mark.parametrize("in_all", [5, 10, 100, 1024])
def test_an_environment_alone_gets_four_fifths(in_all: int) -> None:
    assert 0.8 * in_all <= _fill(Admission(in_all, 0), "a") < 0.8 * in_all + 1


@pytest.mark.parametrize("noisy", [1, 2, 3])
def test_those_that_fill_the_queue_leave_room_for_another(noisy: int) -> None:
    admission = Admission(1024, 0)
    for number in range(noisy):
        _fill(admission, f"noisy {number}")
    assert _fill(admission, "quiet") >= 5


def test_shares_become_equal() -> None:
    admission, names = Admission(1024, 0), ["a", "b", "c"]
    waiting = {name: _fill(admission, name) for name in names}
    assert waiting["a"] > 20 * waiting["c"]
    for turn in range(3 * 1024):
        # Each of them has as many workers as the others, and asks for more as long as it may.
        if waiting[name := names[turn % 3]]:
            admission.leave(name, 0)
            waiting[name] -= 1
        for other in names:
            waiting[other] += _fill(admission, other)
    assert max(waiting.values()) - min(waiting.values()) < 0.1 * 1024
    assert _fill(admission, "quiet") > 0.05 * 1024


def test_the_message_tells_for_whom_the_last_places_are() -> None:
    admission = Admission(10, 0)
    _fill(admission, "a")
    with pytest.raises(QueueFullError, match=r"the last 2 of 10 places are for other environments \(--max-queue\)"):
        admission.take("a", 0)


def test_levels_of_nesting_are_counted_apart() -> None:
    admission = Admission(1, 0)
    for level in range(3):
        admission.take("a", level)
        with pytest.raises(QueueFullError):
            admission.take("a", level)
    assert len(admission) == 3


def test_who_waited_for_an_environment_keeps_the_place() -> None:
    admission = Admission(2, 1)
    admission.take("wanted", 0)
    admission.move("wanted", "made", 0)
    with pytest.raises(QueueFullError):
        admission.take("made", 0)
    admission.take("wanted", 0)
    assert len(admission) == 2
    # One that was let in already is not refused now.
    admission.move("wanted", "made", 0)
    assert len(admission) == 2
