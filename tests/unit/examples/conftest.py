"""Sources to measure, as short as they can be."""

from __future__ import annotations

import ast
import textwrap
from typing import TYPE_CHECKING

import pytest

from atlas.corpus import SourceFile
from atlas.measure import FileFacts, measure_tree

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def measured() -> Callable[..., FileFacts]:
    """Measure a text as if it stood in a file of that name."""

    def measure(text: str, name: str = "module.py") -> FileFacts:
        text = textwrap.dedent(text)
        return measure_tree(SourceFile(name, ""), ast.parse(text), text)

    return measure
