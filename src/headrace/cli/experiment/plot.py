"""`headrace experiment plot`: an experiment's connections, or who waits for whom, as a graph."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.cli.experiment.place import find_place
from headrace.cli.experiment.record import read_record
from headrace.cli.history.place import CannotDo
from headrace.experiments.graph import to_dot
from headrace.experiments.graphs import conditions_graph, connections_graph
from headrace.experiments.notation import FORMATS, read_description

if TYPE_CHECKING:
    from headrace.experiments.description import ExperimentDescription
    from headrace.experiments.graph import Graph

__all__ = ["graph_of", "plot"]

_SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)


def plot(  # noqa: PLR0917 - as the options
    root: Path, source: str, run: str, what: str, output: str | None, journal: str | None = None
) -> int:
    """Draw the graph to a file, as its suffix says; or write it in DOT to stdout.

    Raises:
        CannotDo: there is no such graph, file or run.
        DescriptionError: the file describes no experiment.
        UnknownFormat, MissingExtra: it cannot be drawn so.
    """
    description, states, name = _read(root, source, run, journal)
    graph = graph_of(description, states, what)
    if output is None:
        sys.stdout.write(to_dot(graph))
        return 0
    from headrace.experiments.plot import draw  # noqa: PLC0415 - what draws is large

    path = draw(graph, output, title=f"{name}: {what}")
    sys.stderr.write(f"headrace: {path}\n")
    return 0


def graph_of(description: ExperimentDescription, states: dict[int, str], what: str) -> Graph:
    """Return the graph that is asked for. Raises CannotDo."""
    makers = {"connections": connections_graph, "conditions": conditions_graph}
    if what not in makers:
        raise CannotDo(f"there is no graph of {what!r}; there are: {', '.join(makers)}")
    return makers[what](description, states)


def _read(root: Path, source: str, run: str, journal: str | None) -> tuple[ExperimentDescription, dict[int, str], str]:
    if Path(source).suffix.lower() in _SUFFIXES:
        description = read_description(Path(source))
        return description, {}, description.exp_id or Path(source).stem
    place = find_place(root, source, run)
    record = read_record(place, journal)
    states = {guid: (one.before or one.state).name for guid, one in record.resources.items()}
    return record.description, states, f"{place.exp_id} {place.run_id}"
