"""Figures that add up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from atlas.summary import KEPT, Band, Summary, bands, median, merge, share, summarise

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas.measure import FileFacts

SOURCES = [
    '"""Documented."""\n\ndef f(x: int):\n    return x or 1\n',
    "class C:\n    def g(self):\n        pass\n\n    def h(self):\n        assert self\n        return f'{self}'\n",
    "# Nothing here.\n",
    "\n".join(f"def f{number}(x):\n    return {' or '.join('x' * number)}" for number in range(1, 2 * KEPT)),
]


@pytest.fixture
def files(measured: Callable[..., FileFacts]) -> list[FileFacts]:
    return [measured(source, f"module{number}.py") for number, source in enumerate(SOURCES)]


def test_a_summary_adds_files_up(files: list[FileFacts]) -> None:
    found = summarise(files[:3])

    assert (found.files, found.classes, found.functions, found.decisions) == (3, 1, 3, 5)
    assert found.complexities == {1: 1, 2: 2}
    assert (found.slots, found.annotated) == (4, 1)
    assert (found.public, found.documented) == (7, 1)
    assert +found.idioms == {"f-string": 1}
    assert (found.lines.total, found.lines.comment) == (12, 1)
    assert [(function.name, function.file, function.line) for function in found.hardest] == [
        ("C.h", "module1.py", 5),
        ("f", "module0.py", 3),
        ("C.g", "module1.py", 2),
    ]


def test_the_figures_do_not_depend_on_the_grouping(files: list[FileFacts]) -> None:
    whole = summarise(files)

    assert merge([summarise(files[:1]), summarise(files[1:])]) == whole
    assert merge([merge([summarise([file]) for file in files[2:]]), summarise(reversed(files[:2]))]) == whole
    assert merge([whole, Summary(), merge([])]) == whole


def test_only_the_most_complex_functions_are_kept(files: list[FileFacts]) -> None:
    found = summarise(files).hardest

    assert len(found) == KEPT
    assert [function.complexity for function in found] == list(range(2 * KEPT - 1, KEPT - 1, -1))


def test_shares_of_nothing_are_nothing() -> None:
    assert share(1, 4) == 0.25
    assert (share(0, 0), Summary().mean_complexity, Summary().share_complex, median(Counter())) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("counts", "expected"), [({5: 1}, 5), ({1: 1, 9: 1}, 1), ({1: 2, 2: 1, 9: 2}, 2), ({1: 1, 3: 5}, 3)]
)
def test_the_lower_median(counts: dict[int, int], expected: int) -> None:
    assert median(Counter(counts)) == expected


def test_bands_hold_every_function_once() -> None:
    summary = Summary(complexities=Counter({1: 4, 2: 3, 5: 2, 6: 1, 11: 1, 50: 1, 51: 1, 300: 1}))

    assert bands(summary) == [
        Band("1", 4, 4),
        Band("2 to 5", 5, 16),
        Band("6 to 10", 1, 6),
        Band("11 to 20", 1, 11),
        Band("21 to 50", 1, 50),
        Band("over 50", 2, 351),
    ]
    assert (summary.above(10), summary.functions) == (4, 14)
