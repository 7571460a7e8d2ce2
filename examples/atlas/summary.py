"""Figures of many files, which add up in any order and grouping: what a tree of reductions needs."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from .lines import LineCounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .measure import FileFacts
    from .survey import FunctionFacts

Key = TypeVar("Key")

#: How many of the most complex functions a summary keeps.
KEPT: Final = 15

#: The upper ends of the bands that functions are counted in by complexity; the last band has none.
BANDS: Final = (1, 5, 10, 20, 50)

#: McCabe's "reasonable, but not magical, upper limit".
REASONABLE: Final = 10


@dataclass(frozen=True, slots=True, order=True)
class RankedFunction:
    """A function and where it stands; more complex ones compare greater, then longer ones."""

    complexity: int
    length: int
    #: File below the corpus, and line.
    file: str
    line: int
    name: str
    depth: int

    @classmethod
    def of(cls, facts: FileFacts, function: FunctionFacts) -> RankedFunction:
        """Rank a `function` of the file that `facts` tell of."""
        return cls(function.complexity, function.length, facts.file.name, function.line, function.name, function.depth)


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of some files. `merge` adds two of them; `Summary()` is their zero."""

    files: int = 0
    lines: LineCounts = field(default_factory=LineCounts)
    classes: int = 0
    #: How many functions have each complexity.
    complexities: Counter[int] = field(default_factory=Counter)
    #: How many functions are of each length in lines.
    lengths: Counter[int] = field(default_factory=Counter)
    idioms: Counter[str] = field(default_factory=Counter)
    #: Places for an annotation, and those annotated.
    slots: int = 0
    annotated: int = 0
    #: Public modules, classes and functions, and those with a docstring.
    public: int = 0
    documented: int = 0
    #: The most complex functions, in descending order; no more than KEPT.
    hardest: tuple[RankedFunction, ...] = ()

    @property
    def functions(self) -> int:
        """How many functions and methods there are."""
        return self.complexities.total()

    @property
    def decisions(self) -> int:
        """The complexities of all functions added up."""
        return sum(complexity * count for complexity, count in self.complexities.items())

    @property
    def mean_complexity(self) -> float:
        """The mean complexity of a function; 0 without functions."""
        return self.decisions / self.functions if self.functions else 0.0

    def above(self, complexity: int) -> int:
        """How many functions are more complex than that."""
        return sum(count for value, count in self.complexities.items() if value > complexity)

    @property
    def share_complex(self) -> float:
        """The share of functions above McCabe's limit."""
        return share(self.above(REASONABLE), self.functions)


def share(part: float, whole: float) -> float:
    """`part` of `whole`; 0 of nothing."""
    return part / whole if whole else 0.0


def median(counts: Counter[int]) -> int:
    """The lower median of values that come with their counts; 0 of none."""
    half = (counts.total() + 1) // 2
    for value in sorted(counts):
        half -= counts[value]
        if half <= 0:
            return value
    return 0


@dataclass(frozen=True, slots=True)
class Band:
    """The functions within a range of complexity."""

    label: str
    functions: int
    #: Their complexities added up.
    decisions: int


def bands(summary: Summary) -> list[Band]:
    """A summary's functions by ranges of complexity."""
    found = []
    for low, high in zip((0, *BANDS), (*BANDS, None), strict=True):
        inside = [one for one in summary.complexities.items() if low < one[0] <= (high or math.inf)]
        label = f"over {low}" if high is None else f"{low + 1}" if high == low + 1 else f"{low + 1} to {high}"
        found.append(Band(label, sum(n for _, n in inside), sum(value * n for value, n in inside)))
    return found


def summarise(files: Iterable[FileFacts]) -> Summary:
    """The figures of `files`."""
    return merge(map(_of_one, files))


def _of_one(facts: FileFacts) -> Summary:
    functions = facts.functions
    ranked = (RankedFunction.of(facts, function) for function in functions)
    return Summary(
        files=1,
        lines=facts.lines,
        classes=facts.classes,
        complexities=Counter(function.complexity for function in functions),
        lengths=Counter(function.length for function in functions),
        idioms=facts.idioms,
        slots=sum(function.slots for function in functions),
        annotated=sum(function.annotated for function in functions),
        public=facts.public,
        documented=facts.documented,
        hardest=tuple(heapq.nlargest(KEPT, ranked)),
    )


def merge(summaries: Iterable[Summary]) -> Summary:
    """Add summaries up; the sum of none is the empty summary."""
    parts = list(summaries)
    return Summary(
        files=sum(part.files for part in parts),
        lines=sum((part.lines for part in parts), LineCounts()),
        classes=sum(part.classes for part in parts),
        complexities=_total(part.complexities for part in parts),
        lengths=_total(part.lengths for part in parts),
        idioms=_total(part.idioms for part in parts),
        slots=sum(part.slots for part in parts),
        annotated=sum(part.annotated for part in parts),
        public=sum(part.public for part in parts),
        documented=sum(part.documented for part in parts),
        hardest=tuple(heapq.nlargest(KEPT, (function for part in parts for function in part.hardest))),
    )


def _total(counters: Iterable[Counter[Key]]) -> Counter[Key]:
    total: Counter[Key] = Counter()
    for counter in counters:
        total.update(counter)
    return total
