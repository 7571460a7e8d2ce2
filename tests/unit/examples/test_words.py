"""Counts of words, added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.words import FEW, KEPT, Vocabulary, merge, vocabulary

if TYPE_CHECKING:
    from pathlib import Path


def test_counts_of_several_files_add_up(tmp_path: Path) -> None:
    counted = [tmp_path / "one", tmp_path / "two"]
    counted[0].write_text("      2 if\n      1 self\n")
    counted[1].write_text("      3 self\n")

    assert merge(counted) == vocabulary({"if": 2, "self": 4})


def test_nothing_counted_is_no_vocabulary() -> None:
    assert merge([]) == Vocabulary()


def test_the_commonest_come_first_and_equals_by_the_alphabet() -> None:
    found = vocabulary({"c": 1, "b": 2, "a": 1})

    assert found == Vocabulary(4, 3, 2, 4, (("b", 2), ("a", 1), ("c", 1)), ((1, 2), (2, 1), (3, 1)))


def test_of_many_words_few_are_kept() -> None:
    found = vocabulary({f"{number:04}": 2 for number in range(1000)})

    assert (found.total, found.distinct, found.once, found.by_few) == (2000, 1000, 0, 2 * FEW)
    assert len(found.commonest) == KEPT


def test_the_curve_goes_from_the_first_rank_to_the_last_in_few_points() -> None:
    curve = vocabulary({f"{number:05}": 10_000 - number for number in range(10_000)}).curve

    assert (curve[0], curve[-1]) == ((1, 10_000), (10_000, 1))
    assert list(curve) == sorted(set(curve))
    assert len(curve) < 100
