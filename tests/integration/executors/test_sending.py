"""What can be sent arrives whole, however large; what cannot is its own call's error."""

# ruff: noqa: ANN401 - what is sent may be anything

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.executors.conftest import WAIT

from headrace.compute.executors import CallSpec, SerializationError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.executors.conftest import Run, RunScript

    from headrace.compute.executors import ProcessPoolExecutor

pytestmark = pytest.mark.slow

FIT = CallSpec(name="fit")


@pytest.mark.parametrize("size", [0, 1, 65_000, 65_536, 70_000, 300_000, 100_000_000])
def test_arguments_of_any_size_arrive(pool: ProcessPoolExecutor, size: int) -> None:
    data = b"x" * size

    assert pool.submit(lambda data: hashlib.sha256(data).digest(), data).result(WAIT) == hashlib.sha256(data).digest()


@pytest.mark.parametrize("size", [0, 1, 65_000, 65_536, 70_000, 300_000, 100_000_000])
def test_results_of_any_size_arrive(pool: ProcessPoolExecutor, size: int) -> None:
    assert pool.submit(bytes, size).result(WAIT) == bytes(size)


def test_an_argument_that_does_not_pickle_is_named(run: Run) -> None:
    error = run(print, 1, threading.Lock(), spec=FIT).error()

    assert isinstance(error, SerializationError)
    assert str(error).startswith("fit: argument 1 (of type lock) cannot be sent to a worker process: TypeError: ")


def test_a_keyword_argument_that_does_not_pickle_is_named(run: Run) -> None:
    error = run(print, 1, end=threading.Lock(), spec=FIT).error()

    assert "fit: argument 'end' (of type lock) cannot be sent" in str(error)


def test_a_function_that_does_not_pickle_is_named(run: Run) -> None:
    lock = threading.Lock()

    error = run(lambda: lock, spec=FIT).error()

    assert "fit: the function (of type function) cannot be sent" in str(error)


def test_an_object_too_deep_to_pickle_is_the_calls_error(run: Run) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    error = run(len, deep, spec=FIT).error()
    while deep:
        deep = deep[0]

    assert isinstance(error, SerializationError)
    assert "argument 0 (of type list)" in str(error)


def test_an_argument_that_ends_the_interpreter_when_it_is_pickled_does_not(run: Run) -> None:
    class Hostile:
        def __reduce__(self) -> str:
            raise SystemExit

    assert isinstance(run(print, Hostile()).error(), SerializationError)
    assert run(abs, -1).value() == 1


def test_an_argument_that_cannot_be_read_in_the_worker_is_the_calls_error(run: Run) -> None:
    class Fragile:
        def __reduce__(self) -> Any:
            return int, ("no number",)

    error = run(print, Fragile(), spec=FIT).error()

    assert isinstance(error, SerializationError)
    assert str(error).startswith("fit: it cannot be read in the worker process: ValueError: ")


def test_a_result_that_does_not_pickle_is_the_calls_error(run: Run) -> None:
    error = run(threading.Lock, spec=FIT).error()

    assert isinstance(error, SerializationError)
    assert str(error).startswith("fit: its result cannot be sent: lock: TypeError: ")


def test_a_result_too_deep_to_pickle_is_the_calls_error(run: Run) -> None:
    def deep() -> Any:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        return value

    assert isinstance(run(deep).error(), SerializationError)
    assert run(abs, -1).value() == 1


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_a_result_that_cannot_be_read_here_is_the_calls_error(run: Run, kind: type[BaseException]) -> None:
    def refuse() -> None:
        raise kind("not here")

    class Hostile:
        def __reduce__(self) -> Any:
            return refuse, ()

    error = run(lambda: Hostile(), spec=FIT).error()  # noqa: PLW0108 - made in the worker

    assert isinstance(error, SerializationError)
    assert str(error).startswith("fit: its result cannot be read here: ")
    assert run(abs, -1).value() == 1


def test_a_function_of_a_module_that_workers_cannot_import_is_the_calls_error(run_script: RunScript) -> None:
    done = run_script("""
        import sys, types
        from headrace.compute.executors import ProcessPoolExecutor, SerializationError

        module = types.ModuleType("only_here")
        exec("def function(): return 1", module.__dict__)
        sys.modules["only_here"] = module
        pool = ProcessPoolExecutor(max_workers=1)
        pool.start()
        error = pool.submit(module.function).exception()
        print(type(error).__name__, error)
        print(pool.submit(abs, -1).result())
        pool.shutdown()
    """)

    assert done.stderr == ""
    assert done.stdout == (
        "SerializationError a call: it cannot be read in the worker process: "
        "ModuleNotFoundError: No module named 'only_here'\n1\n"
    )


def test_a_decorated_function_of_a_module_goes_by_name(run_script: RunScript, tmp_path: Path) -> None:
    """So the module is imported in the worker, rather than all sent along that the function refers to."""
    (tmp_path / "decorated.py").write_text(
        "import functools, threading\n"
        "LOCK = threading.Lock()\n"
        "def app(f):\n"
        "    class App:\n"
        "        pass\n"
        "    found = App()\n"
        "    found.__wrapped__ = f\n"
        "    return found\n"
        "@app\n"
        "def function():\n"
        "    with LOCK:\n"
        "        return __name__\n"
    )

    done = run_script("""
        import decorated
        from headrace.compute.executors import ProcessPoolExecutor

        pool = ProcessPoolExecutor(max_workers=1)
        pool.start()
        print(pool.submit(decorated.function.__wrapped__).result())
        pool.shutdown()
    """)

    assert (done.stderr, done.stdout) == ("", "decorated\n")


def test_workers_import_from_where_this_process_does_at_the_call(run_script: RunScript, tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "late.py").write_text("def function(): return 'late'")

    done = run_script("""
        import sys
        from headrace.compute.executors import ProcessPoolExecutor

        pool = ProcessPoolExecutor(max_workers=1)
        pool.start()
        pool.submit(abs, -1).result()
        sys.path.append("later")
        import late
        print(pool.submit(late.function).result())
        pool.shutdown()
    """)

    assert (done.stderr, done.stdout) == ("", "late\n")


def test_modules_named_beforehand_are_imported_before_the_first_call(run_script: RunScript, tmp_path: Path) -> None:
    """As options, in the environment, and by an import hook that says so."""
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.py").write_text("")

    done = run_script("""
        import os, sys
        from headrace.compute.executors import ProcessPoolExecutor

        class Hook:
            headrace_preload = ("one",)
            def find_spec(self, *_): return None

        sys.meta_path.append(Hook())
        os.environ["HEADRACE_PRELOAD"] = "two, "
        pool = ProcessPoolExecutor(max_workers=1, preload=["three"])
        pool.start()
        print(sorted(pool.submit(lambda: {"one", "two", "three"} & set(__import__("sys").modules)).result()))
        pool.shutdown()
    """)

    assert (done.stderr, done.stdout) == ("", "['one', 'three', 'two']\n")


def test_a_module_named_beforehand_that_cannot_be_imported_stops_nothing(run_script: RunScript) -> None:
    done = run_script("""
        from headrace.compute.executors import ProcessPoolExecutor

        pool = ProcessPoolExecutor(max_workers=1, preload=["no_such_module"])
        pool.start()
        print(pool.submit(abs, -1).result())
        pool.shutdown()
    """)

    assert done.stdout == "1\n"
    assert "No module named 'no_such_module'" in done.stderr
