"""One file, measured: its lines, functions, imports and idioms."""

from __future__ import annotations

import ast
import gc
import io
import tokenize
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .lines import LineCounts, count_lines
from .survey import Survey

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from .corpus import SourceFile
    from .survey import FunctionFacts, ImportFacts


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What there is to know of one file."""

    file: SourceFile
    lines: LineCounts
    functions: tuple[FunctionFacts, ...]
    classes: int
    imports: tuple[ImportFacts, ...]
    idioms: Counter[str]
    #: Public modules, classes and functions, and how many of them have a docstring.
    public: int
    documented: int


def measure(file: SourceFile) -> FileFacts:
    """Read, parse and measure `file`. What does not parse raises what Python raises: `SyntaxError`, mostly."""
    data = Path(file.path).read_bytes()
    with _leave_to_parse():
        tree = ast.parse(data, filename=file.name)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = io.TextIOWrapper(io.BytesIO(data), encoding).read()
        return measure_tree(file, tree, text)


def measure_tree(file: SourceFile, tree: ast.Module, text: str) -> FileFacts:
    """Measure a source that is parsed already."""
    survey = Survey(tree)
    return FileFacts(
        file=file,
        lines=count_lines(text, survey.docstring_lines),
        functions=tuple(survey.functions()),
        classes=survey.classes,
        imports=tuple(sorted(survey.imports, key=lambda facts: facts.line)),
        idioms=survey.idioms,
        public=survey.public,
        documented=survey.documented,
    )


@contextmanager
def _leave_to_parse() -> Iterator[None]:
    """No warnings about old code, which are no news; and no search for circles of garbage, a tenth of the time."""
    collects = gc.isenabled()
    gc.disable()  # Syntax trees hold no circles.
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        if collects:
            gc.enable()
