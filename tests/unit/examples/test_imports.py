"""Who imports whom, and what ties modules into knots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.imports import Graph, Trial, Untying, keystone, knots, link, resolve, shortest_cycle, without

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas.measure import FileFacts


def graph(text: str) -> Graph:
    """A graph of one-letter modules, from lines like "a: b c"."""
    edges = {line.partition(":")[0].strip(): tuple(line.partition(":")[2].split()) for line in text.split(",")}
    return Graph(edges)


def untie(of: Graph, knot: tuple[str, ...]) -> Untying:
    """What the workflow does by join apps, without them."""
    best = keystone(without(of, knot, module) for module in knot)
    return Untying(knot, best.module, tuple(untie(of, rest) for rest in best.left))


# Resolving


@pytest.mark.parametrize(
    ("named", "module"),
    [
        ("os", "os"),
        ("os.path", "os"),
        ("xml.dom.minidom.parse", "xml.dom.minidom"),
        ("xml.dom", "xml.dom"),
        ("xml.sax", "xml"),
        ("numpy", None),
        ("", None),
    ],
)
def test_an_import_leads_to_the_deepest_module_it_names(named: str, module: str | None) -> None:
    assert resolve(named, {"os", "xml", "xml.dom", "xml.dom.minidom"}) == module


@pytest.mark.parametrize(
    ("statement", "targets"),
    [
        ("import pack.inner", ("pack.inner",)),
        ("import pack.inner.leaf as leaf", ("pack.inner.leaf",)),
        ("from pack import inner", ("pack.inner",)),
        ("from pack import something", ("pack",)),
        ("from pack.inner import *", ("pack.inner",)),
        ("from . import other", ("pack.other",)),
        ("from .inner import leaf, x", ("pack.inner", "pack.inner.leaf")),
        ("from . import x", ("pack",)),
        ("from .. import other", ()),
        ("import pack.module", ()),
        ("import nowhere", ()),
    ],
)
def test_links_between_modules(measured: Callable[..., FileFacts], statement: str, targets: tuple[str, ...]) -> None:
    others = ["pack/__init__", "pack/other", "pack/inner/__init__", "pack/inner/leaf"]
    files = [measured("", f"{name}.py") for name in others]

    found = link([*files, measured(statement, "pack/module.py")])

    assert found.graph.edges["pack.module"] == targets


def test_a_package_imports_relatively_to_itself(measured: Callable[..., FileFacts]) -> None:
    files = [measured("from . import leaf\nfrom .. import top", "a/b/__init__.py"), measured("", "a/b/leaf.py")]
    files += [measured("", "a/__init__.py"), measured("", "a/top.py")]

    assert link(files).graph.edges["a.b"] == ("a.b.leaf", "a.top")


def test_an_import_counts_as_deferred_if_no_other_runs_on_load(measured: Callable[..., FileFacts]) -> None:
    source = """\
    import b
    def f():
        import b, c
    if __name__ == "__main__":
        import d
    """
    files = [measured(source, "a.py"), *(measured("", f"{name}.py") for name in "bcd")]

    found = link(files).graph

    assert found.edges["a"] == ("b", "c")
    assert found.deferred == {("a", "c")}
    assert found.on_load().edges["a"] == ("b",)
    assert found.size == 2
    assert found.importers() == {"b": 1, "c": 1}


def test_what_has_no_source_is_the_interpreters_or_foreign(measured: Callable[..., FileFacts]) -> None:
    files = [measured("import sys, numpy.linalg", "a.py"), measured("from sys import path\nimport sys", "b.py")]

    found = link(files)

    assert (found.compiled, found.foreign) == ({"sys": 2}, {"numpy": 1})


# Knots


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b, b: c, c:", []),
        ("a: a, b:", []),
        ("a: b, b: a", [("a", "b")]),
        ("a: b, b: c, c: a d, d: e, e: d, f: a", [("a", "b", "c"), ("d", "e")]),
        ("d: e, e: d, a: b, b: a", [("a", "b"), ("d", "e")]),
    ],
)
def test_knots_are_the_modules_that_lead_to_one_another(text: str, expected: list[tuple[str, ...]]) -> None:
    assert knots(graph(text)) == expected


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=20))
def test_two_modules_are_in_one_knot_if_each_reaches_the_other(links: list[tuple[str, str]]) -> None:
    edges = {module: tuple(sorted({two for one, two in links if one == module})) for module in "abcdefg"}
    reach = {module: {module} for module in edges}
    for _ in edges:
        for module, others in edges.items():
            reach[module] = reach[module].union(*(reach[other] for other in others))
    pairs = {(one, two) for one in edges for two in edges if one != two and two in reach[one] and one in reach[two]}

    found = knots(Graph(edges))

    assert {(one, two) for knot in found for one in knot for two in knot if one != two} == pairs


def test_a_long_chain_needs_no_deep_stack() -> None:
    size = 20_000
    ring = {f"{number:05}": (f"{(number + 1) % size:05}",) for number in range(size)}

    assert [len(knot) for knot in knots(Graph(ring))] == [size]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b, b:", ()),
        ("a: b, b: a", ("a", "b")),
        ("a: b, b: c, c: a d, d: c", ("c", "d")),
        ("a: b, b: c, c: d, d: a", ("a", "b", "c", "d")),
    ],
)
def test_a_shortest_circle(text: str, expected: tuple[str, ...]) -> None:
    assert shortest_cycle(graph(text)) == expected


# Untying

TWO_RINGS = "a: b, b: c, c: a d, d: e, e: c"  # joined at c


def test_a_trial_tells_what_stays_tied() -> None:
    assert without(graph(TWO_RINGS), ("a", "b", "c", "d", "e"), "a") == Trial("a", (("c", "d", "e"),))
    assert without(graph(TWO_RINGS), ("a", "b", "c", "d", "e"), "c").tied == 0


def test_the_keystone_leaves_fewest_tied_and_then_the_smallest_knots() -> None:
    many, few, apart = Trial("a", (("b", "c", "d", "e"),)), Trial("z", (("b", "c"),)), Trial("b", (("c",), ("d",)))

    assert keystone([many, few]) == few
    assert keystone([Trial("y", (("b", "c", "d", "e"),)), Trial("z", (("b", "c"), ("d", "e")))]).module == "z"
    assert keystone([few, apart, Trial("a", (("c",), ("d",)))]).module == "a"


def test_a_knot_comes_undone_step_by_step() -> None:
    tied = graph("a: b, b: a c, c: a d, d: c e f, e: d, f: e d")

    undone = untie(tied, ("a", "b", "c", "d", "e", "f"))

    assert (undone.keystone, undone.still_tied, undone.keystones) == ("d", 3, 2)
    assert [(step.modules, step.keystone) for step in undone.steps()] == [
        (("a", "b", "c", "d", "e", "f"), "d"),
        (("a", "b", "c"), "a"),
    ]


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=25))
def test_without_its_keystones_a_graph_has_no_knot(links: list[tuple[str, str]]) -> None:
    edges = {module: tuple(sorted({two for one, two in links if one == module})) for module in "abcdefg"}
    whole = Graph(edges)
    undone = [untie(whole, knot) for knot in knots(whole)]
    stones = [step.keystone for one in undone for step in one.steps()]

    assert len(stones) == sum(one.keystones for one in undone) == len(set(stones))
    assert knots(whole.within([module for module in edges if module not in stones])) == []
