"""The curve as a small SVG: cost of a task over the number of tasks, sizes on a logarithmic axis. Pure.

A flat line is a cost that grows linearly with the work. The costs' axis is linear and starts at nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.summary import Value

__all__ = ["svg"]

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 34, 52
_FONT = 'font-family="system-ui, sans-serif" font-size="12"'
_COLOURS = ("#00695c", "#6d4c41", "#c2185b", "#3949ab", "#616161")


@dataclass(frozen=True, slots=True)
class _Scale:
    smallest: float
    largest: float
    highest: float

    def x(self, size: float) -> float:
        decades = math.log10(self.largest / self.smallest) or 1.0
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log10(size / self.smallest) / decades

    def y(self, cost: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * min(cost, self.highest) / self.highest


def svg(lines: Mapping[str, Sequence[tuple[int, Value]]]) -> str:
    """A picture of every non-empty line, named at its right end; ranges are drawn as bars.

    Raises:
        ValueError: there is no point at all.
    """
    drawn = {name: points for name, points in lines.items() if points}
    if not drawn:
        raise ValueError("a curve needs a point")
    sizes = [n for points in drawn.values() for n, _ in points]
    step = _step(max(value.median for points in drawn.values() for _, value in points))
    ticks = math.ceil(max(value.median for points in drawn.values() for _, value in points) * 1.08 / step)
    scale = _Scale(min(sizes), max(sizes), ticks * step)
    body = [
        *_frame(scale, step, ticks),
        *(
            part
            for colour, (name, points) in zip(_COLOURS, drawn.items(), strict=False)
            for part in _line(scale, name, points, colour)
        ),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" {_FONT}>',
            "<title>Cost of a task by the number of tasks</title>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="#fff"/>',
            *body,
            "</svg>\n",
        ]
    )


def _step(highest: float) -> float:
    """A round distance between ticks that gives four to ten of them."""
    decade: float = 10 ** math.floor(math.log10(highest))
    return next(part * decade for part in (0.1, 0.2, 0.5, 1.0) if highest / (part * decade) <= 8)


def _frame(scale: _Scale, step: float, ticks: int) -> list[str]:
    right = _WIDTH - _RIGHT
    parts = [f'<text x="{_LEFT - 48}" y="20" fill="#333">µs a task</text>']
    for tick in range(ticks + 1):
        y = scale.y(tick * step)
        parts.append(f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{tick * step:g}", "end"))
    powers = range(math.ceil(math.log10(scale.smallest)), math.floor(math.log10(scale.largest)) + 1)
    bottom = _HEIGHT - _BOTTOM + 20
    parts += [_text(scale.x(10**power), bottom, f"{10**power:,}".replace(",", "\u202f"), "middle") for power in powers]
    parts.append(_text((_LEFT + right) / 2, _HEIGHT - 12, "tasks", "middle"))
    return parts


def _line(scale: _Scale, name: str, points: Sequence[tuple[int, Value]], colour: str) -> list[str]:
    at = [(scale.x(n), scale.y(value.median)) for n, value in points]
    parts = [
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="2.5"/>'
        for (x1, y1), (x2, y2) in pairwise(at)
    ]
    for (x, y), (_, value) in zip(at, points, strict=True):
        low, high = scale.y(value.low), scale.y(value.high)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}" stroke-opacity=".45"/>'
        )
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
    last_x, last_y = at[-1]
    parts.append(_text(last_x + 10, last_y + 4, f"{name} {points[-1][1].median:.0f}", "start", colour))
    return parts


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#555") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
