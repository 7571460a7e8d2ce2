"""Checkpoints under Parsl's names: of Headrace's own, in Parsl's layout, and Parsl's."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.helpers import soon

import headrace
from headrace import python_app
from headrace.compat import CompatWarning
from headrace.compat.parsl import Config, HighThroughputExecutor, load
from headrace.compat.parsl.errors import BadCheckpoint
from headrace.compat.parsl.memoization import BasicMemoizer
from headrace.compat.parsl.utils import get_all_checkpoints, get_last_checkpoint
from headrace.compat.parsl_checkpoints import ParslCheckpoints
from headrace.compat.parsl_checkpoints.key import key_of_call
from headrace.compat.parsl_checkpoints.record import pack_record

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

ran: list[Any] = []


@python_app(cache=True)
def double(x: Any) -> Any:  # noqa: ANN401 - several types
    ran.append(x)
    return x * 2


@python_app(cache=True)
def fail(x: int) -> None:
    ran.append(x)
    raise ValueError(x)


@python_app(cache=True)
def lock() -> Any:  # noqa: ANN401 - what does not pickle
    return lambda: None


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Where the runs of a test have their directories."""
    return tmp_path / "runs"


@pytest.fixture
def run(runs: Path) -> Callable[..., Path]:
    """Doubles numbers in a kernel of its own, and returns the checkpoint directory of its run."""

    def run(*numbers: int, **options: Any) -> Path:  # noqa: ANN401 - those of a memoizer
        config = Config(run_dir=str(runs), memoizer=BasicMemoizer(**{"checkpoint_mode": "task_exit", **options}))
        with load(config) as kernel:
            assert [double(number).result() for number in numbers] == [number * 2 for number in numbers]
            directory = Path(kernel.run_dir)
        headrace.clear()
        return directory / "checkpoint"

    return run


def records(checkpoint: Path) -> list[dict[str, Any]]:
    """What Parsl would read there."""
    found = []
    with (checkpoint / "tasks.pkl").open("rb") as file:
        while file.peek(1):
            found.append(pickle.load(file))  # noqa: S301 - written by the test
    return found


def results(checkpoint: Path) -> list[Any]:
    return sorted(record["result"] for record in records(checkpoint))


# --- Headrace's own ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["task_exit", "dfk_exit", "manual", "periodic"])
def test_the_next_run_finds_what_the_one_before_has_computed(run: Callable[..., Path], mode: str) -> None:
    run(1, 2, checkpoint_mode=mode, checkpoint_period="01:00:00")
    ran.clear()

    run(2, 3, checkpoint_mode=mode, checkpoint_period="01:00:00")

    assert ran == [3]


def test_without_a_mode_nothing_is_stored_nor_found(run: Callable[..., Path]) -> None:
    checkpoint = run(1, checkpoint_mode=None)
    run(1, checkpoint_mode=None)

    assert ran == [1, 1]
    assert not checkpoint.exists()


def test_the_older_options_do_the_same(runs: Path) -> None:
    for _ in range(2):
        with load(Config(run_dir=str(runs), checkpoint_mode="task_exit")):
            assert double(1).result() == 2
        headrace.clear()

    assert ran == [1]


def test_the_form_of_the_first_years_does_the_same(runs: Path) -> None:
    for _ in range(2):
        kernel = headrace.compat.parsl.DataFlowKernel(rundir=str(runs), checkpointMode="dfk_exit")
        app = python_app(data_flow_kernel=kernel, cache=True)(double.func)
        assert app(1).result() == 2
        kernel.cleanup()

    assert ran == [1]


@pytest.mark.parametrize("off", [{"app_cache": False}, {"memoizer": BasicMemoizer(memoize=False)}])
def test_where_nothing_is_memoized_nothing_is_stored(runs: Path, off: dict[str, Any]) -> None:
    with load(Config(run_dir=str(runs), checkpoint_mode="task_exit", **off)) as kernel:
        double(1).result()
        kernel.checkpoint()

    assert not (Path(kernel.run_dir) / "checkpoint" / "tasks.pkl").exists()


def test_a_failure_is_not_stored(runs: Path) -> None:
    for _ in range(2):
        with load(Config(run_dir=str(runs), memoizer=BasicMemoizer(checkpoint_mode="task_exit"))):
            assert isinstance(fail(1).exception(), ValueError)
        headrace.clear()

    assert ran == [1, 1]


def test_an_empty_list_of_files_is_no_earlier_run(run: Callable[..., Path]) -> None:
    run(1)
    run(1, checkpoint_files=[])

    assert ran == [1, 1]


def test_only_what_is_in_the_files_that_are_named_is_found(run: Callable[..., Path]) -> None:
    first = run(1)
    run(2, checkpoint_files=[])
    ran.clear()

    run(1, 2, checkpoint_files=[str(first)])

    assert ran == [2]


def test_files_are_read_without_a_mode_too(run: Callable[..., Path]) -> None:
    checkpoint = run(1)
    run(1, checkpoint_mode=None, checkpoint_files=[checkpoint])

    assert ran == [1]


def test_the_last_checkpoint_holds_what_its_run_found_in_the_one_before(run: Callable[..., Path], runs: Path) -> None:
    for numbers in ((1,), (1, 2), (1, 2, 3)):
        run(*numbers, checkpoint_files=get_last_checkpoint(runs))

    assert ran == [1, 2, 3]
    assert len(get_all_checkpoints(runs)) == 3


def test_checkpoints_may_be_loaded_later(run: Callable[..., Path], runs: Path) -> None:
    checkpoint = run(1, 2)
    ran.clear()

    with load(Config(run_dir=str(runs))) as kernel:
        kernel.load_checkpoints([])
        kernel.load_checkpoints(None)
        kernel.load_checkpoints([str(checkpoint)])
        kernel.memoizer.load_checkpoints([str(checkpoint)])
        assert double(1).result() == 2

    assert ran == []


@pytest.mark.parametrize("kind", [Config, headrace.Config])
def test_a_kernel_has_a_memoizer_if_none_was_given(runs: Path, kind: Any) -> None:  # noqa: ANN401 - the cases
    with load(kind(run_dir=str(runs))) as kernel:
        assert kernel.memoizer.checkpoint_mode is None
        kernel.memoizer.checkpoint()


def test_where_no_journal_can_be_kept_checkpoints_are_refused(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.dataflow.record.open_record", lambda *_, **__: None)

    with pytest.raises(headrace.ConfigurationError, match="a checkpoint needs a journal"):
        load(Config(run_dir=str(runs), checkpoint_mode="task_exit"))
    with load(Config(run_dir=str(runs))):
        assert double(1).result() == 2


def test_results_of_processes_are_stored_too(runs: Path) -> None:
    workers = []
    for _ in range(2):
        with load(
            Config([HighThroughputExecutor(max_workers_per_node=1)], run_dir=str(runs), checkpoint_mode="task_exit")
        ):
            workers.append(headrace.python_app(cache=True)(os.getpid)().result())
        headrace.clear()

    assert workers[0] == workers[1] != os.getpid()


def test_a_file_that_is_not_there_is_a_bad_checkpoint_and_no_kernel_is_left(runs: Path) -> None:
    memoizer = BasicMemoizer(checkpoint_files=["no/such/checkpoint"])

    with pytest.raises(BadCheckpoint, match=r"'no/such/checkpoint' is no checkpoint"):
        load(Config(run_dir=str(runs), memoizer=memoizer))

    load(Config(run_dir=str(runs))).cleanup()


# --- in Parsl's layout ------------------------------------------------------------------------------------------------


def test_a_result_is_in_parsls_layout_when_its_future_is_done(runs: Path) -> None:
    memoizer = BasicMemoizer(checkpoint_mode="task_exit")
    with load(Config(run_dir=str(runs), memoizer=memoizer)) as kernel:
        double("ab").result()

        (record,) = records(Path(kernel.run_dir) / "checkpoint")

    assert list(record) == ["hash", "exception", "result"]
    assert (len(record["hash"]), record["exception"], record["result"]) == (32, None, "abab")


def test_a_checkpoint_writes_what_there_is_and_returns_its_directory(runs: Path) -> None:
    memoizer = BasicMemoizer(checkpoint_mode="manual")
    with load(Config(run_dir=str(runs), memoizer=memoizer)) as kernel:
        double(1).result()
        checkpoint = Path(kernel.run_dir) / "checkpoint"
        assert not checkpoint.exists()

        assert kernel.checkpoint() == str(checkpoint)
        assert results(checkpoint) == [2]
        double(2).result()
        memoizer.checkpoint()
        assert results(checkpoint) == [2, 4]
        double(3).result()

    assert results(checkpoint) == [2, 4, 6]
    state = pickle.loads((checkpoint / "dfk.pkl").read_bytes())  # noqa: S301 - written by the test
    assert state == {"rundir": kernel.run_dir, "task_count": 3}


def test_without_a_mode_a_checkpoint_that_is_asked_for_is_written(runs: Path) -> None:
    with load(Config(run_dir=str(runs))) as kernel:
        double(1).result()
        checkpoint = Path(kernel.checkpoint())

    assert results(checkpoint) == [2]


def test_a_periodic_checkpoint_is_written_while_the_program_runs(runs: Path) -> None:
    memoizer = BasicMemoizer(checkpoint_mode="periodic", checkpoint_period="00:00:01")
    with load(Config(run_dir=str(runs), memoizer=memoizer)) as kernel:
        double(1).result()

        assert soon((Path(kernel.run_dir) / "checkpoint" / "tasks.pkl").exists)


def test_what_was_found_is_written_again(run: Callable[..., Path]) -> None:
    run(1)

    assert results(run(1, 2)) == [2, 4]


def test_if_the_store_is_gone_the_copy_is_used(run: Callable[..., Path], runs: Path) -> None:
    run(1)
    for left in runs.glob("journal.db*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    ran.clear()

    run(1)

    assert ran == []


def test_a_copy_that_cannot_be_written_costs_no_task(
    runs: Path, run: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with load(Config(run_dir=str(runs), memoizer=BasicMemoizer(checkpoint_mode="task_exit"))) as kernel:
        (Path(kernel.run_dir) / "checkpoint" / "tasks.pkl").mkdir(parents=True)
        assert double(1).result() == 2
        assert double(2).result() == 4
    headrace.clear()

    assert [record.message.partition(": ")[0] for record in caplog.records if "copy" in record.message] == [
        f"{kernel.run_dir}/checkpoint, a copy of the results for Parsl, cannot be written",
        f"2 results are not in {kernel.run_dir}/checkpoint, the copy for Parsl",
    ]
    ran.clear()
    run(1, 2)
    assert ran == []


def test_a_record_that_is_written_in_part_is_taken_back(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, room = os.write, [True]

    def limited(file: int, data: Any) -> int:  # noqa: ANN401 - what os.write takes
        if Path(f"/proc/self/fd/{file}").readlink().name != "tasks.pkl" or room[0]:
            return write(file, data)
        write(file, data[:10])
        raise OSError(28, "No space left on device")

    with load(Config(run_dir=str(runs), memoizer=BasicMemoizer(checkpoint_mode="task_exit"))) as kernel:
        monkeypatch.setattr(os, "write", limited)
        for number, has_room in ((1, True), (2, False), (3, True)):
            room[0] = has_room
            double(number).result()

    assert results(Path(kernel.run_dir) / "checkpoint") == [2, 6]


def test_a_run_without_results_leaves_a_checkpoint_without_records(run: Callable[..., Path]) -> None:
    checkpoint = run()

    assert records(checkpoint) == []
    run(1, checkpoint_files=[checkpoint])
    assert ran == [1]


# --- Parsl's ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def parsls(run: Callable[..., Path], runs: Path, tmp_path: Path) -> Path:
    """A checkpoint directory as Parsl leaves it, with the doubles of 1, 2 and 3, in this order."""
    copy = run(1, 2, 3)
    checkpoint = tmp_path / "parsls" / "000" / "checkpoint"
    checkpoint.mkdir(parents=True)
    shutil.copy(copy / "tasks.pkl", checkpoint)
    shutil.rmtree(runs)
    ran.clear()
    return checkpoint


def test_parsls_results_are_found_when_they_are_named(run: Callable[..., Path], parsls: Path) -> None:
    run(1, 2, 3, 4, checkpoint_files=[parsls])

    assert ran == [4]


def test_parsls_results_are_found_among_earlier_runs(run: Callable[..., Path], runs: Path, parsls: Path) -> None:
    shutil.copytree(parsls.parents[1], runs)

    run(1, 2, 3, 4)

    assert ran == [4]


def test_once_used_they_are_headraces_own(run: Callable[..., Path], runs: Path, parsls: Path) -> None:
    checkpoint = run(1, 2, checkpoint_files=[parsls])
    shutil.rmtree(parsls)

    run(1, 2, 3, checkpoint_files=[checkpoint])

    assert ran == [3]


def test_a_program_for_headrace_uses_them_if_it_says_that_it_trusts_their_author(tmp_path: Path, parsls: Path) -> None:
    trusted = ParslCheckpoints([parsls], trust_author=True)
    with headrace.load(headrace.Config(run_dir=tmp_path / "own", checkpoint_files=[trusted])) as kernel:
        assert [double(number).result() for number in (1, 2, 3, 4)] == [2, 4, 6, 8]

    assert ran == [4]
    assert kernel.reuse.calls == 3


def test_they_are_not_used_if_it_does_not_say_so(parsls: Path) -> None:
    with pytest.raises(BadCheckpoint, match="trust_author=True"):
        ParslCheckpoints([parsls], trust_author=False)


def test_a_program_for_parsl_which_cannot_say_so_is_warned(
    run: Callable[..., Path], parsls: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(1, checkpoint_files=[parsls])

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"3 results of Parsl's in {parsls} answer calls: loading one runs whatever its author put there"
    ]


def test_results_of_a_default_protocol_other_than_this_pythons_are_found(
    tmp_path: Path, run: Callable[..., Path]
) -> None:
    other = 9 - pickle.DEFAULT_PROTOCOL
    key = key_of_call(double.func, (1,), {}, protocol=other)
    record = pickle.dumps({"hash": key, "exception": None, "result": 2}, other)
    (tmp_path / "tasks.pkl").write_bytes(record)

    run(1, checkpoint_files=[tmp_path])

    assert ran == []


def test_results_that_an_older_parsl_wrote_are_found(tmp_path: Path, runs: Path) -> None:
    @python_app(cache=True)
    def count(inputs: Any = ()) -> int:  # noqa: ANN401 - any list
        ran.append(inputs)
        return len(inputs)

    key = key_of_call(count.func, (), {}, before_2025=True)
    (tmp_path / "tasks.pkl").write_bytes(pickle.dumps({"hash": key, "exception": None, "result": 0}))

    with load(Config(run_dir=str(runs), checkpoint_files=[tmp_path])):
        assert [count().result(), count(inputs=[1]).result()] == [0, 1]

    assert ran == [[1]]


def test_a_torn_record_costs_itself_only(
    run: Callable[..., Path], parsls: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = parsls / "tasks.pkl"
    os.truncate(file, file.stat().st_size - 1)

    run(1, 2, 3, checkpoint_files=[parsls])

    assert ran == [3]
    assert "1 results are lost from there on" in caplog.text


def test_how_much_is_lost_is_told(parsls: Path) -> None:
    file = parsls / "tasks.pkl"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2] + b"garbage" + data)

    found = ParslCheckpoints([parsls], trust_author=True)

    assert found.lost == {file: 4}
    assert len(found) == 1


def test_a_damaged_value_is_left_out_when_it_is_asked_for(
    run: Callable[..., Path], parsls: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = parsls / "tasks.pkl"
    data = bytearray(file.read_bytes())
    data[len(data) // 3 - 4] = 0xFF  # the step that makes the first record's value
    file.write_bytes(data)

    run(1, 2, 3, checkpoint_files=[parsls])

    assert ran == [1]
    assert "is run again: its result at byte 0 of" in caplog.text


def test_a_result_of_a_class_that_is_gone_is_left_out(run: Callable[..., Path], parsls: Path) -> None:
    file = parsls / "tasks.pkl"
    key = records(parsls)[0]["hash"]
    file.write_bytes(pack_record(key, b"\x80\x05cno_such_module\nname\n."))

    run(1, checkpoint_files=[parsls])

    assert ran == [1]


@pytest.mark.parametrize(
    "record", [{"exception": "an error", "result": None}, {"exception": None, "result": 5, "hash": "0" * 32}]
)
def test_a_record_of_something_else_is_left_out(run: Callable[..., Path], parsls: Path, record: dict[str, Any]) -> None:
    key = records(parsls)[0]["hash"]
    (parsls / "tasks.pkl").write_bytes(pickle.dumps({"hash": key, **record}))

    run(1, checkpoint_files=[parsls])

    assert ran == [1]


def test_the_last_of_several_records_counts(runs: Path, parsls: Path) -> None:
    key = records(parsls)[0]["hash"]
    with (parsls / "tasks.pkl").open("ab") as file:
        file.write(pack_record(key, pickle.dumps("another", 5)))

    with load(Config(run_dir=str(runs), memoizer=BasicMemoizer(checkpoint_files=[str(parsls)]))):
        assert double(1).result() == "another"


def test_what_is_no_checkpoint_is_refused_when_it_is_named(tmp_path: Path, run: Callable[..., Path]) -> None:
    (tmp_path / "tasks.pkl").write_bytes(b"\0" * 1000)

    with pytest.raises(BadCheckpoint, match="is no checkpoint of Parsl's"):
        run(1, checkpoint_files=[tmp_path])


def test_what_is_no_checkpoint_among_earlier_runs_is_told_of(runs: Path, run: Callable[..., Path]) -> None:
    (runs / "000" / "checkpoint").mkdir(parents=True)
    (runs / "000" / "checkpoint" / "tasks.pkl").write_bytes(b"\0" * 1000)

    with pytest.warns(CompatWarning, match="an earlier run's results are not used"):
        run(1)

    assert ran == [1]


def test_what_everybody_could_have_written_is_used_only_when_it_is_named(
    runs: Path, run: Callable[..., Path], parsls: Path
) -> None:
    shutil.copytree(parsls.parents[1], runs)
    file = runs / "000" / "checkpoint" / "tasks.pkl"
    file.chmod(0o666)

    with pytest.warns(CompatWarning, match="may be written to by everybody"):
        run(1)
    run(2, checkpoint_files=[file.parent])

    assert ran == [1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_somebody_else_is_used_only_when_it_is_named(
    runs: Path, run: Callable[..., Path], parsls: Path
) -> None:
    shutil.copytree(parsls.parents[1], runs)
    file = runs / "000" / "checkpoint" / "tasks.pkl"
    os.chown(file, 12345, -1)

    with pytest.warns(CompatWarning, match="belongs to user 12345"):
        run(1)
    run(2, checkpoint_files=[file.parent])

    assert ran == [1]


def test_nothing_is_unpickled_that_no_call_asks_for(tmp_path: Path, run: Callable[..., Path]) -> None:
    trap = b"\x80\x05cos\nsystem\n(X\x0b\0\0\0touch pwnedtR."
    (tmp_path / "tasks.pkl").write_bytes(pack_record("0" * 32, trap))

    run(1, checkpoint_files=[tmp_path])

    assert not Path("pwned").exists()


@pytest.mark.parametrize("given", ["runinfo/000/checkpoint", Path("runinfo")])
def test_one_directory_is_no_list_of_directories(given: Any) -> None:  # noqa: ANN401 - the cases
    with pytest.raises(BadCheckpoint, match="given as a list"):
        ParslCheckpoints(given, trust_author=True)


def test_a_directory_named_as_the_file_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "tasks.pkl").mkdir()

    with pytest.raises(BadCheckpoint, match="is no file"):
        ParslCheckpoints([tmp_path], trust_author=True)


def test_a_result_that_does_not_pickle_fails_its_task(runs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    with load(Config(run_dir=str(runs), memoizer=BasicMemoizer(checkpoint_mode="task_exit"))):
        assert isinstance(lock().exception(), headrace.CheckpointError)
