"""A program that owns a nursery and waits to be killed: ``python killed.py wait|fork``."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from pathlib import Path

from headrace.compute.nursery import Born, Nursery


def main(way: str) -> None:
    """Have a child, and say who is who."""
    nursery = Nursery("children:obey", path=[str(Path(__file__).parent)], bare=True)
    nursery.fork(1, b'["sleep"]')
    select.select([nursery], [], [])
    (born,) = nursery.receive()
    if not isinstance(born, Born):
        sys.exit(f"no child: {born}")
    copy = os.fork() if way == "fork" else None
    if copy != 0:
        os.write(1, (json.dumps({"child": born.pid, "nursery": nursery.pid, "copy": copy}) + "\n").encode())
    else:
        os.close(1)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
