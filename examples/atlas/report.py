"""The report: one HTML page that needs nothing beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .canvas import AMBER, DEEP, ROSE, SLATE, TEAL, VARIABLES
from .findings import findings
from .idioms import IDIOMS
from .packing import WEIGHTY, together, weighty
from .summary import REASONABLE, bands, median, share
from .timeline import by_app, peak
from .words import FEW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .findings import Atlas
    from .machine import Machine
    from .timeline import AppTimes, Span

#: How many rows the longer tables have.
ROWS: Final = 15

#: How many packages the table of packed ones has at either end.
ENDS: Final = 8

#: How many modules of a knot are listed before the rest is only counted.
LISTED: Final = 24


@dataclass(frozen=True, slots=True)
class Run:
    """How the engine got through the work."""

    #: Version of Headrace.
    version: str
    machine: Machine
    #: What the corpus is called, and where it lies.
    title: str
    corpus: str
    #: Workers by executor.
    workers: Mapping[str, int]
    #: Seconds from the first task to the end of the last, and of processor time, children included.
    wall: float
    cpu: float
    spans: Sequence[Span]

    @property
    def apps(self) -> list[AppTimes]:
        """The figures of each app."""
        return by_app(self.spans)

    @property
    def tasks(self) -> int:
        """How many tasks there were."""
        return len(self.spans)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(app.failed for app in self.apps)

    @property
    def peak(self) -> int:
        """The most tasks that ran at one moment."""
        return peak(self.spans)


def app_colours(spans: Sequence[Span]) -> dict[str, str]:
    """A colour for each of the apps that were busiest; the rest share one."""
    working = [app for app in by_app([span for span in spans if not span.joined and span.executor]) if app.busy]
    busiest = sorted(working, key=lambda app: -app.busy)[:4]
    return {app.app: colour for app, colour in zip(busiest, (DEEP, TEAL, AMBER, ROSE), strict=False)}


def render(atlas: Atlas, charts: Mapping[str, str], run: Run) -> str:
    """The page, as text."""
    # A quarter of a second's import that the workers which measure files need not pay for.
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=_percent, code=_code, n=_number)
    legend = {app: f"var({VARIABLES[colour]})" for app, colour in app_colours(run.spans).items()}
    page: str = environment.get_template("report.html.jinja").render(
        atlas=atlas,
        charts=charts,
        run=run,
        findings=findings(atlas),
        bands=bands(atlas.library),
        idioms=IDIOMS,
        legend=legend,
        other=f"var({VARIABLES[SLATE]})",
        packages=sorted(atlas.packages.items(), key=lambda item: -item[1].lines.code)[:ROWS],
        library_packed=together(atlas.packed),
        compared=weighty(atlas.packed),
        weighty=WEIGHTY,
        few=FEW,
        ends=ENDS,
        imported=atlas.imports.graph.importers().most_common(ROWS),
        share=share,
        median=median,
        limit=REASONABLE,
        rows=ROWS,
        listed=LISTED,
    )
    return page


def _number(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}"


def _percent(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}%}".replace("%", "\N{NARROW NO-BREAK SPACE}%")


def _code(text: str) -> object:
    """Set what stands in `backticks` as code."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - see `render`

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just here
