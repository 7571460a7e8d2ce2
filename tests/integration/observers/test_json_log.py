"""A line of JSON for each event, and none missing without a word."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.observers.lamps import LampState, lamp, life, run_info, seen

from headrace.observers import JsonLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from headrace.observers import Observation

dark, lit, dim, out, broken = LampState


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def log(path: Path, *batches: Sequence[Observation] | int) -> list[dict[str, Any]]:
    """Have a run logged; return the lines between its beginning and its end."""
    observer, run = JsonLog(path), run_info()
    observer.started(run)
    for batch in batches:
        if isinstance(batch, int):
            observer.missed(run, batch)
        else:
            observer.transitions(run, batch)
    observer.ended(run)
    first, *lines, last = written(path)
    assert (first["event"], last["event"]) == ("started", "ended")
    return lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_a_move_is_a_line_with_all_that_is_known_of_it(path: Path) -> None:
    unit = lamp(7)
    line = log(path, [seen(unit, dark), seen(unit, lit, at=101.25, executor="wall")])[1]

    assert line == {
        "time": "1970-01-01T00:16:41.250000Z",
        "at": 1.25,
        "event": "moved",
        "run": "the-run",
        "kind": "lamp",
        "name": "hall",
        "from": "dark",
        "to": "lit",
        "executor": "wall",
        "id": 7,
        "attempt": 0,
        "error": None,
    }


def test_a_new_unit_comes_from_nowhere(path: Path) -> None:
    (line,) = log(path, [seen(lamp(), dark)])

    assert line["from"] is None


def test_an_error_is_there_in_words(path: Path) -> None:
    unit = lamp()
    line = log(path, [seen(unit, dark), seen(unit, broken, cause=ValueError('the "glass"\nbroke'))])[1]

    assert line["error"] == 'ValueError: the "glass"\nbroke'


def test_attempts_are_counted(path: Path) -> None:
    unit = lamp()
    lines = log(path, [seen(unit, dark), seen(unit, lit), seen(unit, dark), seen(unit, lit)])

    assert [line["attempt"] for line in lines] == [0, 0, 1, 1]


@pytest.mark.parametrize("name", ["plain", 'a "quote"', "new\nline", "d\u00e4mmrig", "half \ud800", "\0"])
def test_any_name_and_id_can_be_read_again(path: Path, name: str) -> None:
    (line,) = log(path, [seen(lamp(name, name), dark)])

    assert (line["id"], line["name"]) == (name, name)


def test_what_was_missed_is_told(path: Path) -> None:
    lines = log(path, life(lamp(1)), 12, life(lamp(2)))

    assert [line["event"] for line in lines] == [*["moved"] * 3, "missed", *["moved"] * 3]
    assert lines[3]["number"] == 12


def test_unless_told_otherwise_it_is_in_the_runs_directory(tmp_path: Path) -> None:
    observer, run = JsonLog(), run_info(dir=tmp_path)
    observer.started(run)
    observer.ended(run)

    first, _ = written(tmp_path / "events.jsonl")
    assert (first["face"], first["dir"]) == ("lamps", str(tmp_path))


def test_a_run_without_a_directory_needs_a_path() -> None:
    with pytest.raises(ValueError, match=r"run the-run has no directory for events\.jsonl: write JsonLog\(path\)"):
        JsonLog().started(run_info())


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere for the log x: make it"):
        JsonLog(tmp_path / "nowhere" / "x")


def test_what_is_there_stays(path: Path) -> None:
    log(path, life(lamp()))
    observer = JsonLog(path)
    observer.started(run_info(id="second"))
    observer.ended(run_info(id="second"))

    assert [line["run"] for line in written(path)] == [*["the-run"] * 5, "second", "second"]


def test_two_runs_at_once_share_a_file(path: Path) -> None:
    observer, one, other = JsonLog(path), run_info(id="one"), run_info(id="other")
    observer.started(one)
    observer.started(other)
    observer.transitions(other, [seen(lamp(), dark)])
    observer.transitions(one, [seen(lamp(), dark)])
    observer.ended(one)
    observer.ended(other)

    assert [line["run"] for line in written(path)] == ["one", "other", "other", "one", "one", "other"]


class Disk:
    """Stands for the open file: it takes only so much until it is emptied."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - a raw file
        self._file = file
        self.room: int | None = None

    def write(self, data: bytes) -> int:
        """Write what there is room for."""
        if self.room is None:
            return int(self._file.write(data))
        if not self.room:
            raise OSError(28, "No space left on device")
        self.room -= (number := int(self._file.write(data[: self.room])))
        return number

    def close(self) -> None:
        """Close it."""
        self._file.close()


@pytest.fixture
def full(path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Have two lamps logged on a disk that has so much room, then so much; and one more when it has been emptied."""

    def full(room: int, then: int = 0, *, emptied: bool = True) -> list[dict[str, Any]]:
        observer, run = JsonLog(path), run_info()
        observer.started(run)
        disk = observer._files[run.id]._file = Disk(observer._files[run.id]._file)  # type: ignore[assignment]
        assert isinstance(disk, Disk)
        disk.room = room
        observer.transitions(run, life(lamp(1)))
        disk.room = then
        observer.transitions(run, life(lamp(2)))
        disk.room = None if emptied else 0
        observer.transitions(run, life(lamp(3)))
        observer.ended(run)
        lines = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                lines.append({"event": "torn"})
        return lines

    return full


def test_what_a_full_disk_did_not_take_is_told_in_the_file_afterwards(
    full: Callable[..., list[dict[str, Any]]],
) -> None:
    lines = full(0)

    assert [line["event"] for line in lines] == ["started", "missed", "moved", "moved", "moved", "ended"]
    assert lines[1]["number"] == 6
    assert "No space left on device" in lines[1]["why"]


@pytest.mark.parametrize("room", [0, 1, 50, 300, 500, 900])
@pytest.mark.parametrize("then", [0, 1, 50, 200, 400, 600, 900])
def test_wherever_the_disk_was_full_each_move_is_there_or_counted(
    full: Callable[..., list[dict[str, Any]]], room: int, then: int
) -> None:
    lines = full(room, then)

    assert sum(line["event"] == "moved" for line in lines) + sum(line.get("number", 0) for line in lines) == 9


def test_a_line_that_was_cut_off_spoils_no_other(full: Callable[..., list[dict[str, Any]]]) -> None:
    lines = full(10)

    assert [line["event"] for line in lines] == ["started", "torn", "missed", "moved", "moved", "moved", "ended"]


def test_a_full_disk_is_logged_once_and_again_when_it_is_over(
    full: Callable[..., list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        full(0)

    assert [record.getMessage().split("events.jsonl ")[1] for record in caplog.records] == [
        "cannot be written, and will lack what happens meanwhile: [Errno 28] No space left on device",
        "is written again; of run the-run it lacks 6 moves",
    ]


def test_a_disk_that_is_full_at_the_end_is_told(
    full: Callable[..., list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    full(0, emptied=False)

    assert "could not be written: it lacks 9 moves: [Errno 28] No space left on device" in caplog.text
