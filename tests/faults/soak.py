"""Many executions on one service, and what its processes hold in the meantime."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil

from calls import Calls
from faults import count_paths
from flytewarm_api.v1 import worker_pool_pb2
from showcase.service import Service


@dataclass(frozen=True)
class Held:
    """Memory in bytes, descriptors, and the paths below the service's temporary directory."""

    server_memory: int
    worker_memory: int
    server_descriptors: int
    worker_descriptors: int
    processes: int
    paths: int

    @classmethod
    def by(cls, service: Service) -> Held:
        """What the service holds now; of workers the largest."""
        workers = _workers(service)
        return cls(
            server_memory=_own_memory(service.pid),
            worker_memory=max(map(_own_memory, workers)),
            server_descriptors=_descriptors(service.pid),
            worker_descriptors=max(map(_descriptors, workers)),
            processes=len(service.processes),
            paths=count_paths(service.scratch),
        )

    def growth_since(self, before: Held) -> dict[str, float]:
        """By how much each has grown, as a share of what it was."""
        return {name: getattr(self, name) / getattr(before, name) - 1 for name in vars(self)}


def _workers(service: Service) -> list[int]:
    with Calls(grpc.insecure_channel(service.target)) as calls:
        (environment,) = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest()).environments
        return [worker.pid for worker in environment.workers]


def _own_memory(pid: int) -> int:
    """What belongs to this process alone: pages that it shares with its zygote do not grow."""
    return int(psutil.Process(pid).memory_full_info().uss)


def _descriptors(pid: int) -> int:
    return len(os.listdir(Path("/proc") / str(pid) / "fd"))
