"""The process of one sample: `python -m benchmarks.driver CELL BACKEND N --scratch DIR --out FILE`.

Writes the figures as JSON to FILE. Whatever the backend prints is its own affair; whatever it raises ends the process
with a traceback, which the runner reports.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.backends import IMPORTS, opener
from benchmarks.cells import BACKENDS, CELLS
from benchmarks.measures import MEASURES
from benchmarks.measures.common import Start
from benchmarks.measures.importing import import_time

__all__ = ["main"]


def main() -> None:
    """Measure one cell on one backend, once."""
    groups = {cell.name: cell.group.name for cell in CELLS}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driver")
    parser.add_argument("cell", choices=list(groups))
    parser.add_argument("backend", choices=BACKENDS)
    parser.add_argument("n", type=int)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.cell == "import":
        figures = import_time(IMPORTS[arguments.backend])
    else:
        open_backend = opener(groups[arguments.cell], arguments.backend)
        figures = MEASURES[arguments.cell](Start(open_backend, arguments.scratch), arguments.n)
    arguments.out.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
