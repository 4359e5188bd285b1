"""One worker without the service: driven over its socket, one execution of `add` after the other.

    .venv/bin/python benchmarks/worker_alone.py [--executions N] [--pause S] [--profile FILE]

Prints the CPU time for each execution, putting the process back included, and the median time until the outcome, in
twenty rounds. With --profile cProfile's figures of the worker go to FILE (`python -m pstats FILE`); the printed ones
are worthless then.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from addition import EXAMPLES, MODULE, request
from flytewarm_api.worker.framing import HEADER, encode_frame, frame_length
from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_worker import interpreter_settings, worker
from flytewarm_worker.loading import freeze
from processes import cpu_seconds

# Directories that changed within three seconds are looked at more closely: longer than that.
_WARM_UP_SECONDS = 4.0
_LARGEST_EVENT = 4 << 20
# On a machine with something else to do the least of several says more than the median of all.
_ROUNDS = 20
_FIGURES = ("CPU, ms an execution", "outcome, ms after the request")


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=8000, metavar="N", help="default: 8000")
    parser.add_argument("--pause", type=float, default=0.0, metavar="S", help="seconds between executions; default: 0")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="write a profile of the worker")
    arguments = parser.parse_args()
    sys.path.insert(0, str(EXAMPLES))
    os.chdir(EXAMPLES)
    worker.preload()
    worker.preload_environment([MODULE])
    freeze()
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory() as directory, ours:
        if (pid := os.fork()) == 0:
            ours.close()
            _serve(theirs, directory, arguments.profile)
        theirs.close()
        _measure(_Driven(ours, pid), arguments.executions, arguments.pause)
        ours.shutdown(socket.SHUT_RDWR)
        os.waitpid(pid, 0)


def _serve(control: socket.socket, directory: str, profile: Path | None) -> NoReturn:
    if profile is not None:
        _profile_to(profile.absolute())
    outputs = [os.open(os.devnull, os.O_WRONLY) for _ in range(2)]
    worker.main(frames_pb2.ForkWorker(directory=directory, may_watch=True), control.detach(), *outputs)


def _profile_to(file: Path) -> None:
    # A worker takes profilers away from tasks.
    settings = interpreter_settings._SETTINGS
    interpreter_settings._SETTINGS = tuple(one for one in settings if one[0] is not sys.getprofile)
    profile, serve = cProfile.Profile(), worker.Worker.serve

    def profiled(served: worker.Worker) -> None:
        try:
            profile.runcall(serve, served)
        finally:
            profile.dump_stats(file)

    worker.Worker.serve = profiled


class _Driven:
    """The service's end of a worker's socket."""

    def __init__(self, control: socket.socket, pid: int) -> None:
        self._control = control
        self._pid = pid
        limits = dict.fromkeys(("max_event_bytes", "max_error_bytes", "max_deck_bytes"), _LARGEST_EVENT)
        frame = frames_pb2.WorkerRequest(execute=frames_pb2.Execute(execution_id="alone", **limits))
        self._request = encode_frame(frame.SerializeToString()) + encode_frame(request().SerializeToString())
        self._await("ready")

    def execute(self) -> float:
        """Runs one execution; returns the seconds until its outcome."""
        begin = time.perf_counter()
        self._control.sendall(self._request)
        outcome = self._await("outcome").outcome
        spent = time.perf_counter() - begin
        if not outcome.HasField("outputs"):
            raise RuntimeError(f"the task did not succeed: {outcome}")
        self._await("ready")
        return spent

    def cpu_seconds(self) -> float:
        """CPU time of the worker so far."""
        return cpu_seconds([self._pid])

    def _await(self, kind: str) -> frames_pb2.WorkerReply:
        while True:
            reply = frames_pb2.WorkerReply.FromString(self._read(frame_length(self._read(HEADER.size))))
            if reply.WhichOneof("reply") == kind:
                return reply

    def _read(self, size: int) -> bytes:
        data = self._control.recv(size, socket.MSG_WAITALL)
        if len(data) < size:
            raise ConnectionError("the worker has ended")
        return data


def _measure(driven: _Driven, executions: int, pause: float) -> None:
    end = time.monotonic() + _WARM_UP_SECONDS
    while time.monotonic() < end:
        driven.execute()
    rounds = [_round(driven, executions // _ROUNDS, pause) for _ in range(_ROUNDS)]
    for name, figures in zip(_FIGURES, zip(*rounds, strict=True), strict=True):
        print(f"{name}: least {min(figures) * 1e3:.3f}, median {statistics.median(figures) * 1e3:.3f}")


def _round(driven: _Driven, executions: int, pause: float) -> tuple[float, float]:
    """CPU seconds of an execution, and the median time until its outcome."""
    before, spent = driven.cpu_seconds(), []
    for _ in range(executions):
        time.sleep(pause)
        spent.append(driven.execute())
    return (driven.cpu_seconds() - before) / executions, statistics.median(spent)


if __name__ == "__main__":
    main()
