"""The service's configuration: one frozen dataclass, which is also the table of options.

Each field of ServerConfig describes one option completely. The command line, the FLYTEWARM_* variables, the keys of the
TOML file and docs/configuration.md are all derived from it. Command line wins over environment, environment over file,
file over default; a repeatable option is replaced as a whole, never merged.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from flytewarm_server import option_kinds as kinds
from flytewarm_server.addresses import Address, TcpAddress, UnixAddress
from flytewarm_server.config_rules import check_addresses, check_security
from flytewarm_server.option_sources import Given, from_command_line, from_environment, from_file
from flytewarm_server.options import CONFIG_VARIABLE, ConfigError, Option, describe

__all__ = ["OPTIONS", "Address", "ConfigError", "ServerConfig", "TcpAddress", "UnixAddress", "load_config"]


def _usable_cpus() -> int:
    # Not os.cpu_count(): a container or taskset may allow fewer. macOS has no affinity.
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(count, 1024)


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Everything that can be configured. Raises ConfigError for values that are not allowed, alone or together.

    Durations are in seconds, sizes in bytes, paths absolute.
    """

    listen: tuple[Address, ...] = field(
        default=(TcpAddress("127.0.0.1", 8700),),
        metadata=describe(
            kinds.ADDRESS, "Address of the gRPC service. Port 0 lets the kernel choose.", repeatable=True
        ),
    )
    http: TcpAddress | None = field(
        default=None,
        metadata=describe(
            kinds.TCP_ADDRESS,
            "Address of the HTTP side door with /metrics, /healthz and /readyz, which is off otherwise.",
        ),
    )
    insecure: bool = field(
        default=False,
        metadata=describe(
            kinds.SWITCH,
            "Allow TCP addresses other than loopback without TLS and authentication: whoever reaches the port can run"
            " code.",
        ),
    )
    tls_cert: Path | None = field(
        default=None,
        metadata=describe(
            kinds.FILE,
            "Certificate chain of the service in PEM; with it all TCP addresses speak TLS, but loopback ones of --http."
            " Read again when it has changed, as its key is.",
        ),
    )
    tls_key: Path | None = field(
        default=None,
        metadata=describe(kinds.FILE, "Private key of --tls-cert in PEM, which only its owner may be able to read."),
    )
    tls_client_ca: Path | None = field(
        default=None,
        metadata=describe(
            kinds.FILE,
            "Certificates in PEM of the authorities by one of which a client's certificate must be signed. Read again"
            " when it has changed.",
        ),
    )
    token_file: Path | None = field(
        default=None,
        metadata=describe(
            kinds.FILE,
            "File with a bearer token on each line, one of which every call but those for health must bring; only its"
            " owner may be able to read it. Read again when it has changed.",
        ),
    )
    allow_module: tuple[str, ...] = field(
        default=(),
        metadata=describe(
            kinds.MODULE,
            "Module from which requests may name tasks and modules to preload, with those below it; all others are"
            " refused. None: all are allowed.",
            repeatable=True,
        ),
    )
    allow_resolver: tuple[str, ...] = field(
        default=(),
        metadata=describe(
            kinds.MODULE,
            "Task resolver that requests may name. Of others than flytekit's own for modules and map tasks nothing is"
            " known that they load. None: those two, if another list restricts code, else all.",
            repeatable=True,
        ),
    )
    allow_distribution: tuple[str, ...] = field(
        default=(),
        metadata=describe(
            kinds.URI_PREFIX,
            "Place below which code distributions of requests must be. None: no distribution is allowed if another list"
            " restricts code, else all are.",
            repeatable=True,
        ),
    )
    allow_uri: tuple[str, ...] = field(
        default=(),
        metadata=describe(
            kinds.URI_PREFIX,
            "Place below which inputs, outputs, raw outputs and checkpoints must be that requests name by URI. None:"
            " all are allowed.",
            repeatable=True,
        ),
    )
    workers: int = field(
        default_factory=_usable_cpus,
        metadata=describe(
            kinds.integer(1, 1024),
            "Largest number of warm workers of each environment.",
            default="number of usable CPUs",
        ),
    )
    min_workers: int | None = field(
        default=None,
        metadata=describe(
            kinds.integer(0, 1024),
            "Workers of each environment that stay when there is nothing to do; more are forked on demand, up to"
            " --workers.",
            default="as --workers",
        ),
    )
    idle_ttl: float = field(
        default=900.0,
        metadata=describe(
            kinds.seconds(0, 31_536_000),
            "Seconds without work after which workers beyond --min-workers end, and environments that came with a"
            " request as a whole; 0 for never.",
        ),
    )
    app_dir: Path = field(
        default_factory=Path.cwd,
        metadata=describe(
            kinds.DIRECTORY,
            "Directory from which tasks are imported.",
            default="working directory",
        ),
    )
    python: Path = field(
        default_factory=lambda: Path(sys.executable),
        metadata=describe(
            kinds.EXECUTABLE,
            "Interpreter that runs tasks. It needs flytewarm[tasks] of this version, in whichever environment it is.",
            default="the service's own",
        ),
    )
    preload: tuple[str, ...] = field(
        default=(),
        metadata=describe(kinds.MODULE, "Module that is imported before workers are forked.", repeatable=True),
    )
    preload_library: tuple[str, ...] = field(
        default=(),
        metadata=describe(
            kinds.MODULE,
            "As --preload, before those, but imported once for all environments that requests bring: a library that"
            " does not need the application's code.",
            repeatable=True,
        ),
    )
    start_method: str = field(
        default="auto",
        metadata=describe(
            kinds.choice("auto", "fork", "exec"),
            "How workers start: fork, from an interpreter that has imported the code; exec, each as a fresh"
            " interpreter, which takes longer and more memory; or auto, fork unless the preloaded code has started"
            " threads or initialised CUDA, which forks do not survive.",
        ),
    )
    isolation: str = field(
        default="context",
        metadata=describe(
            kinds.choice("context", "process"),
            "Isolation of executions whose requests do not say: context, a reused worker whose state is put back; or"
            " process, a worker for each, forked ahead of need.",
        ),
    )
    max_executions: int = field(
        default=0,
        metadata=describe(
            kinds.integer(0, 1_000_000_000), "Executions after which a worker is replaced; 0 for no limit."
        ),
    )
    max_worker_growth: int = field(
        default=0,
        metadata=describe(
            kinds.size(0, 1 << 40),
            "Memory that a worker may have after an execution beyond what it had when it started, after which it is"
            " replaced; 0 for no limit.",
        ),
    )
    max_worker_memory: int = field(
        default=0,
        metadata=describe(
            kinds.size(0, 1 << 50),
            "Memory that a worker may have during an execution, with the processes that its task has started and with"
            " what was imported before (flytewarm status tells how much that is); with more it is killed; 0 for no"
            " limit.",
        ),
    )
    memory_headroom: int = field(
        default=64 << 20,
        metadata=describe(
            kinds.size(0, 1 << 50),
            "Memory below the limit of the service's control group, but no more than an eighth of it, with which the"
            " largest worker is killed before the kernel chooses one; 0 leaves it to the kernel.",
        ),
    )
    max_queue: int = field(
        default=1024,
        metadata=describe(
            kinds.integer(1, 1_000_000),
            "Executions and descriptions that may wait for a worker or an environment; more are refused. One"
            " environment gets at most four times as many places as it leaves to others.",
        ),
    )
    max_queue_per_environment: int = field(
        default=0,
        metadata=describe(
            kinds.integer(0, 1_000_000), "The same for each environment; 0 for no other limit than --max-queue."
        ),
    )
    max_stream_executions: int | None = field(
        default=None,
        metadata=describe(
            kinds.integer(1, 1_000_000),
            "Requests of one ExecuteTasks stream that are without their final answer, from which on no more of the"
            " stream are read.",
            default="four times --workers, at least 64",
        ),
    )
    max_nesting: int = field(
        default=4,
        metadata=describe(
            kinds.integer(0, 100),
            "Levels of executions that tasks ask this service for while they run; deeper ones are refused. Each level"
            " has up to --workers workers of its own.",
        ),
    )
    max_environments: int = field(
        default=8,
        metadata=describe(
            kinds.integer(1, 1024),
            "Environments with code of their own, beside the default one, that stay loaded; the one used least"
            " recently goes first.",
        ),
    )
    environments_memory: int = field(
        default=0,
        metadata=describe(
            kinds.size(0, 1 << 50),
            "Memory that environments with code of their own may take together, beside the default one; while it is"
            " more, the one used least recently that has no work is evicted; 0 for no limit.",
        ),
    )
    max_distribution_bytes: int = field(
        default=1 << 30,
        metadata=describe(kinds.size(1, 1 << 40), "Largest code distribution, packed and unpacked."),
    )
    max_message_bytes: int = field(
        default=64 * 2**20, metadata=describe(kinds.size(2**10, 2**31 - 1), "Largest request or response.")
    )
    max_log_bytes: int = field(
        default=16 * 2**20,
        metadata=describe(kinds.size(0, 2**31 - 1), "Log that is kept of one execution; more is dropped and counted."),
    )
    max_error_bytes: int = field(
        default=2**20,
        metadata=describe(
            kinds.size(2**10, 2**31 - 1),
            "Text that is kept of an error, in its document, too; the middle of a longer one is left out.",
        ),
    )
    max_deck_bytes: int = field(
        default=3 * 2**20,
        metadata=describe(
            kinds.size(0, 2**31 - 1),
            "Largest deck that is sent; a larger one is given by its URI, or replaced by a word that says so. Most"
            " clients of gRPC take messages of at most 4 MiB, and lose the outcome with a larger one.",
        ),
    )
    cancel_grace: float = field(
        default=5.0,
        metadata=describe(kinds.seconds(0, 86_400), "Seconds between SIGTERM and SIGKILL when an execution is ended."),
    )
    drain_grace: float = field(
        default=25.0,
        metadata=describe(
            kinds.seconds(0, 86_400), "Seconds that running executions get to finish when the service stops."
        ),
    )
    start_timeout: float = field(
        default=120.0,
        metadata=describe(
            kinds.seconds(0.1, 86_400),
            "Seconds that an interpreter or a worker gets to become ready, a worker after each execution, too.",
        ),
    )
    retain_executions: int = field(
        default=1000,
        metadata=describe(kinds.integer(0, 1_000_000), "Ended executions that are remembered; the oldest go first."),
    )
    retain_bytes: int = field(
        default=256 << 20,
        metadata=describe(
            kinds.size(0, 1 << 40), "Bytes of events of ended executions that are remembered; the oldest go first."
        ),
    )
    runtime_dir: Path = field(
        default_factory=lambda: Path(os.path.abspath(tempfile.gettempdir())),
        metadata=describe(
            kinds.DIRECTORY,
            "Directory in which the service makes a temporary directory of its own.",
            default="the system's, such as /tmp",
        ),
    )
    debuggable: bool = field(
        default=False,
        metadata=describe(
            kinds.SWITCH,
            "Let other processes of the service's user, which tasks are, read the service's memory, variables and"
            " descriptors, as debuggers do.",
        ),
    )
    log_format: str = field(
        default="auto",
        metadata=describe(
            kinds.choice("auto", "json", "console"),
            "Form of the service's log on standard error; auto is console on a terminal and json elsewhere.",
        ),
    )
    log_level: str = field(
        default="info",
        metadata=describe(kinds.choice("debug", "info", "warning", "error"), "Least severity that is logged."),
    )

    @property
    def stream_executions(self) -> int:
        """--max-stream-executions, or its default."""
        return self.max_stream_executions or max(4 * self.workers, 64)

    def __post_init__(self) -> None:
        for option in OPTIONS:
            held = getattr(self, option.name)
            for value in held if option.repeatable else (held,):
                if value is not None and not option.kind.check(value):
                    raise ConfigError(option.name, str(value), option.kind.allowed)
        if self.min_workers is not None and self.min_workers > self.workers:
            raise ConfigError("min_workers", str(self.min_workers), f"at most --workers, which is {self.workers}")
        check_addresses(self)
        check_security(self)


OPTIONS: tuple[Option, ...] = tuple(map(Option.of, fields(ServerConfig)))


def _convert(option: Option, given: Given) -> Any:
    values = []
    for text in given.texts:
        try:
            values.append(option.kind.parse(text))
        except ValueError as error:
            raise ConfigError(given.origin, text, option.kind.allowed) from error
    return tuple(values) if option.repeatable else values[0]


def load_config(argv: Sequence[str], environ: Mapping[str, str]) -> ServerConfig:
    """Reads the configuration from the arguments after `flytewarm serve` and from the environment.

    Only the winning value of an option is converted and checked, so that a flag can replace a variable that does not
    fit this machine. Raises ConfigError; --help and --version print and raise SystemExit(0).
    """
    flags, named_file = from_command_line(OPTIONS, argv)
    given: dict[str, Given] = {}
    if named_file is not None:
        given |= from_file(OPTIONS, named_file, "--config")
    elif environ.get(CONFIG_VARIABLE):
        given |= from_file(OPTIONS, environ[CONFIG_VARIABLE], CONFIG_VARIABLE)
    given |= from_environment(OPTIONS, environ) | flags
    values = {option.name: _convert(option, given[option.name]) for option in OPTIONS if option.name in given}
    try:
        return ServerConfig(**values)
    except ConfigError as error:
        # What only the whole shows is reported under the field's name; the reader knows the place where it was written.
        origin = given[error.option].origin if error.option in given else error.option
        raise ConfigError(origin, error.value, error.expected, error.fault) from None
