"""What requests may name, of code and of storage: the rules, for one name at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flytewarm_server.security.uris import is_below

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
DEFAULT_RESOLVER = "flytekit.core.python_auto_container.default_task_resolver"
_TEMPLATE_RESOLVER = "flytekit.core.python_customized_container_task.default_task_template_resolver"
_MAP_RESOLVERS = frozenset(
    {
        "flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver",
        "flytekit.core.legacy_map_task.MapTaskResolver",
    }
)
# Which load nothing but what their arguments name. Not flytekit's for templates: a template brings the types of its
# inputs, among which are pickles, and classes that are imported by name.
_UNDERSTOOD = _MAP_RESOLVERS | {DEFAULT_RESOLVER}
_TEMPLATE_PATH = "{{.taskTemplatePath}}"
# Variables that have a process load code from where they say: the interpreter, the dynamic loader, pip, git, shells,
# OpenSSL, and the commands that configurations of botocore and flytekit may name. _F_E_VS has flytekit replace tasks as
# they are imported, by a server for an editor, whose users run what they like.
_LOADING_PREFIXES = ("PYTHON", "LD_", "PIP_", "GIT_", "OPENSSL_")
_LOADING = frozenset(
    {
        *("_F_RUNTIME_PACKAGES", "PATH", "HOME", "ENV", "BASH_ENV", "GCONV_PATH", "GLIBC_TUNABLES"),
        *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG", "XDG_CONFIG_HOME", "MPLBACKEND"),
        *("_F_E_VS", "FLYTECTL_CONFIG", "_FLYTECTL_CONFIG_PYFLYTE_OVERRIDE"),
        *("FLYTE_CREDENTIALS_COMMAND", "FLYTE_CREDENTIALS_PROXY_COMMAND"),
        *("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "NODE_OPTIONS", "PERL5OPT", "RUBYOPT"),
    }
)
_HARMLESS = frozenset(
    {
        *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONHASHSEED"),
        "PYTHONFAULTHANDLER",
    }
)
# Where the storage is, and with it whose object a URI names. Names of variables have to match as a whole.
_ENDPOINTS = re.compile(
    r"FLYTE_AWS_ENDPOINT|AWS_ENDPOINT_URL(_.*)?|AWS_(CONFIG|SHARED_CREDENTIALS)_FILE|FSSPEC_.*|(HTTPS?|ALL)_PROXY"
    r"|STORAGE_EMULATOR_HOST|AZURE_STORAGE_CONNECTION_STRING|FLYTECTL_CONFIG",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Refusal:
    """What is not allowed, and the option that does not allow it."""

    what: str
    option: str


@dataclass(frozen=True)
class AllowLists:
    """The lists of the configuration; an empty one is none."""

    modules: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything is restricted."""
        return bool(self.modules or self.resolvers or self.distributions or self.uris)

    def task(self, resolver: str, arguments: Sequence[str]) -> Iterator[Refusal]:
        """What loading a task by a resolver would take."""
        for start in range(4, len(arguments) + 8, 4):
            if not self._is_resolver(resolver):
                yield Refusal(f"resolver {resolver!r}", "--allow-resolver")
                return
            if resolver not in _MAP_RESOLVERS or len(arguments) < start:
                arguments = arguments[start - 4 :]
                break
            # vars NAMES resolver RESOLVER ARGUMENTS
            resolver = arguments[start - 1]
        if resolver == DEFAULT_RESOLVER and len(arguments) > 1:
            yield from self.module(arguments[1])
        if resolver == _TEMPLATE_RESOLVER:
            if arguments and arguments[0] != _TEMPLATE_PATH:
                yield from self.uri(arguments[0])
            if len(arguments) > 1:
                yield from self.module(arguments[1].rpartition(".")[0])

    def module(self, name: str) -> Iterator[Refusal]:
        """What importing a module would take."""
        below = any(name == one or name.startswith(f"{one}.") for one in self.modules)
        if self.modules and not (below and _DOTTED.fullmatch(name)):
            yield Refusal(f"module {name!r}", "--allow-module")

    def distribution(self, uri: str, variables: Sequence[str]) -> Iterator[Refusal]:
        """What code from `uri` would take; `variables`: names of those that come with it."""
        if not self._restricts_code:
            return
        if not is_below(uri, self.distributions):
            yield Refusal(f"distribution {uri!r}", "--allow-distribution")
        for name in sorted(filter(_ENDPOINTS.fullmatch, variables)):
            yield Refusal(f"variable {name}, beside a distribution", "--allow-distribution")

    def uri(self, uri: str) -> Iterator[Refusal]:
        """What reading or writing at `uri` would take."""
        if self.uris and not is_below(uri, self.uris):
            yield Refusal(f"URI {uri!r}", "--allow-uri")

    def variable(self, name: str) -> Iterator[Refusal]:
        """What setting an environment variable would take."""
        loads = name in _LOADING or (name.startswith(_LOADING_PREFIXES) and name not in _HARMLESS)
        if loads and self._restricts_code:
            yield Refusal(f"variable {name}, which can load other code", self._first_option)
        if self.uris and _ENDPOINTS.fullmatch(name):
            yield Refusal(f"variable {name}, which can have a URI lead elsewhere", "--allow-uri")

    @property
    def _restricts_code(self) -> bool:
        return bool(self.modules or self.resolvers or self.distributions)

    @property
    def _first_option(self) -> str:
        if self.modules:
            return "--allow-module"
        return "--allow-resolver" if self.resolvers else "--allow-distribution"

    def _is_resolver(self, name: str) -> bool:
        if self.resolvers:
            return name in self.resolvers
        return name in _UNDERSTOOD or not self._restricts_code
