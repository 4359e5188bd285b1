"""What requests may name, one name at a time."""

from __future__ import annotations

import pytest

from flytewarm_server.security.allow_lists import DEFAULT_RESOLVER, AllowLists

MAP = "flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver"
LEGACY_MAP = "flytekit.core.legacy_map_task.MapTaskResolver"
TEMPLATE = "flytekit.core.python_customized_container_task.default_task_template_resolver"
NOTEBOOK = "flytekit.core.python_auto_container.default_notebook_task_resolver"
PICKLED = "flytekit.extras.cloud_pickle_resolver.experimental_cloud_pickle_resolver"
MODULES = AllowLists(modules=("app", "lib.tasks"))


def _module(name: str) -> list[str]:
    return ["task-module", name, "task-name", "f"]


def _refused_by(lists: AllowLists, resolver: str, *arguments: str) -> list[str]:
    return [one.option for one in lists.task(resolver, arguments)]


@pytest.mark.parametrize("name", ["app", "app.x.y", "lib.tasks", "lib.tasks.x"])
def test_modules_and_those_below_are_allowed(name: str) -> None:
    assert list(MODULES.module(name)) == []
    assert _refused_by(MODULES, DEFAULT_RESOLVER, *_module(name)) == []


@pytest.mark.parametrize(
    "name", ["os", "application", "ap", "lib", "lib.tasksx", "app..os", "app.", ".app", "", "app x"]
)
def test_others_are_not(name: str) -> None:
    assert _refused_by(MODULES, DEFAULT_RESOLVER, *_module(name)) == ["--allow-module"]


@pytest.mark.parametrize("map_resolver", [MAP, LEGACY_MAP])
def test_what_a_map_task_maps_is_looked_at(map_resolver: str) -> None:
    def mapped(*inner: str) -> list[str]:
        return _refused_by(MODULES, map_resolver, "vars", "", "resolver", *inner)

    assert mapped(DEFAULT_RESOLVER, *_module("app")) == []
    assert mapped(DEFAULT_RESOLVER, *_module("os")) == ["--allow-module"]
    assert mapped(PICKLED, "x") == ["--allow-resolver"]
    assert mapped(map_resolver, "vars", "", "resolver", DEFAULT_RESOLVER, *_module("os")) == ["--allow-module"]
    nested = ["vars", "", "resolver", map_resolver] * 100_000
    assert _refused_by(MODULES, map_resolver, *nested[:-1], PICKLED) == ["--allow-resolver"]


def test_a_templates_executor_is_looked_at() -> None:
    lists = AllowLists(modules=("app",), resolvers=(TEMPLATE,))
    assert _refused_by(lists, TEMPLATE, "{{.taskTemplatePath}}", "app.Executor") == []
    assert _refused_by(lists, TEMPLATE, "{{.taskTemplatePath}}", "os.Executor") == ["--allow-module"]
    somewhere = AllowLists(uris=("s3://ours",))
    assert _refused_by(somewhere, TEMPLATE, "s3://theirs/x", "os.Executor") == ["--allow-uri"]


@pytest.mark.parametrize("resolver", [NOTEBOOK, PICKLED, TEMPLATE, "os.system", "app.resolver"])
@pytest.mark.parametrize("lists", [MODULES, AllowLists(distributions=("s3://ours",))], ids=["modules", "distributions"])
def test_resolvers_that_nobody_understands_are_refused_beside_another_list(resolver: str, lists: AllowLists) -> None:
    assert _refused_by(lists, resolver, "x") == ["--allow-resolver"]


def test_named_resolvers_are_allowed_and_no_others() -> None:
    lists = AllowLists(resolvers=(PICKLED, MAP))
    assert _refused_by(lists, PICKLED, "x") == []
    assert _refused_by(lists, DEFAULT_RESOLVER, *_module("app")) == ["--allow-resolver"]
    assert _refused_by(lists, MAP, "vars", "", "resolver", PICKLED, "x") == []
    assert _refused_by(lists, MAP, "vars", "", "resolver", NOTEBOOK) == ["--allow-resolver"]


def test_distributions() -> None:
    lists = AllowLists(distributions=("s3://ours/code",))
    assert list(lists.distribution("s3://ours/code/x.tar.gz", ["A", "AWS_ACCESS_KEY_ID"])) == []
    assert [one.option for one in lists.distribution("s3://ours/x.tar.gz", [])] == ["--allow-distribution"]
    for endpoint in ("FLYTE_AWS_ENDPOINT", "AWS_ENDPOINT_URL"):
        (refusal,) = lists.distribution("s3://ours/code/x.tar.gz", [endpoint])
        assert endpoint in refusal.what


@pytest.mark.parametrize("lists", [MODULES, AllowLists(resolvers=(DEFAULT_RESOLVER,))], ids=["modules", "resolvers"])
def test_code_that_comes_with_a_request_is_refused_unless_listed(lists: AllowLists) -> None:
    assert [one.option for one in lists.distribution("s3://theirs/x.tar.gz", [])] == ["--allow-distribution"]


@pytest.mark.parametrize(
    "name",
    [
        *("PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD", "LD_AUDIT", "PIP_INDEX_URL", "PATH", "HOME", "OPENSSL_CONF"),
        *("_F_RUNTIME_PACKAGES", "_F_E_VS", "FLYTECTL_CONFIG", "FLYTE_CREDENTIALS_COMMAND", "GIT_SSH_COMMAND"),
    ],
)
def test_variables_that_load_code(name: str) -> None:
    assert [one.option for one in MODULES.variable(name)] == ["--allow-module"]
    assert [one.option for one in AllowLists(distributions=("/srv",)).variable(name)] == ["--allow-distribution"]
    assert {one.option for one in AllowLists(uris=("/srv",)).variable(name)} <= {"--allow-uri"}


@pytest.mark.parametrize("name", ["MODE", "PYTHONUNBUFFERED", "AWS_SECRET_ACCESS_KEY", "FLYTE_INTERNAL_IMAGE"])
def test_other_variables(name: str) -> None:
    assert list(MODULES.variable(name)) == []


def test_uris() -> None:
    lists = AllowLists(uris=("s3://ours", "/srv/data"))
    assert list(lists.uri("s3://ours/x")) == list(lists.uri("/srv/data/x")) == []
    assert [one.option for one in lists.uri("/srv/data/../x")] == ["--allow-uri"]


@pytest.mark.parametrize(
    "name",
    ["FLYTE_AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "FSSPEC_S3", "FSSPEC_CONFIG_DIR", "https_proxy"],
)
def test_with_listed_places_nobody_says_where_they_are(name: str) -> None:
    lists = AllowLists(uris=("s3://ours",))
    assert [one.option for one in lists.variable(name)] == ["--allow-uri"]
    assert list(lists.variable("FLYTE_AWS_ACCESS_KEY_ID")) == []


def test_without_lists_all_is_allowed() -> None:
    lists = AllowLists()
    assert not lists.any
    assert _refused_by(lists, PICKLED, "x") == []
    assert list(lists.distribution("http://any/x.tar.gz", ["AWS_ENDPOINT_URL"])) == []
    assert [*lists.module("os"), *lists.uri("/etc/x"), *lists.variable("LD_PRELOAD")] == []
