"""Secrets: variables and files of one execution."""

import flytekit
from flytekit import Secret, task

from conformance import Case
from seen import raised, told


@task(secret_requests=[Secret(group="group", key="key")])
def secrets() -> str:
    manager = flytekit.current_context().secrets
    return told(
        key=raised(lambda: manager.get("group", "key")),
        versioned=raised(lambda: manager.get("group", "key", group_version="v1")),
        without_group=raised(lambda: manager.get(key="lonely")),
        attribute=raised(lambda: manager.group.key),
        binary=raised(lambda: manager.get("group", "key", encode_mode="rb")),
        unprefixed=raised(lambda: manager.get("UNPREFIXED", "KEY")),
        variable=manager.get_secrets_env_var("group", "key"),
        file=manager.get_secrets_file("Group", "Key"),
    )


@task
def missing() -> str:
    return flytekit.current_context().secrets.get("group", "absent")


_PROVES = ("ExecutionParameters.secrets",)
_FILES = {"secrets/group/key": b" from a file\n", "secrets/group/v1/key": b"of v1", "secrets/lonely": b"alone"}
_PREFIXED = {"secrets/group/x-key": b"prefixed", "secrets/x-lonely": b"alone"}
_CONFIG = b"[secrets]\nenv_prefix = CONFIGURED_\ndefault_dir = /nowhere/configured\nfile_prefix = c-\n"

CASES = [
    Case("secrets", variant="none", proves=_PROVES),
    Case(
        "secrets",
        variant="variables",
        proves=_PROVES,
        env={"_FSEC_GROUP_KEY": " hidden \n", "_FSEC_GROUP_V1_KEY": "of v1", "_FSEC_LONELY": "alone"},
    ),
    Case("secrets", variant="unprefixed", env={"UNPREFIXED_KEY": "only seen locally"}),
    Case(
        "secrets", variant="files", proves=_PROVES, files=_FILES, env={"FLYTE_SECRETS_DEFAULT_DIR": "{shared}/secrets"}
    ),
    Case(
        "secrets",
        variant="prefixes",
        proves=_PROVES,
        files=_PREFIXED,
        env={
            "FLYTE_SECRETS_DEFAULT_DIR": "{shared}/secrets",
            "FLYTE_SECRETS_FILE_PREFIX": "x-",
            "FLYTE_SECRETS_ENV_PREFIX": "OTHER_",
            "OTHER_GROUP_V1_KEY": "of the other prefix",
            "_FSEC_GROUP_KEY": "of the default prefix",
        },
    ),
    Case(
        "secrets",
        variant="configured",
        files={"config": _CONFIG},
        env={"FLYTECTL_CONFIG": "{shared}/config", "CONFIGURED_GROUP_KEY": "by configuration"},
    ),
    Case("missing", proves=_PROVES, ends_with="error"),
]
