"""What every engine must hold to, as a class of tests for the authors of engines.

Nothing here imports pytest, but the class is written for it::

    class TestMyEngine(EngineContract):
        def open_engine(self, place: Path) -> Engine:
            return MyEngine(place)

The commands are those of `Commands`, small programs of the shell. An engine that cannot run these, or that must be made
to go on, overrides `commands` and `pause`.
"""

# ruff: noqa: D102, PLR2004 - tests: their names say what they say, and numbers are the point of comparisons
from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from headrace.compute.engines import (
    JOB,
    CommandSpec,
    Engine,
    EngineClosedError,
    EngineError,
    Handle,
    JobState,
    KeyTakenError,
    Output,
    Status,
    UnknownJobError,
    UnsupportedSpecError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Commands", "EngineContract"]


class Commands:
    """The commands that the contract is tested with."""

    def succeeding(self) -> CommandSpec:
        """Return one that ends with exit code 0 and prints nothing."""
        return CommandSpec(argv=("true",), name="succeeding")

    def failing(self, code: int) -> CommandSpec:
        """Return one that ends with this exit code."""
        return CommandSpec(argv=("sh", "-c", f"exit {code}"), name="failing")

    def killed(self) -> CommandSpec:
        """Return one that a SIGKILL ends, which it sends itself."""
        return CommandSpec(argv=("sh", "-c", "kill -9 $$"), name="killed")

    def endless(self) -> CommandSpec:
        """Return one that does not end by itself, but does when it is asked to."""
        return CommandSpec(argv=("sleep", "3600"), name="endless", grace=2.0)

    def printing(self) -> CommandSpec:
        """Return one that prints ``hello`` and ``oops`` to its output and its error, each with a newline."""
        return CommandSpec(argv=("sh", "-c", "echo hello; echo oops >&2"), name="printing")

    def lasting(self, seconds: float) -> CommandSpec:
        """Return one that takes so long and then ends with exit code 7."""
        return CommandSpec(argv=("sh", "-c", f"sleep {seconds}; exit 7"), name="lasting")

    def missing(self) -> CommandSpec:
        """Return one whose program does not exist."""
        return CommandSpec(argv=("/nowhere/program",), name="missing")


class EngineContract:
    """Tests of an engine, each against an engine of its own at a place of its own."""

    #: Whether the engine keeps commands for whoever comes after (``orphan="keep"``).
    keeps: bool = True
    #: Seconds within which anything here must happen.
    patience: float = 30.0

    def open_engine(self, place: Path) -> Engine:
        """Return an engine. Those of one place find each other's kept commands. To be overridden."""
        raise NotImplementedError

    def commands(self) -> Commands:
        """Return the commands to test with."""
        return Commands()

    def pause(self) -> None:
        """Let a little time go by."""
        time.sleep(0.01)

    # --- life ---------------------------------------------------------------------------------------------------------

    def test_it_is_an_engine(self) -> None:
        with self._engine() as engine:
            _check(isinstance(engine, Engine), "it lacks a method of the protocol")
            _check(bool(engine.name), "it has no name")

    def test_a_command_that_ends_well_succeeds(self) -> None:
        with self._engine() as engine:
            status = self._run(engine, self.commands().succeeding())

            _check((status.state, status.exit_code) == (JobState.succeeded, 0), status)
            _check(status.signal is None and status.errno is None, status)

    def test_its_beginning_and_end_are_known(self) -> None:
        with self._engine() as engine:
            status = self._run(engine, self.commands().succeeding())

            _check(status.started is not None and status.ended is not None, status)
            _check((status.started or 0) <= (status.ended or 0), status)

    def test_an_exit_code_is_told(self) -> None:
        with self._engine() as engine:
            status = self._run(engine, self.commands().failing(3))

            _check((status.state, status.exit_code) == (JobState.failed, 3), status)

    def test_a_signal_that_ended_it_is_told(self) -> None:
        with self._engine() as engine:
            status = self._run(engine, self.commands().killed())

            _check((status.state, status.exit_code, status.signal) == (JobState.failed, None, 9), status)

    def test_a_command_that_cannot_be_started_fails_with_the_reason(self) -> None:
        with self._engine() as engine:
            status = self._run(engine, self.commands().missing())

            _check((status.state, status.exit_code) == (JobState.failed, None), status)
            _check("/nowhere/program" in status.reason, status)

    def test_a_command_that_takes_too_long_is_ended(self) -> None:
        with self._engine() as engine:
            status = self._run(engine, replace(self.commands().endless(), walltime=0.2))

            _check(status.state is JobState.timed_out, status)
            _check("0.2" in status.reason, status)

    def test_a_walltime_that_is_not_reached_changes_nothing(self) -> None:
        with self._engine() as engine:
            status = self._run(engine, replace(self.commands().lasting(0.1), walltime=3600.0))

            _check((status.state, status.exit_code) == (JobState.failed, 7), status)

    # --- watching -----------------------------------------------------------------------------------------------------

    def test_a_watcher_is_told_of_every_move_and_of_the_end_last_and_once(self) -> None:
        with self._engine() as engine:
            told: list[tuple[Handle, Status]] = []
            handle = engine.submit(self.commands().lasting(0.1), "key", lambda *each: told.append(each))
            self._end_of(engine, handle)
            self._until(lambda: bool(told) and told[-1][1].final, "a watcher is told of the end")

            states = [JobState.submitted, *(status.state for _, status in told)]
            moves = list(pairwise(states))
            _check(all(JOB.allows(*move) for move in moves), states)
            _check([status.final for _, status in told].count(True) == 1, told)
            _check({each for each, _ in told} == {handle}, told)

    def test_a_watcher_of_a_second_submit_is_told_of_the_end_that_it_missed(self) -> None:
        with self._engine() as engine:
            spec = self.commands().succeeding()
            self._end_of(engine, engine.submit(spec, "key"))
            told: list[Status] = []
            engine.submit(spec, "key", lambda _, status: told.append(status))
            self._until(lambda: bool(told), "a watcher is told of an end that it missed")

            _check([status.state for status in told] == [JobState.succeeded], told)

    def test_many_commands_are_polled_in_one_question(self) -> None:
        with self._engine() as engine:
            handles = [engine.submit(self.commands().failing(code), f"key {code}") for code in range(5)]
            for handle in handles:
                self._end_of(engine, handle)

            found = engine.poll(handles)
            _check(list(found) == handles, found)
            _check([status.exit_code for status in found.values()] == [0, 1, 2, 3, 4], found)
            _check(engine.poll([]) == {}, "it knows something of nothing")

    # --- keys ---------------------------------------------------------------------------------------------------------

    def test_the_same_command_under_the_same_key_is_one_command(self) -> None:
        with self._engine() as engine:
            spec = self.commands().endless()
            handle = engine.submit(spec, "key")

            _check(engine.submit(spec, "key") == handle, "a second command was made")

    def test_another_command_under_a_key_is_refused(self) -> None:
        with self._engine() as engine:
            engine.submit(self.commands().succeeding(), "my key")

            error = _raised(KeyTakenError, lambda: engine.submit(self.commands().failing(1), "my key"))
            _check("my key" in str(error), error)

    def test_any_text_is_a_key(self) -> None:
        with self._engine() as engine:
            keys = ["/", "..", "", "a b", "ключ", "x" * 5000, "%2F", "\n", "\udcff"]
            handles = [engine.submit(self._keepable(self.commands().succeeding()), key) for key in keys]

            _check([handle.key for handle in handles] == keys, handles)
            _check(len({self._end_of(engine, handle).state for handle in handles}) == 1, "not all have succeeded")

    def test_a_handle_is_plain_data(self) -> None:
        with self._engine() as engine:
            handle = engine.submit(self.commands().succeeding(), "key")
            again = Handle(str(handle.engine), str(handle.key), str(handle.id))

            _check(list(engine.poll([again])) == [handle], again)
            _check(handle.engine == engine.name, handle)

    def test_a_handle_that_it_never_gave_is_refused(self) -> None:
        with self._engine() as engine:
            engine.submit(self.commands().succeeding(), "key")
            for handle in (Handle(engine.name, "another", "1"), Handle(engine.name, "key", "another")):
                _raised(UnknownJobError, lambda handle=handle: engine.poll([handle]))
                _raised(UnknownJobError, lambda handle=handle: engine.cancel(handle))
                _raised(UnknownJobError, lambda handle=handle: engine.logs(handle))

    # --- cancel and remove --------------------------------------------------------------------------------------------

    def test_a_cancelled_command_ends(self) -> None:
        with self._engine() as engine:
            handle = engine.submit(self.commands().endless(), "key")
            self._begin_of(engine, handle)
            engine.cancel(handle)
            engine.cancel(handle)

            _check(self._end_of(engine, handle).state is JobState.cancelled, engine.poll([handle]))

    def test_a_command_that_is_cancelled_at_once_ends(self) -> None:
        with self._engine() as engine:
            handle = engine.submit(self.commands().endless(), "key")
            engine.cancel(handle)

            _check(self._end_of(engine, handle).state is JobState.cancelled, engine.poll([handle]))

    def test_a_command_that_has_ended_stays_as_it_ended(self) -> None:
        with self._engine() as engine:
            handle = engine.submit(self.commands().failing(3), "key")
            before = self._end_of(engine, handle)
            engine.cancel(handle)
            self.pause()

            _check(engine.poll([handle])[handle] == before, before)

    def test_a_removed_command_is_unknown_and_its_key_is_free(self) -> None:
        with self._engine() as engine:
            handle = engine.submit(self._keepable(self.commands().succeeding()), "key")
            self._end_of(engine, handle)
            engine.remove(handle)
            engine.remove(handle)

            _raised(UnknownJobError, lambda: engine.poll([handle]))
            another = engine.submit(self._keepable(self.commands().failing(2)), "key")
            _check(another != handle, "two commands have one handle")
            _check(self._end_of(engine, another).exit_code == 2, engine.poll([another]))

    def test_removing_a_command_that_runs_ends_it_first(self) -> None:
        with self._engine() as engine:
            told: list[Status] = []
            watch = lambda _, status: told.append(status)  # noqa: E731 - shorter than the function
            handle = engine.submit(self._keepable(self.commands().endless()), "key", watch)
            self._begin_of(engine, handle)
            engine.remove(handle)

            self._until(lambda: bool(told) and told[-1].final, "the removed command ends")
            _check(told[-1].state is JobState.cancelled, told)

    # --- logs ---------------------------------------------------------------------------------------------------------

    def test_output_that_was_given_no_place_is_kept(self) -> None:
        with self._engine() as engine:
            handle = engine.submit(self.commands().printing(), "key")
            self._end_of(engine, handle)

            _check(engine.logs(handle) == b"hello\n", engine.logs(handle))
            _check(engine.logs(handle, "stderr") == b"oops\n", engine.logs(handle, "stderr"))
            _check(engine.logs(handle, offset=1, size=3) == b"ell", "a part of the output is another")
            _check(engine.logs(handle, offset=100) == b"", "there is output beyond its end")

    def test_output_that_went_elsewhere_is_not_returned(self) -> None:
        with self._engine() as engine:
            spec = replace(self.commands().succeeding(), stdout=Output(Path("/dev/null")))
            handle = engine.submit(spec, "key")
            self._end_of(engine, handle)

            _raised(EngineError, lambda: engine.logs(handle))

    # --- the engine ---------------------------------------------------------------------------------------------------

    def test_an_option_that_it_does_not_know_is_refused_by_name(self) -> None:
        with self._engine() as engine:
            spec = replace(self.commands().succeeding(), options={"frobnicate": 1})

            error = _raised(UnsupportedSpecError, lambda: engine.submit(spec, "key"))
            _check("frobnicate" in str(error), error)

    def test_a_closed_engine_takes_nothing(self) -> None:
        with self._engine() as engine:
            engine.close()
            engine.close()

            _raised(EngineClosedError, lambda: engine.submit(self.commands().succeeding(), "key"))

    def test_closing_ends_what_is_not_to_be_kept(self) -> None:
        with self._engine() as engine:
            told: list[Status] = []
            engine.submit(self.commands().endless(), "key", lambda _, status: told.append(status))
            engine.close()

            self._until(lambda: bool(told) and told[-1].final, "closing ends the command")
            _check(told[-1].state is JobState.cancelled, told)

    # --- keeping ------------------------------------------------------------------------------------------------------

    def test_a_kept_command_goes_on_and_is_found_again_by_its_handle(self) -> None:
        with self._place() as place:
            first = self.open_engine(place)
            handle = first.submit(self._keepable(self.commands().lasting(0.3)), "key")
            first.close()
            second = self.open_engine(place)
            try:
                status = self._end_of(second, handle) if self.keeps else Status(state=JobState.failed, exit_code=7)
                _check((status.state, status.exit_code) == (JobState.failed, 7), status)
            finally:
                second.close()

    def test_a_kept_command_is_found_again_by_its_key_and_not_run_again(self) -> None:
        with self._place() as place:
            spec = self._keepable(self.commands().lasting(0.3))
            first = self.open_engine(place)
            handle = first.submit(spec, "key")
            first.close()
            second = self.open_engine(place)
            try:
                told: list[Status] = []
                if self.keeps:
                    again = second.submit(spec, "key", lambda _, status: told.append(status))
                    _check(again == handle, again)
                    _check(self._end_of(second, handle).exit_code == 7, second.poll([handle]))
                    self._until(lambda: bool(told) and told[-1].final, "a watcher is told of a found command's end")
                    other = self._keepable(self.commands().failing(1))
                    _raised(KeyTakenError, lambda: second.submit(other, "key"))
            finally:
                second.close()

    def test_a_kept_command_that_was_found_again_can_be_cancelled_and_removed(self) -> None:
        with self._place() as place:
            first = self.open_engine(place)
            handle = first.submit(self._keepable(self.commands().endless()), "key")
            self._begin_of(first, handle)
            first.close()
            second = self.open_engine(place)
            try:
                if self.keeps:
                    second.cancel(handle)
                    _check(self._end_of(second, handle).state is JobState.cancelled, second.poll([handle]))
                    second.remove(handle)
                    _raised(UnknownJobError, lambda: second.poll([handle]))
            finally:
                second.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _keepable(self, spec: CommandSpec) -> CommandSpec:
        return replace(spec, orphan="keep") if self.keeps else spec

    @contextmanager
    def _place(self) -> Iterator[Path]:
        with TemporaryDirectory() as place:
            yield Path(place)

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        with self._place() as place:
            engine = self.open_engine(place)
            try:
                yield engine
            finally:
                engine.close()

    def _run(self, engine: Engine, spec: CommandSpec) -> Status:
        return self._end_of(engine, engine.submit(spec, "key"))

    def _begin_of(self, engine: Engine, handle: Handle) -> None:
        self._until(lambda: engine.poll([handle])[handle].state is not JobState.submitted, f"{handle} begins")

    def _end_of(self, engine: Engine, handle: Handle) -> Status:
        self._until(lambda: engine.poll([handle])[handle].final, f"{handle} ends")
        return engine.poll([handle])[handle]

    def _until(self, condition: Any, what: str) -> None:  # noqa: ANN401 - a function without arguments
        deadline = time.monotonic() + self.patience
        while not condition():
            _check(time.monotonic() < deadline, f"waited {self.patience:g} s in vain until {what}")
            self.pause()


def _check(held: bool, told: object) -> None:  # noqa: FBT001 - what is checked
    if not held:
        raise AssertionError(told)


def _raised(kind: type[Exception], deed: Any) -> Exception:  # noqa: ANN401 - a function without arguments
    try:
        deed()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")
