"""What is shown of an experiment while it runs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from tests.unit.experiments.lab import Lab

from headrace.cli.experiment.conduct import awaited
from headrace.cli.experiment.faces import Drawn, InLines, Reporter, StateBoard
from headrace.cli.experiment.moment import Sampler
from headrace.cli.experiment.outcome import Outcome
from headrace.cli.experiment.run import _face
from headrace.cli.showing import Silent
from headrace.experiments import ResourceState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from headrace.cli.experiment.moment import Moment


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def sampler(lab: Lab) -> Sampler:
    """It has begun when the virtual clock has."""
    sampler = Sampler()
    sampler._wall = lab.clock.wall()
    sampler.follow(lab.ec)
    return sampler


def drawn(moment: Moment, *, height: int = 40, width: int = 120) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, height=height, highlight=False).print(StateBoard(moment))
    return [line.rstrip() for line in stream.getvalue().splitlines()][1:]


def test_nothing_is_shown_before_there_is_an_experiment() -> None:
    assert Sampler().moments() == []


def test_the_board_shows_each_resource_with_its_state_and_what_it_waits_for(lab: Lab, sampler: Sampler) -> None:
    first, second = lab.add(number=2)
    lab.ec.register_condition(second, "START", first, "FINISHED")
    lab.run(first, second)

    lines = drawn(sampler.moments()[-1])

    assert lines[0].endswith("1 READY, 1 STARTED")
    assert lines[1].split()[:4] == ["Plain", "(1)", "Plain", "STARTED"]
    assert lines[2].endswith("START waits: Plain (1), now STARTED, to be FINISHED")


def test_the_board_shows_why_a_resource_failed(lab: Lab, sampler: Sampler) -> None:
    (one,) = lab.add()
    lab.run(one)
    lab.ec.get_resource(one).fail("no power")

    assert drawn(sampler.moments()[-1])[1].endswith("Plain 1 failed: no power")


def test_the_board_of_many_shows_first_what_failed_and_says_how_many_there_are(lab: Lab, sampler: Sampler) -> None:
    guids = lab.add(number=100, critical=False)
    lab.run(*guids)
    lab.ec.get_resource(100).fail("no power")

    lines = drawn(sampler.moments()[-1], height=20)

    assert "Plain (100)" in lines[1]
    assert lines[-1] == "  and 93 others"


def test_a_name_and_a_state_are_whole_on_a_narrow_terminal(lab: Lab, sampler: Sampler) -> None:
    first, second = lab.add(number=2)
    lab.ec.register_condition(second, "START", first, "FINISHED")
    lab.run(first, second)

    line = drawn(sampler.moments()[-1], width=60)[2]

    assert line.split()[:4] == ["Plain", "(2)", "Plain", "READY"]
    assert line.endswith("\u2026")


def test_moves_are_told_in_lines_once_and_with_their_times(lab: Lab, sampler: Sampler) -> None:
    (one,) = lab.add()
    stream = io.StringIO()
    face = InLines(stream)
    face.show(sampler.moments()[-1])
    lab.clock.advance(2)
    lab.run(one)
    for moment in (*sampler.moments(), *sampler.moments()):
        face.show(moment)

    assert stream.getvalue().splitlines()[1:] == [
        "headrace: 2.0 s: Plain (1) READY",
        "headrace: 2.0 s: Plain (1) STARTED",
    ]


def test_many_moves_at_once_are_told_in_one_line(lab: Lab, sampler: Sampler) -> None:
    lab.run(*lab.add(number=1000))
    stream = io.StringIO()

    InLines(stream).show(sampler.moments()[-1])

    assert stream.getvalue().splitlines()[1:] == [
        "headrace: 0 ms: 1,000 resources READY",
        "headrace: 0 ms: 1,000 resources STARTED",
    ]


def test_the_end_of_a_run_is_shown_before_the_next_one_begins(lab: Lab, sampler: Sampler) -> None:
    lab.run(*lab.add())
    sampler.follow(lab.controller("next"), ", run 2")

    before, now = sampler.moments()

    assert [move.state for move in before.moves][-1] is ResourceState.STARTED
    assert now.name.endswith(", run 2")


def test_a_terminal_that_is_gone_ends_the_showing_and_nothing_else(lab: Lab, sampler: Sampler) -> None:
    lab.add()
    stream = io.StringIO()
    stream.close()

    with Reporter(sampler, InLines(stream)):
        lab.run(1)

    assert lab.states(1) == ["STARTED"]


@pytest.mark.parametrize(("how", "kind"), [(None, InLines), ("plain", InLines), ("live", Drawn), ("quiet", Silent)])
def test_it_is_shown_as_the_terminal_can_or_as_it_is_asked_for(how: str | None, kind: type) -> None:
    assert type(_face(how, io.StringIO())) is kind  # type: ignore[arg-type]  # parametrised


def test_what_has_nothing_to_run_and_is_not_stopped_is_not_waited_for(lab: Lab) -> None:
    def start(self: object) -> None:
        del self

    (stands, stopped), (runs,) = lab.add(number=2), lab.add(lab.kind(do_start=start))
    lab.ec.register_condition(stopped, "STOP", runs, "FINISHED")

    assert awaited(lab.ec, lab.ec.resources) == [stopped, runs]
    assert stands == 1


def test_a_run_of_which_not_all_was_released_is_not_well(lab: Lab) -> None:
    (one,) = lab.add()
    lab.run(one)
    outcome = Outcome(waited=lab.ec.wait_started(one), released=lab.ec.wait_released(one, timeout=0))
    outcome.look(lab.ec)

    assert outcome.code(None, allow_failures=True) == 1
    assert f"not released: {one} (STARTED); try again: headrace experiment release" in "\n".join(
        line.plain for line in outcome.lines(interrupted=False)
    )
