"""Where experiments and dataflows meet."""

from __future__ import annotations

import math
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from tests.integration.helpers import until

import headrace
from headrace import AppFuture, Config, DataFlowKernel, ThreadPoolExecutor, bridges, python_app
from headrace.experiments import (
    Attribute,
    ExperimentController,
    ResourceFactory,
    ResourceManager,
    ResourceState,
)
from headrace.experiments.errors import (
    ExperimentAborted,
    ExperimentError,
    InvalidAttribute,
    ResourceFailed,
    ResourceLost,
    UnknownResource,
)
from headrace.experiments.runner import ExperimentRunner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

R = ResourceState
WAIT = 20.0


class Host(ResourceManager):
    """Ends when it is told to."""

    _rtype = "Host"
    attributes: ClassVar[tuple[Attribute, ...]] = (Attribute("broken", "Fails when it is started"),)

    def do_start(self) -> None:
        if self.get("broken"):
            raise RuntimeError("it broke")


@python_app
def add(a: int, b: int) -> int:
    return a + b


@python_app
def seen(*values: object) -> tuple[object, ...]:
    return values


@python_app
def fails() -> None:
    raise ValueError("wrong data")


@python_app
def waits(event: threading.Event) -> str:
    return "went on" if event.wait(WAIT) else "waited in vain"


@pytest.fixture
def kernel() -> Iterator[DataFlowKernel]:
    with headrace.load(Config(executors=[ThreadPoolExecutor(max_threads=2)])) as kernel:
        yield kernel


@pytest.fixture
def ec(tmp_path: Path, kernel: DataFlowKernel) -> Iterator[ExperimentController]:
    factory = ResourceFactory(shipped=False, plugins=False)
    factory.register_type(Host)
    with ExperimentController("tides", tmp_path, factory=factory, journal=False) as ec:
        yield ec


# --- a resource that runs an app --------------------------------------------------------------------------------------


def test_a_resource_calls_an_app_and_its_result_can_be_had(ec: ExperimentController) -> None:
    task = bridges.python_task(ec, add, 1, b=2)
    ec.deploy()

    assert bridges.future_of(ec, task).result(WAIT) == 3
    assert ec.wait_finished(task, timeout=WAIT)
    assert ec.state(task) is R.FINISHED


def test_it_starts_under_the_conditions_of_any_resource(ec: ExperimentController) -> None:
    host = ec.register_resource("Host")
    task = bridges.python_task(ec, add, 1, 2)
    ec.register_condition(task, "START", host, "STARTED", "20ms")
    ec.deploy()

    assert ec.wait_finished(task, timeout=WAIT)
    assert ec.get_resource(task).times[R.STARTED] >= ec.get_resource(host).times[R.STARTED]


def test_results_go_from_one_to_the_next_as_futures(ec: ExperimentController) -> None:
    first = bridges.python_task(ec, add, 1, 2)
    second = bridges.python_task(ec, add, bridges.future_of(ec, first), 10)
    ec.deploy()

    assert add(bridges.future_of(ec, second), 100).result(WAIT) == 113


def test_what_the_app_raises_is_why_it_failed(ec: ExperimentController) -> None:
    task = bridges.python_task(ec, fails)
    ec.deploy()

    assert isinstance(bridges.future_of(ec, task).exception(WAIT), ValueError)
    assert "wrong data" in str(ec.wait_finished(task, timeout=WAIT).failed[task])


def test_what_waits_is_cancelled_when_it_is_stopped(ec: ExperimentController) -> None:
    host = ec.register_resource("Host")
    task = bridges.python_task(ec, waits, bridges.when(ec, host, "FINISHED"))
    ec.deploy(task)
    assert ec.wait_started(task, timeout=WAIT)

    ec.stop(task)

    assert ec.state(task) is R.STOPPED
    with pytest.raises(CancelledError):
        bridges.future_of(ec, task).result(WAIT)


def test_what_cannot_be_cancelled_says_so_instead_of_stopping(ec: ExperimentController) -> None:
    go = threading.Event()
    task = bridges.python_task(ec, waits, go)
    ec.deploy()
    assert ec.wait_started(task, timeout=WAIT)
    manager: Any = ec.get_resource(task)
    until(manager._task.running, "the call's beginning")

    with pytest.raises(ExperimentError, match="cannot be stopped"):
        ec.stop(task)
    go.set()

    assert bridges.future_of(ec, task).result(WAIT) == "went on"


def test_started_again_it_calls_its_app_again(ec: ExperimentController) -> None:
    task = bridges.python_task(ec, seen, 1)
    ec.deploy()
    first = bridges.future_of(ec, task)
    assert ec.wait_finished(task, timeout=WAIT)
    ec.start(task)
    assert ec.wait_finished(task, timeout=WAIT)

    assert bridges.future_of(ec, task) is not first
    assert bridges.future_of(ec, task).result(WAIT) == first.result(WAIT) == (1,)


def test_the_result_of_what_is_never_started_is_a_failure(ec: ExperimentController) -> None:
    task = bridges.python_task(ec, add, 1, 2)
    future = bridges.future_of(ec, task)
    ec.release()

    with pytest.raises(ResourceFailed, match="released before it was started"):
        future.result(WAIT)


def test_a_file_can_say_what_is_called(ec: ExperimentController) -> None:
    ec.factory.register_type(bridges.PythonTask)
    task = ec.register_resource("PythonTask", app="math:pow", args="[2, 10]")
    other = ec.register_resource("PythonTask", app="json:dumps", args="[[1]]", kwargs='{"indent": null}')
    ec.deploy()

    assert bridges.future_of(ec, task).result(WAIT) == 1024
    assert bridges.future_of(ec, other).result(WAIT) == "[1]"


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({}, "set app"),
        ({"app": "math:nothing"}, "'math:nothing' cannot be imported: AttributeError"),
        ({"app": "no_such_module:f"}, "ModuleNotFoundError"),
        ({"app": "math:pi"}, "cannot be called"),
    ],
)
def test_what_cannot_be_called_is_told_when_it_is_deployed(
    ec: ExperimentController, attributes: dict[str, str], told: str
) -> None:
    ec.factory.register_type(bridges.PythonTask)
    task = ec.register_resource("PythonTask", **attributes)  # type: ignore[arg-type]  # attributes only
    ec.deploy()
    ec.wait_deployed(task, timeout=WAIT)

    assert told in str(ec.get_resource(task).cause)


@pytest.mark.parametrize(("name", "value"), [("args", "1"), ("args", "[1"), ("kwargs", "[1]")])
def test_arguments_that_do_not_read_are_refused_at_once(ec: ExperimentController, name: str, value: str) -> None:
    ec.factory.register_type(bridges.PythonTask)

    with pytest.raises(InvalidAttribute, match=name):
        ec.register_resource("PythonTask", **{name: value})  # type: ignore[arg-type]  # an attribute


def test_repeated_runs_call_what_a_file_could_say(ec: ExperimentController) -> None:
    task = bridges.python_task(ec, math.pow, 2, 5)

    runs = ExperimentRunner().run(
        ec, wait_guids=task, compute_metric=lambda each, _: bridges.future_of(each, task).result(0)
    )

    assert runs.samples == (32, 32)


def test_it_is_lost_with_its_process_and_ready_if_it_had_not_begun(ec: ExperimentController) -> None:
    task = bridges.python_task(ec, add, 1, 2)
    manager = ec.get_resource(task)

    assert manager.do_recover() is R.READY
    ec.deploy()
    ec.wait_finished(task, timeout=WAIT)
    with pytest.raises(ResourceLost, match="ended with the process"):
        manager.do_recover()


def test_only_a_task_has_a_result(ec: ExperimentController) -> None:
    with pytest.raises(ExperimentError, match="is no PythonTask"):
        bridges.future_of(ec, ec.register_resource("Host"))


# --- a future that waits for a resource -------------------------------------------------------------------------------


def test_an_app_waits_until_resources_have_been_in_a_state(ec: ExperimentController) -> None:
    hosts = [ec.register_resource("Host") for _ in range(3)]
    future: AppFuture[Any] = seen(bridges.when(ec, hosts, "STARTED"))
    ec.deploy(hosts[:2])
    assert ec.wait_started(hosts[:2], timeout=WAIT)
    assert not future.done()

    ec.deploy(hosts[2])

    assert future.result(WAIT) == (dict.fromkeys(hosts, R.STARTED),)


def test_it_is_done_at_once_where_they_have_been(ec: ExperimentController) -> None:
    host = ec.register_resource("Host")
    ec.deploy()
    ec.wait_started(host, timeout=WAIT)

    assert bridges.when(ec, host, R.READY).result(WAIT) == {host: R.STARTED}
    assert bridges.when(ec, [], R.READY).result(WAIT) == {}


def test_it_fails_if_one_of_them_never_will_be(ec: ExperimentController) -> None:
    good, bad = ec.register_resource("Host"), ec.register_resource("Host", broken="yes", critical=False)
    future = bridges.when(ec, [good, bad], "STARTED")
    ec.deploy()

    with pytest.raises(ResourceFailed, match="it broke"):
        future.result(WAIT)


def test_it_fails_if_the_experiment_is_given_up(ec: ExperimentController) -> None:
    future = bridges.when(ec, ec.register_resource("Host"), "STARTED")
    ec.give_up(reason="no tide")

    with pytest.raises(ExperimentAborted):
        future.result(WAIT)


def test_it_fails_if_the_experiment_is_shut_down(ec: ExperimentController) -> None:
    future = bridges.when(ec, ec.register_resource("Host"), "STARTED")
    ec.shutdown()

    with pytest.raises(ResourceFailed):
        future.result(WAIT)


def test_it_fails_when_the_time_is_up_and_says_who_is_not_there(ec: ExperimentController) -> None:
    host = ec.register_resource("Host")

    with pytest.raises(TimeoutError, match=rf"not STARTED within 10ms: Host {host} \(NEW\)"):
        bridges.when(ec, host, "STARTED", timeout="10ms").result(WAIT)


def test_to_cancel_it_changes_nothing_in_the_experiment(ec: ExperimentController) -> None:
    host = ec.register_resource("Host")
    future = bridges.when(ec, host, "STARTED")

    assert future.cancel()
    ec.deploy()
    assert ec.wait_started(host, timeout=WAIT)


def test_callbacks_may_use_the_experiment(ec: ExperimentController) -> None:
    host, other = ec.register_resource("Host"), ec.register_resource("Host")
    future = bridges.when(ec, host, "STARTED")
    future.add_done_callback(lambda _: ec.deploy(other) and None)
    ec.deploy(host)

    assert ec.wait_started(other, timeout=WAIT)


def test_an_unknown_resource_is_refused(ec: ExperimentController) -> None:
    with pytest.raises(UnknownResource):
        bridges.when(ec, 99, "STARTED")
