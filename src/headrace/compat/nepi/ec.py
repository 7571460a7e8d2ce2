"""Stands for `nepi.execution.ec`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import headrace.experiments as ours
from headrace.compat.nepi.netgraph import NetGraph
from headrace.compat.nepi.states import as_seen
from headrace.experiments import ECState, FailureLevel, ResourceState, TraceAttr
from headrace.experiments.topology import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["ECState", "ExperimentController", "FailureLevel", "FailureManager"]

_GRAPH_OPTIONS = frozenset(
    {"topology", "topo_type", "node_count", "branches", "assign_ips", "network", "prefix", "version"}
    | {"assign_st", "sources_targets", "leaf_source"}
)


class FailureManager(ours.FailureManager):
    """Decides what a failure means, with NEPI's names."""

    def set_ec(self, ec: ours.ExperimentController) -> None:
        """Belong to an experiment."""
        self.attach(ec)

    @property
    def _failure_level(self) -> FailureLevel:
        return self.failure_level


class ExperimentController(ours.ExperimentController):
    """An experiment's controller, with NEPI's arguments and older names.

    Args:
        exp_id: the scenario's name.
        local_dir: where the folders of experiments are.
        persist: whether the description is saved into the run's folder when everything is released.
        fm: decides what a failure means.
        add_node_callback: called with the controller and each node of the topology.
        add_edge_callback: called with the controller and the two nodes of each edge.
        options: of the topology: ``topo_type``, ``topology``, ``node_count``, ``branches``, ``assign_ips``, …; or of
            Headrace's own controller.
    """

    def __init__(  # noqa: PLR0917 - NEPI's order
        self,
        exp_id: str | None = None,
        local_dir: str | None = None,
        persist: bool = False,  # noqa: FBT001, FBT002 - NEPI's order
        fm: ours.FailureManager | None = None,
        add_node_callback: Callable[..., Any] | None = None,
        add_edge_callback: Callable[..., Any] | None = None,
        **options: Any,  # noqa: ANN401 - handed through
    ) -> None:
        graph = {name: options.pop(name) for name in _GRAPH_OPTIONS & options.keys()}
        super().__init__(exp_id, local_dir, fm=fm if fm is not None else FailureManager(), **options)
        self.persist = persist
        self.logger = logging.getLogger("headrace.compat.nepi")
        self.netgraph: NetGraph | None = None
        if graph:
            self.netgraph = NetGraph(**graph)
            build(self, self.netgraph.plain, add_node_callback, add_edge_callback)

    @property
    def fm(self) -> ours.FailureManager:
        """What decides about failures."""
        return self._fm

    @property
    def nthreads(self) -> int:
        """How many threads there are at most."""
        return self._stage.crew.max_threads

    def inform_failure(self, guid: int) -> None:
        """Have the failure of a resource judged."""
        self._fm.eval_failure(guid)

    def state(self, guid: int, hr: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - NEPI's
        """Return where a resource is. What has ended by itself is both STOPPED and FINISHED."""
        found = super().state(guid)
        name = getattr(found, "name", str(found))
        return name if hr else as_seen(found) if isinstance(found, ResourceState) else found

    def get_attribute(self, guid: int, name: str) -> ours.Attribute:
        """Return what a resource declares of an attribute."""
        return self.get_resource(guid)._declared(name)  # noqa: SLF001 - a part of it

    def trace(self, guid: int, name: str, attr: TraceAttr = TraceAttr.ALL, block: int = 512, offset: int = 0) -> Any:  # noqa: ANN401 - as asked
        """Return what a resource recorded."""
        found = super().trace(guid, name, attr, block, offset)
        return str(found) if isinstance(found, Path) else found

    def save(  # type: ignore[override]  # NEPI's arguments
        self,
        dirpath: str | None = None,
        format: str = "xml",  # noqa: A002 - NEPI's
        **more: Any,  # noqa: ANN401 - handed through
    ) -> Any:  # noqa: ANN401 - the path, as text
        """Save the description below a folder, the run's unless given; return the file's path, as text.

        It is written as JSON, whatever format is asked for: `load` reads it, and NEPI's XML as well.
        """
        del format
        folder = Path(dirpath) if dirpath is not None else self.run_dir
        folder.mkdir(parents=True, exist_ok=True)
        return str(super().save(folder / f"{self.exp_id}.json", **more))

    @classmethod
    def load(  # type: ignore[override]  # NEPI's arguments
        cls,
        filepath: str,
        format: str | None = None,  # noqa: A002 - NEPI's
        **more: Any,  # noqa: ANN401 - handed through
    ) -> Self:
        """Return a controller for what a file describes."""
        return super().load(Path(filepath), format=None if format == "xml" else format, **more)

    def release(self, guids: Any = None, timeout: Any = None) -> ours.WaitResult:  # noqa: ANN401 - handed through
        """Give resources back; with `persist`, the description is saved first."""
        if self.persist and guids is None:
            self.save()
        return super().release(guids, timeout)

    def plot(self, dirpath: str | None = None, format: str = "figure", show: bool = False) -> str:  # noqa: A002, FBT001, FBT002 - NEPI's
        """Draw the resources and their connections into a file, and return its path. Nothing is ever shown."""
        from headrace.compat.nepi.plotter import ECPlotter  # noqa: PLC0415 - it needs an extra

        return ECPlotter().plot(self, dirpath, format, show)

    def get_discover_time(self, guid: int) -> datetime | None:
        """Return when a resource was DISCOVERED, in local time."""
        return self._naive(guid, ResourceState.DISCOVERED)

    def get_provision_time(self, guid: int) -> datetime | None:
        """Return when it was PROVISIONED."""
        return self._naive(guid, ResourceState.PROVISIONED)

    def get_ready_time(self, guid: int) -> datetime | None:
        """Return when it was READY."""
        return self._naive(guid, ResourceState.READY)

    def get_start_time(self, guid: int) -> datetime | None:
        """Return when it was last STARTED."""
        return self._naive(guid, ResourceState.STARTED)

    def get_stop_time(self, guid: int) -> datetime | None:
        """Return when it last ended."""
        return self._naive(guid, ResourceState.STOPPED) or self._naive(guid, ResourceState.FINISHED)

    def get_failed_time(self, guid: int) -> datetime | None:
        """Return when it FAILED."""
        return self._naive(guid, ResourceState.FAILED)

    def get_release_time(self, guid: int) -> datetime | None:
        """Return when it was RELEASED."""
        return self._naive(guid, ResourceState.RELEASED)

    def _naive(self, guid: int, state: ResourceState) -> datetime | None:
        when = self.get_time(guid, state)
        return None if when is None else when.replace(tzinfo=None)
