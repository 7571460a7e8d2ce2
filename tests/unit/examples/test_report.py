"""The page and its charts, drawn of figures small enough to know."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from atlas import charts, imports, summary, words
from atlas.canvas import INK, VARIABLES, Canvas, inline
from atlas.corpus import SourceFile
from atlas.findings import Atlas, Failure, findings
from atlas.machine import Machine, cpu_seconds, machine
from atlas.packing import Packed
from atlas.report import Run, app_colours, render
from atlas.timeline import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas.measure import FileFacts

COMPLEX = "def hard(x):\n" + "".join(f"    if x == {number}: import b\n" for number in range(19))


@pytest.fixture
def atlas(measured: Callable[..., FileFacts]) -> Atlas:
    """Three modules: `a` and `b` import each other, `a` by a complex function; `c` is a test."""
    files = [measured(COMPLEX, "a.py"), measured("import a\ndef f(x: int): return f'{x}'\n", "b.py")]
    tests = [measured("def test_it(): pass\n", "test/c.py")]
    found = imports.link(files)
    knots = imports.knots(found.graph)
    return Atlas(
        files=4,
        failures=(Failure.of(SourceFile("d.py", ""), SyntaxError("no <b>good</b>", ("d.py", 3, 1, "x"))),),
        packages={facts.file.package: summary.summarise([facts]) for facts in files},
        library=summary.summarise(files),
        tests=summary.summarise(tests),
        imports=found,
        knots=tuple(imports.Untying(knot, knot[0]) for knot in knots),
        circles={knot: imports.shortest_cycle(found.graph) for knot in knots},
        load_knots=tuple(imports.knots(found.graph.on_load())),
        vocabulary=words.vocabulary({"self": 30, "if": 20} | {f"word_{number}": 1 for number in range(190)}),
        packed=(Packed("a", 30_000, 6_000), Packed("b", 20_000, 9_000), Packed("c", 100, 90)),
    )


@pytest.fixture
def nothing() -> Atlas:
    """What comes out of a corpus of which no file could be read."""
    zero = summary.Summary()
    return Atlas(1, (), {}, zero, zero, imports.link([]), (), {}, (), words.Vocabulary(), ())


SPANS = (
    Span("measure", 0, 0, 2, "processes", joined=False, outcome="exec_done"),
    Span("measure", 0, 1, 3, "processes", joined=False, outcome="failed"),
    Span("untie", 3, 3, 4, "_internal", joined=True, outcome="exec_done"),
)


def page(of: Atlas) -> str:
    run = Run(
        version="1.2.3",
        machine=Machine("a processor", 2, "a system", "a Python", 0.25),
        title="a library",
        corpus="/a/library",
        workers={"processes": 2, "drawing": 1},
        wall=4.0,
        cpu=6.0,
        spans=SPANS,
    )
    drawn = {
        "complexity": charts.complexity(of.library, of.tests),
        "packages": charts.packages(of.packages),
        "formatting": charts.formatting(of.packages),
        "core": charts.core(of.imports.graph, of.knots),
        "untying": charts.untying(of.knots),
        "words": charts.words(of.vocabulary),
        "packing": charts.packing(of.packed),
        "timeline": charts.timeline(SPANS, app_colours(SPANS)),
    }
    return render(of, drawn, run)


class Text(HTMLParser):
    """The words of a page, and the tags that are open at its end."""

    EMPTY = frozenset({"meta", "br", "path", "use", "rect", "circle"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()


@pytest.mark.slow
def test_the_page_tells_what_was_found(atlas: Atlas) -> None:
    html = page(atlas)
    text = " ".join(Text(html).words)

    assert "An atlas of a library" in text
    assert "a.py:1" in text
    assert "a → b → a" in text
    assert "d.py 3 SyntaxError no <b>good</b>" in text
    assert "2 cores" in text or "of 2" in text
    assert "1.50 cores busy" in text
    assert "Headrace 1.2.3" in text
    assert "240 words, 192 of them different" in text
    assert "self 30 12.5" in text
    assert "a 30 kB 6.0 kB 20.0" in text
    assert "c 0 kB" not in text
    assert "measure processes 2 1" in text
    assert "untie joins 1 0" in text


@pytest.mark.slow
def test_the_page_is_well_formed_and_needs_nothing_beside_it(atlas: Atlas) -> None:
    html = page(atlas)
    parsed = Text(html)

    assert parsed.open == []
    assert not re.search(r"https?:|//[a-z]|@import|<script|<link|<img", html)
    assert {name for name in re.findall(r"url\(([^)]*)\)", html) if not name.startswith("#")} == set()


@pytest.mark.slow
def test_no_two_charts_share_an_id(atlas: Atlas) -> None:
    """Clip paths and markers are found by id: one of another chart would do instead."""
    html = page(atlas)

    referred = set(re.findall(r"(?:href=\"|url\()#([\w-]+)", html)) - {"failed"}
    found = [name for name in Text(html).ids if name in referred]
    assert sorted(found) == sorted(referred)


@pytest.mark.slow
def test_a_corpus_of_which_nothing_could_be_read_has_a_page(nothing: Atlas) -> None:
    text = " ".join(Text(page(nothing)).words)

    assert "there is no knot" in text
    assert "Every file parsed" in text
    assert findings(nothing) == []


def test_the_findings_say_what_the_figures_bear_out(atlas: Atlas) -> None:
    headlines = [finding.headline for finding in findings(atlas)]

    assert headlines == [
        "95% of the complexity sits in 50.0% of the functions",
        "The most complex function is `hard`, at 20",
        "2 of 2 modules lead to one another by imports",
        "100% of string formatting in the library is by f-strings",
        "25.0% of parameters and results are annotated",
        "100 words make up 62% of the library",
        "Packed, the library takes 30% of its room",
    ]
    assert "On load there is none" in findings(atlas)[2].text
    assert "`self`: every 8th word" in findings(atlas)[5].text
    assert "`a` repeats itself most, with 20% left of it; `b` least, with 45%" in findings(atlas)[6].text


def test_a_failure_is_told_by_its_exception() -> None:
    file = SourceFile("a.py", "")

    assert Failure.of(file, SyntaxError("bad", ("a.py", 7, 1, "x"))) == Failure(file, "SyntaxError", "bad", 7)
    assert Failure.of(file, SyntaxError("unknown encoding")).line is None
    assert Failure.of(file, ValueError("null bytes")) == Failure(file, "ValueError", "null bytes", None)


@pytest.mark.slow
def test_a_chart_takes_its_colours_from_the_page() -> None:
    canvas = Canvas("test", 2, 1)
    with canvas as axes:
        axes.plot([1, 2], color=INK)

    assert canvas.svg.startswith("<svg")
    assert "stroke: var(--ink)" in canvas.svg
    assert not any(colour in canvas.svg for colour in VARIABLES)
    assert not re.search(r"#[0-9a-f]{6}\b", re.sub(r"(?:href=\"|url\()#\w+", "", canvas.svg))


def test_a_chart_that_fails_leaves_the_style_alone() -> None:
    import matplotlib as mpl  # noqa: PLC0415 - takes a second

    before = mpl.rcParams["text.color"]
    canvas = Canvas("test", 2, 1)

    with pytest.raises(ZeroDivisionError), canvas:
        raise ZeroDivisionError

    assert (canvas.svg, mpl.rcParams["text.color"]) == ("", before)


def test_an_svg_document_becomes_an_element() -> None:
    document = """<?xml version="1.0"?>
    <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
    <svg width="9pt" height="9pt" viewBox="0 0 9 9" xmlns="http://www.w3.org/2000/svg" version="1.1">
     <metadata><x about="http://example.org"/></metadata>
     <path style="fill: #010101"/>
    </svg>"""

    assert inline(document).split("\n") == ['<svg viewBox="0 0 9 9">', '<path style="fill: var(--ink)"/>', "</svg>"]


def test_the_busiest_apps_have_a_colour_each() -> None:
    colours = app_colours(SPANS)

    assert list(colours) == ["measure"]
    assert set(colours.values()) <= set(VARIABLES)


def test_the_machine_describes_itself() -> None:
    here = machine()

    assert here.cores >= 1
    assert here.python.startswith("CPython") or here.python
    assert cpu_seconds() > 0
