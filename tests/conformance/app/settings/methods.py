"""Methods of the three classes of settings, called by a task."""

from flytekit import task
from flytekit.configuration import (
    SERIALIZED_CONTEXT_ENV_VAR,
    FastSerializationSettings,
    Image,
    ImageConfig,
    SerializationSettings,
)
from flytekit.core.context_manager import FlyteContextManager

from conformance import Case
from seen import raised, told
from settings.seen_settings import images, settings

_FAST = FastSerializationSettings(True, "/destination", "s3://bucket/code.tar.gz")


@task
def fast() -> str:
    return told(
        given=_FAST.to_dict(),
        json=_FAST.to_json(sort_keys=True),
        same=[
            FastSerializationSettings.from_dict(_FAST.to_dict()) == _FAST,
            FastSerializationSettings.from_json(_FAST.to_json()) == _FAST,
        ],
        empty=FastSerializationSettings.from_dict({}, infer_missing=True).to_dict(),
        schema=raised(lambda: FastSerializationSettings.schema().dump(_FAST)),
    )


@task
def image_config(path: str) -> str:
    named = {"spark": "example.org/spark:v1", "bare": "example.org/bare", "by-digest": "example.org/d@sha256:00"}
    config = ImageConfig.from_images("registry.example.org:5000/base:v1", named)
    default = Image("default", "example.org/i", tag="t")
    validate = ImageConfig.validate_image
    return told(
        made=images(config),
        found=[config.find_image(name).full if config.find_image(name) else None for name in ("default", "bare", "no")],
        created=[images(ImageConfig.create_from(default)), images(ImageConfig.create_from(None, [default]))],
        refused=[
            raised(lambda: ImageConfig.create_from("example.org/i:t")),
            raised(lambda: Image("both", "f", tag="t", digest="d")),
            raised(lambda: validate(None, "image", ("a.org/a:1", "b.org/b:2"))),
            raised(lambda: validate(None, "image", ("a.org/a",))),
        ],
        validated=images(validate(None, "image", ("a.org/a:1", "x=b.org/b:2"))),
        automatic=[
            images(ImageConfig.auto()),
            images(ImageConfig.auto(path)),
            images(ImageConfig.auto(img_name="a/b:c")),
        ],
        default=images(ImageConfig.auto_default_image()),
        same=[
            ImageConfig.from_dict(config.to_dict()) == config,
            ImageConfig.from_json(config.to_json()) == config,
        ],
        schema=raised(lambda: ImageConfig.schema().dump(config)),
    )


@task
def transport() -> str:
    own = FlyteContextManager.current_context().serialization_settings
    full = own.new_builder().with_fast_serialization_settings(_FAST).build()
    carried = full.with_serialized_context()
    received = SerializationSettings.from_transport(full.serialized_context)
    return told(
        own=settings(own),
        full=settings(full),
        same=[
            received == full,
            SerializationSettings.from_dict(full.to_dict()) == full,
            SerializationSettings.from_json(full.to_json()) == full,
            carried.env[SERIALIZED_CONTEXT_ENV_VAR] == full.serialized_context == carried.serialized_context,
            carried.with_serialized_context() is carried,
        ],
        given=SERIALIZED_CONTEXT_ENV_VAR in (own.env or {}),
        schema=raised(lambda: sorted(SerializationSettings.schema().dump(full))),
        broken=raised(lambda: SerializationSettings.from_transport("!")).split(":")[0],
    )


@task
def interpreters() -> str:
    made = SerializationSettings.for_image("example.org/i:t", "v1", "p", "d", "/opt/x/bin/python3")
    return told(
        made=settings(made),
        plain=settings(SerializationSettings.for_image("example.org/i:t", "v1")),
        root=SerializationSettings.venv_root_from_interpreter("/opt/venv/bin/python3"),
        entrypoint=SerializationSettings.default_entrypoint_settings("/opt/venv/bin/python3").path,
        own=made.entrypoint_settings.path,
    )


_JSON = ("from_dict", "from_json", "schema", "to_dict", "to_json")
_IMAGES = ("auto", "auto_default_image", "create_from", "find_image", "from_images", "validate_image", *_JSON)
_TRANSPORT = ("from_transport", "new_builder", "serialized_context", "should_fast_serialize", "with_serialized_context")
_INTERPRETERS = ("for_image", "venv_root_from_interpreter", "default_entrypoint_settings", "entrypoint_settings")

CASES = [
    Case("fast", proves=("FastSerializationSettings", *(f"FastSerializationSettings.{name}" for name in _JSON))),
    Case(
        "image_config",
        lambda shared: {"path": f"{shared}/config.ini"},
        proves=("ImageConfig", *(f"ImageConfig.{name}" for name in _IMAGES)),
        files={"config.ini": b"[images]\nx = example.org/x:1\n"},
    ),
    Case("transport", proves=tuple(f"SerializationSettings.{name}" for name in (*_TRANSPORT, *_JSON))),
    Case("interpreters", proves=tuple(f"SerializationSettings.{name}" for name in _INTERPRETERS)),
]
