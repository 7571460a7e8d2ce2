"""A workflow that is killed, again and again, and run again: ``python program.py SHAPE LEDGER RUN_DIR [option …]``.

What it does it writes down in the ledger (see `tests.integration.crashes.ledger`), and a line on its output for each
future that has resolved. Every call returns something random beside its name: a value that is the same the next time
was found, and not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from tests.integration.crashes.dying import die_before

from headrace import Config, ProcessPoolExecutor, ThreadPoolExecutor, bash_app, join_app, load, python_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from headrace import DataFlowKernel

    Calls = Iterator[tuple[str, "Future[Any]"]]

#: How large the results of the shape "large" are: up to twice as much. They go to files.
LARGE = 1_000_000


def note(kind: str, name: str = "", detail: object = None) -> None:
    """Append a line to the ledger. What is written there outlives this process."""
    line = json.dumps([int(os.environ["GENERATION"]), kind, name, detail])
    ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # With the end of a line before it: the last one may be torn.
        os.write(ledger, f"\n{line}\n".encode())
    finally:
        os.close(ledger)


@python_app(cache=True)
def work(name: str, after: object = None) -> tuple[str, str]:
    """Take a little while."""
    note("run", name, os.getpid())
    time.sleep(0.004)
    return name, os.urandom(8).hex()


@python_app(cache=True)
def quick(name: str) -> tuple[str, str]:
    """Take no time."""
    note("run", name, os.getpid())
    return name, os.urandom(8).hex()


@python_app(cache=True)
def gather(name: str, inputs: list[Any]) -> tuple[str, str, int]:
    """Depend on many."""
    note("run", name, os.getpid())
    return name, os.urandom(8).hex(), len(inputs)


@python_app(cache=True)
def make(name: str) -> bytes:
    """Return much."""
    note("run", name, os.getpid())
    return name.encode() + os.urandom(LARGE + int.from_bytes(os.urandom(2), "big") * LARGE // 65536)


@python_app(cache=True)
def lock(name: str) -> object:
    """Return what does not pickle."""
    note("run", name, os.getpid())
    return threading.Lock()


@join_app(cache=True)
def tree(name: str, depth: int) -> list[Future[Any]]:
    """Wait for tasks that it makes."""
    note("run", name, os.getpid())
    if depth:
        return [tree(f"{name}.{branch}", depth - 1) for branch in range(2)]
    return [work(f"{name}.{leaf}") for leaf in range(2)]


@bash_app(cache=True)
def command(name: str) -> str:
    """Run a command that says so itself."""
    return f"""printf '\\n[%s, "run", "{name}", %s]\\n' $GENERATION $$ >> "$LEDGER" """


def many() -> Calls:
    """Independent calls."""
    return ((name, work(name)) for name in (f"work-{number}" for number in range(40)))


def burst() -> Calls:
    """So many at once that results are written by the dozen."""
    return ((name, quick(name)) for name in (f"quick-{number}" for number in range(600)))


def chain() -> Calls:
    """Each waits for the one before, and what it returns hangs on that."""
    last: object = None
    for number in range(25):
        last = link = work(f"link-{number}", last)
        yield f"link-{number}", link


def shared() -> Calls:
    """Equal calls under way at the same time, and one that depends on them all."""
    calls = [(f"equal-{number % 8}", work(f"equal-{number % 8}")) for number in range(40)]
    yield from calls
    yield "all", gather("all", inputs=[future for _, future in calls])


def joins() -> Calls:
    """Joins in joins."""
    return ((name, tree(name, 1)) for name in (f"tree-{number}" for number in range(5)))


def large() -> Calls:
    """Results of megabytes."""
    return ((name, make(name)) for name in (f"large-{number}" for number in range(12)))


def commands() -> Calls:
    """Commands."""
    return ((name, command(name)) for name in (f"command-{number}" for number in range(10)))


def unpicklable() -> Calls:
    """Some that can be stored, and some that cannot."""
    for number in range(4):
        yield f"work-{number}", work(f"work-{number}")
        yield f"lock-{number}", lock(f"lock-{number}")


SHAPES: dict[str, Callable[[], Calls]] = {
    "threads": many,
    "processes": many,
    "burst": burst,
    "chain": chain,
    "shared": shared,
    "joins": joins,
    "large": large,
    "large on processes": large,
    "commands": commands,
    "checkpoints": many,
    "unpicklable": unpicklable,
}


def digest(value: object) -> str:
    """Return what tells this value from others."""
    return blake2b(value if isinstance(value, bytes) else repr(value).encode(), digest_size=8).hexdigest()


def acknowledge(name: str, future: Future[Any]) -> None:
    """Say how a future has ended."""
    error = future.exception()
    if error is None:
        note("ack", name, digest(future.result()))
    else:
        note("fail", name, f"{type(error).__name__}: {error}")
    os.write(1, b"ack\n" if error is None else b"fail\n")


def resolve(calls: Calls) -> None:
    """Acknowledge each future as soon as it has resolved; return when all have."""
    acknowledged, number = threading.Semaphore(0), 0

    def ended(name: str, future: Future[Any]) -> None:
        try:
            acknowledge(name, future)
        finally:
            acknowledged.release()

    for name, future in calls:
        future.add_done_callback(partial(ended, name))
        number += 1
    for _ in range(number):
        acknowledged.acquire()


def resolve_and_checkpoint(calls: Calls, kernel: DataFlowKernel) -> None:
    """Acknowledge what a checkpoint has been made of."""
    batch: list[tuple[str, Future[Any]]] = []
    for call in calls:
        batch.append(call)
        if len(batch) == 8:
            for _, future in batch:
                future.exception()
            kernel.checkpoint()
            for name, future in batch:
                acknowledge(name, future)
            batch.clear()


def main() -> None:
    """Run the workflow."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("run_dir")
    parser.add_argument("--journal", default=True)
    parser.add_argument("--mode", default="task_exit")
    parser.add_argument("--failure", default="fail")
    parser.add_argument("--resume", default="last")
    parser.add_argument("--checkpoint", action="append", default=[])
    parser.add_argument("--die-before", type=int, help="be killed before that operation on a file, from 0")
    parser.add_argument("--hold", action="store_true", help="when all futures have resolved, wait to be told to go on")
    given = parser.parse_args()
    note("begin", given.shape, os.getpid())
    on_processes = "processes" in given.shape
    config = Config(
        executors=[ProcessPoolExecutor("processes", 2) if on_processes else ThreadPoolExecutor("threads", 4)],
        run_dir=given.run_dir,
        journal=given.journal,
        resume=None if given.resume == "none" else given.resume,
        checkpoint_mode="manual" if given.shape == "checkpoints" else given.mode,
        checkpoint_failure=given.failure,
        checkpoint_files=given.checkpoint,
        # For tasks whose worker is killed.
        retries=5 if on_processes else 0,
    )
    if given.die_before is not None:
        die_before(given.die_before)
    with load(config) as kernel:
        calls = SHAPES[given.shape]()
        if given.shape == "checkpoints":
            resolve_and_checkpoint(calls, kernel)
        else:
            resolve(calls)
        note("all")
        os.write(1, b"all\n")
        if given.hold:
            sys.stdin.read()
    note("end")


if __name__ == "__main__":
    main()
