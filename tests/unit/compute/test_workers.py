"""A thread knows whether it is a worker."""

from __future__ import annotations

import threading

import pytest

from headrace.compute.executors.workers import become_worker, worker_of, working


def test_a_thread_is_no_worker_unless_it_became_one() -> None:
    assert worker_of() is None


def test_a_thread_is_a_worker_for_as_long_as_a_block_lasts() -> None:
    with working("outer"):
        with working("inner"):
            inner = worker_of()
        outer = worker_of()

    assert (inner, outer, worker_of()) == ("inner", "outer", None)


def test_a_block_that_raises_is_over_too() -> None:
    with pytest.raises(ValueError, match="boo"), working("it"):
        raise ValueError("boo")

    assert worker_of() is None


def test_becoming_a_worker_concerns_the_calling_thread_only() -> None:
    seen: list[object] = []

    def work() -> None:
        become_worker("it")
        seen.append(worker_of())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert (seen, worker_of()) == (["it"], None)
