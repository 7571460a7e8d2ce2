"""Plots: what is in the files, which are few and small here since each takes its time."""

from __future__ import annotations

import sys
import threading
from itertools import combinations
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import networkx as nx
import pytest

from headrace.experiments.errors import MissingExtra
from headrace.experiments.graph import Graph, GraphEdge, GraphNode, to_dot
from headrace.experiments.plot import InvalidSeries, UnknownFormat, draw, plot_series
from headrace.experiments.plot.canvas import text_width, write_whole
from headrace.experiments.plot.layout import laid_out
from headrace.experiments.statistics import InvalidSamples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"
GRAPH = Graph(
    (
        GraphNode("1", "serv<er> $x_1$ \ud800\U0001f600", "host", "STARTED"),
        GraphNode("2", group="host"),
        GraphNode("3"),
    ),
    (GraphEdge("1", "2", "START & +2s", directed=True), GraphEdge("2", "1", directed=True), GraphEdge("3", "3")),
)
SERIES: list[Any] = [("1 ms", 2.5, 0.5), ("5 ms", [1.0, 2.0, 4.0]), ("a $", [3.0])]


def _graph(plain: nx.Graph[int], *, directed: bool = False) -> Graph:
    edges = (GraphEdge(str(a), str(b), directed=directed) for a, b in plain.edges)
    return Graph(tuple(GraphNode(str(one)) for one in plain), tuple(edges))


@pytest.mark.slow
@pytest.mark.parametrize("write", [lambda path: draw(GRAPH, path, title="A"), lambda path: plot_series(SERIES, path)])
def test_an_image_is_of_its_kind_and_the_same_each_time(write: Callable[[Path], Path], tmp_path: Path) -> None:
    for kind in ("svg", "png"):
        first, again = (write(tmp_path / folder / f"plot.{kind}") for folder in ("one", "other"))
        assert first.read_bytes() == again.read_bytes()
        assert sorted(path.name for path in first.parent.iterdir() if path.suffix == f".{kind}") == [f"plot.{kind}"]
        if kind == "png":
            assert first.read_bytes().startswith(PNG)
        else:
            drawn = ET.fromstring(first.read_text(encoding="utf-8"))  # noqa: S314 - written by ourselves
            assert len(list(drawn.iter("{http://www.w3.org/2000/svg}path"))) > 5


def test_dot_is_the_text_of_the_graph_and_needs_neither_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("matplotlib", "matplotlib.figure", "networkx"):
        monkeypatch.setitem(sys.modules, module, None)

    assert draw(GRAPH, tmp_path / "deep" / "graph.DOT").read_text(encoding="utf-8") == to_dot(GRAPH)


@pytest.mark.parametrize(("module", "package"), [("matplotlib.figure", "matplotlib"), ("networkx", "networkx")])
def test_what_is_missing_is_told_by_its_name_and_the_extra(
    module: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MissingExtra, match=rf"need the package {package}: pip install 'headrace\[plots\]'"):
        draw(GRAPH, tmp_path / "graph.svg")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["graph.pdf", "graph", "graph."])
def test_a_suffix_that_is_not_known_is_refused_with_those_that_are(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match=r"should in \.dot, \.svg, \.png"):
        draw(GRAPH, tmp_path / name)
    with pytest.raises(UnknownFormat, match=r"should in \.svg, \.png"):
        plot_series(SERIES, tmp_path / name)


def test_a_file_is_replaced_whole_by_one_of_several_writers_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    contents = [bytes([letter]) * 50_000 for letter in b"abcdefgh"]
    writers = [threading.Thread(target=write_whole, args=(path, content)) for content in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=30)

    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    path.mkdir()

    with pytest.raises(OSError, match=r"graph\.dot"):
        write_whole(path, b"text")

    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "plain",
    [nx.star_graph(60), nx.complete_graph(40), nx.gnm_random_graph(80, 160, seed=1), nx.empty_graph(7)],
    ids=["star", "mesh", "random", "unconnected"],
)
@pytest.mark.parametrize("directed", [False, True])
def test_no_node_covers_another(plain: nx.Graph[int], *, directed: bool) -> None:
    at = laid_out(_graph(plain, directed=directed), column=1.5, row=0.5, seed=0)

    assert len(at) == len(plain)
    for (x1, y1), (x2, y2) in combinations(at.values(), 2):
        assert abs(x1 - x2) > 1.5 - 1e-5 or abs(y1 - y2) > 0.5 - 1e-5


def test_arrows_go_to_the_right_but_for_one_in_a_circle() -> None:
    acyclic = nx.DiGraph([(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)])
    circle = nx.cycle_graph(4, create_using=nx.DiGraph)

    back = []
    for plain in (acyclic, circle):
        at = laid_out(_graph(plain, directed=True), column=1, row=1, seed=0)
        back.append(sum(at[str(a)][0] >= at[str(b)][0] for a, b in plain.edges))

    assert back == [0, 1]


def test_a_wider_text_gets_a_wider_box() -> None:
    assert 0 < text_width("iii", 9) < text_width("mmm", 9) < text_width("mmmm", 9) < text_width("mmmm", 10)


@pytest.mark.parametrize(
    ("points", "error", "says"),
    [
        ([], InvalidSeries, "no points"),
        ([(1, 2)], InvalidSeries, r"point 0 is \(1, 2\)"),
        ([(1, 2, -1)], InvalidSeries, "half width 0 or more"),
        ([(1, float("nan"), 1)], InvalidSeries, "its mean is finite"),
        ([(float("nan"), 1, 1)], InvalidSeries, "point 0"),
        ([(1, "345")], InvalidSeries, "should be"),
        ([(1, [])], InvalidSamples, "no samples"),
    ],
)
def test_what_is_no_point_is_refused(
    points: list[tuple[object, ...]], error: type[Exception], says: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=says):
        plot_series(points, tmp_path / "series.svg")  # type: ignore[arg-type]  # which is what is tried
