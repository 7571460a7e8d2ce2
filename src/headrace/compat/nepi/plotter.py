"""Stands for `nepi.util.plotter`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headrace.experiments.graph import Graph, GraphEdge, GraphNode
from headrace.experiments.plot import draw

if TYPE_CHECKING:
    from headrace.experiments import ExperimentController

__all__ = ["ECPlotter", "PFormats"]


class PFormats:
    """How a plot is written."""

    FIGURE = "figure"
    DOT = "dot"


class ECPlotter:
    """Draws the resources of an experiment and their connections."""

    def plot(
        self,
        ec: ExperimentController,
        dirpath: str | None = None,
        format: str = PFormats.FIGURE,  # noqa: A002 - NEPI's
        show: bool = False,  # noqa: FBT001, FBT002 - NEPI's
    ) -> str:
        """Draw into a file below a folder, the run's unless given; return its path. Nothing is ever shown."""
        del show
        folder = Path(dirpath) if dirpath is not None else ec.run_dir
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{ec.exp_id}_{ec.run_id}.{'dot' if format == PFormats.DOT else 'png'}"
        draw(_graph(ec), path)
        return str(path)


def _graph(ec: ExperimentController) -> Graph:
    managers = [ec.get_resource(guid) for guid in ec.resources]
    nodes = tuple(
        GraphNode(str(each.guid), f"{each.guid} {each.get_rtype()}", "", each.state.name) for each in managers
    )
    edges = tuple(
        GraphEdge(str(each.guid), str(other), "", directed=False)
        for each in managers
        for other in each.connections
        if each.guid < other
    )
    return Graph(nodes, edges)
