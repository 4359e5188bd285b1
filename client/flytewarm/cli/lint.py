"""`flytewarm lint MODULE...`: the other end is flytewarm_worker.lint, in the interpreter that runs tasks."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from flytewarm.cli import arguments, exits, tables

_TIMEOUT_S = 120.0
# How long the interpreter may take to end what it has started, in seconds.
_END_S = 5.0
# Not -m: that would put the working directory first on sys.path.
_PROGRAM = "import sys; from flytewarm_worker.lint import main; main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])"
_FORK_SAFE = "fork-safe"
_Report = dict[str, Any]


def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code: 0 if all modules are fork-safe, 1 if one is not, or not imported."""
    options = _parser().parse_args(argv)
    for module in options.modules:
        if not all(part.isidentifier() for part in module.split(".")):
            raise exits.UsageError(f"{module!r} is no name of a module{_meant(module)}")
    if not os.path.isdir(options.app_dir):
        raise exits.UsageError(f"--app-dir {options.app_dir}: no such directory")
    reports = list(_lint(options))
    if options.json:
        exits.say(json.dumps(reports, indent=2), sys.stdout)
    else:
        exits.say("\n".join(_lines(reports)), sys.stdout)
    return exits.OK if all(report["verdict"] == _FORK_SAFE for report in reports) else exits.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = arguments.make_parser(
        "lint",
        "Imports modules as `flytewarm serve --preload` does, each in a scratch process, and tells what they leave\n"
        "there. A module is fork-safe when workers can be forked after its import; those of others are exec'd.",
        with_target=False,
    )
    parser.add_argument("--app-dir", default=".", metavar="DIR", help="as of `flytewarm serve` (default: here)")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="as of `flytewarm serve`")
    parser.add_argument(
        "--timeout",
        type=arguments.positive_seconds,
        default=_TIMEOUT_S,
        metavar="SECONDS",
        help=f"what the import of each module may take (default: {_TIMEOUT_S:g})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("modules", nargs="+", metavar="MODULE", help="such as my_app.tasks")
    return parser


def _meant(module: str) -> str:
    name = module.removesuffix(".py").replace(os.sep, ".").strip(".")
    return f"; did you mean {name}?" if module.endswith(".py") else ""


def _lint(options: argparse.Namespace) -> Iterator[_Report]:
    """One report for each module. What they print goes to standard error."""
    wanted = {"app_dir": os.path.abspath(options.app_dir), "modules": options.modules, "timeout": options.timeout}
    variables = {name: value for name, value in os.environ.items() if not name.startswith("FLYTEWARM_")}
    read, write = os.pipe()
    with tempfile.TemporaryDirectory() as scratch, open(read, encoding="utf-8") as reports:
        try:
            process = subprocess.Popen(
                [options.python, "-c", _PROGRAM, str(write), str(os.getpid()), json.dumps(wanted)],
                cwd="/",
                # flytekit makes temporary files when it is imported, and leaves them.
                env={**variables, "TMPDIR": scratch},
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=[write],
                start_new_session=True,
            )
        except OSError as error:
            raise exits.UsageError(f"--python {options.python}: {error.strerror}") from None
        finally:
            os.close(write)
        try:
            told = [json.loads(line) for line in reports]
        except BaseException:
            # With SIGTERM it ends what it has started, too.
            process.terminate()
            raise
        finally:
            _await_end(process)
    if len(told) < len(options.modules):
        ended = f"--python {options.python} ended with status {process.returncode}"
        raise exits.UsageError(f"{ended}; it needs flytewarm[tasks] of this version")
    yield from told


def _await_end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _lines(reports: Sequence[_Report]) -> Iterator[str]:
    rows = [("MODULE", "IMPORT MS", "MEMORY MIB", "THREADS", "DESCRIPTORS", "CUDA", "VERDICT")]
    for one in reports:
        verdict = ": ".join(filter(None, (one["verdict"], one["reason"])))
        if "import_ms" in one:
            threads = ", ".join(map(_thread, one["threads"])) or "none"
            descriptors = ", ".join(f"{each['fd']} {each['kind']} {each['target']}" for each in one["descriptors"])
            cuda = "yes" if one["cuda"] else "no"
            cost = (f"{one['import_ms']:.0f}", f"{one['memory_mib']:.1f}", threads, descriptors or "none", cuda)
        else:
            cost = ("",) * 5
        rows.append((one["module"], *cost, verdict))
    return tables.lines(rows)


def _thread(thread: _Report) -> str:
    marks = [mark for mark, set_ in (("native", thread["native"]), (_FORK_SAFE, thread["fork_safe"])) if set_]
    return f"{thread['name']} ({', '.join(marks)})" if marks else str(thread["name"])
