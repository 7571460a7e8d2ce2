"""Ray on this machine with as many processors as workers, without its dashboard and its statistics of usage."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from benchmarks.backends import tasks
from benchmarks.backends.base import PROCESSES, Backend

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when it is imported
_ray: Any = importlib.import_module("ray")


class _Reference:
    """An object reference with a future's face."""

    __slots__ = ("ref",)

    def __init__(self, ref: object) -> None:
        self.ref = ref

    def result(self, timeout: float | None = None) -> object:
        """The task's result, or its exception raised."""
        return _ray.get(self.ref, timeout=timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The task's exception, None if it succeeded."""
        try:
            _ray.get(self.ref, timeout=timeout)
        except _ray.exceptions.GetTimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - asked for as a value
            return error
        return None


def open_backend(scratch: Path, *, workers: int = PROCESSES) -> Backend:
    """Start Ray's processes; what they write goes below `scratch`."""
    _ray.init(
        num_cpus=workers,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        _temp_dir=str(scratch / "ray"),
    )
    noop, increment, count_all = map(_ray.remote, (tasks.noop, tasks.increment, tasks.count_all))
    die = _ray.remote(max_retries=0)(tasks.die)
    return Backend(
        noop=lambda: _Reference(noop.remote()),
        link=lambda before: _Reference(increment.remote(before.ref if isinstance(before, _Reference) else before)),
        join=lambda futures: _Reference(count_all.remote(*(future.ref for future in futures))),
        drain=lambda: None,
        close=_ray.shutdown,
        gather=lambda futures: _ray.get([future.ref for future in futures]),
        die=lambda mark: _Reference(die.remote(mark)),
    )
