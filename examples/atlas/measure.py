"""One file, measured: its lines, functions, imports and idioms."""

from __future__ import annotations

import ast
import gc
import io
import signal
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .lines import LineCounts, count_lines
from .survey import Survey

if TYPE_CHECKING:
    from collections import Counter

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


def become_worker() -> None:
    """Make a process fit to measure in: interrupts are its parent's to handle, warnings about old code are no news."""
    gc.disable()  # Syntax trees hold no circles, and the search for some takes a tenth of the time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", category=SyntaxWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)


def measure(file: SourceFile) -> FileFacts:
    """Read, parse and measure `file`. What does not parse raises what Python raises: `SyntaxError`, mostly."""
    data = Path(file.path).read_bytes()
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
