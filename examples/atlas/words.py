"""The words of a text: how often each occurs, and how few of them make up most of it.

A word is an unbroken run of the letters A to Z in either case and of underscores: names, keywords, and the words of
comments alike. `tr`, `sort` and `uniq` count them; this adds their counts up.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

#: How many of the commonest words are kept.
KEPT: Final = 15

#: How many of the commonest words the share is told of.
FEW: Final = 100

#: The curve has this many points for each power of ten.
POINTS: Final = 24


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How often words occur. `Vocabulary()` is that of no text."""

    #: Words, and different words.
    total: int = 0
    distinct: int = 0
    #: How many words occur once, and how often the FEW commonest ones occur together.
    once: int = 0
    by_few: int = 0
    #: The commonest words with their counts; no more than KEPT.
    commonest: tuple[tuple[str, int], ...] = ()
    #: How often the word of a rank occurs, by rank, for ranks evenly spaced on a logarithmic axis.
    curve: tuple[tuple[int, int], ...] = ()


def merge(counted: Iterable[str | os.PathLike[str]]) -> Vocabulary:
    """The vocabulary of several texts together, each counted in a file by `uniq --count`."""
    total: Counter[str] = Counter()
    for path in counted:
        for line in Path(path).read_text(encoding="ascii").splitlines():
            count, word = line.split()
            total[word] += int(count)
    return vocabulary(total)


def vocabulary(counts: Mapping[str, int]) -> Vocabulary:
    """What there is to say of words with their counts; of words equally common the first in the alphabet leads."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Vocabulary(
        total=sum(counts.values()),
        distinct=len(ranked),
        once=sum(count == 1 for count in counts.values()),
        by_few=sum(count for _, count in ranked[:FEW]),
        commonest=tuple(ranked[:KEPT]),
        curve=tuple((rank, ranked[rank - 1][1]) for rank in _ranks(len(ranked))),
    )


def _ranks(last: int) -> list[int]:
    steps = math.ceil(POINTS * math.log10(last)) if last > 1 else last - 1
    return sorted({min(round(10 ** (step / POINTS)), last) for step in range(steps + 1)})
