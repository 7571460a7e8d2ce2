"""NEPI 6.1.2, as it comes from PyPI, but for one name that Python has dropped since."""

from __future__ import annotations

import importlib
import os
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmarks.backends.base import Experiments

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]

# It calls the older name; without it not one thread of it starts.
threading.Thread.isAlive = threading.Thread.is_alive  # type: ignore[attr-defined]

_resource: Any = importlib.import_module("nepi.execution.resource")
_ec: Any = importlib.import_module("nepi.execution.ec")
_State: Any = _resource.ResourceState
_START: Any = _resource.ResourceAction.START


class _Dummy(_resource.ResourceManager):  # type: ignore[misc]  # imported by its name
    """Does nothing."""

    _rtype = "bench::Dummy"


class _Timed(_resource.ResourceManager):  # type: ignore[misc]
    """Blocks for its duration, then has ended; notes when."""

    _rtype = "bench::Timed"
    seconds = 0.0
    begun = ended = 0.0

    def do_start(self) -> None:
        self.begun = time.perf_counter()
        super().do_start()
        time.sleep(self.seconds)
        self.ended = time.perf_counter()
        self.set_stopped()


for _each in (_Dummy, _Timed):
    _resource.ResourceFactory.register_type(_resource.clsinit_copy(_each))


class _Runs:
    """Runs experiments whose folders are below `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        os.environ["HOME"] = str(scratch)

    def experiment(self) -> Any:  # noqa: ANN401 - as imported
        return _ec.ExperimentController(exp_id="bench", local_dir=str(self._scratch))

    def start_many(self, n: int) -> float:
        ec = self.experiment()
        guids = [ec.register_resource("bench::Dummy") for _ in range(n)]
        start = time.perf_counter()
        ec.deploy(guids)
        ec.wait_started(guids)
        elapsed = time.perf_counter() - start
        ec.shutdown()
        return elapsed

    def _chained(self, n: int, seconds: float) -> tuple[float, list[Any]]:
        ec = self.experiment()
        guids = [ec.register_resource("bench::Timed") for _ in range(n)]
        links = [ec.get_resource(guid) for guid in guids]
        for link in links:
            link.seconds = seconds
        for before, after in pairwise(guids):
            ec.register_condition(after, _START, before, _State.STOPPED)
        start = time.perf_counter()
        ec.deploy(guids)
        ec.wait_finished(guids)
        ec.shutdown()
        return start, links

    def chain(self, n: int, seconds: float) -> float:
        start, links = self._chained(n, seconds)
        return float(max(link.ended for link in links) - start)

    def reactions(self, n: int) -> list[float]:
        _, links = self._chained(n + 1, 0.0)
        return [after.begun - before.ended for before, after in pairwise(links)]

    def late(self, n: int, delay: float) -> list[float]:
        ec = self.experiment()
        blocked = [ec.register_resource("bench::Timed") for _ in range(n)]
        for guid in blocked:
            ec.get_resource(guid).seconds = 5.0
        first, second = ec.register_resource("bench::Timed"), ec.register_resource("bench::Timed")
        ec.register_condition(first, _START, blocked, _State.READY, "0.5s")
        ec.register_condition(second, _START, first, _State.STOPPED, f"{delay}s")
        ec.deploy([*blocked, first, second])
        ec.wait_finished([second])
        lateness = ec.get_resource(second).begun - ec.get_resource(first).ended - delay
        ec.wait_finished(blocked)
        ec.shutdown()
        return [lateness]

    def waiting(self, n: int, seconds: float) -> float:
        ec = self.experiment()
        never = ec.register_resource("bench::Dummy")
        guids = [ec.register_resource("bench::Dummy") for _ in range(n)]
        ec.register_condition(guids, _START, never, _State.STARTED)
        ec.deploy(guids)
        ec.wait_deployed(guids)
        time.sleep(2.0)
        before = time.process_time()
        time.sleep(seconds)
        # They poll until they are released, and the process ends soon.
        return (time.process_time() - before) / seconds


def open_backend(scratch: Path) -> Experiments:
    """Offer experiments whose folders are below `scratch`."""
    runs = _Runs(scratch)
    return Experiments(
        start_many=runs.start_many,
        chain=runs.chain,
        close=lambda: None,
        reactions=runs.reactions,
        late=runs.late,
        waiting=runs.waiting,
    )
