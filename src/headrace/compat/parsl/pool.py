"""Parsl's executor on processes, as a pool of this machine's."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from headrace.compat.parsl.data import check_storage_access
from headrace.compat.parsl.notices import refuse, tell_of_options
from headrace.compat.parsl.providers import LocalProvider
from headrace.compute.executors import CallSpec, ProcessPoolExecutor
from headrace.compute.resources import Resources, memory_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headrace.compute.executors import Ended
    from headrace.compute.executors.processes.calls import Call

__all__ = ["BlockIdManagerSelector", "HighThroughputExecutor", "ManagerSelector", "RandomManagerSelector"]

_GIB: Final = 2**30


class ManagerSelector:
    """The base class of ways to choose a node for a task. There is one node here, so they have no effect."""


class RandomManagerSelector(ManagerSelector):
    """Any node."""


class BlockIdManagerSelector(ManagerSelector):
    """The nodes in the order of their blocks."""


class HighThroughputExecutor(ProcessPoolExecutor):
    """Headrace's process pool, with Parsl's signature.

    It has as many workers as Parsl would come to have on this machine: `max_workers_per_node`, or what the cores and
    the memory allow, for each of the provider's blocks. With `available_accelerators` each worker has one of them.

    What concerns the ways between machines has no effect, and is told: addresses, ports, heartbeats, logs, pinning.

    Raises:
        RefusedError: the provider is not `LocalProvider`, files are to be staged, or workers are to be started in
            a way of one's own.
        ValueError: a number makes no sense.
    """

    def __init__(  # noqa: PLR0917 - Parsl's signature
        self,
        label: str = "HighThroughputExecutor",
        provider: LocalProvider | None = None,
        launch_cmd: str | None = None,
        interchange_launch_cmd: Sequence[str] | None = None,
        address: str | None = None,
        loopback_address: str = "127.0.0.1",
        worker_port: int | None = None,
        worker_port_range: tuple[int, int] | None = (54000, 55000),
        interchange_port_range: tuple[int, int] | None = (55000, 56000),
        storage_access: Iterable[object] | None = None,
        working_dir: str | None = None,
        worker_debug: bool = False,  # noqa: FBT001, FBT002 - likewise
        cores_per_worker: float = 1.0,
        mem_per_worker: float | None = None,
        max_workers_per_node: float | None = None,
        cpu_affinity: str = "none",
        available_accelerators: int | Sequence[str] = (),
        prefetch_capacity: int = 0,
        heartbeat_threshold: int = 120,
        heartbeat_period: int = 30,
        drain_period: int | None = None,
        poll_period: int = 10,
        address_probe_timeout: int | None = None,
        worker_logdir_root: str | None = None,
        manager_selector: ManagerSelector | None = None,
        block_error_handler: bool | Callable[..., None] = True,  # noqa: FBT001, FBT002 - likewise
        encrypted: bool = True,  # noqa: FBT001, FBT002 - likewise
        remote_monitoring_radio: object = None,
        *,
        max_workers: float | None = None,
        managed: bool = True,
    ) -> None:
        provider = LocalProvider() if provider is None else provider
        _check(label, provider, launch_cmd, interchange_launch_cmd)
        check_storage_access(label, storage_access)
        tell_of_options(
            f"HighThroughputExecutor {label!r}",
            {
                "address": (address, None),
                "worker_port": (worker_port, None),
                "worker_port_range": (worker_port_range, (54000, 55000)),
                "interchange_port_range": (interchange_port_range, (55000, 56000)),
                "working_dir": (working_dir, None),
                "cpu_affinity": (cpu_affinity, "none"),
                "drain_period": (drain_period, None),
                "worker_logdir_root": (worker_logdir_root, None),
                "manager_selector": (type(manager_selector), type(None)),
                "block_error_handler": (callable(block_error_handler), False),
                "remote_monitoring_radio": (remote_monitoring_radio, None),
                "managed": (managed, True),
            },
            "its workers are child processes of this one",
        )
        accelerators = _names(available_accelerators)
        per_node = max_workers_per_node if max_workers_per_node is not None else max_workers
        workers = _workers_on_one_node(per_node, cores_per_worker, mem_per_worker)
        if accelerators:
            workers = min(workers, len(accelerators))
        super().__init__(
            label,
            workers * provider.nodes_in_all,
            gpus=accelerators or None,
        )
        self.provider = provider
        self.workers_per_node = workers
        self.storage_access = storage_access
        self.working_dir = working_dir
        self.available_accelerators = accelerators
        # Accepted as they come: they concern how fast Parsl's parts talk with one another, not what they do.
        self.loopback_address = loopback_address
        self.worker_debug = worker_debug
        self.prefetch_capacity = prefetch_capacity
        self.heartbeat_threshold = heartbeat_threshold
        self.heartbeat_period = heartbeat_period
        self.poll_period = poll_period
        self.address_probe_timeout = address_probe_timeout
        self.encrypted = encrypted

    def execute(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        ended: Ended,
        spec: CallSpec | None = None,
    ) -> Call:
        """See `LimitingExecutor`. A call that asks for nothing gets one accelerator, where the workers have them."""
        if self.available_accelerators and (spec is None or spec.resources is None):
            spec = replace(spec or CallSpec(), resources=Resources(gpus=1))
        return super().execute(fn, args, kwargs, ended, spec)


def _check(label: str, provider: object, launch_cmd: str | None, interchange_launch_cmd: Sequence[str] | None) -> None:
    if not isinstance(provider, LocalProvider):
        refuse(f"provider {provider!r} of executor {label!r}", "use LocalProvider()")
    for name, command in (("launch_cmd", launch_cmd), ("interchange_launch_cmd", interchange_launch_cmd)):
        if command is not None:
            refuse(f"{name}={command!r} of executor {label!r}", "workers are children of this process: leave it out")


def _names(accelerators: int | Sequence[str]) -> list[str]:
    if isinstance(accelerators, int):
        return [str(number) for number in range(accelerators)]
    return [str(name) for name in accelerators]


def _workers_on_one_node(most: float | None, cores_each: float, gib_each: float | None) -> int:
    """Count as Parsl's node manager does: what the cores allow, the memory, and the bound."""
    if cores_each <= 0 or (gib_each is not None and gib_each <= 0):
        raise ValueError(
            f"cores_per_worker and mem_per_worker must be greater than 0, not {cores_each!r} and {gib_each!r}"
        )
    bounds = [len(os.sched_getaffinity(0)) / cores_each]
    if gib_each is not None:
        bounds.append(memory_here() / _GIB / gib_each)
    if most is not None:
        bounds.append(most)
    return max(1, math.floor(min(bounds)))
