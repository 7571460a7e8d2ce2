"""What can be done with the future of a task: it is a standard one, and more."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import concurrent.futures
import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from headrace import AppFuture, DependencyError, ThreadPoolExecutor

if TYPE_CHECKING:
    from headrace import DataFlowKernel

WAIT = 10


class Point(NamedTuple):
    """Something with items and attributes."""

    x: int
    y: int


def fail() -> None:
    raise ValueError("boo")


def test_its_result_is_what_the_app_returned(kernel: DataFlowKernel) -> None:
    assert kernel.submit(divmod, 17, 5).result(WAIT) == (3, 2)


def test_its_exception_is_the_one_that_the_app_raised(kernel: DataFlowKernel) -> None:
    error = ValueError("boo")

    def raise_it() -> None:
        raise error

    assert kernel.submit(raise_it).exception(WAIT) is error


def test_waiting_for_a_result_can_time_out(kernel: DataFlowKernel, never: Future[Any]) -> None:
    with pytest.raises(TimeoutError):
        kernel.submit(id, never).result(timeout=0.01)


def test_wait_and_as_completed_of_the_standard_library_work(kernel: DataFlowKernel) -> None:
    futures = [kernel.submit(int, number) for number in range(10)]

    done, not_done = concurrent.futures.wait(futures, WAIT)
    results = {future.result() for future in concurrent.futures.as_completed(futures, WAIT)}

    assert (len(done), len(not_done), results) == (10, 0, set(range(10)))


def test_it_knows_its_task_s_number_and_state(kernel: DataFlowKernel) -> None:
    kernel.submit(int).result(WAIT)
    future = kernel.submit(int)
    future.result(WAIT)

    assert (future.tid, future.task_status(), future.task_record.id) == (1, "exec_done", 1)


def test_whoever_sees_it_done_sees_its_state_too(kernel: DataFlowKernel) -> None:
    states = []
    for _ in range(200):
        future = kernel.submit(int)
        future.result(WAIT)
        states.append(future.task_status())

    assert set(states) == {"exec_done"}


def test_it_is_running_while_its_task_is(kernel: DataFlowKernel, blocker: Any) -> None:
    future = kernel.submit(blocker)
    blocker.begun.wait(WAIT)
    during = future.running()
    blocker.end.set()
    future.result(WAIT)

    assert (during, future.running()) == (True, False)


def test_it_is_not_running_while_its_task_waits(kernel: DataFlowKernel, never: Future[Any]) -> None:
    future = kernel.submit(id, never)

    assert (future.running(), future.done()) == (False, False)


def test_a_callback_is_called_with_the_future_once(kernel: DataFlowKernel) -> None:
    called: list[Future[int]] = []
    both = threading.Event()
    future = kernel.submit(int)
    future.add_done_callback(called.append)
    future.add_done_callback(lambda _: both.set())

    both.wait(WAIT)

    assert called == [future]


def test_a_callback_added_to_a_finished_future_is_called_at_once(kernel: DataFlowKernel) -> None:
    future = kernel.submit(int)
    future.result(WAIT)
    called: list[Future[int]] = []

    future.add_done_callback(called.append)

    assert called == [future]


def test_callbacks_are_called_in_the_order_in_which_they_were_added(kernel: DataFlowKernel, blocker: Any) -> None:
    order: list[int] = []
    last = threading.Event()
    future = kernel.submit(blocker)
    for number in range(50):
        future.add_done_callback(lambda _, number=number: order.append(number))  # type: ignore[misc]
    future.add_done_callback(lambda _: last.set())

    blocker.end.set()
    last.wait(WAIT)

    assert order == list(range(50))


def test_a_callback_that_raises_is_logged_and_the_next_is_called(
    kernel: DataFlowKernel, blocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(_: object) -> None:
        raise LookupError("bad callback")

    called = threading.Event()
    future = kernel.submit(blocker)
    future.add_done_callback(bad)
    future.add_done_callback(lambda _: called.set())

    blocker.end.set()

    assert called.wait(WAIT)
    assert "a callback of task 0 (Blocker) raised" in caplog.text


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_callback_that_means_to_end_the_process_costs_no_worker(
    make_kernel: Any, blocker: Any, kind: type[BaseException]
) -> None:
    def bad(_: object) -> None:
        raise kind

    kernel = make_kernel(ThreadPoolExecutor("one", 1), cleanup_timeout=1)
    future = kernel.submit(blocker)
    future.add_done_callback(bad)
    blocker.end.set()

    assert future.result(WAIT) == "ended"
    assert [kernel.submit(int).result(1) for _ in range(3)] == [0, 0, 0]


def test_a_callback_may_submit(kernel: DataFlowKernel, blocker: Any) -> None:
    submitted: Future[AppFuture[Any]] = Future()
    future = kernel.submit(blocker)
    future.add_done_callback(lambda _: submitted.set_result(kernel.submit(int, "7")))

    blocker.end.set()

    assert submitted.result(WAIT).result(WAIT) == 7


def test_a_callback_may_wait_for_another_task(kernel: DataFlowKernel, blocker: Any) -> None:
    waited: Future[int] = Future()
    future = kernel.submit(blocker)
    future.add_done_callback(lambda _: waited.set_result(kernel.submit(int, "7").result(WAIT)))

    blocker.end.set()

    assert waited.result(WAIT) == 7


def test_a_callback_that_blocks_stops_no_other_task(kernel: DataFlowKernel, make_blocker: Any) -> None:
    first, callback = make_blocker(), make_blocker()
    future = kernel.submit(first)
    future.add_done_callback(callback)
    first.end.set()
    callback.begun.wait(WAIT)

    assert kernel.submit(int, kernel.submit(int, "7")).result(WAIT) == 7


def test_a_callback_that_blocks_stops_no_callback_of_another_future(kernel: DataFlowKernel, never: Future[Any]) -> None:
    """Both futures end in one step: their dependency is cancelled. The first one's callback waits for the second's."""
    root = kernel.submit(id, never)
    first, second = kernel.submit(id, root), kernel.submit(id, root)
    second_called = threading.Event()
    first_saw: Future[bool] = Future()
    first.add_done_callback(lambda _: first_saw.set_result(second_called.wait(2)))
    second.add_done_callback(lambda _: second_called.set())

    root.cancel()

    assert first_saw.result(WAIT) is True


def test_an_item_of_the_result_can_be_asked_for_ahead_of_time(kernel: DataFlowKernel) -> None:
    assert kernel.submit(dict, a=7)["a"].result(WAIT) == 7


def test_an_attribute_of_the_result_can_be_asked_for_ahead_of_time(kernel: DataFlowKernel) -> None:
    assert kernel.submit(Point, 3, 4).y.result(WAIT) == 4


def test_parts_of_parts_can_be_asked_for(kernel: DataFlowKernel) -> None:
    future = kernel.submit(lambda: {"points": [Point(3, 4)]})

    assert future["points"][0].x.result(WAIT) == 3


def test_a_part_is_a_dependency_like_any_other(kernel: DataFlowKernel) -> None:
    assert kernel.submit(lambda x: x + 1, kernel.submit(Point, 3, 4).x).result(WAIT) == 4


def test_a_part_is_no_task(kernel: DataFlowKernel) -> None:
    kernel.submit(Point, 3, 4).x.result(WAIT)

    assert kernel.task_count == 1


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda future: future[2], IndexError),
        (lambda future: future["x"], TypeError),
        (lambda future: future.z, AttributeError),
    ],
)
def test_a_part_that_is_not_there_fails_when_the_result_is(kernel: DataFlowKernel, ask: Any, kind: type) -> None:
    assert isinstance(ask(kernel.submit(Point, 3, 4)).exception(WAIT), kind)


def test_a_part_of_a_task_that_failed_fails_with_the_task_s_error(kernel: DataFlowKernel) -> None:
    future = kernel.submit(fail)

    assert future.x[0].y.exception(WAIT) is future.exception(WAIT)


def test_a_part_of_a_task_that_was_cancelled_is_cancelled(kernel: DataFlowKernel, never: Future[Any]) -> None:
    future = kernel.submit(Point, never, 4)
    part = future.y

    future.cancel()

    with pytest.raises(CancelledError):
        part.result(WAIT)
    assert part.cancelled()


def test_cancelling_a_part_leaves_the_task_alone(kernel: DataFlowKernel, blocker: Any) -> None:
    future = kernel.submit(blocker)
    part = future.something

    cancelled = part.cancel()
    blocker.end.set()

    assert (cancelled, future.result(WAIT)) == (True, "ended")


def test_a_task_that_depends_on_a_part_tells_the_path_to_the_root_cause(kernel: DataFlowKernel) -> None:
    future = kernel.submit(fail)

    error = kernel.submit(id, future[0]).exception(WAIT)

    assert isinstance(error, DependencyError)
    assert error.root_cause is future.exception()
    assert "the result of task 0 (fail)[0]" in str(error)


def test_a_part_whose_making_means_to_end_the_process_fails(make_kernel: Any, blocker: Any) -> None:
    class Bad:
        @property
        def part(self) -> int:
            raise SystemExit(3)

    kernel = make_kernel(ThreadPoolExecutor("one", 1), cleanup_timeout=1)
    part = kernel.submit(lambda: blocker() and Bad()).part
    blocker.end.set()

    assert isinstance(part.exception(1), BaseException)
    assert kernel.submit(int).result(1) == 0


@pytest.mark.parametrize("name", ["_x", "__len__", "_repr_html_", "__array__"])
def test_private_names_are_never_looked_for_in_the_result(kernel: DataFlowKernel, name: str) -> None:
    assert not hasattr(kernel.submit(Point, 3, 4), name)


@pytest.mark.parametrize("use", [iter, list, lambda future: 3 in future, lambda future: max(*future)])
def test_a_future_is_not_iterable_though_it_has_items(kernel: DataFlowKernel, use: Any) -> None:
    """Python would else ask for one item after another, and each would be a future, without end."""
    future = kernel.submit(list, [1, 2])

    with pytest.raises(TypeError):
        iter(future)
    with pytest.raises(TypeError):
        use(future)


@pytest.mark.slow
def test_a_part_of_a_part_may_be_10_000_deep(kernel: DataFlowKernel, blocker: Any) -> None:
    class Nest:
        @property
        def inner(self) -> Nest:
            return self

    nest = Nest()
    future: Any = kernel.submit(lambda: blocker() and nest)
    for _ in range(10_000):
        future = future.inner
    blocker.end.set()

    assert future.result(WAIT) is nest


def test_its_repr_tells_the_task_and_its_state(kernel: DataFlowKernel) -> None:
    future = kernel.submit(int)
    future.result(WAIT)

    assert (repr(future), repr(future.real)) == (
        "<AppFuture of task 0 (int) exec_done>",
        "<future of the result of task 0 (int).real>",
    )
