"""The demo from its first cold run to its verdict."""

import sys
from pathlib import Path

import grpc

from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from showcase.cases import CASES, EXAMPLES, GREETING, PRELOAD, TRAINING
from showcase.measure import Measured, Prepared, measure, prepare
from showcase.service import Service, ServiceError
from showcase.texts import outputs_text, result_text, shorten, table
from showcase.warm import final_deck, log_lines

OUTPUT_DIR = EXAMPLES.parent / "demo-output"
MS = 1e3


def run(root: Path, calls: int, workers: int) -> int:
    """Runs, compares and reports every example, with all files below `root`; returns the exit status."""
    prepared = _run_cold(root)
    try:
        measured, problems = _run_warm(prepared, calls, workers)
    except ServiceError as error:
        return _verdict([str(error)], 0, calls)
    print(_table(measured), end="\n\n")
    _print_details({item.case.name: item for item in measured})
    for item in measured:
        problems += [f"{item.case.name}: {sentence}" for sentence in item.found]
    return _verdict(problems, len(measured), calls)


def _run_cold(root: Path) -> list[Prepared]:
    print("cold: one pyflyte-execute for each example")
    prepared = []
    for case in CASES:
        prepared.append(prepare(case, root))
        print(f"  {case.name:26} {prepared[-1].cold.seconds * MS:6.0f} ms", flush=True)
    return prepared


def _run_warm(prepared: list[Prepared], calls: int, workers: int) -> tuple[list[Measured], list[str]]:
    """Returns what was measured, and what was wrong with the end of the service."""
    with Service(app_dir=EXAMPLES, preload=PRELOAD, workers=workers) as service:
        print(f"warm: flytewarm serve with {workers} workers serves after {service.startup_s * MS:.0f} ms")
        with grpc.insecure_channel(service.target) as channel:
            stub = TaskExecutorStub(channel)
            measured = [measure(item, stub, calls) for item in prepared]
        stopped = service.stop()
        print(f"      stopped with SIGTERM, exit status {stopped.exit_code}\n")
        return measured, stopped.problems


def _table(measured: list[Measured]) -> str:
    header = ("example", "result", "cold ms", "first ms", "warm p50 ms", "ratio", "equal")
    rows = [
        (
            item.case.name,
            shorten(result_text(item.runs[-1].captured), 56),
            f"{item.cold.seconds * MS:.0f}",
            f"{item.runs[0].seconds * MS:.1f}",
            f"{item.warm_p50_s * MS:.2f}",
            f"{item.ratio:.0f}x",
            "no" if item.found else "yes",
        )
        for item in measured
    ]
    return table(header, rows, left=2)


def _print_details(measured: dict[str, Measured]) -> None:
    training, greeting = measured[TRAINING.name].runs[-1], measured[GREETING.name].runs[-1]
    if training.captured.outputs is not None:
        print(f"outputs of {TRAINING.name}:")
        for name, text in outputs_text(training.captured.outputs).items():
            print(f"  {name} = {text}")
    print(f"log of {GREETING.name}, as it was streamed:")
    for stream, line in log_lines(greeting):
        print(f"  {stream}  {line}")
    if deck := final_deck(training):
        OUTPUT_DIR.mkdir(exist_ok=True)
        path = OUTPUT_DIR / "deck.html"
        path.write_text(deck, encoding="utf-8")
        print(f"deck of {TRAINING.name}: {path}")


def _verdict(problems: list[str], examples: int, calls: int) -> int:
    if problems:
        print("\nnot as it should be:\n" + "\n".join(f"  {sentence}" for sentence in problems), file=sys.stderr)
        return 1
    print(f"\nall {examples} examples: {calls + 1} warm results each, equal to the cold one as protobuf messages")
    return 0
