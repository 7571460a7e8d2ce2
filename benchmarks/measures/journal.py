"""What it costs that nothing is lost, and what is had for it.

As with `tasks`, a figure's docstring says what it covers.
"""

from __future__ import annotations

import gc
import statistics
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measures.common import Figures, Start, expect, need, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from benchmarks.backends.base import Backend, History, Pending, View

__all__ = [
    "durable",
    "durable_chain",
    "durable_trip",
    "flood",
    "memo_hit",
    "overhead",
    "overhead_beside",
    "resume",
    "size",
    "views",
]

_TURNS = 4
_IN_FLIGHT = 1_000
_WARM_UP = 100
_ASKED = 3


def overhead(start: Start, n: int) -> Figures:
    """`tasks.noop` with a journal and without one, in turns; which comes first changes each time.

    `over_us` is the difference of each pair. `written_us` is that of the time until everything that was recorded is on
    disk too: what the journal has put off until the last result was fetched is in that. `cpu_us` is that of the
    processor time which all threads of the process have used until then.
    """
    taken: dict[bool, list[_Times]] = {True: [], False: []}
    for turn in range(_TURNS):
        for journal in (True, False) if turn % 2 else (False, True):
            taken[journal].append(_noop(start, n, journal=journal))
    pairs = list(zip(taken[True], taken[False], strict=True))
    return {
        "on_us": [on.ended for on, _ in pairs],
        "off_us": [off.ended for _, off in pairs],
        "over_us": [on.ended - off.ended for on, off in pairs],
        "written_us": [on.written - off.written for on, off in pairs],
        "cpu_us": [on.used - off.used for on, off in pairs],
    }


def overhead_beside(start: Start, n: int) -> Figures:
    """As `overhead`, while another thread of the process computes and never waits for anything."""
    with _computing():
        return overhead(start, n)


def durable(backend: Backend, n: int) -> Figures:
    """Time from before the first submit until the last of `n` stored results was fetched, 1 000 in flight at most.

    The results are fetched in order: when the thousandth has been submitted, one is fetched before each submit.
    """
    keep = _warm_keep(backend)
    waiting: deque[Pending] = deque()
    results = []
    start = time.perf_counter()
    for number in range(n):
        if len(waiting) == _IN_FLIGHT:
            results.append(waiting.popleft().result())
        waiting.append(keep(number))
    results += [future.result() for future in waiting]
    elapsed = time.perf_counter() - start
    expect(list(range(n)), results)
    return {"us_per_task": [elapsed / n * 1e6]}


def durable_chain(backend: Backend, n: int) -> Figures:
    """Time from before the first submit until the stored result of the last of `n` links, all submitted at once."""
    _warm_keep(backend)
    link = need(backend.keep_link)
    start = time.perf_counter()
    newest = link(0)
    for _ in range(n - 1):
        newest = link(newest)
    result = newest.result()
    elapsed = time.perf_counter() - start
    expect(n, result)
    return {"us_per_link": [elapsed / n * 1e6]}


def durable_trip(backend: Backend, n: int) -> Figures:
    """Time from before a submit until its stored result is in hand, one task after another."""
    keep = _warm_keep(backend)
    trips = []
    for number in range(n):
        start = time.perf_counter()
        result = keep(number).result()
        trips.append((time.perf_counter() - start) * 1e6)
        expect(number, result)
    return {"median_us": [statistics.median(trips)], "p95_us": [statistics.quantiles(trips, n=20)[18]]}


def memo_hit(backend: Backend, n: int) -> Figures:
    """Time from before the first submit until the last of `n` results was fetched that the run has had before."""
    keep = _warm_keep(backend)
    expect(list(range(n)), [future.result() for future in [keep(number) for number in range(n)]])
    known = need(backend.found_again)()
    start = time.perf_counter()
    results = [future.result() for future in [keep(number) for number in range(n)]]
    elapsed = time.perf_counter() - start
    expect(list(range(n)), results)
    expect(n, need(backend.found_again)() - known)
    return {"us_per_hit": [elapsed / n * 1e6]}


def resume(start: Start, n: int) -> Figures:
    """Time from before a system starts, with `n` results of an earlier run on disk, until all were found again.

    `load_ms` is that until it is ready for tasks. The earlier run was the same process', so imports are done, and what
    it wrote is in the operating system's cache.
    """
    earlier: Backend = start()
    try:
        keep = _warm_keep(earlier)
        expect(list(range(n)), [future.result() for future in [keep(number) for number in range(n)]])
    finally:
        earlier.close()
    gc.collect()
    begin = time.perf_counter()
    backend: Backend = start(resumed=True)
    try:
        keep = need(backend.keep)
        ready = time.perf_counter()
        results = [future.result() for future in [keep(number) for number in range(n)]]
        end = time.perf_counter()
        expect(list(range(n)), results)
        expect(n, need(backend.found_again)())
    finally:
        backend.close()
    return {"us_per_result": [(end - begin) / n * 1e6], "load_ms": [(ready - begin) * 1e3]}


def size(start: Start, n: int) -> Figures:
    """Bytes of all files of a run of `n` tasks that store nothing; and what a small result each adds to them.

    They are counted when the run has ended and somebody has asked about it.
    """
    plain = _bytes_of(replace(start, scratch=start.scratch / "plain"), n, keeping=False)
    kept = _bytes_of(replace(start, scratch=start.scratch / "kept"), n, keeping=True)
    return {"bytes_per_task": [plain / n], "bytes_per_result": [(kept - plain) / n]}


def views(start: Start, n: int) -> Figures:
    """Times of questions about a run of `n` tasks, each by one who opens its record for that; and of recording it.

    `first_ms` is the first question after the run: it brings up to date what the writer has left for that. `worst_ms`
    is the longest of all the others, by the medians of three; `worst_command_ms` that of the commands, with the time in
    which their interpreter starts.
    """
    history: History = start(tasks=n)
    begin = time.perf_counter()
    history.write()
    write = time.perf_counter() - begin
    first = _milliseconds(next(iter(history.views.values())))
    figures: Figures = {"write_us": [write / n * 1e6], "first_ms": [first]}
    for worst, asked in (("worst_ms", history.views), ("worst_command_ms", history.commands)):
        found: Figures = {name: [] for name in asked}
        for _ in range(_ASKED):
            for name, view in asked.items():
                found[name].append(_milliseconds(view))
        figures |= {worst: [max(map(statistics.median, found.values()))], **found}
    return figures


def flood(start: Start, n: int) -> Figures:
    """Times of the first look that is taken at a run of `n` tasks after it was killed, by each of some commands.

    Nothing was closed, and nobody has asked before: each finds what the kill has left. The start of its interpreter is
    in it. `worst_first_ms` is the longest of them.
    """
    history: History = start(tasks=n)
    history.write()
    found: Figures = {name: [_milliseconds(view)] for name, view in history.commands.items()}
    return {"worst_first_ms": [max(max(taken) for taken in found.values())], **found}


class _Times(NamedTuple):
    """Microseconds for each task, from before the first submit."""

    ended: float
    """Until the last result was fetched."""
    written: float
    """Until all that was recorded is on disk too."""
    used: float
    """Processor time used until then."""


def _noop(start: Start, n: int, *, journal: bool) -> _Times:
    gc.collect()
    backend: Backend = start(journal=journal)
    try:
        warm_up(backend)
        need(backend.write_all)()
        used = time.process_time()
        begin = time.perf_counter()
        for future in [backend.noop() for _ in range(n)]:
            future.result()
        ended = time.perf_counter()
        need(backend.write_all)()
        times = ended - begin, time.perf_counter() - begin, time.process_time() - used
    finally:
        backend.close()
    return _Times(*(seconds / n * 1e6 for seconds in times))


@contextmanager
def _computing() -> Iterator[None]:
    """Have a thread add numbers up until the block ends."""
    ended = False

    def compute() -> None:
        numbers = count()
        while not ended:
            sum(next(numbers) for _ in range(1_000))

    thread = threading.Thread(target=compute, name="computes")
    thread.start()
    try:
        yield
    finally:
        ended = True
        thread.join()


def _warm_keep(backend: Backend) -> Callable[[int], Pending]:
    """Warm the backend up, and return what keeps a number."""
    keep = need(backend.keep)
    warm_up(backend)
    for future in [keep(-number) for number in range(1, _WARM_UP)]:
        future.result()
    return keep


def _bytes_of(start: Start, n: int, *, keeping: bool) -> int:
    start.scratch.mkdir()
    backend: Backend = start()
    try:
        submit = need(backend.keep) if keeping else lambda _: backend.noop()
        for future in [submit(number) for number in range(n)]:
            future.result()
    finally:
        backend.close()
    if backend.look_back is not None:
        backend.look_back()
    return sum(_sizes(start.scratch.rglob("*")))


def _sizes(paths: Iterable[Path]) -> Iterator[int]:
    return (path.stat().st_size for path in paths if path.is_file())


def _milliseconds(view: View) -> float:
    begin = time.perf_counter()
    answer = view.ask()
    elapsed = time.perf_counter() - begin
    expect(view.expected, answer)
    return elapsed * 1e3
