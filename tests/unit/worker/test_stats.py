"""The task's statistics: sent as flytekit sends them, and shown as metrics."""

from __future__ import annotations

import contextlib
import copy
import random
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import statsd.client.timer
from flytekit.configuration import StatsConfig
from flytekit.interfaces.stats import client as stats_client
from flytekit.interfaces.stats.taggable import TaggableStats
from flytekit.interfaces.stats.taggable import get_stats as flytekits_stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flytewarm_api.v1 import execution_pb2, settings_pb2
from flytewarm_worker import stats
from flytewarm_worker.stats import parse_metric, stats_config, task_stats, tell_metrics

COUNTER, GAUGE = execution_pb2.METRIC_KIND_COUNTER, execution_pb2.METRIC_KIND_GAUGE
TIMING = execution_pb2.METRIC_KIND_TIMING
Metric = execution_pb2.Metric


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ("a.b:1|c", Metric(name="a.b", value=1, kind=COUNTER)),
        ("a:-2.5|g", Metric(name="a", value=-2.5, kind=GAUGE)),
        ("a:+3|g", Metric(name="a", value=3, kind=GAUGE)),
        ("a:12.5|ms", Metric(name="a", value=12.5, kind=TIMING)),
        ("a:1|c|@0.5", Metric(name="a", value=1, kind=COUNTER)),
        ("a.__k=v.__l=w=x:1|c", Metric(name="a", value=1, kind=COUNTER, tags={"k": "v", "l": "w=x"})),
        ("a.__k:1|c", Metric(name="a", value=1, kind=COUNTER, tags={"k": ""})),
        ("host:port:1|c", Metric(name="host:port", value=1, kind=COUNTER)),
        ("é:1|c", Metric(name="é", value=1, kind=COUNTER)),
    ],
)
def test_lines_that_are_metrics(line: str, metric: Metric) -> None:
    assert parse_metric(line) == metric


@pytest.mark.parametrize(
    "line", ["", "a", "a:1", "a|c", "a:x|c", "a:|g", "a:None|c", "a:1|s", "a:1|", "|", ":", "a:b|c:1|c"]
)
def test_lines_that_are_none(line: str) -> None:
    assert parse_metric(line) is None


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Stands where the statsd server is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(10)
        yield bound
    for client in stats._clients.values():
        client.close()
    stats._clients.clear()
    stats._made.clear()


class _Unequal:
    """Refuses to be compared, as arrays do."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("neither")

    __hash__ = None  # type: ignore[assignment]


def _stats(server: socket.socket, seen: list[Metric], **config: Any) -> TaggableStats:
    host, port = server.getsockname()
    made = task_stats(StatsConfig(host=host, port=port, **config), "P.user_stats", {"exec_domain": "d"})
    tell_metrics(made, seen.append)
    return made


CALLS: list[tuple[str, Callable[[TaggableStats], object], str, list[tuple[str, float, int]]]] = [
    ("incr", lambda stats: stats.incr("n", 2), "2|c", [("n", 2, COUNTER)]),
    ("decr", lambda stats: stats.decr("n"), "-1|c", [("n", -1, COUNTER)]),
    ("gauge", lambda stats: stats.gauge("n", 1.5), "1.5|g", [("n", 1.5, GAUGE)]),
    ("timing", lambda stats: stats.timing("n", 20), "20.000000|ms", [("n", 20, TIMING)]),
    ("timedelta", lambda stats: stats.timing("n", timedelta(seconds=1)), "1000.000000|ms", [("n", 1000, TIMING)]),
    ("set", lambda stats: stats.set("n", "x"), "x|s", []),
    ("no number", lambda stats: stats.incr("n", "x"), "x|c", []),
]


@pytest.mark.parametrize(("call", "sent", "shown"), [one[1:] for one in CALLS], ids=[one[0] for one in CALLS])
def test_calls_are_sent_and_shown(
    server: socket.socket, call: Callable[[TaggableStats], object], sent: str, shown: list[tuple[str, float, int]]
) -> None:
    seen: list[Metric] = []
    call(_stats(server, seen))
    assert server.recv(1000).decode() == f"p.user_stats.n.__exec_domain=d:{sent}"
    assert [(one.name, one.value, one.kind) for one in seen] == [(f"p.user_stats.{n}", v, k) for n, v, k in shown]
    assert all(dict(one.tags) == {"exec_domain": "d"} for one in seen)


def test_a_timed_block_is_one_timing(server: socket.socket) -> None:
    seen: list[Metric] = []
    with _stats(server, seen).timer("block"):
        pass
    assert server.recv(1000).endswith(b"|ms")
    assert [(one.name, one.kind) for one in seen] == [("p.user_stats.block", TIMING)]


def test_a_pipeline_is_one_packet_and_many_metrics(server: socket.socket) -> None:
    seen: list[Metric] = []
    with _stats(server, seen, disabled_tags=True).pipeline() as pipeline:
        pipeline.incr("a")
        pipeline.gauge("b", 2)
    assert server.recv(1000) == b"p.user_stats.a:1|c\np.user_stats.b:2|g"
    assert [(one.name, one.value) for one in seen] == [("p.user_stats.a", 1), ("p.user_stats.b", 2)]


def test_own_tags_join(server: socket.socket) -> None:
    seen: list[Metric] = []
    _stats(server, seen).incr("n", tags={"url": "http://h:80"})
    # flytekit replaces what statsd gives a meaning.
    assert dict(seen[0].tags) == {"exec_domain": "d", "url": "http_//h_80"}


def test_what_is_not_sent_is_shown_all_the_same(server: socket.socket) -> None:
    seen: list[Metric] = []
    _stats(server, seen, disabled=True).incr("n")
    assert [one.name for one in seen] == ["p.user_stats.n"]
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(1000)


def test_the_same_are_used_again_and_tell_the_sink_of_the_execution_that_runs(server: socket.socket) -> None:
    first: list[Metric] = []
    second: list[Metric] = []
    made, again = _stats(server, first), _stats(server, second)
    assert made is again
    again.incr("n")
    assert (len(first), len(second)) == (0, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda used: used.extend_tags({"more": "m"}),
        lambda used: used.clear_tags(),
        lambda used: setattr(used, "incr", print),
        lambda used: setattr(used, "own", 1),
        lambda used: setattr(used._client, "decr", print),
        lambda used: setattr(used._client._client, "sink", print),
        lambda used: setattr(used, "incr", _Unequal()),
        lambda used: used.extend_tags({"exec_domain": _Unequal()}),
    ],
)
def test_those_that_a_task_changed_are_not_used_again(
    server: socket.socket, change: Callable[[TaggableStats], object]
) -> None:
    used = _stats(server, [])
    change(used)
    seen: list[Metric] = []
    fresh = _stats(server, seen)
    assert fresh is not used
    fresh.incr("n")
    assert [dict(one.tags) for one in seen] == [{"exec_domain": "d"}]


def test_those_of_another_execution_do_not_tell_this_one(server: socket.socket) -> None:
    """A module may keep them."""
    seen: list[Metric] = []
    kept = _stats(server, [], disabled=True)
    _stats(server, seen)
    kept.incr("n")
    assert seen == []


def test_what_only_one_request_names_is_its_own(server: socket.socket) -> None:
    used = _stats(server, [])
    assert _stats(server, [], disabled=True) is not used
    host, port = server.getsockname()
    assert task_stats(StatsConfig(host=host, port=port), "P.user_stats", {"exec_domain": "e"}) is not used


def test_settings_replace_the_defaults() -> None:
    assert stats_config(settings_pb2.StatsSettings()) == StatsConfig()
    given = settings_pb2.StatsSettings(host="h", port=1, disabled=True, disabled_tags=True)
    assert stats_config(given) == StatsConfig(host="h", port=1, disabled=True, disabled_tags=True)


# What a task may do with its statistics, or with what it is given by them: a call, or an attribute that it reads.
_TEXTS = st.sampled_from(["n", "a.b", "", "ü", "a:b|c", "UPPER", "x y"])
_TAGS = st.dictionaries(st.sampled_from(["k", "exec_domain", "ü", "host"]), _TEXTS | st.integers(0, 3), max_size=2)
_MORE = st.fixed_dictionaries(
    {}, optional={"tags": _TAGS, "per_host": st.booleans(), "rate": st.sampled_from([0, 0.5, 1])}
)
_NUMBERS = st.integers(-3, 3) | st.floats(allow_nan=False, width=16) | st.just("x")
_NOTHING = st.just({})
_SENT = st.one_of(
    st.tuples(st.sampled_from(["incr", "decr"]), st.tuples(_TEXTS, _NUMBERS), _MORE),
    st.tuples(st.just("gauge"), st.tuples(_TEXTS, _NUMBERS), _MORE),
    st.tuples(st.just("timing"), st.tuples(_TEXTS, _NUMBERS | st.timedeltas()), _MORE),
    st.tuples(st.just("set"), st.tuples(_TEXTS, _TEXTS), _MORE),
)
_CALLS = _SENT | st.one_of(
    st.tuples(st.sampled_from(["timer", "get_stats"]), st.tuples(_TEXTS), _NOTHING),
    st.tuples(st.just("extend_tags"), st.tuples(_TAGS), _NOTHING),
    st.tuples(st.sampled_from(["pipeline", "clear_tags", "close", "missing"]), st.just(()), _NOTHING),
    # Of a pipeline or a timer; and what is no method.
    st.tuples(st.sampled_from(["send", "start", "stop", "full_prefix", "_prefix", "_tags"]), st.just(()), _NOTHING),
)
_PIPELINES = st.lists(_SENT, max_size=3).map(lambda sent: [("pipeline", (), {}), *sent, ("send", (), {})])
_EXECUTIONS = st.lists(_CALLS, max_size=5) | _PIPELINES
_CHANGES = {"extend_tags", "clear_tags", "close"}
_IDENTITIES = st.tuples(_TEXTS, st.dictionaries(st.sampled_from(["exec_domain", "api_version"]), _TEXTS))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_IDENTITIES, st.booleans(), st.booleans(), st.lists(_EXECUTIONS, min_size=1, max_size=3))
def test_whatever_tasks_do_is_sent_as_flytekit_sends_it(
    server: socket.socket, identity: tuple[str, dict[str, str]], disabled: bool, disabled_tags: bool, executions: Any
) -> None:
    """By executions of the same name, which each have what the last one left as it was."""
    host, port = server.getsockname()
    config = StatsConfig(host=host, port=port, disabled=disabled, disabled_tags=disabled_tags)
    last, left_alone = None, False
    for calls in executions:
        seen: list[Metric] = []
        ours = task_stats(config, *identity)
        tell_metrics(ours, seen.append)
        assert ours is last or not left_alone, "they were made anew"
        found, sent = _done(ours, calls), _received(server)
        stats_client._stats_client = None
        theirs = flytekits_stats(config, *identity)
        assert (found, sent) == (_done(theirs, calls), _received(server))
        stats_client._stats_client.close()
        metrics = [metric for line in sent if (metric := parse_metric(line)) is not None]
        assert seen == metrics or disabled
        last, left_alone = ours, _CHANGES.isdisjoint(name for name, _, _ in calls)


def _done(target: Any, calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]]) -> list[Any]:
    """What comes of the calls, of which each goes to what the last one has returned, if that is more than a value."""
    told: list[Any] = []
    # Which of those with a rate are sent; and what a timer measures.
    random.seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statsd.client.timer, "time_now", lambda: 0.0)
        for name, positional, named in copy.deepcopy(calls):
            try:
                found = getattr(target, name)
                result = found(*positional, **named) if callable(found) else found
            except Exception as error:  # noqa: BLE001  # whatever it is, it has to be the same
                # It names the class, which is one of ours, where that has no such attribute.
                result = type(error), "" if isinstance(error, AttributeError) else str(error)
            if isinstance(result, (TaggableStats, statsd.client.timer.Timer)):
                target, result = result, type(result)
            # flytekit changes the tags that it is given.
            told.append((copy.copy(result), named))
    return told


def _received(server: socket.socket) -> list[str]:
    """All that was sent, by lines."""
    server.setblocking(False)
    lines: list[str] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            lines += server.recv(1 << 16).decode().split("\n")
    return lines
