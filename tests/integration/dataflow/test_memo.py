"""Equal calls share an outcome: while they run, and afterwards."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from headrace import AUTO_LOGNAME, Backoff, ProcessPoolExecutor, bash_app, id_for_memo, join_app, python_app

if TYPE_CHECKING:
    from pathlib import Path

    from headrace import DataFlowKernel

WAIT = 20


class Count:
    """Counts its calls; those wait until they are let go."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = threading.Event()
        self.begun = threading.Event()

    def __call__(self) -> int:
        self.calls += 1
        self.begun.set()
        assert self.go.wait(WAIT)
        return self.calls


def wait_until_followed(calls: Any) -> None:
    """Return when all but one of the calls wait for that one."""
    deadline = time.monotonic() + WAIT
    while sum(call.task_record.leader is not None for call in calls) < len(calls) - 1:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@id_for_memo.register(Count)
def _(count: Count, output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - the signature that they have
    """Make no difference: functions here refer to one, and it changes with each call."""
    return b"count"


@pytest.fixture
def count() -> Count:
    return Count()


@pytest.fixture
def app(kernel: DataFlowKernel, count: Count) -> Any:
    """An app whose equal calls share an outcome; `count` says how many ran."""

    @python_app(data_flow_kernel=kernel, cache=True, ignore_for_cache=["note"])
    def app(x: Any, y: Any = 0, note: str = "", inputs: Any = ()) -> Any:
        return (count(), x)

    count.go.set()
    return app


def test_an_equal_call_is_not_run_again(app: Any, count: Count) -> None:
    first = app(1).result(WAIT)
    again = app(1)

    assert (again.result(WAIT), count.calls) == (first, 1)
    assert again.task_status() == "memo_done"


def test_another_call_is_run(app: Any, count: Count) -> None:
    app(1).result(WAIT)
    app(2).result(WAIT)

    assert count.calls == 2


def test_how_an_argument_is_given_makes_no_difference(app: Any, count: Count) -> None:
    app(1).result(WAIT)

    for call in (app(x=1), app(1, 0), app(1, y=0)):
        call.result(WAIT)
    assert count.calls == 1


def test_an_ignored_argument_makes_no_difference(app: Any, count: Count) -> None:
    app(1, note="one").result(WAIT)
    app(1, note="other").result(WAIT)

    assert count.calls == 1


def test_futures_count_by_their_results(app: Any, kernel: DataFlowKernel, count: Count) -> None:
    app(3, inputs=[3]).result(WAIT)
    app(kernel.submit(int, "3"), inputs=[kernel.submit(int, "3")]).result(WAIT)

    assert count.calls == 1


def test_an_app_that_does_not_ask_for_it_runs_each_time(kernel: DataFlowKernel, count: Count) -> None:
    count.go.set()

    assert [kernel.submit(count).result(WAIT) for _ in range(2)] == [1, 2]


def test_a_kernel_can_ask_for_it_for_all_apps_that_do_not_refuse(make_kernel: Any, count: Count) -> None:
    kernel = make_kernel(cache_default=True)
    count.go.set()

    @python_app(data_flow_kernel=kernel)
    def shared() -> int:
        return count()

    @python_app(data_flow_kernel=kernel, cache=False)
    def each() -> int:
        return count()

    assert [shared().result(WAIT), shared().result(WAIT)] == [1, 1]
    assert [each().result(WAIT), each().result(WAIT)] == [2, 3]


def test_equal_calls_under_way_at_once_run_once(app: Any, count: Count) -> None:
    count.go.clear()
    calls = [app(7) for _ in range(5)]
    assert count.begun.wait(WAIT)
    wait_until_followed(calls)
    count.go.set()

    assert {call.result(WAIT) for call in calls} == {(1, 7)}
    assert count.calls == 1


def test_calls_under_way_at_once_share_a_failure(kernel: DataFlowKernel, count: Count) -> None:
    @python_app(data_flow_kernel=kernel, cache=True)
    def fail(x: int) -> None:
        raise ValueError(count())

    calls = [fail(7) for _ in range(5)]
    assert count.begun.wait(WAIT)
    wait_until_followed(calls)
    count.go.set()

    assert {repr(call.exception(WAIT)) for call in calls} == {"ValueError(1)"}


def test_a_failure_is_not_kept_unless_asked_for(kernel: DataFlowKernel, make_kernel: Any, count: Count) -> None:
    count.go.set()

    def fail() -> None:
        raise ValueError(count())

    keeping = make_kernel(cache_errors=True)

    assert [repr(kernel.submit(fail, cache=True).exception(WAIT)) for _ in range(2)] == [
        "ValueError(1)",
        "ValueError(2)",
    ]
    assert [repr(keeping.submit(fail, cache=True).exception(WAIT)) for _ in range(2)] == ["ValueError(3)"] * 2


def test_when_the_call_that_others_wait_for_is_cancelled_one_of_them_runs(make_kernel: Any, count: Count) -> None:
    kernel = make_kernel(ProcessPoolExecutor("processes", max_workers=1))

    @python_app(data_flow_kernel=kernel, cache=True)
    def slow(first: Any) -> str:
        import time  # noqa: PLC0415 - in the worker
        from pathlib import Path  # noqa: PLC0415 - in the worker

        if not Path(first).exists():
            Path(first).touch()
            time.sleep(600)
        return "done"

    place = str(kernel.run_dir / "mark")
    leader = slow(place)
    deadline = threading.Event()
    while not (kernel.run_dir / "mark").exists():
        deadline.wait(0.005)
    followers = [slow(place) for _ in range(3)]
    leader.cancel()

    assert [one.result(WAIT) for one in followers] == ["done"] * 3


def test_a_call_that_waits_for_an_equal_one_can_be_cancelled(app: Any, count: Count) -> None:
    count.go.clear()
    calls = [app(1), app(1)]
    assert count.begun.wait(WAIT)
    leader, follower = sorted(calls, key=lambda call: call.task_status())

    assert (leader.task_status(), follower.task_status()) == ("launched", "pending")
    assert follower.cancel()
    count.go.set()
    assert leader.result(WAIT) == (1, 1)


def test_a_retried_call_is_shared_too(make_kernel: Any, count: Count) -> None:
    kernel = make_kernel(retries=1, backoff=Backoff(initial=0))
    count.go.set()

    @python_app(data_flow_kernel=kernel, cache=True)
    def second_time_lucky() -> int:
        if count() == 1:
            raise OSError("not yet")
        return count.calls

    assert [call.result(WAIT) for call in [second_time_lucky() for _ in range(3)]] == [2, 2, 2]


def test_dependents_of_a_shared_result_run(app: Any, kernel: DataFlowKernel) -> None:
    app(1).result(WAIT)

    assert kernel.submit(lambda pair: pair[1] + 1, app(1)).result(WAIT) == 2


def test_an_argument_of_an_unknown_kind_fails_the_task_naming_it(app: Any) -> None:
    with pytest.raises(TypeError, match=r"app 'app': argument 'x'.*ignore_for_cache"):
        app(threading.Lock()).result(WAIT)


def test_a_command_whose_outputs_have_gone_is_run_again(kernel: DataFlowKernel, tmp_path: Path) -> None:
    @bash_app(data_flow_kernel=kernel, cache=True)
    def write(outputs: Any) -> str:
        return f"echo x >> {tmp_path}/log; touch {outputs[0]}"

    out = tmp_path / "out"
    write(outputs=[out]).result(WAIT)
    write(outputs=[out]).result(WAIT)
    assert (tmp_path / "log").read_text() == "x\n"

    out.unlink()
    write(outputs=[out]).result(WAIT)
    assert (tmp_path / "log").read_text() == "x\nx\n"


def test_a_join_app_s_result_is_shared(kernel: DataFlowKernel, count: Count) -> None:
    count.go.set()

    @join_app(data_flow_kernel=kernel, cache=True)
    def joined(n: int) -> Any:
        return kernel.submit(count)

    assert [joined(1).result(WAIT), joined(1).result(WAIT)] == [1, 1]


def test_a_join_app_that_waits_for_an_equal_call_of_itself_is_told(kernel: DataFlowKernel) -> None:
    @join_app(data_flow_kernel=kernel, cache=True)
    def itself(n: int) -> Any:
        return itself(n)

    error = itself(1).exception(WAIT)
    assert error is not None
    assert "itself" in str(error)


def test_a_function_hash_of_the_caller_s_own_says_what_is_equal(kernel: DataFlowKernel, count: Count) -> None:
    count.go.set()

    results = [kernel.submit(lambda: count(), cache=True, fn_hash=name).result(WAIT) for name in ("a", "a", "b")]  # noqa: PLW0108 - a new function each time

    assert results == [1, 1, 2]


def test_a_file_of_the_task_s_own_for_output_makes_no_difference(kernel: DataFlowKernel, tmp_path: Path) -> None:
    @bash_app(data_flow_kernel=kernel, cache=True)
    def write(stdout: Any = AUTO_LOGNAME) -> str:
        return f"echo x >> {tmp_path}/log"

    write().result(WAIT)
    write().result(WAIT)

    assert (tmp_path / "log").read_text() == "x\n"
