"""Tasks that show what the service does around them."""

import gc
import importlib
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
from typing import NamedTuple

import flytekit
from flytekit import LaunchPlan, dynamic, task, workflow
from flytekit.core.base_task import IgnoreOutputs
from flytekit.core.context_manager import FlyteContextManager
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.types.file import FlyteFile


class Process(NamedTuple):
    pid: int
    report: str


@task
def wait_on(fifo: str) -> str:
    """Blocks until the test opens the FIFO for writing, then returns what it wrote: a barrier for both sides."""
    with open(fifo) as pipe:
        return pipe.read()


@task(enable_deck=True)
def deck_and_wait(fifo: str) -> str:
    """Publishes its deck, then waits on the FIFO."""
    deck = flytekit.Deck("live", "<p>so far</p>")
    flytekit.Deck.publish()
    with open(fifo) as pipe:
        deck.append(pipe.read())
    raise ValueError("after the deck")


@task
def stubborn(fifo: str) -> str:
    """Ignores SIGTERM, then waits on the FIFO."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(fifo) as pipe:
        return pipe.read()


@task
def spins_in_c(fifo: str) -> int:
    """Never comes back to the interpreter, which could run a handler of Python's."""
    with open(fifo):
        return sum(itertools.repeat(0))


@task
def waits_in_a_thread(fifo: str) -> int:
    thread = threading.Thread(target=_wait_in_a_thread, args=(fifo,))
    thread.start()
    thread.join()
    return 1


def _wait_in_a_thread(fifo: str) -> None:
    with open(fifo) as pipe:
        pipe.read()


@task
def shell_and_wait(fifo: str) -> str:
    """Starts a process in a session of its own, which outlives its parent, and waits on the FIFO."""
    os.spawnlp(os.P_NOWAIT, "setsid", "setsid", "sleep", "600")
    with open(fifo) as pipe:
        return pipe.read()


@task
def process() -> Process:
    """What a task can see of its process."""
    report = {
        "environ": dict(os.environ),
        "cwd": os.getcwd(),
        "argv": sys.argv,
        "path": sys.path,
        "tempdir": tempfile.gettempdir(),
        "depth": FlyteContextManager.size(),
        "sigterm": str(signal.getsignal(signal.SIGTERM)),
        "umask": _umask(),
        "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
    }
    return Process(pid=os.getpid(), report=json.dumps(report))


@task
def litter(name: str) -> int:
    """Leaves traces everywhere: environment, directory, path, arguments, signals, mask, files, a child process."""
    os.environ[name] = "left"
    del os.environ["PATH"]
    tempfile.mkdtemp()
    os.chdir("/")
    sys.path.insert(0, "/nowhere")
    sys.argv.append("left")
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.umask(0o077)
    os.close(1)
    sys.stdout = None
    FlyteContextManager.push_context(FlyteContextManager.current_context())
    return os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "600")


@task
def closes_descriptors() -> int:
    """Closes what it did not open, as a careless daemoniser does."""
    os.closerange(3, 256)
    return 1


@task
def redirects(path: str) -> int:
    """Prints into a file and leaves it so."""
    sys.stdout = open(path, "w", buffering=1)  # noqa: SIM115
    print("mine")
    return 1


@task
def prints(text: str) -> int:
    print(text)
    return 1


@task
def buffers() -> int:
    """Prints an unfinished line and closes the descriptor under it."""
    sys.stdout.write("unfinished")
    os.close(1)
    return 1


@task
def late_thread(fifo: str) -> int:
    """Leaves a thread that emits a metric and prints when the test says so."""
    stats = flytekit.current_context().stats

    def later() -> None:
        with open(fifo) as pipe:
            pipe.read()
        stats.incr("late")
        print("late")

    threading.Thread(target=later).start()
    return 1


@task
def many_threads_emit(size: int) -> int:
    stats = flytekit.current_context().stats
    threads = [threading.Thread(target=stats.gauge, args=("g" * size, number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 8


@task
def same_file(text: str) -> FlyteFile:
    """Writes a file by a relative name, as tasks do that have a container of their own."""
    with open("out.txt", "w") as file:
        for letter in text:
            file.write(letter)
            file.flush()
    return FlyteFile("out.txt")


@task
def forks() -> str:
    """Forks and lets the child return, too."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
    return "parent" if pid else "child"


@task
def context() -> str:
    """What current_context() says."""
    parameters = flytekit.current_context()
    serialization = FlyteContextManager.current_context().serialization_settings
    checkpoint = parameters._checkpoint
    fast = serialization.fast_serialization_settings
    return json.dumps(
        {
            "execution": [
                parameters.execution_id.project,
                parameters.execution_id.domain,
                parameters.execution_id.name,
            ],
            "task": [
                parameters.task_id.project,
                parameters.task_id.domain,
                parameters.task_id.name,
                parameters.task_id.version,
            ],
            "date": parameters.execution_date.isoformat(),
            "raw_output_prefix": parameters.raw_output_prefix,
            "output_prefix": parameters.output_metadata_prefix,
            "working_directory_exists": os.path.isdir(parameters.working_directory),
            "checkpoint": [str(checkpoint._checkpoint_dest), str(checkpoint._checkpoint_src)] if checkpoint else None,
            "project": serialization.project,
            "domain": serialization.domain,
            "version": serialization.version,
            "env": serialization.env,
            "image": serialization.image_config.default_image.full
            if serialization.image_config.default_image
            else None,
            "fast": [fast.enabled, fast.destination_dir, fast.distribution_location] if fast else None,
        }
    )


@task(enable_deck=True)
def decked(publish: bool) -> int:
    """A deck with a word of its own; published while it runs if asked."""
    flytekit.Deck("mine", "<p>first words</p>")
    if publish:
        flytekit.Deck.publish()
    flytekit.Deck("more", "<p>last words</p>")
    return 1


@task
def measured() -> int:
    """A counter, a gauge and a timing."""
    stats = flytekit.current_context().stats
    stats.incr("count", 3)
    stats.gauge("level", 2.5)
    stats.timing("took", 12, tags={"step": "one"})
    return 1


@task
def ignored() -> int:
    raise IgnoreOutputs("not the leader")


@task
def recoverable() -> int:
    raise FlyteRecoverableException("try again")


@task
def leaves() -> int:
    sys.exit(3)


@task
def wrong_type() -> int:
    return "not a number"  # type: ignore[return-value]


@task
def write_text(text: str) -> FlyteFile:
    path = os.path.join(flytekit.current_context().working_directory, "text.txt")
    with open(path, "w") as file:
        file.write(text)
    return FlyteFile(path)


@task
def maybe(value: int | None = None) -> str:
    return repr(value)


@task
def imported(module: str, name: str) -> str:
    return str(getattr(importlib.import_module(module), name))


@task
def double(number: int) -> int:
    return 2 * number


@dynamic
def fan(count: int) -> list[int]:
    return [double(number=number) for number in range(count)]


@workflow
def doubled(number: int) -> int:
    return double(number=number)


@dynamic
def fan_of_launch_plans(count: int) -> list[int]:
    # A launch plan of a name that is declared once: with other inputs, flytekit refuses it the second time.
    plan = LaunchPlan.get_or_create(doubled, name="doubled-by-default", default_inputs={"number": count})
    return [plan(number=number) for number in range(count)]


@task
def allocates(megabytes: int) -> int:
    return len(bytearray(b"x") * (megabytes << 20)) >> 20


@task
def long_text(length: int) -> str:
    return "x" * length


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


@task
def leaves_a_thread() -> None:
    threading.Thread(target=threading.Event().wait, name="left behind", daemon=True).start()


@task
def drawn() -> float:
    return random.random()


@task
def collects(times: int) -> dict[str, int]:
    """Collects garbage. What the collector leaves alone, and the memory that this process shares with no other."""
    for _ in range(times):
        gc.collect()
    with open("/proc/self/smaps_rollup", encoding="ascii") as rollup:
        kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in rollup) if rest}
    return {"frozen": gc.get_freeze_count(), "tracked": len(gc.get_objects()), "private": kilobytes["Private_Dirty"]}
