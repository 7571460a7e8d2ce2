"""What is lent to one call is lent to no other until it comes back."""

from __future__ import annotations

from headrace.compute.executors.processes.ledger import Grant, Ledger
from headrace.compute.resources import Resources


def ledger(places: int = 4) -> Ledger:
    return Ledger(cores=(0, 1, 2, 3), places=places, memory=1000, gpus=("a", "b"))


def test_it_lends_the_lowest_numbers_first() -> None:
    assert ledger().lend(Resources(cores=2, memory=300, gpus=1)) == Grant((0, 1), 300, ("a",))


def test_what_is_lent_is_not_there_for_others() -> None:
    books = ledger()
    books.lend(Resources(cores=3, gpus=1))

    assert books.lend(Resources(cores=2)) is None
    assert books.lend(Resources(cores=1, gpus=1)) == Grant((3,), 0, ("b",))


def test_a_need_that_cannot_be_met_as_a_whole_takes_nothing() -> None:
    books = ledger()

    assert books.lend(Resources(cores=4, memory=1001)) is None
    assert books.lend(Resources(cores=4, memory=1000)) is not None


def test_what_came_back_is_lent_again_in_the_same_order() -> None:
    books = ledger()
    first, second = books.lend(Resources(cores=1, gpus=1)), books.lend(Resources(cores=1, gpus=1))
    assert first is not None
    assert second is not None

    books.take_back(second)
    books.take_back(first)

    assert books.lend(Resources(cores=1, gpus=1)) == first


def test_where_more_is_lent_than_there_are_a_core_counts_for_several() -> None:
    books = ledger(places=6)

    assert books.cores_of(Grant((3, 4, 5), 0, ())) == (0, 1, 3)


def test_a_need_of_nothing_is_always_met() -> None:
    books = ledger()
    books.lend(Resources(cores=4))

    assert books.lend(Resources(cores=0)) == Grant((), 0, ())
