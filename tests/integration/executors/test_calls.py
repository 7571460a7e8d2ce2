"""What a call gives, and what it raises, arrive as they were."""

# ruff: noqa: ANN401 - what is sent may be anything

from __future__ import annotations

import math
import os
import threading
import time
import traceback
from concurrent.futures import wait
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.executors.conftest import WAIT
from tests.integration.executors.deeds import meet

from headrace.compute.executors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.executors.conftest import Run, RunScript

    from headrace.compute.executors import ProcessPoolExecutor

pytestmark = pytest.mark.slow


def test_a_value_arrives(pool: ProcessPoolExecutor) -> None:
    assert pool.submit(math.hypot, 3, 4).result(WAIT) == 5


def test_a_call_runs_in_another_process(pool: ProcessPoolExecutor) -> None:
    assert pool.submit(os.getpid).result(WAIT) != os.getpid()


def test_keyword_arguments_arrive(pool: ProcessPoolExecutor) -> None:
    assert pool.submit(dict, {"a": 1}, b=2).result(WAIT) == {"a": 1, "b": 2}


def test_as_many_calls_run_at_once_as_there_are_workers(pool: ProcessPoolExecutor, tmp_path: Path) -> None:
    futures = [pool.submit(meet, tmp_path / "a", tmp_path / "b"), pool.submit(meet, tmp_path / "b", tmp_path / "a")]

    assert [future.result(WAIT) for future in futures] == [True, True]


def test_map_gives_the_values_in_order(pool: ProcessPoolExecutor) -> None:
    assert list(pool.map(abs, range(-50, 0))) == list(range(50, 0, -1))


def test_a_lambda_and_a_closure_go_by_value(pool: ProcessPoolExecutor) -> None:
    offset = 3

    assert pool.submit(lambda x: partial(lambda y: x + y + offset)(10), 4).result(WAIT) == 17


def test_an_exception_arrives_with_its_traceback(pool: ProcessPoolExecutor) -> None:
    def culprit() -> None:
        raise LookupError("here")

    error = pool.submit(culprit).exception(WAIT)

    assert isinstance(error, LookupError)
    assert error.args == ("here",)
    assert "culprit" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def test_an_exception_arrives_with_its_cause_and_notes(pool: ProcessPoolExecutor) -> None:
    def fails() -> None:
        try:
            dict[str, int]()["key"]
        except KeyError as error:
            error.add_note("a note")
            raise ValueError("no key") from error

    error = pool.submit(fails).exception(WAIT)

    assert isinstance(error, ValueError)
    assert isinstance(error.__cause__, KeyError)
    assert error.__cause__.__notes__ == ["a note"]


@pytest.mark.parametrize(
    ("fails", "attributes"),
    [
        (partial(compile, "print 'x'", "name", "exec"), {"msg", "filename", "lineno", "text"}),
        (partial(str, b"\xff", "utf-8"), {"encoding", "object", "start", "end", "reason"}),
        (partial(__import__, "no_such_module"), {"msg", "name"}),
        (partial(os.stat, "/no/such/file"), {"errno", "strerror", "filename"}),
        (iter(()).__next__, {"value"}),
    ],
)
def test_an_exception_of_pythons_own_arrives_with_its_attributes(
    pool: ProcessPoolExecutor, fails: Callable[[], object], attributes: set[str]
) -> None:
    with pytest.raises(Exception) as here:  # noqa: PT011 - of many kinds
        fails()

    there = pool.submit(fails).exception(WAIT)

    assert type(there) is here.type
    assert str(there) == str(here.value)
    assert {name: getattr(there, name) for name in attributes} == {
        name: getattr(here.value, name) for name in attributes
    }


def test_an_exception_group_arrives_with_its_exceptions(pool: ProcessPoolExecutor) -> None:
    def fails() -> None:
        raise ExceptionGroup("several", [ValueError(1), KeyError(2)])

    error = pool.submit(fails).exception(WAIT)

    assert isinstance(error, ExceptionGroup)
    assert repr(error.exceptions) == "(ValueError(1), KeyError(2))"


def test_an_exception_that_cannot_be_made_anew_arrives_in_words(pool: ProcessPoolExecutor) -> None:
    class NeedsTwo(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} and {two}")

        def __reduce__(self) -> Any:
            return NeedsTwo, (1,)

    def fails() -> None:
        raise NeedsTwo(1, 2)

    error = pool.submit(fails).exception(WAIT)

    assert isinstance(error, RemoteError)
    assert error.type_name.endswith("NeedsTwo")
    assert error.text == "1 and 2"
    assert "in fails" in error.traceback


def test_an_exception_whose_constructor_needs_arguments_arrives_itself(pool: ProcessPoolExecutor) -> None:
    class NeedsTwo(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__("text")
            self.sum = one + two

    def fails() -> None:
        raise NeedsTwo(1, 2)

    error = pool.submit(fails).exception(WAIT)

    assert isinstance(error, NeedsTwo)
    assert (str(error), error.sum) == ("text", 3)


def test_an_exception_that_holds_what_cannot_be_pickled_arrives_in_words(pool: ProcessPoolExecutor) -> None:
    def fails() -> None:
        raise ValueError(threading.Lock())

    error = pool.submit(fails).exception(WAIT)

    assert isinstance(error, RemoteError)
    assert error.type_name == "builtins.ValueError"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_would_end_an_interpreter_is_the_calls_error(pool: ProcessPoolExecutor, kind: type[BaseException]) -> None:
    def fails() -> None:
        raise kind("told to")

    first, error = pool.submit(os.getpid).result(WAIT), pool.submit(fails).exception(WAIT)

    assert type(error) is kind
    assert first in {pool.submit(os.getpid).result(WAIT) for _ in range(10)}


def test_many_calls_each_get_their_own_value(pool: ProcessPoolExecutor) -> None:
    futures = [pool.submit(pow, number, 2) for number in range(2000)]

    done, _ = wait(futures, WAIT)

    assert len(done) == 2000
    assert [future.result() for future in futures] == [number**2 for number in range(2000)]


def test_calls_come_from_many_threads(pool: ProcessPoolExecutor) -> None:
    results: list[int] = []

    def submit(base: int) -> None:
        futures = [pool.submit(abs, -(base + number)) for number in range(100)]
        results.extend(future.result(WAIT) for future in futures)

    threads = [threading.Thread(target=submit, args=(1000 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == [1000 * base + number for base in range(8) for number in range(100)]


def test_what_tells_of_an_end_may_raise(run: Run, pool: ProcessPoolExecutor, caplog: pytest.LogCaptureFixture) -> None:
    def hostile(_value: object, _error: BaseException | None) -> None:
        raise SystemExit

    pool.execute(abs, (1,), {}, hostile)

    assert run(abs, -2).value() == 2
    # The second call, on another worker, may have ended first.
    deadline = time.monotonic() + WAIT
    while "telling of the end of a call raised" not in caplog.text:
        assert time.monotonic() < deadline
    # The records keep the error, and by its frames all of the pool.
    caplog.clear()


def test_functions_and_classes_of_the_main_module_need_no_guard(run_script: RunScript) -> None:
    """What a script defines goes there and back; the script is run once."""
    done = run_script("""
        import dataclasses, enum
        from headrace.compute.executors import ProcessPoolExecutor

        print("main module")
        FACTOR = 2

        @dataclasses.dataclass
        class Point:
            x: int
            made = 0
            def scaled(self):
                return Point(self.x * FACTOR)

        class Colour(enum.Enum):
            red = 1

        class Oops(Exception):
            pass

        def scale(point):
            Point.made += 1
            return point.scaled()

        def fail():
            raise Oops("from main")

        scaled = Point.scaled
        pool = ProcessPoolExecutor(max_workers=1)
        pool.start()
        print(pool.submit(scale, Point(3)).result(), type(pool.submit(scale, Point(3)).result()) is Point)
        FACTOR = 5
        print(pool.submit(scale, Point(3)).result())
        print(Point.made, Point.scaled is scaled)
        print(pool.submit(lambda: Colour.red).result() is Colour.red)
        print(isinstance(pool.submit(fail).exception(), Oops))
        print(pool.submit(lambda: Point).result() is Point)
        pool.shutdown()
    """)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "main module",
        "Point(x=6) True",
        "Point(x=15)",
        "0 True",
        "True",
        "True",
        "True",
    ]


def test_a_decorated_function_of_the_main_module_goes_by_value(run_script: RunScript) -> None:
    """Also within an object that sends it as `Portable`."""
    done = run_script("""
        from headrace.compute.executors import Portable, ProcessPoolExecutor

        class App:
            def __init__(self, function):
                self.__wrapped__ = function

        @App
        def function():
            return "there"

        def call(portable):
            return portable()

        pool = ProcessPoolExecutor(max_workers=1)
        pool.start()
        print(pool.submit(Portable(function.__wrapped__)).result())
        print(pool.submit(call, Portable(function.__wrapped__)).result())
        print(pool.submit(function.__wrapped__).result())
        pool.shutdown()
    """)

    assert (done.stderr, done.stdout) == ("", "there\nthere\nthere\n")


def test_a_function_of_the_main_module_is_sent_as_it_is_at_each_call(run_script: RunScript) -> None:
    done = run_script("""
        import math
        from headrace.compute.executors import ProcessPoolExecutor

        VALUE = 1

        def value():
            return VALUE

        def root():
            return math.sqrt(4)

        pool = ProcessPoolExecutor(max_workers=1)
        pool.start()
        found = [pool.submit(value).result(), pool.submit(value).result()]
        VALUE = 2
        found.append(pool.submit(value).result())
        value.__code__ = (lambda: VALUE + 10).__code__
        found.append(pool.submit(value).result())
        del VALUE
        found.append(type(pool.submit(value).exception()).__name__)
        import cmath as math
        found.append(pool.submit(root).result())
        print(found)
        pool.shutdown()
    """)

    assert (done.stderr, done.stdout) == ("", "[1, 1, 2, 12, 'NameError', (2+0j)]\n")
