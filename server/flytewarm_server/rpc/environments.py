"""The environment that a request names: its faults, and what it comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flytewarm_server.execution.request import DEFAULT_ENVIRONMENT, WantedEnvironment
from flytewarm_server.messages import settings_pb2
from flytewarm_server.pool.provision import is_distribution
from flytewarm_server.rpc.status import Violation, unimplemented

_DIGEST = re.compile(r"[0-9a-f]{64}")
# Of a module, or of something in one.
DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
# Packages that the entrypoint installs before it runs the task (flytekit.core.constants.RUNTIME_PACKAGES_ENV_NAME).
_RUNTIME_PACKAGES = "_F_RUNTIME_PACKAGES"

#: How many environment variables a request may set.
MAX_VARIABLES = 1024


def wanted_environment(environment: settings_pb2.Environment, variables: Mapping[str, str]) -> WantedEnvironment:
    """What a request without faults wants. `variables`: those of its task. Raises CallError UNIMPLEMENTED."""
    if environment.python_interpreter:
        raise unimplemented("environment.python_interpreter")
    packages = variables.get(_RUNTIME_PACKAGES, "")
    if not packages and not environment.ListFields():
        return DEFAULT_ENVIRONMENT
    return WantedEnvironment(
        distribution_uri=environment.distribution_uri,
        distribution_digest=environment.distribution_digest,
        destination_dir=environment.destination_dir,
        variables=tuple(sorted(environment.env.items())),
        preload_modules=tuple(environment.preload_modules),
        runtime_packages=packages,
    )


def environment_faults(environment: settings_pb2.Environment) -> Iterator[Violation]:
    """Yields what is wrong with it."""
    uri, digest = environment.distribution_uri, environment.distribution_digest
    if uri and (fault := distribution_fault(uri)):
        yield Violation("environment.distribution_uri", fault)
    if digest and not _DIGEST.fullmatch(digest):
        yield Violation("environment.distribution_digest", "must be a SHA-256 in 64 small hexadecimal digits")
    if "\0" in environment.destination_dir:
        yield Violation("environment.destination_dir", "must not contain NUL")
    for field in ("distribution_digest", "destination_dir"):
        if getattr(environment, field) and not uri:
            yield Violation(f"environment.{field}", "needs distribution_uri")
    yield from variable_faults("environment.env", environment.env)
    for module in environment.preload_modules:
        if not DOTTED_NAME.fullmatch(module):
            yield Violation("environment.preload_modules", f"must be names of modules, not {module!r}")


def variable_faults(field: str, variables: Mapping[str, str]) -> Iterator[Violation]:
    """Yields the environment variables in `field` that no process can have, and that there are too many."""
    if len(variables) > MAX_VARIABLES:
        yield Violation(field, f"has {len(variables)} variables, over the limit of {MAX_VARIABLES}")
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            # Of "NAME=VALUE" in the place of a name, the value may be a secret.
            shown = name.partition("=")[0]
            yield Violation(field, f"{shown!r}: names must not be empty or contain '=' or NUL; values no NUL")


def distribution_fault(uri: str) -> str:
    """What is wrong with the URI of a distribution; empty when nothing is."""
    if fault := path_fault(uri):
        return fault
    if "\0" in uri:
        return "must not contain NUL"
    try:
        named = is_distribution(uri)
    except ValueError as error:
        return f"is no URI: {error}"
    return "" if named else f"must end in .tar.gz, as pyflyte makes it, not {uri!r}"


def path_fault(path: str) -> str:
    """What is wrong with a path or URI; empty when nothing is. A relative path means another place to the caller, to
    the server and to the worker."""
    if not path or path.startswith("/") or "://" in path:
        return ""
    return f"must be an absolute path or a URI, not {path!r}"
