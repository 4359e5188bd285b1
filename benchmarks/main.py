"""Measures the service, the floor below it and its peers in one run, and writes what came out.

To benchmarks/results: latest.json, with the machine, versions, date and load, and latest.png; with --quick quick.json,
with --only partial.json. docs/performance.md tells how to read them.
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "examples"))  # the service's starter and the task are the examples'

from children import Child, ChildError  # noqa: E402
from comparison import QUICK_SYSTEMS, SYSTEMS, Extent, compare  # noqa: E402
from goals import goals  # noqa: E402
from machine import describe_machine  # noqa: E402
from outcome import exit_status, stem, write  # noqa: E402
from report import print_report  # noqa: E402
from summary import summarize  # noqa: E402
from systems.base import CALLERS  # noqa: E402

# Each figure with the seconds that it may take.
FIGURES = {
    "throughput": 180,
    "cold": 180,
    "new_code": 180,
    "memory": 540,
    "environments": 240,
    "endurance": 120,
    "large": 120,
}
QUICK_FIGURES = ("throughput",)
_S_PER_EXECUTION = 0.05
QUICK_TARGETS = ("echo stream unix", "echo bidi unix", "ExecuteTask unix", "ExecuteTasks unix", "loky")
# Those that CPU is told of; the throughput of many is a figure of its own.
QUICK_CALLERS = (8,)


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # unwinds, so that everything is stopped
    machine = describe_machine()
    print("  ".join(f"{name} {value}" for name, value in machine.items()), end="\n\n", flush=True)
    document: dict[str, Any] = {"machine": machine}
    try:
        compared = compare(_only(QUICK_SYSTEMS if arguments.quick else SYSTEMS, arguments.only), _extent(arguments))
        document["figures"], document["failed"] = _figures(arguments)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 128 + signal.SIGINT
    document["comparison"] = summarize(compared)
    print_report(document, goals(document))
    print("\nwritten:", *write(document, stem(quick=arguments.quick, only=arguments.only)))
    return exit_status(compared, document["failed"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="floor, service and loky alone, in less than a minute")
    parser.add_argument("--rounds", type=int, help="default: 4, or 2 with --quick")
    parser.add_argument(
        "--executions", type=int, default=5000, help="after which p50 is compared with that after 1,000 (default: 5000)"
    )
    parser.add_argument(
        "--only", action="append", choices=(*SYSTEMS, *FIGURES), help="only this system or figure; may be repeated"
    )
    arguments = parser.parse_args()
    if (arguments.rounds is not None and arguments.rounds < 1) or arguments.executions < 1000:
        parser.error("--rounds must be at least 1 and --executions at least 1000")
    return arguments


def _extent(arguments: argparse.Namespace) -> Extent:
    if arguments.quick:
        return Extent(arguments.rounds or 2, 0.75, 0.5, QUICK_CALLERS, QUICK_TARGETS)
    return Extent(arguments.rounds or 4, 1.0, 1.0, CALLERS)


def _only(names: Any, wanted: list[str] | None) -> list[str]:
    return [name for name in names if wanted is None or name in wanted]


def _figures(arguments: argparse.Namespace) -> tuple[dict[str, Any], dict[str, str]]:
    """What each figure's module found, and why others found nothing."""
    found, failed = {}, {}
    for name in _only(QUICK_FIGURES if arguments.quick else FIGURES, arguments.only):
        options = _options(name, arguments)
        limit_s = FIGURES[name] + options.get("executions", 0) * _S_PER_EXECUTION
        try:
            with Child("figure", name, **options) as child:
                found[name] = child.answer(limit_s)
            print(f"{name} done", flush=True)
        except ChildError as error:
            failed[name] = str(error)
            print(f"{name} failed: {error}", flush=True)
    return found, failed


def _options(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What a figure's measure() is given."""
    if name == "endurance":
        return {"executions": arguments.executions}
    if name == "throughput" and arguments.quick:
        return {"turns": 6, "window_s": 0.4}
    return {}


if __name__ == "__main__":
    sys.exit(main())
