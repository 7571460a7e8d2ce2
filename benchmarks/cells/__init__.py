"""What is measured: every cell, with its sizes and its number of rounds.

The sizes are those the targets are stated for. A backend that would take minutes takes fewer tasks or rounds, and the
table says so.
"""

from __future__ import annotations

from benchmarks.cells import commands, experiments, journal, processes, threads

__all__ = ["BACKENDS", "CELLS"]

CELLS = (*threads.CELLS, *journal.CELLS, *processes.CELLS, *commands.CELLS, *experiments.CELLS)

#: Every backend's name, those of the first group first.
BACKENDS = tuple(dict.fromkeys(backend for cell in CELLS for backend in cell.group.columns))
