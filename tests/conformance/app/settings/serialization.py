"""SerializationSettings of the task's context under all forms in which the environment gives them."""

from dataclasses import replace

from flytekit import dynamic, task
from flytekit.configuration import (
    SERIALIZED_CONTEXT_ENV_VAR,
    FastSerializationSettings,
    Image,
    ImageConfig,
    SerializationSettings,
)
from flytekit.core.context_manager import FlyteContextManager

from conformance import EVERYWHERE, Case
from seen import told
from settings.seen_settings import settings

_IMAGES = ImageConfig.from_images("example.org/base:v1", {"spark": "example.org/spark:v2", "bare": "example.org/bare"})
_FULL = SerializationSettings(
    image_config=_IMAGES,
    project="compressed-p",
    domain="compressed-d",
    version="compressed-v",
    env={"A": "1", "B": "2"},
    git_repo="https://example.org/repository",
    python_interpreter="/opt/other/bin/python3",
    flytekit_virtualenv_root="/opt/root",
    fast_serialization_settings=FastSerializationSettings(True, "/destination", "s3://bucket/code.tar.gz"),
    source_root="/src",
)
_PLAIN = SerializationSettings(image_config=ImageConfig.create_from(Image("default", "example.org/i", "t")))
_COMPRESSED = {SERIALIZED_CONTEXT_ENV_VAR: _FULL.serialized_context}
_PLAINLY = {SERIALIZED_CONTEXT_ENV_VAR: _PLAIN.serialized_context}
_DISTRIBUTION = ("--dynamic-addl-distro", "s3://bucket/other.tar.gz", "--dynamic-dest-dir", "/other")
_INI = b"[images]\nspark = example.org/spark:v1\nbare = example.org/bare\nby-digest = example.org/d@sha256:00\n"
_YAML = b"images:\n  spark: example.org/spark:yaml\n"


@task
def current() -> str:
    return told(seen=settings(FlyteContextManager.current_context().serialization_settings))


@task
def leave_changed() -> str:
    """Settings are the execution's own objects: what a task does to them is not seen by the next."""
    own = FlyteContextManager.current_context().serialization_settings
    before = settings(own)
    own.project = own.git_repo = "changed"
    own.env = {**(own.env or {}), "LEFT": "1"}
    if own.image_config.images is not None:
        own.image_config.images.append(Image("left", "example.org/left", "t"))
    return told(before=before)


@task
def nested(a: int) -> int:
    return a + 1


@task(container_image="example.org/own:{{.image.default.version}}", environment={"T": "1"})
def with_image(a: int) -> int:
    return a * 2


@dynamic
def several(count: int) -> list[int]:
    return [with_image(a=nested(a=index)) for index in range(count)]


@dynamic(container_image="{{.image.spark.fqn}}:{{.image.spark.version}}")
def nested_only(count: int) -> int:
    value = nested(a=count)
    for _ in range(count):
        value = nested(a=value)
    return value


_PROVES = ("SerializationSettings",)
_TRANSPORT = ("SerializationSettings", "SerializationSettings.from_transport", "SerializationSettings.new_builder")
_FAST = ("FastSerializationSettings", "SerializationSettings.should_fast_serialize")
_COUNT = {"count": 2}

CASES = [
    Case("current", variant="default", proves=_PROVES),
    Case("current", variant="compressed", proves=(*_TRANSPORT, *_FAST), env=_COMPRESSED),
    Case("current", variant="partly", proves=_TRANSPORT, env=_PLAINLY),
    Case("current", variant="distribution", proves=_FAST, flags=_DISTRIBUTION),
    Case("current", variant="distribution-only", proves=_FAST, flags=_DISTRIBUTION[:2]),
    Case("current", variant="destination-only", flags=_DISTRIBUTION[2:]),
    Case("current", variant="both", proves=_FAST, env=_COMPRESSED, flags=_DISTRIBUTION),
    Case("current", variant="image", env={"FLYTE_INTERNAL_IMAGE": "example.org/other:v3"}),
    Case(
        "current",
        variant="ini",
        proves=("ImageConfig.auto",),
        files={"config.ini": _INI},
        env={"FLYTECTL_CONFIG": "{shared}/config.ini"},
    ),
    Case(
        "current",
        variant="yaml",
        proves=("ImageConfig.auto",),
        files={"config.yaml": _YAML},
        env={"FLYTECTL_CONFIG": "{shared}/config.yaml"},
    ),
    Case("leave_changed", variant="default"),
    Case("leave_changed", variant="compressed", env=_COMPRESSED),
    Case(
        "leave_changed",
        variant="ini",
        files={"config.ini": _INI},
        env={"FLYTECTL_CONFIG": "{shared}/config.ini"},
    ),
    Case("several", _COUNT, variant="compressed", ends_with="futures", env=_COMPRESSED, proves=_TRANSPORT),
    Case("several", _COUNT, variant="plain", ends_with="futures", env=_PLAINLY, storage=EVERYWHERE),
    Case("several", _COUNT, variant="fast", ends_with="futures", env=_PLAINLY, flags=_DISTRIBUTION, proves=_FAST),
    Case("several", _COUNT, variant="without-images", ends_with="error"),
    Case("nested_only", _COUNT, ends_with="futures", env=_COMPRESSED, flags=_DISTRIBUTION, proves=_FAST),
    Case(
        "current",
        variant="without-fast",
        env={SERIALIZED_CONTEXT_ENV_VAR: replace(_FULL, fast_serialization_settings=None).serialized_context},
    ),
]
