"""What a run found: everything the report tells, and the sentences that sum it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .idioms import FORMATTING
from .packing import together, weighty
from .summary import REASONABLE, Summary, merge, share
from .words import FEW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .corpus import SourceFile
    from .imports import ImportMap, Untying
    from .packing import Packed
    from .words import Vocabulary


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be measured."""

    file: SourceFile
    #: The exception's class, and what it said.
    kind: str
    reason: str
    #: The line it names, if it names one.
    line: int | None

    @classmethod
    def of(cls, file: SourceFile, error: BaseException) -> Failure:
        """The failure of the task that measured `file`."""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        line = error.lineno if isinstance(error, SyntaxError) else None
        return cls(file, type(error).__name__, reason, line if line and line > 0 else None)


@dataclass(frozen=True, slots=True)
class Atlas:
    """The results of the analysis."""

    #: How many files there were.
    files: int
    failures: tuple[Failure, ...]
    #: The library by top-level package or module; its tests are in `tests` alone.
    packages: Mapping[str, Summary]
    library: Summary
    tests: Summary
    imports: ImportMap
    #: The knots of the library's import graph, largest first, and how they came undone.
    knots: tuple[Untying, ...]
    #: A shortest circle within each knot, by its modules.
    circles: Mapping[tuple[str, ...], tuple[str, ...]]
    #: The modules of each knot that the imports on load form by themselves.
    load_knots: tuple[tuple[str, ...], ...]
    #: The library's words, and each of its packages with its archive.
    vocabulary: Vocabulary
    packed: tuple[Packed, ...]

    @property
    def everything(self) -> Summary:
        """The library and its tests together."""
        return merge([self.library, self.tests])

    @property
    def tied(self) -> int:
        """How many modules are in some knot."""
        return sum(len(knot.modules) for knot in self.knots)

    @property
    def keystones(self) -> int:
        """How many modules had to be taken out for no knot to be left."""
        return sum(knot.keystones for knot in self.knots)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth knowing; words in `backticks` are code."""

    headline: str
    text: str


def findings(atlas: Atlas) -> list[Finding]:
    """The sentences that sum an atlas up; those that its figures do not bear out are left unsaid."""
    sentences = (_few_hold_much, _hardest, _knot, _keystone, _formatting, _typing, _words, _packing)
    return [finding for sentence in sentences if (finding := sentence(atlas)) is not None]


def _few_hold_much(atlas: Atlas) -> Finding | None:
    library = atlas.library
    complex_ones = library.above(REASONABLE)
    if not complex_ones:
        return None
    held = sum(value * count for value, count in library.complexities.items() if value > REASONABLE)
    return Finding(
        f"{share(held, library.decisions):.0%} of the complexity sits in {library.share_complex:.1%} of the functions",
        f"{complex_ones:,} of the library's {library.functions:,} functions exceed McCabe's limit of {REASONABLE}; "
        f"the mean is {library.mean_complexity:.1f}. Of its tests' functions "
        f"{atlas.tests.share_complex:.1%} do.",
    )


def _hardest(atlas: Atlas) -> Finding | None:
    if not atlas.library.hardest:
        return None
    hardest = atlas.library.hardest[0]
    return Finding(
        f"The most complex function is `{hardest.name}`, at {hardest.complexity}",
        f"`{hardest.file}:{hardest.line}`, {hardest.length:,} lines long and nested {hardest.depth} deep: "
        f"McCabe's method would test it with {hardest.complexity} cases.",
    )


def _knot(atlas: Atlas) -> Finding | None:
    if not atlas.knots:
        return None
    modules = len(atlas.imports.graph.edges)
    largest = len(atlas.knots[0].modules)
    on_load = max(map(len, atlas.load_knots), default=0)
    found = f"On load the largest is of {on_load}" if on_load else "On load there is none"
    contrast = (
        f"{found}: the circles close through imports that wait within functions, "
        if on_load < largest
        else "Imports on load alone close it, and there are further ones within functions, "
    )
    return Finding(
        f"{largest:,} of {modules:,} modules lead to one another by imports",
        f"The library's import graph has {_count(len(atlas.knots), 'knot')}; the largest holds "
        f"{share(largest, modules):.0%} of the modules. {contrast}"
        f"{len(atlas.imports.graph.deferred):,} of {atlas.imports.graph.size:,}.",
    )


def _keystone(atlas: Atlas) -> Finding | None:
    if not atlas.knots or len(atlas.knots[0].modules) < 3:  # noqa: PLR2004 - a pair comes undone whichever is taken
        return None
    knot = atlas.knots[0]
    freed = len(knot.modules) - knot.still_tied
    return Finding(
        f"Without `{knot.keystone}` the largest knot would lose {freed:,} modules",
        f"{_count(knot.still_tied, 'module')} would stay tied. Taking the best one out each time, {knot.keystones} "
        f"untie it altogether; {atlas.keystones} do for all knots.",
    )


def _formatting(atlas: Atlas) -> Finding | None:
    counts = {idiom: atlas.library.idioms[idiom] for idiom in FORMATTING}
    total = sum(counts.values())
    if not total:
        return None
    percent, call, literal = (counts[idiom] for idiom in FORMATTING)
    most = max(counts, key=lambda idiom: counts[idiom])
    named = {"percent": "`%`", "str.format": "`str.format`", "f-string": "f-strings"}[most]
    return Finding(
        f"{share(counts[most], total):.0%} of string formatting in the library is by {named}",
        f"{percent:,} times `%`, {call:,} times `str.format` on a literal and {literal:,} f-strings.",
    )


def _typing(atlas: Atlas) -> Finding | None:
    library = atlas.library
    if not library.slots:
        return None
    return Finding(
        f"{share(library.annotated, library.slots):.1%} of parameters and results are annotated",
        f"{library.annotated:,} of {library.slots:,} places in the library. "
        f"{share(library.documented, library.public):.0%} of its public modules, classes and functions "
        "have a docstring.",
    )


def _words(atlas: Atlas) -> Finding | None:
    said = atlas.vocabulary
    if said.distinct <= FEW:
        return None
    word, count = said.commonest[0]
    return Finding(
        f"{FEW} words make up {share(said.by_few, said.total):.0%} of the library",
        f"The commonest of them is `{word}`: every {_ordinal(round(said.total / count))} word. There are "
        f"{said.distinct:,} different ones, and {said.once:,} of them occur once only.",
    )


def _packing(atlas: Atlas) -> Finding | None:
    compared = weighty(atlas.packed)
    if not compared:
        return None
    library = together(atlas.packed)
    return Finding(
        f"Packed, the library takes {library.left:.0%} of its room",
        f"`{compared[0].package}` repeats itself most, with {compared[0].left:.0%} left of it; "
        f"`{compared[-1].package}` least, with {compared[-1].left:.0%}.",
    )


def _ordinal(number: int) -> str:
    teen = number % 100 in range(11, 14)
    return f"{number:,}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
