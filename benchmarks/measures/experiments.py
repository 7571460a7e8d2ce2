"""Experiments: how soon things happen, and what waiting costs."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.measures.common import need

if TYPE_CHECKING:
    from benchmarks.backends.base import Experiments
    from benchmarks.measures.common import Figures

__all__ = ["chain", "many", "reaction", "shells", "timed", "waiting"]

_MILLISECONDS = 1e3
_WARM_UP = 20
_LINK = 0.03
_DELAY = 0.2
_WAIT = 2.0


def reaction(system: Experiments, n: int) -> Figures:
    """Times from a resource's end to the start of the one that waited for it, `n` of them."""
    reactions = need(system.reactions)
    if n > _WARM_UP:
        reactions(_WARM_UP)
    times = sorted(reactions(n))
    highest = times[min(n - 1, round(0.99 * n))]
    return {"median_ms": [statistics.median(times) * _MILLISECONDS], "p99_ms": [highest * _MILLISECONDS]}


def many(system: Experiments, n: int) -> Figures:
    """Time to deploy and start `n` resources that do nothing."""
    system.start_many(_WARM_UP)
    return {"ms": [system.start_many(n) * _MILLISECONDS]}


def chain(system: Experiments, n: int) -> Figures:
    """Time of `n` resources, one after another."""
    return {"seconds": [system.chain(n, _LINK)]}


def timed(system: Experiments, n: int) -> Figures:
    """How late starts are that wait for a time, while `n` resources block."""
    return {"late_ms": [statistics.median(need(system.late)(n, _DELAY)) * _MILLISECONDS]}


def waiting(system: Experiments, n: int) -> Figures:
    """Processor time while `n` resources wait."""
    return {"cpu_percent": [100 * need(system.waiting)(n, _WAIT)]}


def shells(system: Experiments, n: int) -> Figures:  # noqa: ARG001 - there are two
    """Time of two shell commands on this machine, one after the other."""
    return {"seconds": [need(system.shells)()]}
