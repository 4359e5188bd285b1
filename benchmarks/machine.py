"""What a measurement was made on: without it, no number says anything."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("flytewarm", "flytekit", "grpcio", "protobuf", "loky", "ray", "distributed", "celery")
NOT_INSTALLED = "not installed"
_HERE = Path(__file__).resolve().parent
_TIMEOUT_S = 10.0


def describe_machine() -> dict[str, str | int | float]:
    """Date, processor, memory, kernel, commit, versions of what is measured, and how busy the machine was before."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "usable_cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "commit": commit(_HERE),
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "redis-server": redis_version(_said(["redis-server", "--version"])),
        "load_before": f"{os.getloadavg()[0]:.2f}",
    }


def commit(directory: Path) -> str:
    """That of the benchmark's checkout, short, with -dirty where files differ from it; empty where there is none."""
    found = _said(["git", "-C", str(directory), "rev-parse", "--short", "HEAD"]).strip()
    changed = _said(["git", "-C", str(directory), "status", "--porcelain"]) if found else ""
    return f"{found}-dirty" if changed else found


def redis_version(said: str) -> str:
    """From what `redis-server --version` says, which is nothing where there is none."""
    found = re.search(r"\bv=(\S+)", said)
    return found.group(1) if found else NOT_INSTALLED


def _said(command: Sequence[str]) -> str:
    """A program's output; empty where it is not there, or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return NOT_INSTALLED


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
