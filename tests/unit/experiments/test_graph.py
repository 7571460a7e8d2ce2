"""Graphs, and their text in the DOT language, which a reader as strict as its grammar takes and gives back."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.experiments.graph import Graph, GraphEdge, GraphNode, InvalidGraph, state_color, to_dot
from headrace.experiments.state import ResourceState

#: A quoted text of DOT, all of which is to be seen; a bare word or a number; an operator.
TOKEN = re.compile(
    r'\s*(?:"(?P<quoted>(?:[^"\\\x00-\x1f\x7f-\x9f]|\\.)*)"|(?P<word>[A-Za-z_]\w*|\d+)|(?P<sign>--|->|[{}\[\];=]))'
)
KEYWORDS = {"node", "edge", "graph", "digraph", "subgraph", "strict"}
ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
#: None of these is shown as itself.
ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Read(NamedTuple):
    """What stands in a text of DOT."""

    directed: bool
    nodes: dict[str, dict[str, str]]
    edges: list[tuple[str, str, dict[str, str]]]
    clusters: dict[str, list[str]]


class Reader:
    """Reads what `to_dot` may write, and refuses everything else."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            assert found, f"no token of DOT: {text[at : at + 40]!r}"
            at = found.end()
            kind = found.lastgroup or ""
            self.tokens.append((kind, found[kind]))
        self.nodes: dict[str, dict[str, str]] = {}
        self.edges: list[tuple[str, str, dict[str, str]]] = []
        self.clusters: dict[str, list[str]] = {}

    def next(self, *wanted: str) -> str:
        kind, token = self.tokens.pop(0)
        assert not wanted or (kind != "quoted" and token in wanted), f"{token!r}, where {wanted} should stand"
        return token

    def sees(self, token: str) -> bool:
        return self.tokens[0] in (("word", token), ("sign", token))

    def read(self) -> Read:
        directed = self.next("graph", "digraph") == "digraph"
        self.next("{")
        while not self.sees("}"):
            self.statement("->" if directed else "--")
        self.next("}")
        assert not self.tokens
        return Read(directed, self.nodes, self.edges, self.clusters)

    def statement(self, operator: str) -> None:
        if self.sees("node") or self.sees("edge"):
            self.next()
            self.attributes()
        elif self.sees("subgraph"):
            self.cluster()
        else:
            name = self.name()
            if self.sees(operator):
                self.next(operator)
                self.edges.append((name, self.name(), self.attributes()))
            else:
                assert name not in self.nodes, "a node twice"
                self.nodes[name] = self.attributes()
        self.tokens[0] == ("sign", ";") and self.next()

    def cluster(self) -> None:
        self.next("subgraph")
        assert self.next().startswith("cluster_")
        self.next("{")
        facts = {}
        while self.tokens[1] == ("sign", "="):
            key = self.next()
            self.next("=")
            facts[key] = self.value()
            self.next(";")
        label = shown(facts["label"])
        # Two that look alike may come from two texts.
        members = self.clusters.setdefault(label, [])
        while not self.sees("}"):
            before = len(self.nodes)
            self.statement("none")
            members += list(self.nodes)[before:]
        self.next("}")

    def name(self) -> str:
        kind, token = self.tokens.pop(0)
        assert kind == "quoted"
        # In a name nothing but a quote is escaped, so that all readers agree on it.
        assert "\\" not in token.replace('\\"', "")
        return unquote(token.replace('\\"', '"'), errors="surrogatepass")

    def value(self) -> str:
        kind, token = self.tokens.pop(0)
        assert kind == "quoted" or (kind == "word" and token not in KEYWORDS)
        return token

    def attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        if self.tokens[0] != ("sign", "["):
            return found
        self.next("[")
        while not self.sees("]"):
            key = self.value()
            self.next("=")
            assert key not in found
            found[key] = self.value()
        self.next("]")
        return found


def shown(text: str) -> str:
    """What Graphviz shows of a quoted text: escapes, then entities of HTML."""
    unescaped = re.sub(r"\\(.)", lambda found: ESCAPES[found[1]], text)
    assert not re.search("&(?!amp;)", unescaped)
    return unescaped.replace("&amp;", "&")


def read(graph: Graph) -> Read:
    return Reader(to_dot(graph)).read()


def plain(text: str) -> str:
    """A text as it can be shown at best: one kind of line end, no tabs; the rest of `ODD` is pictures anyway."""
    return re.sub("\r\n|[\r\u2028\u2029]", "\n", text).replace("\t", "    ")


TEXT = st.text(max_size=12) | st.text(alphabet='"\\&;<>{}[]%\n\r\t\x00nlGEN', max_size=8)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    ids = draw(st.lists(TEXT, max_size=5, unique=True))
    nodes = [GraphNode(one, draw(TEXT), draw(TEXT), draw(TEXT)) for one in ids]
    if not ids:
        return Graph()
    end = st.sampled_from(ids)
    return Graph(tuple(nodes), tuple(draw(st.lists(st.builds(GraphEdge, end, end, TEXT, st.booleans()), max_size=5))))


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_any_text_comes_through(graph: Graph) -> None:
    found = read(graph)

    assert found.directed == any(edge.directed for edge in graph.edges)
    assert sorted(found.nodes) == sorted(node.id for node in graph.nodes)
    assert [(a, b) for a, b, _ in found.edges] == [(edge.a, edge.b) for edge in graph.edges]
    for node in graph.nodes:
        _shows(found.nodes[node.id]["label"], node.label or node.id)
    for edge, (_, _, facts) in zip(graph.edges, found.edges, strict=True):
        _shows(facts.get("label", ""), edge.label)
        assert ("dir" in facts) == (found.directed and not edge.directed)
    together = [member for members in found.clusters.values() for member in members]
    assert sorted(together) == sorted(node.id for node in graph.nodes if node.group)


def _shows(written: str, text: str) -> None:
    wanted, found = plain(text), shown(written)
    assert len(found) == len(wanted)
    assert all(one == other or ODD.match(other) for one, other in zip(found, wanted, strict=True))
    assert not ODD.search(found)


def test_the_text_of_a_small_graph() -> None:
    graph = Graph(
        (GraphNode("1", "ping", state="STARTED"), GraphNode("2")), (GraphEdge("1", "2", "START", directed=True),)
    )

    assert to_dot(graph).splitlines()[3:] == [
        '  "1" [label="ping" fillcolor="#8fd694" tooltip="STARTED"];',
        '  "2" [label="2"];',
        '  "1" -> "2" [label="START"];',
        "}",
    ]
    assert to_dot(graph).startswith("digraph {\n")


def test_nodes_of_a_group_stand_together() -> None:
    found = read(
        Graph((GraphNode("1", group="a"), GraphNode("2"), GraphNode("3", group="b"), GraphNode("4", group="a")))
    )

    assert found.clusters == {"a": ["1", "4"], "b": ["3"]}


def test_in_a_digraph_a_plain_edge_has_no_head() -> None:
    nodes = (GraphNode("1"), GraphNode("2"))

    found = read(Graph(nodes, (GraphEdge("1", "2", directed=True), GraphEdge("2", "1"))))

    assert found.edges == [("1", "2", {}), ("2", "1", {"dir": "none"})]


def test_names_that_are_alike_stay_different() -> None:
    ids = ["a\\", "a%5C", "a%255C", "a\n", "a\\n", 'a"', "a"]

    assert list(read(Graph(tuple(GraphNode(one) for one in ids))).nodes) == ids


def test_two_nodes_of_one_id_are_refused() -> None:
    with pytest.raises(InvalidGraph, match="2 nodes of the graph have the id 'x': each needs its own"):
        Graph((GraphNode("x"), GraphNode("x")))


def test_an_edge_that_ends_nowhere_is_refused() -> None:
    with pytest.raises(InvalidGraph, match="the edge 'x' - 'y' ends at 'y', which is no node's id"):
        Graph((GraphNode("x"),), (GraphEdge("x", "y"),))


def test_every_state_has_a_colour_of_its_own_and_what_is_none_is_white() -> None:
    colors = [state_color(state.name) for state in ResourceState]

    assert len({*colors, "#ffffff"}) == len(ResourceState) + 1
    assert state_color("LOST") == "#ffffff"
