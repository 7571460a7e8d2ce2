"""How each cell is measured, on any backend, in a process of its own.

A measure is called with what starts the backend and a size; it gives figures by key. It warms the backend up first
(workers started, lazy imports done), checks every result, times with the monotonic clock, and closes the backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from benchmarks.measures import commands, experiments, journal, pool, tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.backends.base import Backend, Commands, Experiments
    from benchmarks.measures.common import Figures, Start

__all__ = ["MEASURES", "Measure"]

Measure: TypeAlias = "Callable[[Start, int], Figures]"


def _of_tasks(measure: Callable[[Backend, int], Figures]) -> Measure:
    def run(start: Start, n: int) -> Figures:
        backend: Backend = start()
        try:
            return measure(backend, n)
        finally:
            if backend.open_gate is not None:
                backend.open_gate()  # a measure that failed half-way must not leave threads waiting
            backend.close()

    return run


def _of_commands(measure: Callable[[Commands, int], Figures]) -> Measure:
    def run(start: Start, n: int) -> Figures:
        system: Commands = start()
        try:
            return measure(system, n)
        finally:
            system.close()

    return run


def _of_experiments(measure: Callable[[Experiments, int], Figures]) -> Measure:
    def run(start: Start, n: int) -> Figures:
        system: Experiments = start()
        try:
            return measure(system, n)
        finally:
            system.close()

    return run


#: The measure of every cell but `import`, which starts no backend.
MEASURES: dict[str, Measure] = {
    "noop": _of_tasks(tasks.noop),
    "latency": _of_tasks(tasks.latency),
    "chain": _of_tasks(tasks.chain),
    "fan-in": _of_tasks(tasks.fan_in),
    "fan-in-gate": _of_tasks(tasks.fan_in_gate),
    "fan-in-slow": _of_tasks(tasks.fan_in_slow),
    "fail-fan": _of_tasks(tasks.fail_fan),
    "fail-chain": _of_tasks(tasks.fail_chain),
    "curve": _of_tasks(tasks.curve),
    "kept": _of_tasks(tasks.kept),
    "kept-chain": _of_tasks(tasks.kept_chain),
    "journal-noop": journal.overhead,
    "journal-beside": journal.overhead_beside,
    "durable": _of_tasks(journal.durable),
    "durable-chain": _of_tasks(journal.durable_chain),
    "durable-latency": _of_tasks(journal.durable_trip),
    "memo": _of_tasks(journal.memo_hit),
    "resume": journal.resume,
    "disk": journal.size,
    "views": journal.views,
    "flood": journal.flood,
    "process-noop": _of_tasks(tasks.noop),
    "process-latency": _of_tasks(tasks.latency),
    "process-chain": _of_tasks(tasks.chain),
    "process-start": pool.start_up,
    "process-replace": pool.replace,
    "command-latency": _of_commands(commands.latency),
    "command-throughput": _of_commands(commands.throughput),
    "command-output": commands.output,
    "reaction": _of_experiments(experiments.reaction),
    "resources": _of_experiments(experiments.many),
    "resource-chain": _of_experiments(experiments.chain),
    "timed": _of_experiments(experiments.timed),
    "waiting": _of_experiments(experiments.waiting),
    "shells": _of_experiments(experiments.shells),
}
