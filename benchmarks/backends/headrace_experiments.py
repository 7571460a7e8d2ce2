"""Headrace's experiments, as they come: with a journal, or without."""

from __future__ import annotations

import importlib
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmarks.backends.base import Experiments

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]

_experiments: Any = importlib.import_module("headrace.experiments")


class _Dummy(_experiments.ResourceManager):  # type: ignore[misc]  # imported by its name
    """Does nothing."""

    _rtype = "bench::Dummy"


class _Timed(_experiments.ResourceManager):  # type: ignore[misc]
    """Blocks for its duration, then has ended; notes when."""

    _rtype = "bench::Timed"
    seconds = 0.0
    begun = ended = 0.0

    def do_start(self) -> None:
        self.begun = time.perf_counter()
        if self.seconds:
            time.sleep(self.seconds)
        self.ended = time.perf_counter()
        self.set_finished()


class _Blocked(_experiments.ResourceManager):  # type: ignore[misc]
    """Blocks until the gate opens."""

    _rtype = "bench::Blocked"
    gate: threading.Event

    def do_start(self) -> None:
        self.gate.wait()


class _Runs:
    """Runs experiments whose folders are below `scratch`."""

    def __init__(self, scratch: Path, *, journal: bool) -> None:
        self._scratch = scratch
        self._journal = journal
        self._factory = _experiments.ResourceFactory()
        for each in (_Dummy, _Timed, _Blocked):
            self._factory.register_type(each)

    def experiment(self) -> Any:  # noqa: ANN401 - as imported
        return _experiments.ExperimentController(root_dir=self._scratch, factory=self._factory, journal=self._journal)

    def start_many(self, n: int) -> float:
        with self.experiment() as ec:
            guids = [ec.register_resource("bench::Dummy") for _ in range(n)]
            start = time.perf_counter()
            ec.deploy(guids)
            _expect_all(ec.wait_started(guids, timeout=60))
            return time.perf_counter() - start

    def chain(self, n: int, seconds: float) -> float:
        with self.experiment() as ec:
            links = _chained(ec, n, seconds)
            start = time.perf_counter()
            ec.deploy()
            _expect_all(ec.wait_finished(ec.resources, timeout=60))
            return float(max(link.ended for link in links) - start)

    def reactions(self, n: int) -> list[float]:
        with self.experiment() as ec:
            links = _chained(ec, n + 1, 0.0)
            ec.deploy()
            _expect_all(ec.wait_finished(ec.resources, timeout=60))
            return [after.begun - before.ended for before, after in pairwise(links)]

    def late(self, n: int, delay: float) -> list[float]:
        gate = threading.Event()
        with self.experiment() as ec:
            try:
                return self._late(ec, n, delay, gate)
            finally:
                gate.set()

    @staticmethod
    def _late(ec: Any, n: int, delay: float, gate: threading.Event) -> list[float]:  # noqa: ANN401 - as imported
        blocked = [ec.register_resource("bench::Blocked") for _ in range(n)]
        for guid in blocked:
            ec.get_resource(guid).gate = gate
        first = ec.register_resource("bench::Timed")
        due = {ec.register_resource("bench::Timed"): delay + 0.05 * number for number in range(5)}
        ec.register_condition(first, "START", blocked, "READY", 0.5)
        for guid, seconds in due.items():
            ec.register_condition(guid, "START", first, "FINISHED", seconds)
        ec.deploy()
        _expect_all(ec.wait_finished(list(due), timeout=60))
        ended = ec.get_resource(first).ended
        return [ec.get_resource(guid).begun - ended - seconds for guid, seconds in due.items()]

    def waiting(self, n: int, seconds: float) -> float:
        gate = threading.Event()
        with self.experiment() as ec:
            never = ec.register_resource("bench::Blocked")
            ec.get_resource(never).gate = gate
            guids = [ec.register_resource("bench::Dummy") for _ in range(n)]
            ec.register_condition(guids, "START", never, "STARTED")
            ec.deploy()
            _expect_all(ec.wait_deployed(guids, timeout=60))
            time.sleep(0.5)
            before = time.process_time()
            time.sleep(seconds)
            used = time.process_time() - before
            gate.set()
            return used / seconds

    def shells(self) -> float:
        with _experiments.ExperimentController(root_dir=self._scratch, journal=self._journal) as ec:
            node = ec.register_resource("linux::Node", hostname="localhost")
            first = ec.register_resource("linux::Application", command="echo one; sleep 1", connectedTo=node)
            second = ec.register_resource("linux::Application", command="echo two", connectedTo=node)
            ec.register_condition(second, "START", first, "STOPPED")
            start = time.perf_counter()
            ec.deploy()
            _expect_all(ec.wait_finished([first, second], timeout=60))
            return time.perf_counter() - start


def open_backend(scratch: Path, *, journal: bool = True) -> Experiments:
    """Offer experiments whose folders are below `scratch`."""
    runs = _Runs(scratch, journal=journal)
    return Experiments(
        start_many=runs.start_many,
        chain=runs.chain,
        close=lambda: None,
        reactions=runs.reactions,
        late=runs.late,
        waiting=runs.waiting,
        shells=runs.shells,
    )


def _chained(ec: Any, n: int, seconds: float) -> list[Any]:  # noqa: ANN401 - as imported
    guids = [ec.register_resource("bench::Timed") for _ in range(n)]
    links = [ec.get_resource(guid) for guid in guids]
    for link in links:
        link.seconds = seconds
    for before, after in pairwise(guids):
        ec.register_condition(after, "START", before, "FINISHED")
    return links


def _expect_all(result: Any) -> None:  # noqa: ANN401 - as imported
    if not result:
        message = f"not all got there: {result}"
        raise RuntimeError(message)
