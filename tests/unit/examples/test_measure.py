"""A file, read and measured."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from atlas.corpus import SourceFile
from atlas.measure import measure

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return tmp_path / "module.py"


def test_a_file_is_read_as_its_encoding_says(saved: Path) -> None:
    saved.write_bytes(b"# -*- coding: latin-1 -*-\nname = '\xe9'\n")

    assert measure(SourceFile("module.py", str(saved))).lines.total == 2


def test_old_code_is_measured_without_a_warning(saved: Path) -> None:
    """Warnings are errors here."""
    saved.write_text(r"""pattern = '\d' if 1 is 1 else 0""")

    assert measure(SourceFile("module.py", str(saved))).lines.code == 1


@pytest.mark.parametrize("text", ["x = 1\n", "print 'x'\n"])
def test_garbage_is_collected_as_before(saved: Path, text: str) -> None:
    saved.write_text(text)
    try:
        measure(SourceFile("module.py", str(saved)))
    except SyntaxError:
        assert text.startswith("print")

    assert gc.isenabled()
