"""Calls are equal when the code and the arguments are."""

from __future__ import annotations

import functools
import math
import os
import re
import subprocess
import sys
import threading
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from headrace.data import File
from headrace.dataflow.app import App, python_app
from headrace.dataflow.identity import MemoKeyError, function_id, id_for_memo, key_of_call
from headrace.dataflow.streams import AUTO_LOGNAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Model:
    """A value with a name."""

    name: str


def function_of(source: str, name: str = "f", **names: object) -> Any:  # noqa: ANN401 - whatever it is
    """The function that a program with these global names defines; without a file, so without a source to be read."""
    space: dict[str, Any] = {"__name__": "program", **names}
    exec(source, space)  # noqa: S102 - to have the same function in two versions
    return space[name]


def square(x: int) -> int:
    return x * x


def cube(x: int) -> int:
    return x * x * x


class TestFunctions:
    """What tells functions and classes apart."""

    def test_a_changed_function_has_another_id(self) -> None:
        before = function_of("def f(x):\n    return x + 1\n")
        after = function_of("def f(x):\n    return x + 2\n")
        nested = function_of("def f(x):\n    return sum(y + 1 for y in x)\n")
        nested_after = function_of("def f(x):\n    return sum(y + 2 for y in x)\n")

        assert len({function_id(one) for one in (before, after, nested, nested_after)}) == 4

    def test_comments_layout_and_place_make_no_difference(self) -> None:
        plain = function_of("def f(x):\n    return x + 1\n")
        commented = function_of("\n\n\ndef f(\n    x,\n):\n    # the next\n    return x + 1  # one more\n")

        assert function_id(plain) == function_id(commented)

    def test_a_function_given_another_code_has_another_id(self) -> None:
        function = function_of("def f(x):\n    return x + 1\n")
        before = function_id(function)
        function.__code__ = function_of("def f(x):\n    return x + 2\n").__code__

        assert before != function_id(function)

    def test_the_name_and_the_module_count(self) -> None:
        source = "def f(x):\n    return x\n"
        renamed = function_of(source)
        renamed.__qualname__ = "g"
        moved = function_of(source, __name__="elsewhere")

        assert len({function_id(one) for one in (function_of(source), renamed, moved)}) == 3

    @pytest.mark.parametrize(("one", "other"), [(0.5, 0.6), ("a", "b"), ((1, (2,)), (1, (3,))), (1, 1.0), (None, 0)])
    def test_a_plain_constant_that_it_uses_counts(self, one: object, other: object) -> None:
        source = "def f(x):\n    def inner():\n        return x, LIMIT\n    return inner()\n"

        assert function_id(function_of(source, LIMIT=one)) != function_id(function_of(source, LIMIT=other))
        assert function_id(function_of(source, LIMIT=one)) == function_id(function_of(source, LIMIT=one, UNUSED=other))

    def test_a_constant_counts_as_it_is_at_the_call(self) -> None:
        function = function_of("def f(x):\n    return x + LIMIT\n", LIMIT=1)
        before = function_id(function)
        function.__globals__["LIMIT"] = 2

        assert before != function_id(function)

    def test_a_constant_that_is_replaced_by_an_equal_one_of_another_type_counts(self) -> None:
        function = function_of("def f(x):\n    return LIMIT\n", LIMIT=1)
        ids = [function_id(function)]
        for value in (True, 1.0, [1], 1):
            function.__globals__["LIMIT"] = value
            ids.append(function_id(function))

        assert len(set(ids[:4])) == 4
        assert ids[4] == ids[0]

    def test_other_globals_do_not_count(self) -> None:
        source = "def f(x):\n    return helper(x, TABLE)\n"
        one = function_of(source, helper=square, TABLE=[1], __file__="a")
        other = function_of(source, helper=cube, TABLE=[2], __file__="b")

        assert function_id(one) == function_id(other)

    def test_what_it_has_closed_over_counts(self) -> None:
        def scaled_by(factor: float) -> Callable[[float], float]:
            return lambda x: x * factor

        assert function_id(scaled_by(2)) == function_id(scaled_by(2))
        assert function_id(scaled_by(2)) != function_id(scaled_by(3))

    def test_what_it_has_closed_over_counts_as_it_is_at_the_call(self) -> None:
        number, numbers = 1, [1]

        def add(x: int) -> int:
            return x + number + sum(numbers)

        def plain(x: int) -> int:
            return x + number

        before = function_id(add), function_id(plain)
        number = 2
        between = function_id(add), function_id(plain)
        numbers.append(2)
        after = function_id(add)

        assert len({before[0], between[0], after}) == 3
        assert before[1] != between[1]

    def test_two_lambdas_on_one_line_differ(self) -> None:
        one, other = (lambda x: x + 1), (lambda x: x + 2)

        assert function_id(one) != function_id(other)
        assert id_for_memo(one) != id_for_memo(other)

    def test_a_function_that_calls_itself_has_an_id(self) -> None:
        def factorial(n: int) -> int:
            return n * factorial(n - 1) if n else 1

        assert function_id(factorial)
        assert id_for_memo([factorial])

    def test_an_app_that_calls_itself_or_another_has_an_id(self) -> None:
        def apps(step: int) -> App[..., Any]:
            @python_app
            def down(n: int) -> object:
                return up(n - step) if n else down(n)

            @python_app
            def up(n: int) -> object:
                return down(n)

            return down

        assert function_id(apps(1).func) == function_id(apps(1).func)
        assert function_id(apps(1).func) != function_id(apps(2).func)
        assert id_for_memo(apps(1)) == id_for_memo(apps(1))
        assert id_for_memo(apps(1)) != id_for_memo(apps(2))

    def test_functions_that_call_each_other_have_ids(self) -> None:
        def parity(limit: int) -> Callable[[int], bool]:
            def even(n: int) -> bool:
                return n == limit or odd(n - 1)

            def odd(n: int) -> bool:
                return n != limit and even(n - 1)

            return even

        assert function_id(parity(0)) == function_id(parity(0))
        assert function_id(parity(0)) != function_id(parity(1))

    def test_what_a_decorator_wraps_counts_and_so_does_what_the_decorator_was_given(self) -> None:
        def times(factor: int) -> Callable[[Callable[[int], int]], Callable[[int], int]]:
            def decorate(function: Callable[[int], int]) -> Callable[[int], int]:
                @functools.wraps(function)
                def wrapper(x: int) -> int:
                    return factor * function(x)

                return wrapper

            return decorate

        ids = [function_id(times(2)(square)), function_id(times(3)(square)), function_id(times(2)(cube))]

        assert len(set(ids)) == 3
        assert ids[0] == function_id(times(2)(square))
        assert function_id(functools.lru_cache(square)) != function_id(functools.lru_cache(cube))

    def test_defaults_of_a_function_that_is_a_value_count(self) -> None:
        ids = {id_for_memo(function_of(f"def f(x={default}):\n    return x\n")) for default in (1, 2)}

        assert len(ids) == 2

    def test_what_cannot_be_part_of_a_key_is_an_error_also_in_a_closure(self) -> None:
        lock = threading.Lock()

        def guarded(x: int) -> int:
            with lock:
                return x

        with pytest.raises(MemoKeyError, match=r"lock.*found in .*guarded"):
            function_id(guarded)

    def test_a_changed_method_is_noticed_in_a_class_that_is_a_value(self) -> None:
        before = function_of("class C:\n    def m(self):\n        return 1\n", "C")
        after = function_of("class C:\n    def m(self):\n        return 2\n", "C")
        again = function_of("class C:\n    def m(self):\n        return 1\n", "C")
        derived = type("D", (before,), {"__module__": "program"})
        derived_after = type("D", (after,), {"__module__": "program"})

        assert id_for_memo(before) == id_for_memo(again)
        assert id_for_memo(before) != id_for_memo(after)
        assert id_for_memo(derived) != id_for_memo(derived_after)

    def test_a_bound_method_counts_with_its_object(self) -> None:
        def bound(name: str) -> types.MethodType:
            return types.MethodType(square, Model(name))

        assert id_for_memo(bound("a")) == id_for_memo(bound("a"))
        assert id_for_memo(bound("a")) != id_for_memo(bound("b"))

    def test_builtins_count_by_name(self) -> None:
        assert function_id(math.sqrt) != function_id(math.floor)


def run(x: int, y: int = 2, *rest: int, mode: str = "fast", **others: object) -> None:
    pass


def write(
    inputs: list[object],
    outputs: list[object] | None = None,
    stdout: object = None,
    walltime: float | None = None,
    label: str = "",
) -> None:
    pass


def key(*args: object, **kwargs: object) -> str:
    return key_of_call(run, "run", args, kwargs)


def write_key(**kwargs: object) -> str:
    return key_of_call(write, "write", (), {"inputs": [], **kwargs})


class TestCalls:
    """What tells calls apart."""

    def test_a_key_is_a_short_hexadecimal_text(self) -> None:
        assert re.fullmatch(r"[0-9a-f]{64}", key(1))

    def test_it_makes_no_difference_how_an_argument_is_given(self) -> None:
        assert len({key(1), key(x=1), key(1, 2), key(1, y=2), key(y=2, x=1), key(1, mode="fast")}) == 1

    def test_other_arguments_make_another_key(self) -> None:
        keys = [key(1), key(2), key(1, 3), key(1, mode="slow"), key(1, 2, 3), key(1, 2, (3,)), key(1.0), key(True)]
        keys += [key(1, a=1), key(1, b=1), key(1, rest=(3,)), key(1, others={"a": 1})]

        assert len(set(keys)) == len(keys)

    def test_the_function_is_part_of_the_key(self) -> None:
        assert key_of_call(square, "f", (1,), {}) != key_of_call(cube, "f", (1,), {})

    def test_a_hash_that_is_given_stands_for_the_function(self) -> None:
        one, other = (key_of_call(func, "f", (1,), {}, (), "v1") for func in (square, cube))

        assert one == other
        assert one != key_of_call(square, "f", (1,), {}, (), "v2")
        assert one != key_of_call(square, "f", (1,), {})

    def test_a_changed_default_makes_another_key_where_it_is_used(self) -> None:
        one, other = (function_of(f"def f(x, y={default}):\n    return x\n") for default in (1, 2))

        assert key_of_call(one, "f", (1,), {}) != key_of_call(other, "f", (1,), {})
        assert key_of_call(one, "f", (1, 5), {}) == key_of_call(other, "f", (1, 5), {})

    def test_a_default_that_is_replaced_is_noticed(self) -> None:
        function = function_of("def f(x, y=1):\n    return x\n")
        before = key_of_call(function, "f", (1,), {})
        function.__defaults__ = (2,)

        assert before != key_of_call(function, "f", (1,), {})

    def test_ignored_arguments_make_no_difference_and_need_no_id(self) -> None:
        def ignoring(*args: object, **kwargs: object) -> str:
            return key_of_call(run, "run", args, kwargs, ["mode", "y", "rest", "others"])

        lock = threading.Lock()

        assert ignoring(1) == ignoring(1, lock, lock, mode=lock, a=lock)
        assert ignoring(1) != ignoring(2)

    def test_the_error_names_the_app_and_the_argument(self) -> None:
        with pytest.raises(MemoKeyError, match=r"app 'run': argument 'y' cannot be part of a memo key: a lock"):
            key(1, threading.Lock())
        with pytest.raises(MemoKeyError, match=r"app 'run': argument 'model' cannot be part of a memo key: a lock"):
            key(1, model=[threading.Lock()])

    def test_the_error_names_the_function_that_cannot_be_part_of_a_key(self) -> None:
        lock = threading.Lock()

        with pytest.raises(MemoKeyError, match=r"app 'f': its function cannot be part of a memo key: a lock"):
            key_of_call(lambda: lock, "f", (), {})

    def test_inputs_count_by_content_and_outputs_by_name(self, tmp_path: Path) -> None:
        data, out = tmp_path / "data", File(str(tmp_path / "out"))
        data.write_text("one")
        before = write_key(inputs=[data], outputs=[out])
        (tmp_path / "out").write_text("written by the first call")
        same = write_key(inputs=[data], outputs=[out])
        data.write_text("two")

        assert before == same
        assert before != write_key(inputs=[data], outputs=[out])
        assert same != write_key(inputs=[data], outputs=[File(str(tmp_path / "other"))])

    def test_outputs_taken_by_a_catch_all_count_by_name_too(self, tmp_path: Path) -> None:
        out = tmp_path / "out"

        assert key(1, outputs=[out]) != key(1, outputs=[tmp_path / "other"])

    def test_a_call_that_writes_its_stdout_to_another_file_has_another_key(self) -> None:
        assert write_key(stdout="a.txt") != write_key(stdout="b.txt")
        assert write_key(stdout="a.txt") == write_key(stdout="a.txt")

    def test_a_log_file_named_automatically_makes_no_difference(self) -> None:
        one = write_key(stdout=AUTO_LOGNAME)

        assert one == write_key(stdout=AUTO_LOGNAME, label="", walltime=3)

    def test_what_only_the_kernel_looks_at_makes_no_difference(self) -> None:
        assert write_key() == write_key(walltime=3) == write_key(label="night run")

    @pytest.mark.parametrize("body", ["label", "[label for _ in x]", "locals()", "(lambda: label)()", "f'{label}'"])
    def test_it_makes_a_difference_where_the_function_looks_at_it_too(self, body: str) -> None:
        function = function_of(f"def f(x, label=None):\n    return {body}\n")

        assert key_of_call(function, "f", (1,), {"label": "a"}) != key_of_call(function, "f", (1,), {"label": "b"})

    @pytest.mark.parametrize("body", ["others", "others['label']", "g(**others)"])
    def test_so_it_does_where_the_function_looks_at_its_catch_all(self, body: str) -> None:
        function = function_of(f"def f(x, **others):\n    return {body}\n")

        assert key_of_call(function, "f", (1,), {"label": "a"}) != key_of_call(function, "f", (1,), {"label": "b"})

    def test_builtins_without_a_signature_count_their_arguments_by_place(self) -> None:
        assert key_of_call(max, "max", (1, 2), {}) != key_of_call(max, "max", (2, 1), {})


ELSEWHERE = """
import sys
sys.path.insert(0, {folder!r})
import hashlib, memo_values
print(hashlib.sha256(b"".join(memo_values.ids())).hexdigest())
"""

VALUES = """
import collections, datetime, decimal, enum, functools, math, re, uuid
from dataclasses import dataclass
from headrace.dataflow.identity import function_id, id_for_memo, key_of_call

class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

@dataclass
class Model:
    tags: set
    table: dict

LIMITS = frozenset({"low", "high", "middle"})

def f(x, tags=frozenset({"a", "b", "c"})):
    return x in {"one", "two", "three"} and x in LIMITS

def ids():
    words = [str(number) for number in range(50)]
    yield id_for_memo(set(words))
    yield id_for_memo({word: {word, "x", b"y", None} for word in words})
    yield id_for_memo(frozenset({(word, Colour.RED) for word in words} | {Colour.BLUE, 1.5, decimal.Decimal(1)}))
    yield id_for_memo(Model(set(words), {Colour.RED: set(words)}))
    yield id_for_memo(collections.Counter(words))
    yield id_for_memo([f, Model, Colour, functools.partial(f, words), re.compile("a"), len, math])
    yield id_for_memo(lambda x, y={"a", "b"}: x in {"one", "two", "three"})
    yield function_id(f)
    yield key_of_call(f, "f", ({"one", "two"},), {}).encode()
"""


class TestOtherProcesses:
    """Ids outlive the process that made them."""

    @pytest.mark.slow
    def test_ids_are_the_same_whatever_the_seed_of_hashes(self, tmp_path: Path) -> None:
        (tmp_path / "memo_values.py").write_text(VALUES)
        program = ELSEWHERE.format(folder=str(tmp_path))

        found = {
            subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONHASHSEED": seed},
                check=True,
                capture_output=True,
                text=True,
                timeout=50,
            ).stdout
            for seed in ("0", "1", "4242")
        }

        assert len(found) == 1
        assert len(found.pop().strip()) == 64
