"""What the measures of the journal do, on systems that are made up."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from benchmarks.backends.base import Backend, History, View
from benchmarks.measures import journal
from benchmarks.measures.common import Start, WrongResultError


def done(value: object) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


@dataclass
class Pretended:
    """A system that has every result at once, and notes what it was asked."""

    kept: set[int] = field(default_factory=set)
    found_again: int = 0
    options: list[dict[str, Any]] = field(default_factory=list)
    forgetful: bool = False

    def keep(self, number: int) -> Future[Any]:
        self.found_again += number in self.kept and not self.forgetful
        self.kept.add(number)
        return done(number)

    def open(self, scratch: Path, **options: Any) -> Backend:  # noqa: ANN401 - whatever it is given
        self.options.append(options)
        self.found_again = 0

        def close() -> None:
            (scratch / "file").write_bytes(bytes(100 + len(self.kept)))

        return Backend(
            noop=lambda: done(None),
            link=lambda before: done(before + 1),
            join=lambda futures: done(len(futures)),
            drain=lambda: None,
            close=close,
            keep=self.keep,
            found_again=lambda: self.found_again,
            write_all=lambda: None,
        )


def history(answer: object, asked: list[str]) -> History:
    def ask(name: str) -> View:
        def answered() -> object:
            asked.append(name)
            return answer

        return View(answered, 7)

    return History(
        write=lambda: asked.append("write"),
        place=Path("nowhere"),
        views={"a_ms": ask("a"), "b_ms": ask("b")},
        commands={"c_ms": ask("c")},
    )


def test_with_and_without_a_journal_take_turns_in_coming_first(tmp_path: Path) -> None:
    system = Pretended()

    figures = journal.overhead(Start(system.open, tmp_path), 3)

    assert [options["journal"] for options in system.options] == [False, True, True, False] * 2
    assert {len(values) for values in figures.values()} == {4}
    assert figures["over_us"] == [on - off for on, off in zip(figures["on_us"], figures["off_us"], strict=True)]


def test_no_more_than_a_thousand_wait_for_the_disk(tmp_path: Path) -> None:
    flying, most = 0, 0

    class Flight(Future[int]):
        def result(self, timeout: float | None = None) -> int:
            nonlocal flying
            flying -= 1
            return super().result(timeout)

    def keep(number: int) -> Future[int]:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        future = Flight()
        future.set_result(number)
        return future

    backend = Pretended().open(tmp_path)
    object.__setattr__(backend, "keep", keep)

    journal.durable(backend, 2_500)

    assert (flying, most) == (0, 1_000)


def test_a_hit_that_was_run_again_is_no_hit(tmp_path: Path) -> None:
    with pytest.raises(WrongResultError, match="expected 5, got 0"):
        journal.memo_hit(Pretended(forgetful=True).open(tmp_path), 5)


def test_what_is_resumed_is_all_found_again(tmp_path: Path) -> None:
    system = Pretended()

    journal.resume(Start(system.open, tmp_path), 5)

    assert system.options == [{}, {"resumed": True}]
    with pytest.raises(WrongResultError, match="expected 5, got 0"):
        journal.resume(Start(Pretended(forgetful=True).open, tmp_path), 5)


def test_the_size_of_a_result_is_what_it_adds_to_that_of_its_task(tmp_path: Path) -> None:
    figures = journal.size(Start(Pretended().open, tmp_path), 10)

    assert figures == {"bytes_per_task": [10.0], "bytes_per_result": [1.0]}


def test_every_view_is_asked_three_times_after_the_first_question(tmp_path: Path) -> None:
    asked: list[str] = []

    figures = journal.views(Start(lambda _, **__: history(7, asked), tmp_path), 1)

    assert asked == ["write", "a", *("a", "b") * 3, *"ccc"]
    assert figures["worst_ms"][0] >= 0
    assert {key for key, values in figures.items() if len(values) == 3} == {"a_ms", "b_ms", "c_ms"}


def test_a_view_with_a_wrong_answer_gives_no_figure(tmp_path: Path) -> None:
    with pytest.raises(WrongResultError, match="expected 7, got 8"):
        journal.views(Start(lambda _, **__: history(8, []), tmp_path), 1)
