"""The packages that can be stood in for, and which module of ours each of their modules is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FACES", "Face"]


@dataclass(frozen=True, kw_only=True)
class Face:
    """A package that is stood in for."""

    #: Its name.
    name: str
    #: The module of ours that stands for the package itself.
    home: str
    #: For each of its modules, by dotted name, the module of ours that is imported instead.
    modules: Mapping[str, str]
    #: Those that are imported only when they are asked for, since that does something.
    on_demand: Mapping[str, str] = field(default_factory=dict)

    def real(self, name: str) -> str | None:
        """Return the module of ours that stands for this one; None if there is none."""
        if name == self.name:
            return self.home
        return self.modules.get(name) or self.on_demand.get(name)

    def has_children(self, name: str) -> bool:
        """Tell whether there are modules below this one."""
        return any(other.startswith(f"{name}.") for other in (*self.modules, *self.on_demand))

    def missing(self, name: str) -> str:
        """Say that there is no such module, and what there is."""
        parent = name.rpartition(".")[0]
        beside = [other for other in sorted({*self.modules, *self.on_demand}) if other.rpartition(".")[0] == parent]
        return (
            f"no module named {name!r}: Headrace stands in for {self.name} here and has no such module; "
            f"in {parent} it has: {', '.join(beside) or 'none'}"
        )


_OURS: Final = "headrace.compat.parsl"

#: By our module, the modules of Parsl that it stands for, without the leading ``parsl.``. Parsl spreads over many
#: modules what is one noun here, so most of ours stand for several.
_PARSL: Final = {
    "apps": "app app.app app.bash app.python app.futures dataflow.futures",
    "addresses": "addresses",
    "concurrent": "concurrent",
    "config": "config",
    "data": (
        "data_provider data_provider.data_manager data_provider.file_noop data_provider.files data_provider.ftp "
        "data_provider.globus data_provider.http data_provider.rsync data_provider.staging data_provider.zip"
    ),
    "errors": (
        "errors app.errors dataflow.errors executors.errors executors.high_throughput.errors jobs.errors "
        "monitoring.errors providers.errors serialize.errors"
    ),
    "executors": (
        "executors executors.base executors.flux executors.flux.executor executors.globus_compute "
        "executors.high_throughput executors.high_throughput.executor executors.high_throughput.manager_selector "
        "executors.high_throughput.mpi_executor executors.radical executors.radical.executor executors.status_handling "
        "executors.taskvine executors.taskvine.executor executors.taskvine.factory_config "
        "executors.taskvine.manager_config executors.threads executors.workqueue executors.workqueue.executor"
    ),
    "jobs": "jobs jobs.error_handlers jobs.states",
    "kernel": "dataflow dataflow.dflow",
    "launchers": "launchers launchers.base launchers.launchers",
    "logs": "log_utils logconfigs logconfigs.base logconfigs.file logconfigs.json logconfigs.noop",
    "memoization": "dataflow.memoization",
    "monitoring": (
        "monitoring monitoring.monitoring monitoring.radios monitoring.radios.base monitoring.radios.filesystem "
        "monitoring.radios.htex monitoring.radios.multiprocessing monitoring.radios.udp"
    ),
    "providers": (
        "channels channels.local channels.local.local channels.oauth_ssh channels.oauth_ssh.oauth_ssh channels.ssh "
        "channels.ssh.ssh channels.ssh_il channels.ssh_il.ssh_il "
        "providers providers.aws providers.aws.aws providers.azure providers.azure.azure providers.base "
        "providers.cluster_provider providers.condor providers.condor.condor providers.googlecloud "
        "providers.googlecloud.googlecloud providers.grid_engine providers.grid_engine.grid_engine "
        "providers.kubernetes providers.kubernetes.kube providers.local providers.local.local "
        "providers.lsf providers.lsf.lsf providers.pbspro providers.pbspro.pbspro "
        "providers.slurm providers.slurm.slurm providers.torque providers.torque.torque"
    ),
    "resolvers": "dataflow.dependency_resolvers",
    "serialization": "serialize serialize.base serialize.concretes serialize.facade serialize.proxystore",
    "tasks": "dataflow.states dataflow.taskrecord",
    "usage": "usage_tracking usage_tracking.levels",
    "utils": "utils dataflow.rundirs",
    "version": "version",
}

#: Parsl's own example configurations for one machine; those for named clusters are not here.
_PARSL_CONFIGS: Final = ("configs.htex_local", "configs.local_threads")

_NEPIS: Final = "headrace.compat.nepi"

#: Likewise for NEPI, from the module that stands for it to its own.
_NEPI: Final = {
    "attribute": "execution.attribute",
    "ec": "execution.ec",
    "guid": "util.guid",
    "logger": "util.logger",
    "netgraph": "util.netgraph",
    "packages": "execution util",
    "parallel": "util.parallel",
    "resource": "execution.resource",
    "scheduler": "execution.scheduler",
    "timefuncs": "util.timefuncs",
    "trace": "execution.trace",
}

#: Those that draw, or that need more of Headrace than most programs do.
_NEPI_ON_DEMAND: Final = {
    "plotter": "util.plotter",
    "runner": "execution.runner",
    "serializer": "util.serializer",
}

#: The stand-ins, by the name of the package.
FACES: Final[Mapping[str, Face]] = {
    "parsl": Face(
        name="parsl",
        home=_OURS,
        modules={
            "parsl.configs": f"{_OURS}.configs",
            **{f"parsl.{name}": f"{_OURS}.{ours}" for ours, names in _PARSL.items() for name in names.split()},
        },
        on_demand={f"parsl.{name}": f"{_OURS}.{name}" for name in _PARSL_CONFIGS},
    ),
    "nepi": Face(
        name="nepi",
        home=_NEPIS,
        modules={f"nepi.{name}": f"{_NEPIS}.{ours}" for ours, names in _NEPI.items() for name in names.split()},
        on_demand={
            f"nepi.{name}": f"{_NEPIS}.{ours}" for ours, names in _NEPI_ON_DEMAND.items() for name in names.split()
        },
    ),
}
