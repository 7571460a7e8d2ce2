"""A task runs when all the futures among its arguments have ended well, with their results in their place."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

import pytest

from headrace import DEEP_DEPENDENCY_RESOLVER, DependencyError, DependencyResolver, ThreadPoolExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace import DataFlowKernel

WAIT = 10


def fail(message: str = "boo") -> None:
    raise ValueError(message)


def echo(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def failed(error: BaseException) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def test_results_take_the_place_of_futures(kernel: DataFlowKernel) -> None:
    one, two, three = (kernel.submit(int, text) for text in "123")

    assert kernel.submit(echo, one, key=two, inputs=[three, 4]).result(WAIT) == ((1,), {"key": 2, "inputs": [3, 4]})


def test_a_task_does_not_begin_before_its_dependencies_have_ended(kernel: DataFlowKernel, blocker: Any) -> None:
    first = kernel.submit(blocker)
    second = kernel.submit(lambda _: first.done(), first)

    blocker.begun.wait(WAIT)
    before = second.task_status()
    blocker.end.set()

    assert (before, second.result(WAIT)) == ("pending", True)


def test_a_future_given_twice_is_one_dependency(kernel: DataFlowKernel) -> None:
    one = kernel.submit(int, "1")

    assert kernel.submit(echo, one, one, inputs=[one, one]).result(WAIT) == ((1, 1), {"inputs": [1, 1]})


def test_the_caller_s_inputs_are_not_changed(kernel: DataFlowKernel) -> None:
    inputs = [kernel.submit(int, "1"), 2]
    before = list(inputs)

    kernel.submit(echo, inputs=inputs).result(WAIT)

    assert inputs == before


def test_inputs_that_grow_after_the_call_do_not_matter(run_script: Any) -> None:
    """Sums of all the sums so far: the list that each call was given grows while the calls wait."""
    ended = run_script("""
        import threading
        from headrace import Config, DataFlowKernel, ThreadPoolExecutor

        with DataFlowKernel(Config(executors=[ThreadPoolExecutor("threads", 2)])) as kernel:
            go = threading.Event()
            sums = [kernel.submit(lambda: go.wait(10) and 1)]
            for _ in range(4):
                sums.append(kernel.submit(lambda inputs: sum(inputs), inputs=sums))
            go.set()
            print([future.result(timeout=3) for future in sums])
    """)

    assert ended.stdout == "[1, 1, 2, 4, 8]\n"


@pytest.mark.parametrize("wrap", [lambda one: [one], lambda one: {"key": one}])
def test_futures_in_containers_are_left_alone_unless_asked_for(kernel: DataFlowKernel, wrap: Any) -> None:
    container = wrap(kernel.submit(int, "1"))

    assert kernel.submit(echo, container).result(WAIT)[0][0] is container


def test_futures_in_containers_are_dependencies_with_the_deep_resolver(make_kernel: Any) -> None:
    kernel = make_kernel(dependency_resolver=DEEP_DEPENDENCY_RESOLVER)
    one = kernel.submit(int, "1")

    assert kernel.submit(echo, [one, {"key": (one,)}]).result(WAIT)[0] == ([1, {"key": (1,)}],)


def test_a_resolver_that_raises_on_gathering_makes_the_call_fail_at_once(make_kernel: Any) -> None:
    def find(value: Any) -> list[Future[Any]]:
        raise LookupError("cannot find")

    kernel = make_kernel(dependency_resolver=DependencyResolver(find, lambda value: value))

    with pytest.raises(LookupError, match="cannot find"):
        kernel.submit(echo, 1)
    assert kernel.task_count == 0


def broken_resolver(error: BaseException) -> DependencyResolver:
    def unwrap(value: Any) -> Any:
        raise error

    return DependencyResolver(lambda value: [value] if isinstance(value, Future) else [], unwrap)


def test_a_resolver_that_raises_on_unwrapping_makes_the_task_fail(make_kernel: Any) -> None:
    kernel = make_kernel(dependency_resolver=broken_resolver(LookupError("cannot unwrap")))

    with pytest.raises(LookupError, match="cannot unwrap"):
        kernel.submit(echo, kernel.submit(int)).result(WAIT)


def test_a_resolver_that_means_to_end_the_process_makes_the_task_fail_and_nothing_else(make_kernel: Any) -> None:
    kernel = make_kernel(
        ThreadPoolExecutor("one", 1), dependency_resolver=broken_resolver(SystemExit(3)), cleanup_timeout=1
    )
    go = threading.Event()
    first = kernel.submit(go.wait, WAIT)
    second = kernel.submit(echo, first)
    go.set()

    assert second.exception(1) is not None
    assert kernel.submit(int).result(1) == 0


def test_a_plain_future_is_a_dependency(kernel: DataFlowKernel) -> None:
    plain: Future[int] = Future()
    dependent = kernel.submit(echo, plain)

    plain.set_result(7)

    assert dependent.result(WAIT) == ((7,), {})


def test_a_plain_future_that_is_done_already_is_a_dependency(kernel: DataFlowKernel) -> None:
    assert kernel.submit(echo, done(7), key=done(8)).result(WAIT) == ((7,), {"key": 8})


def test_one_plain_future_may_have_many_dependents(kernel: DataFlowKernel) -> None:
    plain: Future[int] = Future()
    dependents = [kernel.submit(echo, plain) for _ in range(100)]

    plain.set_result(7)

    assert [dependent.result(WAIT) for dependent in dependents] == [((7,), {})] * 100


@pytest.mark.parametrize("error", [ValueError("boo"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_a_plain_future_that_fails_fails_its_dependents(kernel: DataFlowKernel, error: BaseException) -> None:
    plain: Future[int] = Future()
    dependent = kernel.submit(echo, plain)

    plain.set_exception(error)

    failure = dependent.exception(WAIT)
    assert isinstance(failure, DependencyError)
    assert failure.root_cause is error


def test_a_plain_future_that_has_failed_already_fails_its_dependents(kernel: DataFlowKernel) -> None:
    error = ValueError("boo")

    failure = kernel.submit(echo, failed(error)).exception(WAIT)

    assert isinstance(failure, DependencyError)
    assert failure.root_cause is error


def test_a_plain_future_that_is_cancelled_fails_its_dependents(kernel: DataFlowKernel) -> None:
    plain: Future[int] = Future()
    dependent = kernel.submit(echo, plain)

    plain.cancel()

    failure = dependent.exception(WAIT)
    assert isinstance(failure, DependencyError)
    assert isinstance(failure.root_cause, CancelledError)


def test_a_task_of_another_kernel_is_a_dependency(make_kernel: Any) -> None:
    here, there = make_kernel(), make_kernel()

    assert here.submit(echo, there.submit(int, "7")).result(WAIT) == ((7,), {})


def test_a_task_that_failed_in_another_kernel_fails_its_dependents_with_the_same_root_cause(make_kernel: Any) -> None:
    here, there = make_kernel(), make_kernel()
    root = there.submit(fail)
    between = there.submit(echo, root)

    failure = here.submit(echo, between).exception(WAIT)

    assert isinstance(failure, DependencyError)
    assert failure.root_cause is root.exception()


def test_two_kernels_can_wait_for_each_other_by_turns(make_kernel: Any) -> None:
    kernels = [make_kernel(), make_kernel()]
    future = kernels[0].submit(int)
    for number in range(200):
        future = kernels[number % 2].submit(lambda x: x + 1, future)

    assert future.result(WAIT) == 200


def test_a_task_of_a_kernel_that_was_cleaned_up_is_a_dependency(make_kernel: Any) -> None:
    here, there = make_kernel(), make_kernel()
    seven = there.submit(int, "7")
    seven.result(WAIT)
    there.cleanup()

    assert here.submit(echo, seven).result(WAIT) == ((7,), {})


def test_a_future_that_takes_no_callbacks_fails_its_dependents(make_kernel: Any) -> None:
    class Deaf(Future[int]):
        def add_done_callback(self, fn: Callable[[Future[int]], object]) -> None:
            raise NotImplementedError("no callbacks here")

    kernel = make_kernel(cleanup_timeout=1)

    assert kernel.submit(echo, Deaf()).exception(1) is not None


def test_a_future_whose_repr_raises_fails_no_kernel(kernel: DataFlowKernel, caplog: pytest.LogCaptureFixture) -> None:
    class Shy(Future[int]):
        def __repr__(self) -> str:
            raise RuntimeError("not telling")

    shy = Shy()
    dependent = kernel.submit(echo, shy)
    shy.set_result(1)

    dependent.exception(WAIT)
    assert kernel.submit(int).result(WAIT) == 0


def test_a_failed_dependency_is_named_with_the_path_to_it(kernel: DataFlowKernel) -> None:
    root = kernel.submit(fail)
    between = kernel.submit(echo, root)
    last = kernel.submit(echo, key=between)

    error = last.exception(WAIT)

    assert isinstance(error, DependencyError)
    assert error.path == ("task 2 (echo)", "task 1 (echo)", "task 0 (fail)")
    assert error.__cause__ is root.exception()


def test_a_task_with_a_failed_dependency_does_not_run(kernel: DataFlowKernel) -> None:
    ran: list[int] = []

    future = kernel.submit(lambda *_: ran.append(1), kernel.submit(fail), kernel.submit(int))

    assert isinstance(future.exception(WAIT), DependencyError)
    assert (future.task_status(), ran) == ("dep_fail", [])


def test_a_failed_dependency_is_told_at_once_though_others_have_not_ended(
    kernel: DataFlowKernel, never: Future[Any]
) -> None:
    future = kernel.submit(echo, never, kernel.submit(fail))

    assert isinstance(future.exception(WAIT), DependencyError)


def test_a_task_submitted_after_its_dependency_failed_fails_too(kernel: DataFlowKernel) -> None:
    root = kernel.submit(fail)
    root.exception(WAIT)

    assert isinstance(kernel.submit(echo, root).exception(WAIT), DependencyError)


def test_a_failed_dependency_is_not_tried_again_by_its_dependents(make_kernel: Any) -> None:
    asked: list[int] = []

    def handler(error: BaseException, task: Any) -> float:
        asked.append(task.id)
        return 1

    kernel = make_kernel(retries=3, retry_handler=handler)

    kernel.submit(echo, kernel.submit(fail)).exception(WAIT)

    assert asked == [0] * 4


def test_a_task_that_waits_says_for_what(kernel: DataFlowKernel, never: Future[Any]) -> None:
    first = kernel.submit(echo, never)
    second = kernel.submit(echo, first)

    needs = [(wait.unit, wait.action) for wait in kernel.why(second)]

    assert needs == [("task 1 (echo)", "launch"), ("task 0 (echo)", "launch")]


def test_a_task_that_does_not_wait_says_nothing(kernel: DataFlowKernel) -> None:
    future = kernel.submit(int)
    future.result(WAIT)

    assert kernel.why(future) == []
