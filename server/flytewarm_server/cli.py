"""The command `flytewarm serve`."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

from flytewarm_api.worker import allocator
from flytewarm_server.config import ConfigError, load_config


def main(argv: list[str] | None = None) -> int:
    """Runs the service until it is told to stop and returns the exit code; 2 for a configuration that cannot be used.

    `argv` are the arguments after `flytewarm serve`, those of the process by default. --help and --version print and
    raise SystemExit(0).
    """
    try:
        config = load_config(sys.argv[1:] if argv is None else argv, os.environ)
    except ConfigError as error:
        print(f"flytewarm serve: error: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to its user
        return 2
    allocator.use_one_arena()
    # After the configuration: importing gRPC takes longer than telling that a flag is wrong.
    from flytewarm_server.app import serve

    status = asyncio.run(serve(config))
    if threading.active_count() > 1:
        # Threads that still wait for a storage would run on while the interpreter is taken down, and crash.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
