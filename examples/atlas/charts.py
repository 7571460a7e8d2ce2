"""The report's charts, each a function from figures to SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from .canvas import AMBER, DEEP, INK, MUTED, ROSE, RULE, SLATE, SURFACE, TEAL, Canvas, draw_curves
from .idioms import FORMATTING
from .packing import together, weighty
from .summary import REASONABLE, Summary, share
from .timeline import joined_up, lanes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes

    from .imports import Graph, Untying
    from .packing import Packed
    from .timeline import Span
    from .words import Vocabulary

#: Widths of charts, in inches: across the page, and across half of it.
WHOLE: Final = 12.0
HALF: Final = 5.6

#: How many packages a chart names.
NAMED: Final = 16

#: How many keystones the map of a knot marks.
MARKED: Final = 8


def draw(chart: Callable[..., str], *figures: object) -> str:
    """Draw `chart` of these figures."""
    return chart(*figures)


def complexity(library: Summary, tests: Summary) -> str:
    """What share of the functions is more complex than any given figure, on logarithmic axes."""
    canvas = Canvas("complexity", HALF, 4.0)
    with canvas as axes:
        for summary, colour, label in ((tests, SLATE, "tests"), (library, DEEP, "library")):
            if not summary.functions:
                continue
            values = sorted(summary.complexities)
            shares = [100 * share(summary.above(value - 1), summary.functions) for value in values]
            axes.step([*values, values[-1] * 1.02], [*shares, shares[-1]], where="pre", color=colour, linewidth=2.2)
            axes.plot(values[-1], shares[-1], "o", color=colour, markersize=5)
            axes.annotate(
                label, (values[-1], shares[-1]), xytext=(8, 2), textcoords="offset points", color=colour, weight="bold"
            )
        axes.axvline(REASONABLE + 0.5, color=ROSE, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(REASONABLE + 0.9, 100, f"McCabe's limit, {REASONABLE}", color=ROSE, va="top", size=9)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(0.93, None)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        axes.xaxis.set_minor_formatter(lambda _value, _position: "")
        axes.yaxis.set_minor_formatter(lambda _value, _position: "")
        axes.set_xlabel("cyclomatic complexity")
        axes.set_ylabel("functions at least as complex")
        axes.grid(visible=True)
        axes.margins(x=0.12)
    return canvas.svg


def packages(summaries: Mapping[str, Summary]) -> str:
    """Each package's size against its mean complexity; the area is its number of functions."""
    shown = {name: summary for name, summary in summaries.items() if summary.functions and summary.lines.code}
    canvas = Canvas("packages", WHOLE, 5.4)
    with canvas as axes:
        for name, summary in sorted(shown.items(), key=lambda item: -item[1].functions):
            axes.scatter(
                summary.lines.code,
                summary.mean_complexity,
                s=_area(summary),
                color=_documentation_colour(summary),
                alpha=0.62,
                edgecolor=SURFACE,
                linewidth=0.8,
                gid=f"package-{name}",
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        highest = max((summary.mean_complexity for summary in shown.values()), default=1.0)
        steps = [step for step in (1, 2, 3, 5, 10, 20, 50, 100) if step <= highest]
        axes.set_yticks(steps, [f"{step}" for step in steps])
        axes.set_yticks([], minor=True)
        axes.set_xlabel("lines of code")
        axes.set_ylabel("mean complexity of a function")
        axes.margins(0.06)
        axes.grid(visible=True)
        _name_what_fits(axes, shown)
    return canvas.svg


def _documentation_colour(summary: Summary) -> str:
    documented = share(summary.documented, summary.public)
    return DEEP if documented >= 2 / 3 else TEAL if documented >= 1 / 3 else AMBER


def _name_what_fits(axes: Axes, shown: Mapping[str, Summary]) -> None:
    """Name packages above their circles, the largest and the most complex first, wherever the name covers no other."""
    by_size = sorted(shown, key=lambda name: -shown[name].lines.code)
    by_complexity = sorted(shown, key=lambda name: -shown[name].mean_complexity)
    taken: list[tuple[float, float, float, float]] = []
    for name in dict.fromkeys(name for pair in zip(by_size, by_complexity, strict=True) for name in pair):
        place = (shown[name].lines.code, shown[name].mean_complexity)
        x, y = axes.transData.transform(place)
        radius = math.sqrt(_area(shown[name]) / math.pi)
        box = (x - 3.6 * len(name), y + radius, x + 3.6 * len(name), y + radius + 14)
        if not any(_overlap(box, other) for other in taken):
            taken.append(box)
            axes.annotate(
                name, place, xytext=(0, radius + 1), textcoords="offset points", ha="center", size=9, color=INK
            )
        if len(taken) == NAMED * 2:
            break


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _area(summary: Summary) -> float:
    return 6 + 0.9 * summary.functions


def formatting(summaries: Mapping[str, Summary]) -> str:
    """How the packages that format most strings do it: the share of each generation."""
    counts = {name: [summary.idioms[key] for key in FORMATTING] for name, summary in summaries.items()}
    busiest = sorted((name for name in counts if sum(counts[name])), key=lambda name: -sum(counts[name]))[:NAMED]
    rows = sorted(busiest, key=lambda name: share(counts[name][-1], sum(counts[name])), reverse=False)
    canvas = Canvas("formatting", HALF, 0.9 + 0.26 * max(len(rows), 4))
    with canvas as axes:
        left = [0.0] * len(rows)
        for index, (idiom, colour) in enumerate(zip(FORMATTING, (AMBER, SLATE, DEEP), strict=True)):
            widths = [100 * share(counts[name][index], sum(counts[name])) for name in rows]
            axes.barh(rows, widths, left=left, color=colour, height=0.74, edgecolor=SURFACE, linewidth=1, label=idiom)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        for row, name in enumerate(rows):
            axes.text(101.5, row, f"{sum(counts[name]):,}", va="center", size=9, color=MUTED)
        axes.set_xlim(0, 108)
        axes.set_xticks([0, 25, 50, 75, 100])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.margins(y=0.01)
    return canvas.svg


def untying(knots: Sequence[Untying]) -> str:
    """How the largest knot comes undone: its size at each step, and how much of it stayed tied without its keystone."""
    shown = knots[0].steps()[:NAMED] if knots else []
    canvas = Canvas("untying", HALF, 0.9 + 0.26 * max(len(shown), 4))
    with canvas as axes:
        rows = range(len(shown))
        sizes = [len(step.modules) for step in shown]
        axes.barh(rows, sizes, color=RULE, height=0.7)
        axes.barh(rows, [step.still_tied for step in shown], color=DEEP, height=0.7)
        axes.set_yticks(rows, [step.keystone for step in shown])
        for row, (step, size) in enumerate(zip(shown, sizes, strict=True)):
            axes.annotate(
                f"{size:,} \N{RIGHTWARDS ARROW} {step.still_tied:,}",
                (size, row),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                size=9,
                color=MUTED,
            )
        axes.invert_yaxis()
        axes.margins(x=0.12, y=0.01)
        axes.set_xlabel("modules in the knot")
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
    return canvas.svg


def core(graph: Graph, knots: Sequence[Untying]) -> str:
    """The modules of the largest knot around a circle, and each import among them as a chord."""
    knot = knots[0].modules if knots else ()
    keystones = [step.keystone for step in knots[0].steps()[:MARKED]] if knots else []
    canvas = Canvas("core", 9.6, 9.6)
    with canvas as axes:
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_xlim(-1.42, 1.42)
        axes.set_ylim(-1.42, 1.42)
        around = {module: math.tau * (0.25 - index / len(knot)) for index, module in enumerate(knot)}
        inside = graph.within(knot)
        links = [(module, other) for module, others in inside.edges.items() for other in others]
        deferred = [link for link in links if link in inside.deferred]
        _draw_chords(axes, around, [link for link in links if link not in inside.deferred], TEAL)
        _draw_chords(axes, around, deferred, AMBER)
        importers = inside.importers()
        size = max(4.0, min(9.5, 1500 / max(len(knot), 1)))
        for module, angle in around.items():
            colour = ROSE if module in keystones else INK
            x, y = math.cos(angle), math.sin(angle)
            axes.plot(x, y, "o", color=colour, markersize=1.5 + math.sqrt(importers[module]) * 0.9, markeredgewidth=0)
            flipped = x < 0
            axes.text(
                x * 1.035,
                y * 1.035,
                module,
                rotation=math.degrees(angle) + (180 if flipped else 0),
                rotation_mode="anchor",
                ha="right" if flipped else "left",
                va="center",
                size=size,
                color=colour,
                weight="bold" if module in keystones else "normal",
            )
    return canvas.svg


def _draw_chords(axes: Axes, around: Mapping[str, float], links: Sequence[tuple[str, str]], colour: str) -> None:
    def at(module: str, radius: float) -> tuple[float, float]:
        return radius * math.cos(around[module]), radius * math.sin(around[module])

    chords = [(at(one, 0.985), at(one, 0.35), at(other, 0.35), at(other, 0.985)) for one, other in links]
    draw_curves(axes, chords, colour)


def words(vocabulary: Vocabulary) -> str:
    """How often the word of each rank occurs, on logarithmic axes, beside the line of Zipf's law."""
    canvas = Canvas("words", HALF, 4.0)
    with canvas as axes:
        if vocabulary.curve:
            ranks, counts = zip(*vocabulary.curve, strict=True)
            axes.plot(ranks, [counts[0] / rank for rank in ranks], color=SLATE, linewidth=1, linestyle=(0, (4, 3)))
            axes.plot(ranks, counts, "o-", color=DEEP, markersize=3, linewidth=1.2)
            for place, (word, count) in enumerate(vocabulary.commonest[:3], 1):
                axes.annotate(word, (place, count), xytext=(7, 4), textcoords="offset points", color=INK, size=9)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(0.8, None)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel("rank of the word")
        axes.set_ylabel("how often it occurs")
        axes.grid(visible=True)
    return canvas.svg


def packing(packed: Sequence[Packed]) -> str:
    """Each package's size against how much of it is left when it is packed."""
    shown = weighty(packed)
    canvas = Canvas("packing", HALF, 4.0)
    with canvas as axes:
        axes.scatter(
            [one.size / 1000 for one in shown],
            [100 * one.left for one in shown],
            s=26,
            color=TEAL,
            alpha=0.62,
            edgecolor=SURFACE,
            linewidth=0.6,
        )
        if shown:
            axes.axhline(100 * together(packed).left, color=ROSE, linewidth=1, linestyle=(0, (4, 3)))
            largest = max(shown, key=lambda one: one.size)
            for one in dict.fromkeys((shown[0], shown[-1], largest)):
                axes.annotate(
                    one.package,
                    (one.size / 1000, 100 * one.left),
                    xytext=(0, 6),
                    textcoords="offset points",
                    ha="center",
                    size=9,
                    color=INK,
                )
        axes.set_xscale("log")
        axes.set_ylim(0, 112 * max((one.left for one in shown), default=1.0))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f} kB")
        axes.xaxis.set_minor_formatter(lambda _value, _position: "")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        axes.set_xlabel("size of the package")
        axes.set_ylabel("left when packed")
        axes.margins(x=0.1)
        axes.grid(visible=True)
    return canvas.svg


def timeline(spans: Sequence[Span], colours: Mapping[str, str]) -> str:
    """When each worker of each executor was at work, and on which app."""
    lanes = [(executor, bars) for executor, rows in sorted(lanes_of(spans).items()) for bars in rows]
    canvas = Canvas("timeline", WHOLE, 0.9 + 0.3 * max(len(lanes), 2))
    with canvas as axes:
        ended = max((span.ended for span in spans), default=1.0)
        labels = []
        for row, (executor, bars) in enumerate(lanes):
            labels.append(executor if row == 0 or lanes[row - 1][0] != executor else "")
            for app in dict.fromkeys(span.app for span in bars):
                pieces = joined_up([(span.started, span.ended) for span in bars if span.app == app], ended / 900)
                axes.broken_barh(pieces, (row - 0.38, 0.76), color=colours.get(app, SLATE), linewidth=0)
        axes.set_yticks(range(len(lanes)), labels)
        axes.invert_yaxis()
        axes.set_xlim(0, ended)
        axes.set_ylim(max(len(lanes), 1) - 0.4, -0.6)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=True, axis="x")
    return canvas.svg
