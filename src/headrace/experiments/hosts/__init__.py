"""Hosts: machines with Linux on which experiments run commands and keep files, this one or others over SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.experiments.hosts.host import Host
from headrace.experiments.hosts.local import LocalHost
from headrace.experiments.hosts.values import Completed, HostInfo, Launch, Process, ProcessState, ProcessStatus

if TYPE_CHECKING:
    from headrace.experiments.hosts.ssh import SshHost, SshSettings

__all__ = [
    "Completed",
    "Host",
    "HostInfo",
    "Launch",
    "LocalHost",
    "Process",
    "ProcessState",
    "ProcessStatus",
    "SshHost",
    "SshSettings",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class
    # asyncssh is large, and optional.
    if name in {"SshHost", "SshSettings"}:
        from headrace.experiments.hosts import ssh  # noqa: PLC0415 - not before it is asked for

        return getattr(ssh, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
