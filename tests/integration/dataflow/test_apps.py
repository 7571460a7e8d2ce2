"""Apps: functions whose calls are tasks."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import pytest

import headrace
from headrace import (
    AppFuture,
    Backoff,
    Config,
    ConfigurationError,
    NoDataFlowKernelError,
    ThreadPoolExecutor,
    UnknownExecutorError,
    bash_app,
    join_app,
    python_app,
)

if TYPE_CHECKING:
    from pathlib import Path

    from headrace import DataFlowKernel

WAIT = 10


@pytest.fixture
def loaded(kernel: DataFlowKernel, monkeypatch: pytest.MonkeyPatch) -> DataFlowKernel:
    """A kernel that is the current one."""
    monkeypatch.setattr("headrace.dataflow.current._holder.kernel", kernel)
    return kernel


def test_a_bare_python_app_runs_in_the_current_kernel(loaded: DataFlowKernel) -> None:
    @python_app
    def square(x: int) -> int:
        return x * x

    assert square(7).result(WAIT) == 49


def test_a_python_app_with_options_runs_in_the_current_kernel(loaded: DataFlowKernel) -> None:
    @python_app(executors=["threads"], cache=True, ignore_for_cache=["x"], retries=2, backoff=Backoff(), priority=3)
    def square(x: int) -> int:
        return x * x

    assert square(x=7).result(WAIT) == 49


def test_an_app_with_a_kernel_of_its_own_needs_no_current_one(kernel: DataFlowKernel) -> None:
    @python_app(data_flow_kernel=kernel)
    def square(x: int) -> int:
        return x * x

    assert square(7).result(WAIT) == 49


def test_a_call_returns_an_app_future(loaded: DataFlowKernel) -> None:
    future = python_app(int)()

    assert isinstance(future, AppFuture)


def test_a_bare_join_app_gives_the_result_of_the_future_that_its_body_returns(loaded: DataFlowKernel) -> None:
    @python_app
    def square(x: int) -> int:
        return x * x

    @join_app
    def squared_twice(x: int) -> AppFuture[int]:
        return square(square(x))

    assert squared_twice(3).result(WAIT) == 81


def test_a_join_app_with_options_gives_the_results_of_the_futures_that_its_body_returns(loaded: DataFlowKernel) -> None:
    @python_app
    def square(x: int) -> int:
        return x * x

    @join_app(retries=1, priority=2)
    def squares(n: int) -> list[AppFuture[int]]:
        return [square(x) for x in range(n)]

    assert squares(4).result(WAIT) == [0, 1, 4, 9]


def test_a_bare_bash_app_gives_its_command_s_exit_code(loaded: DataFlowKernel) -> None:
    @bash_app
    def succeed() -> str:
        return "true"

    assert succeed().result(WAIT) == 0


def test_an_app_keeps_its_function_s_name_docs_and_signature() -> None:
    def square(x: int) -> int:
        """Multiply it by itself."""
        return x * x

    app = python_app(square)

    assert (app.__name__, app.__doc__, inspect.signature(app)) == (  # type: ignore[attr-defined]  # as wraps() gives it
        "square",
        "Multiply it by itself.",
        inspect.signature(square),
    )


def test_an_app_s_function_can_be_called_directly() -> None:
    assert python_app(divmod).func(17, 5) == (3, 2)


def test_an_app_says_what_it_is() -> None:
    assert repr(python_app(divmod)) == "<app divmod>"


def test_a_method_can_be_an_app(loaded: DataFlowKernel) -> None:
    class Shop:
        price = 3

        @python_app
        def cost(self, pieces: int) -> int:
            return self.price * pieces

    assert Shop().cost(5).result(WAIT) == 15


def test_a_partial_can_be_an_app(loaded: DataFlowKernel) -> None:
    assert python_app(functools.partial(divmod, 17))(5).result(WAIT) == (3, 2)


def test_a_partial_can_be_a_bash_app(loaded: DataFlowKernel) -> None:
    def compare(x: int, y: int) -> str:
        return f"test {x} = {y}"

    assert bash_app(functools.partial(compare, 5))(5).result(WAIT) == 0


def test_a_builtin_can_be_an_app(loaded: DataFlowKernel) -> None:
    assert python_app(max)(3, 5).result(WAIT) == 5


def test_arguments_may_have_any_name_that_submit_uses_itself(loaded: DataFlowKernel) -> None:
    @python_app
    def echo(**named: int) -> dict[str, int]:
        return named

    names = {"executors": 1, "cache": 2, "fn_hash": 3, "func": 4, "args": 5, "options": 6, "fn": 7, "kernel": 8}

    assert names == echo(**names).result(WAIT)


def test_an_argument_may_be_called_self(loaded: DataFlowKernel) -> None:
    @python_app
    def echo(**named: int) -> dict[str, int]:
        return named

    assert echo(self=1).result(WAIT) == {"self": 1}


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"nonsense": 2}), ((1,), {"x": 2})],
)
def test_a_call_that_does_not_fit_the_signature_is_refused_at_once(
    loaded: DataFlowKernel, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    @python_app
    def add(x: int, y: int = 1) -> int:
        return x + y

    with pytest.raises(TypeError, match=r"app add\(x: 'int', y: 'int' = 1\) -> 'int' was called wrongly"):
        add(*args, **kwargs)


def test_a_call_that_was_refused_is_no_task(loaded: DataFlowKernel) -> None:
    wrong: Any = python_app(lambda x: x)

    with pytest.raises(TypeError):
        wrong()

    assert loaded.task_count == 0


def test_without_a_kernel_a_call_is_refused_saying_what_to_do() -> None:
    with pytest.raises(NoDataFlowKernelError, match=r"no DataFlowKernel is loaded: call headrace.load\(\) first"):
        python_app(int)()


def test_a_label_that_no_executor_has_is_refused_at_the_call(loaded: DataFlowKernel) -> None:
    app = python_app(executors=["gpu"])(int)

    with pytest.raises(UnknownExecutorError, match=r"app 'int' asks for executor 'gpu'.* it has: 'threads'"):
        app()


@pytest.mark.parametrize(
    "options",
    [
        {"executors": "threads"},
        {"executors": []},
        {"executors": [1]},
        {"executors": None},
        {"retries": -1},
        {"retries": 1.5},
        {"backoff": 3},
        {"priority": "high"},
    ],
)
def test_a_decorator_s_option_with_a_wrong_value_is_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        python_app(**options)(int)


@pytest.mark.parametrize("decorator", [python_app, bash_app, join_app])
def test_what_is_no_function_cannot_be_an_app(decorator: Any) -> None:
    with pytest.raises(ConfigurationError, match="an app is made of a function, not of 'cpu'"):
        decorator("cpu")


def test_a_meaningful_default_gives_way_to_a_positional_argument(loaded: DataFlowKernel) -> None:
    @python_app
    def write(text: str, stdout: str = "default.txt") -> str:
        return stdout

    assert write("hello", "other.txt").result(WAIT) == "other.txt"


def test_inputs_as_a_default_are_dependencies_too(loaded: DataFlowKernel) -> None:
    seven = python_app(int)("7")

    @python_app
    def total(inputs: Any = (seven, 3)) -> int:
        return sum(inputs)

    assert total().result(WAIT) == 10


def test_the_example_of_the_package_works(tmp_path: Path) -> None:
    @python_app
    def square(x: int) -> int:
        return x * x

    @python_app
    def total(inputs: list[Any]) -> int:
        return sum(inputs)

    @join_app
    def fan_out(n: int) -> AppFuture[int]:
        return total(inputs=[square(i) for i in range(n)])

    with headrace.load(
        Config(executors=[ThreadPoolExecutor("cpu", max_threads=4)], run_dir=tmp_path, exit_mode="wait")
    ):
        assert fan_out(10).result(WAIT) == 285
