"""What a worker is told beside the call itself: plain dictionaries, for which nothing needs to be imported."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["CallOrders", "WorkerOrders"]


class WorkerOrders(TypedDict):
    """How a worker is to begin."""

    #: What `headrace.compute.executors.workers.worker_of` returns in it.
    mark: str
    #: Where it imports from.
    path: list[str]
    #: Its place among the workers, from 0; one that replaces another takes its place.
    place: int


class CallOrders(TypedDict):
    """In what surroundings a call is to run."""

    #: The numbers of the cores on which it runs; none: on all.
    cores: tuple[int, ...]
    #: By how many bytes its data may grow; 0: without limit.
    memory: int
    #: Environment variables.
    environment: dict[str, str]
    #: Where its standard output goes: an absolute path and a mode.
    stdout: tuple[str, str] | None
    #: The same for its standard error.
    stderr: tuple[str, str] | None
