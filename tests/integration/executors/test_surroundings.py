"""What a call finds around it, what it is given, and that the next one finds it as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.integration.executors.conftest import WAIT, runner
from tests.integration.executors.deeds import meet

from headrace.compute.executors import CallSpec, StandardStreamError, WorkerLost
from headrace.compute.resources import InsufficientResourcesError, Resources

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.executors.conftest import MakePool, Run, RunScript

pytestmark = pytest.mark.slow

MIB = 2**20


@pytest.fixture
def run_on_one(make_pool: MakePool) -> Run:
    """Hand calls to a pool of one worker."""
    return runner(make_pool(1))


def test_standard_streams_go_to_files(run_on_one: Run, tmp_path: Path) -> None:
    """Also what native code and commands write; the folder is made."""

    def writes() -> None:
        print("out")  # noqa: T201 - into the file
        print("err", file=sys.stderr)  # noqa: T201 - likewise
        os.system("echo command")  # noqa: S605, S607

    out, err = tmp_path / "new" / "out", tmp_path / "new" / "err"
    spec = CallSpec(stdout=(str(out), "w"), stderr=(str(err), "w"))

    assert run_on_one(writes, spec=spec).value() is None
    assert (sorted(out.read_text().split()), err.read_text()) == (["command", "out"], "err\n")


def test_a_standard_stream_is_appended_to_where_the_mode_says_so(run_on_one: Run, tmp_path: Path) -> None:
    spec = CallSpec(stdout=(str(tmp_path / "out"), "a"))

    for number in range(3):
        run_on_one(print, number, spec=spec).value()

    assert (tmp_path / "out").read_text() == "0\n1\n2\n"


def test_what_a_call_printed_before_it_failed_is_in_its_file(run_on_one: Run, tmp_path: Path) -> None:
    def fails() -> None:
        print("before")  # noqa: T201 - into the file
        raise ValueError

    assert isinstance(run_on_one(fails, spec=CallSpec(stdout=(str(tmp_path / "out"), "w"))).error(), ValueError)
    assert (tmp_path / "out").read_text() == "before\n"


def test_a_relative_path_of_a_stream_is_relative_to_this_process(
    run_on_one: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")

    run_on_one(print, "here", spec=CallSpec(stdout=("out", "w"))).value()

    assert (tmp_path / "sub" / "out").read_text() == "here\n"


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (("/proc/no/such", "w"), "fit: stdout cannot be opened: No such file or directory"),
        (("/tmp", "w"), "fit: stdout cannot be opened: Is a directory"),  # noqa: S108 - any folder
        (("out", "rw"), "fit: stdout cannot be opened in mode 'rw'"),
        (("a\0b", "w"), "fit: stdout cannot be opened: embedded null byte"),
    ],
)
def test_a_stream_that_cannot_be_opened_is_the_calls_error(
    run_on_one: Run, tmp_path: Path, stream: tuple[str, str], reason: str
) -> None:
    error = run_on_one((tmp_path / "begun").touch, spec=CallSpec(name="fit", stdout=stream)).error()

    assert isinstance(error, StandardStreamError)
    assert isinstance(error, OSError)
    assert error.strerror == reason
    assert str(error.filename).endswith(stream[0])
    assert not (tmp_path / "begun").exists()


def test_a_call_that_closes_its_standard_streams_does_not_close_the_next_ones(run_script: RunScript) -> None:
    done = run_script("""
        import os, sys
        from headrace.compute.executors import ProcessPoolExecutor

        pool = ProcessPoolExecutor(max_workers=1)
        pool.start()

        def closes_files():
            os.close(1)
            os.close(2)

        def closes_objects():
            sys.stdout.close()
            sys.stderr.close()

        def replaces():
            sys.stdout = None
            os.dup2(os.open("/dev/null", os.O_WRONLY), 1)

        for deed in (closes_files, closes_objects, replaces):
            pool.submit(deed).result()
            pool.submit(print, "after", deed.__name__).result()
        pool.shutdown()
    """)

    assert done.stdout == "after closes_files\nafter closes_objects\nafter replaces\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_workflow_without_standard_streams_has_workers_all_the_same(tmp_path: Path, closed: str) -> None:
    """As services are started; also a call's own files for them work there."""
    (tmp_path / "script.py").write_text(
        "from headrace.compute.executors import CallSpec, ProcessPoolExecutor\n"
        "pool = ProcessPoolExecutor(max_workers=1)\n"
        "pool.start()\n"
        "spec = CallSpec(stdout=('out', 'w'))\n"
        "results = [pool.submit(print, number).result() for number in range(2)]\n"
        "import queue\n"
        "ends = queue.SimpleQueue()\n"
        "pool.execute(print, ('printed',), {}, lambda *end: ends.put(end), spec)\n"
        "results.append(ends.get()[1])\n"
        "results.append(pool.submit(abs, -1).result())\n"
        "open('results', 'w').write(repr(results))\n"
        "pool.shutdown()\n"
    )

    command = f'"{sys.executable}" script.py {closed}'
    done = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=False, timeout=40)

    assert done.returncode == 0
    assert (tmp_path / "results").read_text() == "[None, None, None, 1]"
    assert (tmp_path / "out").read_text() == "printed\n"


def test_a_call_that_changes_the_directory_does_not_move_the_next(run_on_one: Run, tmp_path: Path) -> None:
    run_on_one(os.chdir, "/").value()

    assert run_on_one(os.getcwd).value() == str(tmp_path)


def test_a_call_that_deletes_the_working_directory_costs_nothing(
    make_pool: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    run = runner(make_pool(1))

    assert run((tmp_path / "gone").rmdir).value() is None
    assert isinstance(run(os.getcwd).error(), FileNotFoundError)
    assert run(abs, -1, spec=CallSpec(stdout=("out", "w"))).error() is not None
    assert isinstance(run(os._exit, 1).error(), WorkerLost)
    assert run(abs, -1).value() == 1


def test_a_pool_that_starts_in_a_deleted_directory_works(
    make_pool: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert make_pool().submit(abs, -1).result(WAIT) == 1


def test_environment_variables_that_a_call_sets_stay_in_its_worker(run_on_one: Run) -> None:
    """As its imports do, which may rely on them."""

    def sets() -> None:
        os.environ["HEADRACE_TEST"] = "set"

    run_on_one(sets).value()

    assert run_on_one(lambda: os.environ.get("HEADRACE_TEST")).value() == "set"
    assert "HEADRACE_TEST" not in os.environ


def test_each_worker_has_a_place_that_its_replacement_takes(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(2)

    def place(mine: str, other: str) -> str | None:
        assert meet(tmp_path / mine, tmp_path / other)
        return os.environ.get("HEADRACE_WORKER")

    one, two = pool.submit(place, "a", "b"), pool.submit(place, "b", "a")
    assert {one.result(WAIT), two.result(WAIT)} == {"0", "1"}
    assert isinstance(pool.submit(os._exit, 1).exception(WAIT), WorkerLost)
    one, two = pool.submit(place, "c", "d"), pool.submit(place, "d", "c")
    assert {one.result(WAIT), two.result(WAIT)} == {"0", "1"}


def test_a_call_that_asks_for_cores_has_them_for_itself(make_pool: MakePool, tmp_path: Path) -> None:
    run = runner(make_pool(2))
    spec = CallSpec(resources=Resources(cores=1))

    def cores(mine: str, other: str) -> set[int]:
        assert meet(tmp_path / mine, tmp_path / other)
        return os.sched_getaffinity(0)

    one, two = run(cores, "a", "b", spec=spec), run(cores, "b", "a", spec=spec)

    first, second = one.value(), two.value()
    assert len(first) == len(second) == 1
    assert first != second or len(os.sched_getaffinity(0)) == 1


def test_a_call_that_asks_for_nothing_may_use_all_cores(run_on_one: Run) -> None:
    run_on_one(abs, 1, spec=CallSpec(resources=Resources(cores=1))).value()

    assert run_on_one(os.sched_getaffinity, 0).value() == os.sched_getaffinity(0)


def test_a_call_cannot_take_more_memory_than_it_asked_for(run_on_one: Run) -> None:
    error = run_on_one(bytearray, 300 * MIB, spec=CallSpec(resources=Resources(memory=100 * MIB))).error()

    assert isinstance(error, MemoryError)
    assert str(error) == "the call asked for 100 MiB of memory, which is its limit"


def test_a_call_can_take_as_much_memory_as_it_asked_for(run_on_one: Run) -> None:
    spec = CallSpec(resources=Resources(memory=300 * MIB))

    assert len(run_on_one(bytearray, 250 * MIB, spec=spec).value()) == 250 * MIB


def test_the_limit_of_memory_is_gone_with_its_call(run_on_one: Run) -> None:
    run_on_one(abs, 1, spec=CallSpec(resources=Resources(memory=MIB))).value()

    assert run_on_one(lambda: len(bytearray(200 * MIB))).value() == 200 * MIB


def test_a_call_that_asks_for_more_than_there_is_ends_at_once(run_on_one: Run, tmp_path: Path) -> None:
    spec = CallSpec(name="fit", resources=Resources(cores=1000))

    error = run_on_one((tmp_path / "begun").touch, spec=spec).error()

    assert isinstance(error, InsufficientResourcesError)
    assert str(error).startswith("fit asks for 1000 cores; executor 'pool' has ")


def test_calls_that_do_not_fit_together_run_one_after_the_other(make_pool: MakePool, tmp_path: Path) -> None:
    """They are never there at the same time."""
    run = runner(make_pool(2, memory=200 * MIB))
    spec = CallSpec(resources=Resources(memory=150 * MIB))

    def alone() -> bool:
        import time  # noqa: PLC0415 - in the worker

        (tmp_path / "here").mkdir()
        time.sleep(0.05)
        (tmp_path / "here").rmdir()
        return True

    assert [told.value() for told in [run(alone, spec=spec) for _ in range(5)]] == [True] * 5


def gpus_seen() -> tuple[str | None, int]:
    """Return what CUDA would look at, and the process."""
    return os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpid()


def test_a_call_that_asks_for_a_gpu_sees_that_alone(
    make_pool: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    run = runner(make_pool(2, gpus=["4", "7"]))
    spec = CallSpec(resources=Resources(gpus=1))

    def gpu(mine: str, other: str) -> str | None:
        assert meet(tmp_path / mine, tmp_path / other)
        return os.environ.get("CUDA_VISIBLE_DEVICES")

    one, two = run(gpu, "a", "b", spec=spec), run(gpu, "b", "a", spec=spec)

    assert {one.value(), two.value()} == {"4", "7"}
    assert run(gpus_seen, spec=CallSpec(resources=Resources(gpus=2))).value()[0] == "4,7"


def test_a_call_that_asks_for_none_sees_no_gpu_of_a_pool_that_was_given_some(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")

    assert runner(make_pool(1, gpus=1))(gpus_seen).value()[0] == ""
    assert runner(make_pool(1))(gpus_seen).value()[0] == "4,7"


def test_a_process_that_has_seen_a_gpu_never_sees_others(make_pool: MakePool) -> None:
    """CUDA looks at the variable once: where another is wanted, another process makes the call."""
    run = runner(make_pool(1, gpus=["0", "1"]))
    one, two = CallSpec(resources=Resources(gpus=1)), CallSpec(resources=Resources(gpus=2))

    seen = [run(gpus_seen, spec=spec).value() for spec in (one, one, two, None, two, one)]

    assert [gpus for gpus, _ in seen] == ["0", "0", "0,1", None, "0,1", "0"]
    pids = [pid for _, pid in seen]
    assert pids[0] == pids[1]
    assert len(set(pids)) == 5
