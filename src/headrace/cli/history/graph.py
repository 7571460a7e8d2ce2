"""A run as a graph: its tasks, and which needs which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TextIO

from headrace.cli.history.names import run_name, task_name
from headrace.cli.history.standing import state_word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.cli.history.standing import Standing
    from headrace.journal import JournalReader, UnitRecord

__all__ = ["write_dot", "write_json"]

_PAGE: Final = 5_000
_COLOURS: Final = {
    "done": "palegreen",
    "running": "lightskyblue",
    "joining": "lightskyblue",
    "failed": "salmon",
    "not run": "khaki",
    "cancelled": "lightgrey",
    "cut off": "orange",
}


def write_dot(reader: JournalReader, standing: Standing, file: TextIO) -> None:
    """Write the graph in DOT, for Graphviz. Arrows go from what is needed to what needs it."""
    file.write(f"digraph {_quoted(f'run {run_name(standing.run)}')} {{\n  rankdir=LR;\n  node [shape=box];\n")
    for unit in _units(reader, standing):
        word = state_word(unit, alive=standing.alive)
        style = f', style=filled, fillcolor="{_COLOURS[word]}"' if word in _COLOURS else ""
        file.write(
            f"  {_node(unit.kind, unit.id)} [label={_quoted(task_name(unit))}, tooltip={_quoted(word)}{style}];\n"
        )
    for edge in reader.edges(standing.run.number):
        style = "" if edge.action == "launch" else f" [style=dashed, label={_quoted(edge.action)}]"
        file.write(f"  {_node(edge.needs_kind, edge.needs)} -> {_node(edge.kind, edge.unit)}{style};\n")
    file.write("}\n")


def write_json(reader: JournalReader, standing: Standing, file: TextIO) -> None:
    """Write the graph as JSON: nodes, and edges from what is needed to what needs it."""
    file.write(f'{{"run": {json.dumps(standing.values())}, "nodes": [')
    _write_items(
        file,
        (
            {
                "id": _key(unit.kind, unit.id),
                "task": unit.id,
                "kind": unit.kind,
                "app": unit.app,
                "state": unit.state,
                "executor": unit.executor,
                "seconds": unit.seconds,
            }
            for unit in _units(reader, standing)
        ),
    )
    file.write('], "edges": [')
    _write_items(
        file,
        (
            {
                "from": _key(edge.needs_kind, edge.needs),
                "to": _key(edge.kind, edge.unit),
                "action": edge.action,
                "states": list(edge.states),
                "delay": edge.delay,
            }
            for edge in reader.edges(standing.run.number)
        ),
    )
    file.write("]}\n")


def _units(reader: JournalReader, standing: Standing) -> Iterator[UnitRecord]:
    page = reader.units(standing.run.number, limit=_PAGE)
    while page:
        yield from page
        page = reader.units(standing.run.number, limit=_PAGE, after=page[-1])


def _write_items(file: TextIO, items: Iterator[dict[str, Any]]) -> None:
    separator = "\n"
    for item in items:
        file.write(f"{separator}{json.dumps(item)}")
        separator = ",\n"
    file.write("\n")


def _key(kind: str, ident: int | str) -> str:
    return f"{kind}/{ident}"


def _node(kind: str, ident: int | str) -> str:
    return _quoted(_key(kind, ident))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
