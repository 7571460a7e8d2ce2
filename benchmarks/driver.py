"""The process of one sample: `python -m benchmarks.driver CELL BACKEND N --scratch DIR --out FILE`.

Writes the figures as JSON to FILE. Whatever the backend prints is its own affair; whatever it raises ends the process
with a traceback, which the runner reports.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.backends import IMPORTS, open_backend
from benchmarks.measures import MEASURES, import_time

__all__ = ["main"]


def main() -> None:
    """Measure one cell on one backend, once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driver")
    parser.add_argument("cell", choices=[*MEASURES, "import"])
    parser.add_argument("backend", choices=list(IMPORTS))
    parser.add_argument("n", type=int)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    figures = _measure(arguments.cell, arguments.backend, arguments.n, arguments.scratch)
    arguments.out.write_text(json.dumps(figures), encoding="utf-8")


def _measure(cell: str, name: str, n: int, scratch: Path) -> dict[str, list[float]]:
    if cell == "import":
        return import_time(IMPORTS[name])
    backend = open_backend(name, scratch)
    try:
        return MEASURES[cell](backend, n)
    finally:
        if backend.open_gate is not None:
            backend.open_gate()  # a measure that failed half-way must not leave threads waiting
        backend.close()


if __name__ == "__main__":
    main()
