"""Packages and their archives, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.packing import WEIGHTY, Packed, together, weigh, weighty

if TYPE_CHECKING:
    from pathlib import Path


def test_a_package_weighs_what_its_files_do(tmp_path: Path) -> None:
    for name, size in (("a.py", 60), ("b.py", 40), ("archive", 25)):
        (tmp_path / name).write_bytes(bytes(size))

    packed = weigh("p", [str(tmp_path / "a.py"), str(tmp_path / "b.py")], tmp_path / "archive")

    assert packed == Packed("p", 100, 25)
    assert packed.left == 0.25


def test_packages_together_are_as_one() -> None:
    assert together([Packed("a", 30, 10), Packed("b", 10, 10)]) == Packed("all", 40, 20)
    assert together([]).left == 0


def test_only_those_large_enough_are_compared_and_the_best_packed_come_first() -> None:
    loose, tight, small = Packed("a", WEIGHTY, 900), Packed("b", WEIGHTY, 100), Packed("c", WEIGHTY - 1, 1)

    assert weighty([loose, tight, small]) == [tight, loose]
