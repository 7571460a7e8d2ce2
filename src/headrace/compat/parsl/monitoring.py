"""Stands for `parsl.monitoring` and its modules."""

from __future__ import annotations

from headrace.compat.parsl.notices import tell

__all__ = [
    "FilesystemRadio",
    "HTEXRadio",
    "MonitoringHub",
    "MultiprocessingQueueRadio",
    "RadioConfig",
    "UDPRadio",
]


class MonitoringHub:
    """Parsl's database of what a run does. None is written here, which is told: it changes no result.

    The options that it is made with are its attributes.
    """

    def __init__(self, *_: object, **options: object) -> None:
        vars(self).update(options)
        tell(
            "MonitoringHub: no monitoring database is written; headrace run shows how a run goes, and "
            "DataFlowKernel.observe tells of every move of every task"
        )


class RadioConfig:
    """The base class of ways for tasks to report to the database. Without effect."""

    def __init__(self, *_: object, **__: object) -> None: ...


class FilesystemRadio(RadioConfig):
    """By files. Without effect."""


class HTEXRadio(RadioConfig):
    """By the executor's own ways. Without effect."""


class MultiprocessingQueueRadio(RadioConfig):
    """By a queue. Without effect."""


class UDPRadio(RadioConfig):
    """By datagrams. Without effect."""
