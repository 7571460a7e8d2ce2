"""Lines by kind, and reading a file."""

from __future__ import annotations

import io
import tokenize
from typing import TYPE_CHECKING

import pytest

from atlas.corpus import SourceFile, standard_library
from atlas.lines import LineCounts, count_lines
from atlas.measure import measure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atlas.measure import FileFacts


def test_each_line_is_of_one_kind(measured: Callable[..., FileFacts]) -> None:
    facts = measured(
        '''\
        """What it is.

        At length.
        """

        # A comment.
        x = 1  # no comment line

        text = """
        # within a string

        """
        '''
    )

    assert facts.lines == LineCounts(code=5, comment=1, docstring=4, blank=2)
    assert facts.lines.total == 12


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", LineCounts()),
        ("\n\n", LineCounts(blank=2)),
        ("x = 1", LineCounts(code=1)),
        ("# one\n  # two\n", LineCounts(comment=2)),
        ("x = '#'\n", LineCounts(code=1)),
        (r"x = 'it\'s' # '" + "\n# comment\n", LineCounts(code=1, comment=1)),
        ("x = (\n    'a'\n    # between\n    'b'\n)\n", LineCounts(code=4, comment=1)),
        ("x = 'a\\\n# still the string'\n", LineCounts(code=2)),
        ('x = """a "quoted" word\n# no comment"""\n# comment\n', LineCounts(code=2, comment=1)),
    ],
)
def test_a_comment_is_told_from_a_string(text: str, expected: LineCounts) -> None:
    assert count_lines(text, ()) == expected


@pytest.mark.parametrize("name", ["argparse.py", "tokenize.py", "inspect.py", "email/message.py", "turtle.py"])
def test_the_count_agrees_with_the_tokenizer(name: str) -> None:
    """Python's own tokenizer, a hundred times slower, finds the same comment and blank lines in real sources."""
    path = standard_library() / name
    text = path.read_text(encoding="utf-8")
    only_comment: set[int] = set()
    within_string: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip():
            only_comment.add(token.start[0])
        elif token.end[0] > token.start[0] and token.type not in {tokenize.NEWLINE, tokenize.NL}:
            within_string.update(range(token.start[0] + 1, token.end[0] + 1))
    empty = {number for number, line in enumerate(text.splitlines(), 1) if not line.strip()}

    lines = measure(SourceFile(name, str(path))).lines

    assert lines.comment == len(only_comment - within_string)
    assert lines.blank == len(empty - within_string)
    assert lines.total == len(text.splitlines())


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "module.py"
    path.write_bytes(newline.join(["# comment", "", "x = 1", ""]).encode())

    assert measure(SourceFile(path.name, str(path))).lines == LineCounts(code=1, comment=1, blank=1)


def test_a_declared_encoding_is_heeded(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_bytes("# coding: latin-1\nname = 'Müller'\n".encode("latin-1"))

    assert measure(SourceFile(path.name, str(path))).lines == LineCounts(code=1, comment=1)


def test_what_does_not_parse_raises_what_python_raises(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("print 'hello'\n")

    with pytest.raises(SyntaxError) as caught:
        measure(SourceFile("old/module.py", str(path)))
    assert (caught.value.filename, caught.value.lineno) == ("old/module.py", 1)
