"""The order of the samples."""

from __future__ import annotations

import random

import pytest
from benchmarks.cells import CELLS
from benchmarks.model import Cell, Entry, Figure, Group
from benchmarks.schedule import Job, interleave, quick, select

GROUP = Group(name="threads", title="On threads", columns={"a": "A", "b": "B"}, ratios=())


def cell(name: str, *entries: Entry) -> Cell:
    return Cell(name=name, group=GROUP, title=name, figures=(Figure("us", "each", "µs"),), entries=entries, n=10)


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - an order, no secret


def test_every_sample_is_taken_exactly_once() -> None:
    cells = [cell("x", Entry("a", 10, 3), Entry("b", 10, 1)), cell("y", Entry("a", 5, 2))]

    jobs = interleave(cells, seeded(1))

    assert sorted((job.cell, job.backend, job.n, job.round) for job in jobs) == [
        ("x", "a", 10, 0),
        ("x", "a", 10, 1),
        ("x", "a", 10, 2),
        ("x", "b", 10, 0),
        ("y", "a", 5, 0),
        ("y", "a", 5, 1),
    ]


def test_a_round_is_complete_before_the_next_begins() -> None:
    cells = [cell(name, Entry("a", 1, 4), Entry("b", 1, 4)) for name in "xyz"]

    rounds = [job.round for job in interleave(cells, seeded(2))]

    assert rounds == sorted(rounds)


def test_the_backends_of_a_cell_are_measured_side_by_side() -> None:
    cells = [cell(name, *(Entry(backend, 1, 3) for backend in "abc")) for name in "xyz"]

    jobs = interleave(cells, seeded(3))

    triples = [jobs[start : start + 3] for start in range(0, len(jobs), 3)]
    assert all(len({(job.cell, job.round) for job in triple}) == 1 for triple in triples)
    assert all({job.backend for job in triple} == {"a", "b", "c"} for triple in triples)


def test_the_order_is_shuffled_and_repeats_with_its_seed() -> None:
    cells = [cell(name, *(Entry(backend, 1, 2) for backend in "abcd")) for name in "vwxyz"]

    first, again, other = (interleave(cells, seeded(seed)) for seed in (4, 4, 5))

    assert first == again
    assert first != other
    assert sorted(map(str, first)) == sorted(map(str, other))


def test_nothing_to_measure_gives_no_jobs() -> None:
    assert interleave([], seeded(6)) == []
    assert interleave([cell("x")], seeded(6)) == []


def test_a_choice_of_cells_and_backends_keeps_their_order() -> None:
    cells = [cell(name, Entry("a", 1), Entry("b", 1)) for name in "xyz"]

    chosen = select(cells, only=["z", "x"], backends=["b"])

    assert [part.name for part in chosen] == ["x", "z"]
    assert [entry.backend for part in chosen for entry in part.entries] == ["b", "b"]


def test_no_choice_is_everything() -> None:
    assert select(CELLS) == list(CELLS)


def test_an_unknown_cell_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no such cell: nope \(there are: x\)"):
        select([cell("x")], only=["nope"])


def test_a_quick_run_takes_quick_sizes_once() -> None:
    [short] = quick([cell("x", Entry("a", 10), Entry("b", 10, 3, quick_n=2), Entry("c", 10, quick_n=0))])

    assert interleave([short], seeded(7)) in (
        [Job(0, "x", "a", 10), Job(0, "x", "b", 2)],
        [Job(0, "x", "b", 2), Job(0, "x", "a", 10)],
    )
