"""Tasks that need much of a machine are packed onto what it has, and none waits for ever."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, cast

import pytest

from headrace import ThreadPoolExecutor
from headrace.compute.executors import LimitingExecutor
from headrace.compute.resources import InsufficientResourcesError, Resources
from headrace.dataflow.dispatcher import Dispatcher, Slot
from headrace.dataflow.task import CallOptions, Task

if TYPE_CHECKING:
    from headrace.dataflow.flow import Flow
    from headrace.dataflow.handover import Handover

numbers = count()
NOWHERE = cast("Handover", None)
GIB = 2**30


class Machine(ThreadPoolExecutor):
    """An executor with resources to give out; twice as many plain calls are handed over as it has cores."""

    def __init__(self, label: str, *, cores: int = 4, memory: int = 8 * GIB, gpus: int = 0) -> None:
        super().__init__(label, cores)
        self.resources = Resources(cores=cores, memory=memory, gpus=gpus)

    @property
    def capacity(self) -> int:
        return 2 * self.max_threads

    def execute(self, *_: Any) -> None:
        raise NotImplementedError


def dispatcher(*executors: ThreadPoolExecutor) -> Dispatcher:
    made = Dispatcher(Slot("joins", ThreadPoolExecutor("joins", 1), NOWHERE, 1))
    for one in executors:
        made.add(one, NOWHERE)
    return made


def task(need: Resources | None = None, priority: int = 0) -> Task:
    options = CallOptions(name="f", resources=need, priority=priority)
    return Task(next(numbers), int, (), {}, options, cast("Flow", None))


def placed(made: Dispatcher, *tasks: Task) -> list[bool]:
    return [made.place(one) for one in tasks]


def ended(made: Dispatcher, one: Task) -> list[Task]:
    """Give the task's place back; return those that were started on what became free."""
    slot = one.slot
    assert slot is not None
    slot.give_back(one)
    one.slot = None
    started = []
    while (after := made.next_for(slot)) is not None:
        started.append(after)
    return started


def test_a_machine_is_an_executor_with_limits() -> None:
    assert isinstance(Machine("a"), LimitingExecutor)


def test_the_cores_of_running_tasks_never_exceed_those_of_the_machine() -> None:
    made = dispatcher(Machine("a", cores=4))
    needs = [task(Resources(cores=2)), task(Resources(cores=1)), task(Resources(cores=2)), task(Resources(cores=1))]

    assert placed(made, *needs) == [True, True, False, True]


def test_memory_is_packed() -> None:
    made = dispatcher(Machine("a", cores=4, memory=8 * GIB))
    half = Resources(cores=1, memory=5 * GIB)

    assert placed(made, task(half), task(half), task(Resources(cores=1, memory=3 * GIB))) == [True, False, True]


def test_gpus_are_packed() -> None:
    made = dispatcher(Machine("a", cores=4, gpus=2))
    need = Resources(cores=1, gpus=1)

    assert placed(made, task(need), task(need), task(need)) == [True, True, False]


def test_a_task_that_waited_for_resources_starts_when_they_are_free() -> None:
    made = dispatcher(Machine("a", cores=4))
    first, second = task(Resources(cores=3)), task(Resources(cores=2))
    placed(made, first, second)

    assert ended(made, first) == [second]


def test_plain_tasks_fill_what_demanding_ones_leave() -> None:
    made = dispatcher(Machine("a", cores=4))
    placed(made, task(Resources(cores=3)))

    # One core is left, and two plain calls are handed over for each.
    assert placed(made, task(), task(), task()) == [True, True, False]


def test_a_demanding_task_waits_for_plain_ones_that_run() -> None:
    made = dispatcher(Machine("a", cores=2))

    assert placed(made, task(), task(Resources(cores=2))) == [True, False]


def test_a_task_that_fits_goes_before_one_that_does_not() -> None:
    made = dispatcher(Machine("a", cores=4))
    running = task(Resources(cores=2))
    placed(made, running, task(Resources(cores=2)))
    large, small = task(Resources(cores=4), priority=1), task(Resources(cores=2))

    assert placed(made, large, small) == [False, False]
    assert ended(made, running) == [small]


def test_a_task_is_not_overtaken_for_ever() -> None:
    made = dispatcher(Machine("a", cores=2))
    one = Resources(cores=1)
    running = [task(one), task(one)]
    large = task(Resources(cores=2))
    placed(made, *running, large)

    overtakers = 0
    while large.slot is None:
        made.place(task(one))
        gone = running.pop(0)
        running += ended(made, gone)
        overtakers += 1
        assert overtakers < 100

    assert running == [large]


def test_what_it_was_kept_for_being_cancelled_an_executor_takes_others_again() -> None:
    made = dispatcher(Machine("a", cores=2))
    one = Resources(cores=1)
    running = [task(one), task(one)]
    large = task(Resources(cores=2))
    placed(made, *running, large)
    (slot,) = made.slots
    while not slot.kept_for:
        made.place(task(one))
        running += ended(made, running.pop(0))
    waiting = task(one)
    made.place(waiting)
    ended(made, running.pop(0))

    made.withdraw(large)

    assert made.take_let_go() == [slot]
    assert made.next_for(slot) is waiting


def test_many_different_needs_make_few_lanes() -> None:
    made = dispatcher(Machine("a", cores=1, memory=8 * GIB))

    for memory in range(1, 8 * GIB, 8 * GIB // 3000):
        made.place(task(Resources(memory=memory)))

    assert len(made._lanes) < 300


def test_demanding_tasks_go_only_to_executors_that_give_out_resources() -> None:
    made = dispatcher(ThreadPoolExecutor("threads", 8), Machine("a", cores=2))
    tasks = [task(Resources(cores=2)), task(Resources(cores=2))]

    assert placed(made, *tasks) == [True, False]


def test_an_executor_added_later_takes_demanding_tasks_that_wait() -> None:
    made = dispatcher(Machine("a", cores=2))
    waiting = task(Resources(cores=2))
    placed(made, task(Resources(cores=2)), waiting)

    assert made.next_for(made.add(Machine("b", cores=2), NOWHERE)) is waiting


@pytest.mark.parametrize(
    "need", [Resources(cores=5), Resources(memory=9 * GIB), Resources(gpus=1)], ids=["cores", "memory", "gpus"]
)
def test_what_no_executor_could_ever_give_is_refused_at_once(need: Resources) -> None:
    made = dispatcher(Machine("a", cores=4, memory=8 * GIB), ThreadPoolExecutor("b", 8))

    with pytest.raises(InsufficientResourcesError, match=r"app 'f' needs .*'a' has 4 cores, 8 GiB.*'b' has none"):
        made.check(CallOptions(name="f", resources=need))
