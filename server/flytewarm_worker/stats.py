"""Statistics of the task: sent to statsd as flytekit would, and streamed as metric events."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable

import statsd
from flytekit.configuration import StatsConfig
from flytekit.interfaces.stats.client import DummyStatsClient, StatsClientProxy
from flytekit.interfaces.stats.taggable import TaggableStats

from flytewarm_api.v1 import execution_pb2, settings_pb2
from flytewarm_worker.snapshot import Snapshot

# Statsd servers whose sockets a worker keeps open; a request may name another one each time.
_MOST_CLIENTS = 16
_clients: dict[tuple[str, int, bool], statsd.StatsClient] = {}

MetricSink = Callable[[execution_pb2.Metric], None]

_KINDS = {
    "c": execution_pb2.METRIC_KIND_COUNTER,
    "g": execution_pb2.METRIC_KIND_GAUGE,
    "ms": execution_pb2.METRIC_KIND_TIMING,
}

# UDP takes no more, in bytes.
_LONGEST_DATA = 64 << 10


def task_stats(config: StatsConfig, prefix: str, tags: dict[str, str]) -> TaggableStats:
    """Makes current_context().stats: as flytekit's get_stats does, over a client that also tells the sink of the
    execution that has them (tell_metrics).

    The one of an earlier execution is used again if it is for the same and as it was: flytekit makes it of closures
    that hold each other, which only the collector would delete.
    """
    key = (config, prefix, *tags.items())
    made = _made.get(key)
    if made is None or not made.is_untouched():
        if len(_made) >= _MOST_CLIENTS:
            _made.clear()
        made = _made[key] = _Stats(config, prefix.lower(), {} if config.disabled_tags else tags)
    return made.stats


def is_kept(stats: TaggableStats) -> bool:
    """Whether task_stats() would give these again."""
    return any(made.stats is stats and made.is_untouched() for made in _made.values())


def tell_metrics(stats: TaggableStats, sink: MetricSink) -> None:
    """From now on `sink` is told of each metric that goes through these, which task_stats() has made last."""
    for made in _made.values():
        if made.stats is stats:
            made.route.sink = sink


class _Stats:
    """Statistics with all that they consist of."""

    def __init__(self, config: StatsConfig, prefix: str, tags: dict[str, str]) -> None:
        self.route = _Route()
        client = _StreamingClient(_statsd_client(config.host, config.port, config.disabled), self.route)
        proxy = StatsClientProxy(client, prefix=prefix)
        self.stats = TaggableStats(proxy, prefix, cfg=config, tags=dict(tags))
        self._made = Snapshot(self.stats, proxy, client)

    def is_untouched(self) -> bool:
        """Whether tasks have left everything as it was."""
        return self._made.holds()


def parse_metric(line: str) -> execution_pb2.Metric | None:
    """Reads one line of the statsd protocol, with tags in the name as flytekit puts them.

    None for other kinds, and for values that are no numbers: statsd sends them, so they must not end the task.
    """
    line, _, suffix = line.partition("|")
    # The task's own name may have a colon, the value has not.
    name, _, value = line.rpartition(":")
    kind = _KINDS.get(suffix.partition("|")[0])
    if kind is None or not _is_number(value):
        return None
    name, *tags = name.split(".__")
    pairs = (tag.partition("=") for tag in tags)
    return execution_pb2.Metric(name=name, value=float(value), kind=kind, tags={key: text for key, _, text in pairs})


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _to_nobody(_metric: execution_pb2.Metric) -> None: ...


class _Route:
    """Where metrics go: to the sink of the execution that has the client now."""

    __slots__ = ("sink",)

    def __init__(self) -> None:
        self.sink: MetricSink = _to_nobody


class _StreamingClient(statsd.client.base.StatsClientBase):  # type: ignore[misc]  # statsd has no types
    """A statsd client that passes each line on and shows it to a sink."""

    _prefix = None
    _maxudpsize = 512

    def __init__(self, client: statsd.StatsClient, route: _Route) -> None:
        self._client = client
        self._route = route

    def _send(self, data: str) -> None:
        self._client._send(data)
        # A name that is longer than what statsd sends is nobody's metric.
        for line in data.split("\n") if len(data) <= _LONGEST_DATA else ():
            if (metric := parse_metric(line)) is not None:
                self._route.sink(metric)

    def close(self) -> None:
        """Has nothing more sent, for the execution that asks for it: others use the socket, too."""
        closed = copy.copy(self._client)
        closed._sock = None
        self._client = closed

    def pipeline(self) -> statsd.client.udp.Pipeline:
        return statsd.client.udp.Pipeline(self)


def _statsd_client(host: str, port: int, disabled: bool) -> statsd.StatsClient:
    """One UDP socket for each address, kept: looking the host up and opening a socket costs more than a small task."""
    key = (host, port, disabled)
    if key not in _clients:
        if len(_clients) >= _MOST_CLIENTS:
            _clients.pop(next(iter(_clients))).close()
            _made.clear()
        # As flytekit does: a host to which nothing is sent is not looked up.
        _clients[key] = DummyStatsClient() if disabled else statsd.StatsClient(host, port)
    return _clients[key]


# By configuration, prefix and tags.
_made: dict[Hashable, _Stats] = {}


def stats_config(settings: settings_pb2.StatsSettings) -> StatsConfig:
    """The request's settings, with flytekit's defaults for what they leave out."""
    default = StatsConfig()
    return StatsConfig(
        host=settings.host or default.host,
        port=settings.port or default.port,
        disabled=settings.disabled,
        disabled_tags=settings.disabled_tags,
    )
