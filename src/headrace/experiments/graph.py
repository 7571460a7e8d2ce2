"""A graph to look at: who is connected to whom, or who waits for whom; and its text in the DOT language."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from headrace.experiments.errors import ExperimentError

__all__ = ["Graph", "GraphEdge", "GraphNode", "InvalidGraph", "state_color", "to_dot"]

#: Fill colours by a resource's state; light, since black text stands on them.
_COLORS: Final = {
    "NEW": "#e6e6e6",
    "DISCOVERED": "#dbe9f6",
    "RESERVED": "#bad6eb",
    "PROVISIONED": "#89bedc",
    "READY": "#ffe08a",
    "STARTED": "#8fd694",
    "STOPPED": "#d9c2e9",
    "FINISHED": "#9fe0d8",
    "FAILED": "#f4877d",
    "RELEASED": "#bdbdbd",
}
_PLAIN: Final = "#ffffff"


class InvalidGraph(ExperimentError, ValueError):
    """A graph has two nodes of one id, or an edge that ends nowhere."""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node.

    Attributes:
        id: what edges call it; unique in the graph.
        label: what is written on it; its id, if empty.
        group: what it belongs to, as a host or a type. Nodes of one group are shown as such. Empty: to none.
        state: how it is, as "STARTED"; shown by its colour. Empty: not told.
    """

    id: str
    label: str = ""
    group: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """A line between two nodes, or, if it is directed, an arrow from `a` to `b`."""

    a: str
    b: str
    label: str = ""
    directed: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges, in the order in which they are shown. There may be several edges between two nodes.

    Raises:
        InvalidGraph: two nodes have one id, or an edge names a node that is not there. The message names them.
    """

    nodes: tuple[GraphNode, ...] = ()
    edges: tuple[GraphEdge, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        object.__setattr__(self, "edges", tuple(self.edges))
        counts = Counter(node.id for node in self.nodes)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise InvalidGraph(f"{counts[twice[0]]} nodes of the graph have the id {twice[0]!r}: each needs its own")
        for edge in self.edges:
            for end in (edge.a, edge.b):
                if end not in counts:
                    raise InvalidGraph(f"the edge {edge.a!r} - {edge.b!r} ends at {end!r}, which is no node's id")


def state_color(state: str) -> str:
    """Return the colour that stands for a resource's state, as #rrggbb; white for a state that is not known here."""
    return _COLORS.get(state, _PLAIN)


def to_dot(graph: Graph) -> str:
    """Write a graph in Graphviz' DOT language.

    Any text is taken, and shown as it is. A node's name in DOT is its id, but for a percent sign, backslashes and what
    cannot be printed: those are percent-encoded, so that `urllib.parse.unquote` gives the id. If some edges are
    directed, all is one digraph, in which the others have no arrow head.
    """
    directed = any(edge.directed for edge in graph.edges)
    lines = ["digraph {" if directed else "graph {"]
    lines.append('  node [shape=box style="rounded,filled" fillcolor="#ffffff" fontname="Helvetica"];')
    lines.append('  edge [fontname="Helvetica" fontsize=10];')
    lines += _node_lines(graph)
    lines += [_edge_line(edge, directed=directed) for edge in graph.edges]
    return "\n".join([*lines, "}", ""])


def _node_lines(graph: Graph) -> list[str]:
    groups: dict[str, list[str]] = {}
    for node in graph.nodes:
        groups.setdefault(node.group, []).append(_node_line(node))
    lines = groups.pop("", [])
    for place, (group, members) in enumerate(groups.items()):
        lines += [f"  subgraph cluster_{place} {{", f'    label={_text(group)}; style=rounded; color="#999999";']
        lines += [f"  {member}" for member in members]
        lines.append("  }")
    return lines


def _node_line(node: GraphNode) -> str:
    attributes = [f"label={_text(node.label or node.id)}"]
    if node.state:
        attributes += [f'fillcolor="{state_color(node.state)}"', f"tooltip={_text(node.state)}"]
    return f"  {_name(node.id)} [{' '.join(attributes)}];"


def _edge_line(edge: GraphEdge, *, directed: bool) -> str:
    attributes = [f"label={_text(edge.label)}"] if edge.label else []
    if directed and not edge.directed:
        attributes.append("dir=none")
    ends = f"  {_name(edge.a)} {'->' if directed else '--'} {_name(edge.b)}"
    return f"{ends} [{' '.join(attributes)}];" if attributes else f"{ends};"


def _name(name: str) -> str:
    """Quote an id. Different ones stay different, which is why nothing is left out or replaced."""
    encoded = _UNWIELDY.sub(lambda found: "".join(f"%{byte:02X}" for byte in _bytes(found[0])), name)
    return '"' + encoded.replace('"', '\\"') + '"'


#: In a name a backslash means different things to different readers, and a percent sign is what encodes the others.
_UNWIELDY: Final = re.compile("[%\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _bytes(character: str) -> bytes:
    return character.encode("utf-8", "surrogatepass")


def _text(text: str) -> str:
    """Quote a text to be shown. There a backslash begins an escape, and an ampersand an entity of HTML."""
    return '"' + text.replace("\r\n", "\n").translate(_SHOWN) + '"'


#: What cannot be shown is shown by its picture, or by the sign for an unknown character.
_SHOWN: Final = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    **dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000)], "\ufffd"),
    0x7F: "\u2421",
    ord("\t"): "    ",
    ord("\n"): "\\n",
    ord("\r"): "\\n",
    0x2028: "\\n",
    0x2029: "\\n",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("&"): "&amp;",
}
