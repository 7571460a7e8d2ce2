"""How many lines of a source are code, comment, docstring and blank."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

#: What can hide a `#` or span lines: a string of any kind, or a comment. Whatever else there is, is skipped. The
#: quantifiers are possessive, so that a string takes time in proportion to its length. (A quote of the same kind inside
#: the braces of an f-string, which Python 3.12 allows, is read as the end of one string and the start of another.)
TOKEN: Final = re.compile(
    r'''"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+"""'''
    r"""|'''[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+'''"""
    r'''|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'''
    r"""|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'"""
    r"|\#[^\n]*+",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class LineCounts:
    """The physical lines of one or many sources; each line is counted once."""

    code: int = 0
    comment: int = 0
    docstring: int = 0
    blank: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.code + self.comment + self.docstring + self.blank

    def __add__(self, other: LineCounts) -> LineCounts:
        return LineCounts(
            self.code + other.code,
            self.comment + other.comment,
            self.docstring + other.docstring,
            self.blank + other.blank,
        )


def count_lines(text: str, docstring_lines: Collection[int]) -> LineCounts:
    """Sort the lines of `text` into kinds; `docstring_lines` are the numbers, from 1, of those a docstring covers.

    A comment line holds nothing but a comment; a line that merely ends in one is code. A blank line inside a string
    belongs to the string: it is docstring or code.
    """
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    within_string, comments = _strings_and_comments(text)
    comment = blank = 0
    for number, line in enumerate(lines, 1):
        if number in docstring_lines or number in within_string:
            continue
        if not line.strip():
            blank += 1
        elif number in comments:
            comment += 1
    docstring = len(docstring_lines)
    return LineCounts(len(lines) - comment - blank - docstring, comment, docstring, blank)


def _strings_and_comments(text: str) -> tuple[set[int], set[int]]:
    """The lines that a string reaches into from an earlier line, and those that hold nothing but a comment."""
    within_string: set[int] = set()
    comments: set[int] = set()
    line, counted_to = 1, 0
    for token in TOKEN.finditer(text):
        start, end = token.span()
        line += text.count("\n", counted_to, start)
        counted_to = start
        if text[start] == "#":
            if not text[text.rfind("\n", 0, start) + 1 : start].strip():
                comments.add(line)
        elif newlines := text.count("\n", start, end):
            within_string.update(range(line + 1, line + newlines + 1))
    return within_string, comments
