"""Statistics: where they go, and under which names. What arrives is tested with a listener (test_statistics.py)."""

import flytekit
from flytekit import task
from flytekit.configuration import StatsConfig
from flytekit.configuration.file import ConfigFile
from flytekit.interfaces.stats.taggable import TaggableStats

from conformance import Case
from seen import told


def _fields(config: StatsConfig) -> list[object]:
    return [config.host, config.port, config.disabled, config.disabled_tags]


@task
def configuration(path: str) -> str:
    seen = {"automatic": _fields(StatsConfig.auto()), "constructed": _fields(StatsConfig(host="h", port=1))}
    if path:
        seen["of a path"] = _fields(StatsConfig.auto(path))
        seen["of a file"] = _fields(StatsConfig.auto(ConfigFile(path)))
    return told(seen=seen)


@task
def client() -> str:
    stats = flytekit.current_context().stats
    own = ("incr", "decr", "timing", "timer", "gauge", "set")
    stats.extend_tags({"more": "1"})
    extended = dict(stats._tags)
    stats.clear_tags()
    return told(
        type=type(stats) is TaggableStats,
        prefix=stats.full_prefix,
        config=_fields(stats._cfg),
        extended=extended,
        cleared=stats._tags,
        methods=[callable(getattr(stats, name)) for name in own],
        pipeline=type(stats.pipeline()).__name__,
    )


@task
def tags_left() -> str:
    stats = flytekit.current_context().stats
    before = dict(stats._tags)
    stats.extend_tags({"left": "behind"})
    return told(before=before)


# flytekit reads these settings from its section "secrets".
_INI = b"[secrets]\nhost = configured.example\nport = 999\ndisabled = true\ndisable_tags = true\n"
_ENV = {"FLYTE_SECRETS_HOST": "127.0.0.1", "FLYTE_SECRETS_PORT": "9125", "FLYTE_SECRETS_DISABLE_TAGS": "true"}
_PROVES = ("StatsConfig", "StatsConfig.auto")

CASES = [
    Case("configuration", {"path": ""}, variant="default", proves=_PROVES),
    Case("configuration", {"path": ""}, variant="variables", proves=_PROVES, env=_ENV),
    Case("configuration", {"path": ""}, variant="another-section", env={"FLYTE_STATSD_HOST": "127.0.0.1"}),
    Case(
        "configuration",
        lambda shared: {"path": f"{shared}/statsd.ini"},
        variant="file",
        proves=_PROVES,
        files={"statsd.ini": _INI},
    ),
    Case(
        "configuration",
        {"path": ""},
        variant="flytectl",
        proves=_PROVES,
        files={"config.ini": _INI},
        env={"FLYTECTL_CONFIG": "{shared}/config.ini"},
    ),
    Case("client", proves=("ExecutionParameters.stats",), env={"FLYTE_SECRETS_HOST": "127.0.0.1"}),
    Case("client", variant="disabled", env={"FLYTE_SECRETS_DISABLED": "true"}),
    Case("client", variant="without-tags", env=_ENV),
    Case("tags_left", env={"FLYTE_SECRETS_HOST": "127.0.0.1"}, proves=("ExecutionParameters.stats",)),
]
