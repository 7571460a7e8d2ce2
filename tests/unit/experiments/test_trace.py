"""Traces: what a declaration must say, and what is read of a trace's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.experiments.errors import TraceError
from headrace.experiments.trace import Trace, TraceAttr, read_trace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A trace of ten bytes."""
    path = tmp_path / "log"
    path.write_text("0123456789", encoding="utf-8")
    return path


def test_a_trace_is_not_recorded_unless_it_is_asked_for() -> None:
    assert not Trace("log", "what was said").enabled


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "a\0b", None])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="without folders"):
        Trace(name, "what was said")


def test_all_of_a_trace_is_its_text(log: Path) -> None:
    assert read_trace(log) == "0123456789"


@pytest.mark.parametrize(("block", "offset", "expected"), [(4, 0, "0123"), (4, 1, "4567"), (4, 2, "89"), (4, 3, "")])
def test_a_stream_is_one_block(log: Path, block: int, offset: int, expected: str) -> None:
    assert read_trace(log, TraceAttr.STREAM, block, offset) == expected


def test_the_size_is_in_bytes(log: Path) -> None:
    log.write_text("äöü", encoding="utf-8")

    assert read_trace(log, TraceAttr.SIZE) == 6


def test_the_path_is_told_before_there_is_a_file(tmp_path: Path) -> None:
    assert read_trace(tmp_path / "later", TraceAttr.PATH) == tmp_path / "later"


@pytest.mark.parametrize("attr", [TraceAttr.ALL, TraceAttr.STREAM, TraceAttr.SIZE])
def test_a_trace_that_has_no_file_says_so(tmp_path: Path, attr: TraceAttr) -> None:
    with pytest.raises(TraceError, match="nothing has been recorded so far"):
        read_trace(tmp_path / "later", attr)


def test_a_trace_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read: Is a directory"):
        read_trace(tmp_path)


@pytest.mark.parametrize(("block", "offset"), [(0, 0), (-1, 0), (1, -1)])
def test_a_block_that_cannot_be_is_refused(log: Path, block: int, offset: int) -> None:
    with pytest.raises(ValueError, match="a block has 1 byte or more"):
        read_trace(log, TraceAttr.STREAM, block, offset)


def _blocks(path: Path, block: int) -> str:
    count = path.stat().st_size // block + 1
    return "".join(str(read_trace(path, TraceAttr.STREAM, block, number)) for number in range(count))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="aä€😀", max_size=20), block=st.integers(1, 9))
def test_the_blocks_of_a_text_are_the_text(tmp_path: Path, text: str, block: int) -> None:
    path = tmp_path / "trace"
    path.write_text(text, encoding="utf-8")

    assert _blocks(path, block) == text


def test_what_is_no_text_is_marked(log: Path) -> None:
    log.write_bytes(b"a\xffb")

    assert read_trace(log) == "a\ufffdb"


def test_a_way_to_read_that_there_is_not_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read as 'backwards'; there are ALL, STREAM, PATH, SIZE"):
        read_trace(tmp_path / "x", "backwards")  # type: ignore[arg-type]  # wrong
