"""A program that submits commands and is killed: ``python owner.py DIRECTORY ORPHAN COUNT LINE``.

It submits COUNT times the LINE to the shell, under the keys 0, 1, …, says so by lines of JSON, and waits. With ORPHAN
"fork" it leaves a copy of itself behind first, which must keep nothing alive.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from headrace.compute.engines import CommandSpec, Handle, Output, ProcessEngine, Status


def main(directory: str, orphan: str, count: str, line: str) -> None:
    """Do what the module says."""
    engine = ProcessEngine(Path(directory))
    for number in range(int(count)):
        engine.submit(spec(orphan, line), str(number), watch)
        say("submitted", str(number))
    if orphan == "fork" and os.fork() == 0:
        say("copied", str(os.getpid()))
        os.closerange(1, 3)
    threading.Event().wait()


def spec(orphan: str, line: str) -> CommandSpec:
    """Return the command."""
    nowhere = None if orphan == "keep" else Output(Path(os.devnull))
    return CommandSpec(
        argv=("/bin/bash", "-c", line),
        orphan="keep" if orphan == "keep" else "kill",
        stdout=nowhere,
        stderr=nowhere,
        grace=0.2,
    )


def watch(handle: Handle, status: Status) -> None:
    """Say what is told."""
    say(status.state.name, handle.key)


def say(what: str, key: str) -> None:
    """Print a line that is whole or not there."""
    os.write(1, (json.dumps([what, key]) + "\n").encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
