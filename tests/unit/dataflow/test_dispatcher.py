"""Which ready task goes to which executor: the highest priority first, to the least loaded, as late as can be."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, cast

import pytest

from headrace import DuplicateLabelError, ThreadPoolExecutor, UnknownExecutorError
from headrace.dataflow.dispatcher import Dispatcher, Slot
from headrace.dataflow.task import CallOptions, Task, TaskState

if TYPE_CHECKING:
    from headrace.compute.executors import LabelledExecutor
    from headrace.dataflow.flow import Flow
    from headrace.dataflow.handover import Handover

numbers = count()

#: Nothing is handed over here.
NOWHERE = cast("Handover", None)


def task(executors: tuple[str, ...] | str = "all", priority: int = 0) -> Task:
    options = CallOptions(name="f", executors=executors, priority=priority)
    return Task(next(numbers), int, (), {}, options, cast("Flow", None))


def dispatcher(**sizes: int | None) -> Dispatcher:
    made = Dispatcher(Slot("joins", ThreadPoolExecutor("joins", 1), NOWHERE, 1))
    for label, size in sizes.items():
        made.add(executor(label, size), NOWHERE)
    return made


def executor(label: str, size: int | None) -> LabelledExecutor:
    one: Any = ThreadPoolExecutor(label, size or 1)
    if size is None:
        one = Unlimited(label)
    return cast("LabelledExecutor", one)


class Unlimited(ThreadPoolExecutor):
    """One that takes any number of tasks at once."""

    @property
    def capacity(self) -> Any:
        return None


def place_of(one: Task) -> str | None:
    return one.slot.label if one.slot is not None else None


def placed(made: Dispatcher, *tasks: Task) -> list[str | None]:
    for one in tasks:
        made.place(one)
    return [place_of(one) for one in tasks]


def give_back(made: Dispatcher, one: Task) -> Task | None:
    slot = cast("Slot", one.slot)
    slot.tasks.discard(one)
    one.slot = None
    one.state = TaskState.exec_done
    return made.next_for(slot)


def test_a_task_gets_a_free_place() -> None:
    assert placed(dispatcher(a=1), task()) == ["a"]


def test_a_task_for_which_there_is_no_place_waits() -> None:
    assert placed(dispatcher(a=1), task(), task()) == ["a", None]


def test_a_task_waits_while_there_is_no_executor_at_all() -> None:
    assert placed(dispatcher(), task()) == [None]


def test_what_waits_gets_the_place_that_is_given_back() -> None:
    made, first, second = dispatcher(a=1), task(), task()
    placed(made, first, second)

    assert give_back(made, first) is second
    assert place_of(second) == "a"


def test_nothing_is_next_when_nothing_waits() -> None:
    made, only = dispatcher(a=1), task()
    placed(made, only)

    assert give_back(made, only) is None


def test_nothing_is_next_for_an_executor_without_a_free_place() -> None:
    made = dispatcher(a=1)
    placed(made, task(), task())

    assert made.next_for(made.slots[0]) is None


def test_of_those_that_wait_the_highest_priority_goes_first_then_who_came_first() -> None:
    made, running = dispatcher(a=1), task()
    waiting = [task(priority=priority) for priority in (0, 5, -1, 5)]
    placed(made, running, *waiting)

    order = [give_back(made, running)]
    for _ in waiting[1:]:
        order.append(give_back(made, cast("Task", order[-1])))

    assert order == [waiting[1], waiting[3], waiting[0], waiting[2]]


def test_tasks_are_spread_by_the_share_of_places_taken() -> None:
    made = dispatcher(small=1, large=3)

    assert placed(made, *[task() for _ in range(5)]) == ["small", "large", "large", "large", None]


def test_two_executors_alike_get_tasks_by_turns() -> None:
    made = dispatcher(a=2, b=2)

    assert placed(made, *[task() for _ in range(4)]) == ["a", "b", "a", "b"]


def test_an_executor_without_limit_never_lets_a_task_wait() -> None:
    made = dispatcher(a=None)

    assert set(placed(made, *[task() for _ in range(100)])) == {"a"}


def test_a_task_goes_only_where_its_app_may_go() -> None:
    made = dispatcher(a=4, b=1)

    assert placed(made, task(("b",)), task(("b",)), task(("a", "b"))) == ["b", None, "a"]


def test_a_freed_place_goes_to_the_best_task_of_all_that_may_go_there() -> None:
    made, first = dispatcher(a=1, b=1), task(("a",))
    for_b, for_all, for_a = task(("b",), priority=9), task(priority=1), task(("a",), priority=2)
    placed(made, first, task(("b",)), for_b, for_all, for_a)

    assert give_back(made, first) is for_a


def test_a_waiting_task_is_bound_to_whichever_executor_frees_a_place_first() -> None:
    made, on_a, on_b, waiting = dispatcher(a=1, b=1), task(("a",)), task(("b",)), task()
    placed(made, on_a, on_b, waiting)

    give_back(made, on_b)

    assert place_of(waiting) == "b"


def test_an_executor_added_later_takes_what_waits() -> None:
    made, running, waiting = dispatcher(a=1), task(), task()
    placed(made, running, waiting)

    slot = made.add(ThreadPoolExecutor("b", 1), NOWHERE)

    assert made.next_for(slot) is waiting


def test_a_task_that_ended_while_it_waited_is_passed_over() -> None:
    made, running, cancelled, waiting = dispatcher(a=1), task(), task(), task()
    placed(made, running, cancelled, waiting)
    cancelled.state = TaskState.cancelled

    assert give_back(made, running) is waiting


def test_after_tasks_that_ended_while_they_waited_a_place_can_be_had_at_once() -> None:
    made, running, cancelled = dispatcher(a=1), task(), task()
    placed(made, running, cancelled)
    cancelled.state = TaskState.cancelled
    give_back(made, running)

    assert placed(made, task()) == ["a"]


def test_two_executors_with_one_label_are_refused_naming_both() -> None:
    made = dispatcher(a=1)

    with pytest.raises(DuplicateLabelError, match=r"'a'.*max_threads=1.*max_threads=2"):
        made.add(ThreadPoolExecutor("a", 2), NOWHERE)


def test_a_label_that_no_executor_has_is_refused_listing_those_there_are() -> None:
    made = dispatcher(a=1, b=1)

    with pytest.raises(UnknownExecutorError, match=r"app 'f' asks for executor 'c', .*it has: 'a', 'b'"):
        made.check(CallOptions(name="f", executors=("a", "c")))


@pytest.mark.parametrize("labels", ["all", ("a",), ("b", "a")])
def test_labels_that_executors_have_are_good(labels: tuple[str, ...] | str) -> None:
    dispatcher(a=1, b=1).check(CallOptions(name="f", executors=labels))


def test_many_waiting_tasks_go_in_order_of_priority_and_arrival() -> None:
    made, running = dispatcher(a=1), task()
    placed(made, running)
    waiting = [task(priority=number % 7) for number in range(20_000)]
    placed(made, *waiting)

    order: list[Task] = []
    one: Task | None = running
    while one is not None:
        one = give_back(made, one)
        if one is not None:
            order.append(one)

    assert order == sorted(waiting, key=lambda one: (-one.options.priority, one.id))
