"""Tasks that succeed, and leave their interpreter in disorder."""

import asyncio
import atexit
import decimal
import gc
import importlib.abc
import locale
import logging
import os
import random
import socket
import sys
import threading
import warnings
from typing import Any

import numpy
from flytekit import Deck, FlyteContextManager, LaunchPlan, current_context, task, workflow

_KEPT: list[Any] = []


@task
def removes_modules() -> None:
    for name in ("json", "flytekit.core.base_task", "logging", "asyncio", "flytewarm_worker.worker"):
        sys.modules.pop(name, None)


@task
def replaces_modules() -> None:
    sys.modules["json"] = type(sys)("json")
    sys.modules["flytekit"] = None  # type: ignore[assignment]
    sys.modules["os.path"] = type(sys)("path")


class _Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, *_: Any) -> None:
        raise ImportError(f"no {fullname} today")


@task
def blocks_imports() -> None:
    sys.meta_path.insert(0, _Blocker())
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()
    sys.path.clear()


@task
def changes_arguments() -> None:
    sys.argv[:] = ["forged"]
    sys.path.insert(0, "/nowhere")
    sys.modules["__main__"].__dict__["__name__"] = "forged"


def _fake(*_: Any, **__: Any) -> Any:
    return None


@task
def looks_innocent() -> None:
    pass


@task
def declares_entities() -> None:
    @workflow
    def hostile_workflow() -> None:
        looks_innocent()

    LaunchPlan.get_or_create(hostile_workflow, name="hostile")


@task
def leaves_contexts() -> None:
    for _ in range(10):
        FlyteContextManager.push_context(FlyteContextManager.current_context().new_builder().build())
    FlyteContextManager.add_signal_handler(lambda *_: None)


@task
def adds_decks_and_attributes() -> None:
    Deck("hostile", "<b>hostile</b>")
    current_context()._attrs["HOSTILE"] = 1


@task
def turns_off_the_collector() -> None:
    gc.disable()
    gc.set_threshold(1, 1, 1)
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.callbacks.append(_fake)


@task
def traces() -> None:
    sys.settrace(_fake)
    sys.setprofile(_fake)
    threading.settrace(_fake)
    threading.setprofile(_fake)


@task
def changes_the_interpreters_limits() -> None:
    sys.setrecursionlimit(200)
    sys.setswitchinterval(1.0)
    sys.excepthook = sys.displayhook = threading.excepthook = sys.unraisablehook = _fake  # type: ignore[assignment]


@task
def closes_the_event_loop() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.close()


class _Policy(asyncio.DefaultEventLoopPolicy):
    pass


@task
def sets_an_event_loop_policy() -> None:
    asyncio.set_event_loop_policy(_Policy())


@task
async def leaves_coroutines() -> None:
    async def stubborn() -> None:
        await asyncio.Event().wait()

    _KEPT.append(asyncio.create_task(stubborn()))


@task
def changes_numbers() -> None:
    random.seed(1)
    numpy.random.seed(1)
    decimal.getcontext().prec = 3
    decimal.setcontext(decimal.Context(prec=2))
    locale.setlocale(locale.LC_ALL, "C")
    socket.setdefaulttimeout(0.001)


@task
def ignores_warnings() -> None:
    warnings.resetwarnings()
    warnings.simplefilter("error")
    warnings.showwarning = _fake


@task
def shuts_logging_down() -> None:
    logging.shutdown()
    logging.disable(logging.CRITICAL)
    logging.root.handlers.clear()


class _Record(logging.LogRecord):
    pass


class _Mute(logging.Logger):
    def handle(self, record: logging.LogRecord) -> None:
        pass


@task
def changes_loggers() -> None:
    for name in (None, "flytekit", "asyncio", "fsspec", "hostile", "hostile.new"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.CRITICAL)
        logger.addFilter(lambda _: False)
        logger.disabled, logger.propagate = True, False
    logging.setLoggerClass(_Mute)
    logging.setLogRecordFactory(_Record)


@task
def registers_an_end() -> None:
    atexit.register(os._exit, 77)


class _Clinging:
    def __del__(self) -> None:
        raise RuntimeError("not without a fight")


@task
def leaves_objects_that_fail() -> None:
    ring = [_Clinging()]
    ring.append(ring)  # type: ignore[arg-type]


@task
def writes_without_end() -> None:
    os.write(1, b"x" * (1 << 20))
    for _ in range(32):
        os.write(2, b"y" * (1 << 20) + b"\n")
    os.write(1, bytes(range(256)) * 16)
