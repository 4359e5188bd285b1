"""The process as the task sees it."""

import asyncio
import gc
import locale
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import warnings

from flytekit import task

from conformance import Case
from seen import raised, told

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE", "SIGQUIT")
_LIMITS = ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_STACK")


@task
def variables() -> str:
    # The first is of the moment at which a process was started; the second is set by joblib and scikit-learn when they
    # are imported, which other cases of the same environment do.
    left_out = {"PYTEST_CURRENT_TEST", "KMP_INIT_AT_FORK"}
    return told(pairs=[f"{name}={value}" for name, value in sorted(os.environ.items()) if name not in left_out])


@task
def given_variable(name: str) -> str:
    found = os.environ.get(name)
    os.environ[name] = "changed"
    os.environ["LEFT_BEHIND"] = "1"
    return told(found=found, in_bytes=str(os.environb.get(name.encode())), putenv=os.popen("echo ${LEFT-none}").read())


@task
def arguments() -> str:
    return told(argv=sys.argv, original=sys.orig_argv[-len(sys.argv) + 1 :], path=sys.path)


@task
def directory() -> str:
    with open("written-here", "w") as file:
        file.write("x")
    found = sorted(name for name in os.listdir() if name != "__pycache__")
    os.unlink("written-here")
    return told(cwd=os.getcwd(), variable=os.environ.get("PWD") is not None, found=found, tmp=tempfile.gettempdir())


@task
def modules() -> str:
    own = sys.modules[__name__]
    main = sys.modules["__main__"]
    return told(
        name=__name__,
        file=__file__,
        package=__package__,
        same=own.modules is modules,
        main=os.path.basename(getattr(main, "__file__", "") or ""),
        main_spec=str(main.__spec__),
    )


@task
def signals() -> str:
    handlers = {name: signal.getsignal(getattr(signal, name)) for name in _SIGNALS}
    return told(
        handlers={name: getattr(one, "__qualname__", str(one)) for name, one in handlers.items()},
        blocked=sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        wakeup=signal.set_wakeup_fd(-1),
        timer=signal.getitimer(signal.ITIMER_REAL),
    )


@task
def process() -> str:
    mask = os.umask(0o077)
    os.umask(mask)
    return told(
        umask=mask,
        locale=[locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(), sys.getfilesystemencoding()],
        recursion=sys.getrecursionlimit(),
        limits={name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS},
        user=[os.getuid(), os.geteuid(), os.getgid()],
        priority=os.getpriority(os.PRIO_PROCESS, 0),
        zone=time.tzname,
        switch=sys.getswitchinterval(),
        collector=[gc.isenabled(), gc.get_threshold(), gc.get_debug()],
        tracing=[str(sys.gettrace()), str(sys.getprofile())],
        hooks=[sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
        flags=list(sys.flags),
        bytecode=sys.dont_write_bytecode,
        executable=sys.executable,
        prefix=[sys.prefix, sys.exec_prefix],
        filters=list(map(str, warnings.filters)),
    )


@task
def threads() -> str:
    main = threading.main_thread()
    return told(
        main=[main.name, threading.current_thread() is main, main.ident == threading.get_ident()],
        native=main.native_id == os.getpid(),
        daemon=main.daemon,
        stack=threading.stack_size(),
    )


@task
def in_a_thread() -> str:
    """A thread has a context of its own, which flytekit makes outside of the execution's."""
    from flytekit.core.context_manager import FlyteContextManager

    seen = {}

    def look() -> None:
        context = FlyteContextManager.current_context()
        files = context.file_access
        seen["size"] = FlyteContextManager.size()
        seen["execution"] = str(context.user_space_params.execution_id.name)
        seen["sandbox"] = str(files.local_sandbox_dir)
        seen["directory"] = str(files.get_random_local_directory())
        seen["raw"] = type(files.raw_output_prefix).__name__

    one = threading.Thread(target=look)
    one.start()
    one.join()
    return told(seen=seen)


@task
def loops() -> str:
    return told(
        running=raised(asyncio.get_running_loop),
        policy=type(asyncio.get_event_loop_policy()).__name__,
        run=asyncio.run(asyncio.sleep(0, "slept")),
    )


@task
async def in_a_loop() -> str:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    return told(type=type(loop).__name__, debug=loop.get_debug(), tasks=len(asyncio.all_tasks()) >= 1)


@task
def streams() -> str:
    named = {"stdin": sys.stdin, "stdout": sys.stdout, "stderr": sys.stderr}
    return told(
        read=raised(sys.stdin.read),
        fds={name: stream.fileno() for name, stream in named.items()},
        terminals=[stream.isatty() for stream in named.values()],
        encodings=[stream.encoding for stream in named.values()],
        errors=[stream.errors for stream in (sys.stdout, sys.stderr)],
        same=[sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__, sys.stdin is sys.__stdin__],
    )


@task
def changed() -> str:
    """Leaves its process changed in many ways; the next execution must find it as this one did."""
    mask = os.umask(0o027)
    found = [sys.getrecursionlimit(), mask, locale.setlocale(locale.LC_ALL)]
    filters = list(map(str, warnings.filters))
    sys.setrecursionlimit(5000)
    locale.setlocale(locale.LC_ALL, "C")
    warnings.simplefilter("error", UserWarning)
    sys.path.insert(0, "/nowhere")
    sys.argv.append("--more")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hooks = sys.excepthook is sys.__excepthook__
    sys.excepthook = print
    sys.setswitchinterval(0.01)
    random.seed(1)
    return told(found=found, hooks=hooks, filters=filters, path=[sys.path.count("/nowhere"), sys.argv.count("--more")])


@task
def changed_switch() -> str:
    found = [sys.getswitchinterval(), gc.get_threshold(), threading.stack_size(), tempfile.tempdir]
    sys.setswitchinterval(0.02)
    gc.set_threshold(100, 5, 5)
    gc.disable()
    tempfile.tempdir = "/nowhere"
    return told(found=found)


CASES = [
    Case("variables", meant=("grpc-verbosity",)),
    Case("given_variable", {"name": "GIVEN"}, env={"GIVEN": "grün = \n ok"}),
    Case("arguments", meant=("code-directory-on-path",)),
    Case("directory"),
    Case("modules"),
    Case("signals"),
    Case("process", meant=("filters-of-libraries",)),
    Case("threads"),
    Case("in_a_thread"),
    Case("loops"),
    Case("in_a_loop"),
    Case("streams"),
    Case("changed", meant=("filters-of-libraries",)),
    Case("changed_switch"),
]
