"""Shows what flytewarm does: every example cold with pyflyte-execute, then warm through the service, and compared.

Ends with 0 only if every warm result is equal to its cold one and the service has stopped without leaving anything.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path


def main() -> int:
    arguments = _arguments()
    # A SIGTERM unwinds the stack like Ctrl-C does, so that everything is stopped on the way.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        with tempfile.TemporaryDirectory(prefix="fw-demo-") as root:
            # flytekit makes directories for temporary files when it is imported, and leaves them. In here they go away.
            tempfile.tempdir = root
            from showcase.run import run

            signal.signal(signal.SIGINT, signal.default_int_handler)  # flytekit installs one of its own
            return run(Path(root), arguments.calls, arguments.workers)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 128 + signal.SIGINT


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20, help="warm calls of each example after the first one")
    parser.add_argument("--workers", type=int, default=2, help="workers of the service")
    arguments = parser.parse_args()
    if arguments.calls < 1 or arguments.workers < 1:
        parser.error("--calls and --workers must be at least 1")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
