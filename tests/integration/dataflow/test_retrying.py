"""A task that failed is tried again as often as it may."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from headrace import AppAbortedError, AppFuture, Backoff, ExternalExecutor, ThreadPoolExecutor, join_app, python_app

if TYPE_CHECKING:
    import concurrent.futures

    from headrace import DataFlowKernel

WAIT = 10


class Flaky:
    """Fails so many times, then returns how often it was called."""

    def __init__(self, failures: int, error: type[BaseException] = ValueError) -> None:
        self.failures = failures
        self.calls = 0
        self.error = error

    def __call__(self, *_: Any) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error(f"failure {self.calls}")
        return self.calls


def test_unless_said_a_failure_is_not_tried_again(kernel: DataFlowKernel) -> None:
    flaky = Flaky(1)

    assert isinstance(kernel.submit(flaky).exception(WAIT), ValueError)
    assert flaky.calls == 1


@pytest.mark.parametrize(("failures", "expected"), [(0, 1), (1, 2), (3, 4)])
def test_a_task_is_tried_until_it_succeeds(make_kernel: Any, failures: int, expected: int) -> None:
    assert make_kernel(retries=3).submit(Flaky(failures)).result(WAIT) == expected


def test_a_task_fails_with_its_last_error_when_no_retry_is_left(make_kernel: Any) -> None:
    flaky = Flaky(9)

    with pytest.raises(ValueError, match="failure 4"):
        make_kernel(retries=3).submit(flaky).result(WAIT)
    assert flaky.calls == 4


def test_an_app_may_have_retries_of_its_own(make_kernel: Any) -> None:
    kernel = make_kernel(retries=5)
    never_again, often = Flaky(9), Flaky(9)

    futures = [
        python_app(data_flow_kernel=kernel, retries=0)(never_again)(),
        python_app(data_flow_kernel=kernel, retries=7)(often)(),
    ]
    for future in futures:
        future.exception(WAIT)

    assert (never_again.calls, often.calls) == (1, 8)


def test_each_retry_is_a_new_attempt_from_pending(make_kernel: Any) -> None:
    kernel = make_kernel(retries=2)
    moves: list[tuple[int, str]] = []
    kernel.observe(lambda move: moves.append((move.attempt, move.state.name)))

    kernel.submit(Flaky(2)).result(WAIT)

    assert moves == [
        (0, "pending"),
        (0, "launched"),
        (1, "pending"),
        (1, "launched"),
        (2, "pending"),
        (2, "launched"),
        (2, "exec_done"),
    ]


def test_observers_are_told_the_cause_of_a_retry(make_kernel: Any) -> None:
    kernel = make_kernel(retries=1)
    causes: list[str] = []
    kernel.observe(lambda move: causes.append(repr(move.cause)) if move.cause else None)

    kernel.submit(Flaky(1)).result(WAIT)

    assert causes == ["ValueError('failure 1')"]


def test_what_depends_on_a_task_waits_through_its_retries(make_kernel: Any) -> None:
    kernel = make_kernel(retries=3)

    assert kernel.submit(lambda x: x * 10, kernel.submit(Flaky(3))).result(WAIT) == 40


def test_a_dependency_s_result_is_passed_again_to_each_attempt(make_kernel: Any) -> None:
    kernel = make_kernel(retries=2)
    seen: list[Any] = []

    def app(x: int, inputs: list[int]) -> None:
        seen.append((x, inputs))
        if len(seen) < 3:
            raise ValueError

    kernel.submit(app, kernel.submit(int, "7"), inputs=[kernel.submit(int, "8"), 9]).result(WAIT)

    assert seen == [(7, [8, 9])] * 3


def test_the_handler_s_cost_counts_against_the_retries(make_kernel: Any) -> None:
    flaky = Flaky(9)
    kernel = make_kernel(retries=2, retry_handler=lambda _error, _task: 0.5)

    kernel.submit(flaky).exception(WAIT)

    assert flaky.calls == 5


def test_the_handler_may_tell_kinds_of_errors_apart(make_kernel: Any) -> None:
    def handler(error: BaseException, task: Any) -> float:
        return 1 if isinstance(error, OSError) else float("inf")

    kernel = make_kernel(retries=2, retry_handler=handler)
    transient, hopeless = Flaky(2, OSError), Flaky(2, LookupError)

    assert kernel.submit(transient).result(WAIT) == 3
    assert isinstance(kernel.submit(hopeless).exception(WAIT), LookupError)
    assert hopeless.calls == 1


def test_the_handler_sees_the_task_s_record(make_kernel: Any) -> None:
    seen: list[tuple[Any, ...]] = []

    def handler(error: BaseException, task: Any) -> float:
        seen.append((task["id"], task["func_name"], task["try_id"], task["args"], list(task["fail_history"])))
        return 1

    kernel = make_kernel(retries=1, retry_handler=handler)

    def fail(x: int) -> None:
        raise ValueError("boo")

    kernel.submit(fail, 7).exception(WAIT)

    assert seen == [
        (0, "fail", 0, (7,), ["ValueError('boo')"]),
        (0, "fail", 1, (7,), ["ValueError('boo')"] * 2),
    ]


@pytest.mark.parametrize("kind", [LookupError, SystemExit, KeyboardInterrupt])
def test_what_the_handler_raises_is_what_the_task_fails_with(make_kernel: Any, kind: type[BaseException]) -> None:
    def handler(error: BaseException, task: Any) -> float:
        raise kind("the handler's own")

    kernel = make_kernel(retries=3, retry_handler=handler)
    flaky = Flaky(9)

    assert isinstance(kernel.submit(flaky).exception(WAIT), kind)
    assert flaky.calls == 1
    assert kernel.submit(int).result(WAIT) == 0


def test_a_handler_that_blocks_stops_no_other_task(make_kernel: Any, blocker: Any) -> None:
    def handler(error: BaseException, task: Any) -> float:
        blocker()
        return 1

    kernel = make_kernel(retry_handler=handler)
    failing = kernel.submit(Flaky(1))
    blocker.begun.wait(WAIT)

    assert kernel.submit(int).result(WAIT) == 0
    blocker.end.set()
    assert isinstance(failing.exception(WAIT), ValueError)


def test_a_handler_is_never_called_in_the_kernel_s_own_work(
    make_kernel: Any, inline: concurrent.futures.Executor
) -> None:
    """Here the executor is done before `submit` returns, and a worker submits: still the handler may block."""
    answered: list[bool] = []
    kernel: DataFlowKernel

    def handler(error: BaseException, task: Any) -> float:
        never: Future[Any] = Future()
        answered.append(kernel.submit(id, never, executors=["threads"]).cancel())
        return 1

    kernel = make_kernel(ThreadPoolExecutor("threads", 2), ExternalExecutor("inline", inline), retry_handler=handler)
    go: Future[None] = Future()
    inner: AppFuture[AppFuture[int]] = kernel.submit(
        lambda _: kernel.submit(Flaky(1), executors=["inline"]), go, executors=["threads"]
    )
    go.set_result(None)

    assert isinstance(inner.result(WAIT).exception(WAIT), ValueError)
    assert answered == [True]


@pytest.fixture
def inline() -> concurrent.futures.Executor:
    """An executor that runs calls within `submit`."""
    import concurrent.futures  # noqa: PLC0415 - for the class below only

    class Inline(concurrent.futures.Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - as executors do
                future.set_exception(error)
            return future

    return Inline()


def test_a_delay_lies_before_each_retry(make_kernel: Any) -> None:
    kernel = make_kernel(retries=3, backoff=Backoff(initial=0.001, jitter=0))
    moves: list[tuple[str, float]] = []
    kernel.observe(lambda move: moves.append((move.state.name, move.at)))

    kernel.submit(Flaky(3)).result(WAIT)

    times = [at for name, at in moves if name in {"pending", "launched"}]
    delays = [launched - pending for pending, launched in zip(times[2::2], times[3::2], strict=True)]
    assert [delay >= least for delay, least in zip(delays, (0.001, 0.002, 0.004), strict=True)] == [True] * 3


def test_an_app_may_have_a_delay_of_its_own(make_kernel: Any) -> None:
    kernel = make_kernel(retries=1, backoff=Backoff(initial=3600, maximum=3600))

    app = python_app(data_flow_kernel=kernel, backoff=Backoff(initial=0.001))(Flaky(1))

    assert app().result(WAIT) == 2


def test_a_task_that_waits_for_a_retry_takes_no_place(make_kernel: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("one", 1), retries=1, backoff=Backoff(initial=3600, maximum=3600))
    retried = threading.Event()
    kernel.observe(lambda move: retried.set() if move.attempt else None)

    kernel.submit(Flaky(1))
    retried.wait(WAIT)

    assert kernel.submit(int).result(WAIT) == 0


def test_many_delays_at_once_all_end(make_kernel: Any) -> None:
    kernel = make_kernel(retries=2, backoff=Backoff(initial=0.001))

    assert [future.result(WAIT) for future in [kernel.submit(Flaky(2)) for _ in range(200)]] == [3] * 200


def test_the_body_of_a_join_app_is_tried_again_if_it_raises(make_kernel: Any) -> None:
    kernel = make_kernel(retries=1)
    flaky = Flaky(1)

    @join_app(data_flow_kernel=kernel)
    def fan_out() -> AppFuture[int]:
        flaky()
        future: AppFuture[int] = kernel.submit(int, "7")
        return future

    assert fan_out().result(WAIT) == 7


def test_the_body_of_a_join_app_is_not_tried_again_if_what_it_returned_fails(make_kernel: Any) -> None:
    kernel = make_kernel(retries=3)
    bodies: list[int] = []

    @join_app(data_flow_kernel=kernel)
    def fan_out() -> AppFuture[int]:
        bodies.append(1)
        return python_app(data_flow_kernel=kernel, retries=0)(Flaky(9))()

    assert fan_out().exception(WAIT) is not None
    assert bodies == [1]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_app_that_means_to_end_the_process_ends_its_task_only(make_kernel: Any, kind: type[BaseException]) -> None:
    kernel = make_kernel(ThreadPoolExecutor("one", 1))

    error = kernel.submit(Flaky(9, kind)).exception(WAIT)

    assert isinstance(error, AppAbortedError)
    assert isinstance(error.__cause__, kind)
    assert kernel.submit(int).result(WAIT) == 0


def test_an_app_that_means_to_end_the_process_is_tried_again_like_any_other(make_kernel: Any) -> None:
    assert make_kernel(retries=1).submit(Flaky(1, SystemExit)).result(WAIT) == 2


def test_a_call_that_an_executor_refuses_is_tried_again(make_kernel: Any, standard_pool: Any) -> None:
    class Moody(ExternalExecutor):
        calls = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.calls += 1
            if self.calls <= 2:
                raise ConnectionError("not now")
            return super().submit(fn, *args, **kwargs)

    kernel = make_kernel(Moody("moody", standard_pool), retries=2)

    assert kernel.submit(int, "7").result(WAIT) == 7


def test_a_call_that_an_executor_refuses_for_good_fails_with_its_error(make_kernel: Any, standard_pool: Any) -> None:
    kernel = make_kernel(ExternalExecutor("pool", standard_pool))
    standard_pool.shutdown()

    with pytest.raises(RuntimeError, match="shutdown"):
        kernel.submit(int).result(WAIT)
