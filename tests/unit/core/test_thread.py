"""Starting a thread is one step, whatever interrupts it."""

from __future__ import annotations

import threading
from itertools import count
from threading import Event

import pytest
from tests.unit.core.cutting import Cut, CutAt

from headrace.core import condition
from headrace.core import thread as thread_module
from headrace.core.thread import Thread


def test_a_start_that_was_cut_short_anywhere_can_be_repeated_and_the_thread_runs_once() -> None:
    runs: list[int] = []
    for number in count():
        ended = Event()

        def run(number: int = number, ended: Event = ended) -> None:
            runs.append(number)
            ended.set()

        thread = Thread(target=run, name="once")
        cut = CutAt(number, thread_module, condition, threading, events=("line", "call"))
        try:
            with cut:
                thread.start()
        except Cut:
            thread.start()
        assert ended.wait(10)
        thread.join(10)
        if not cut.happened:
            break

    assert runs == list(range(number + 1))


def test_a_second_start_does_nothing() -> None:
    runs: list[None] = []
    thread = Thread(target=lambda: runs.append(None), name="once")
    thread.start()
    thread.start()
    thread.join(10)

    assert runs == [None]


def test_it_keeps_no_interpreter_from_ending() -> None:
    assert Thread(target=print, name="one").daemon


def test_what_prevents_a_start_is_told_and_it_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Event()
    thread = Thread(target=ended.set, name="one")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refuse)
        with pytest.raises(RuntimeError, match="no more threads"):
            thread.start()
    thread.start()

    assert ended.wait(10)


def _refuse(_: object) -> None:
    raise RuntimeError("no more threads")
