"""What the tasks of these cases tell of settings."""

from flytekit.configuration import FastSerializationSettings, ImageConfig, SerializationSettings

_PLAIN = (
    "project",
    "domain",
    "version",
    "env",
    "git_repo",
    "python_interpreter",
    "flytekit_virtualenv_root",
    "source_root",
)


def images(config: ImageConfig) -> dict[str, object]:
    """All fields of an ImageConfig."""
    default = config.default_image
    return {
        "default": [default.name, default.full] if default else None,
        "all": [[image.name, image.fqn, image.tag, image.digest] for image in config.images or []],
    }


def settings(one: SerializationSettings) -> dict[str, object]:
    """All fields of SerializationSettings."""
    fast = one.fast_serialization_settings
    return {
        **{name: getattr(one, name) for name in _PLAIN},
        "images": images(one.image_config),
        "fast": [fast.enabled, fast.destination_dir, fast.distribution_location] if fast else None,
        "should fast": one.should_fast_serialize(),
        "entrypoint": one.entrypoint_settings.path,
        "type of fast": type(fast) is FastSerializationSettings,
    }
