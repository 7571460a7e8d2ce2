"""Functions go by name where a worker can find them, by value elsewhere, and as they are at each call."""

from __future__ import annotations

import collections
import math
import pickle
import types
from typing import TYPE_CHECKING, Any

import cloudpickle  # type: ignore[import-untyped]
import pytest

from headrace.compute.executors import Portable
from headrace.compute.executors.processes import pickling
from headrace.compute.executors.processes.alone.headrace_worker.plain import plain
from headrace.compute.executors.processes.pickling import FunctionPickler, dumps

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def pickler() -> FunctionPickler:
    return FunctionPickler()


def of_main(source: str, **known: Any) -> Callable[..., Any]:  # noqa: ANN401 - whatever it refers to
    """Return the function `f` of this source as if the main module had it."""
    names = {"__name__": "__main__", **known}
    # Without what this file imports from __future__.
    exec(compile(source, "main", "exec", dont_inherit=True), names)  # noqa: S102 - our own source
    function: Callable[..., Any] = names["f"]
    return function


@pytest.fixture
def dumped(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what has been pickled by value, in order."""
    seen: list[object] = []
    by_value = pickling._by_value

    def record(value: object) -> bytes:
        seen.append(value)
        return by_value(value)

    monkeypatch.setattr(pickling, "_by_value", record)
    return seen


@pytest.mark.parametrize("value", [1, "text", [1, {2: (3,)}], math.sqrt, collections.OrderedDict(a=1), ValueError(1)])
def test_what_a_worker_can_import_is_pickled_as_ever(value: object) -> None:
    assert dumps(value) == pickle.dumps(value, 5)


def test_what_belongs_to_the_main_module_is_not_pickled_plainly() -> None:
    kind = type("Kind", (), {"__module__": "__main__"})

    assert plain(kind) is None
    assert plain([kind()]) is None


def test_what_belongs_to_a_module_that_is_to_go_by_value_is_not_pickled_plainly() -> None:
    cloudpickle.register_pickle_by_value(collections)
    try:
        assert plain(collections.OrderedDict()) is None
    finally:
        cloudpickle.unregister_pickle_by_value(collections)
    assert plain(collections.OrderedDict()) is not None


def test_a_function_of_a_module_goes_by_name(pickler: FunctionPickler) -> None:
    data = pickler.dumps(pickle.encode_long)

    assert data is not None
    assert len(data) < 100
    assert pickle.loads(data) is pickle.encode_long  # noqa: S301 - ours


def test_what_is_no_function_goes_with_its_arguments(pickler: FunctionPickler) -> None:
    assert pickler.dumps(math.sqrt) is None
    assert pickler.dumps(Portable(math.sqrt)) is None


def test_a_closure_goes_with_its_arguments(pickler: FunctionPickler) -> None:
    """They may share objects."""
    shared: list[int] = []

    assert pickler.dumps(lambda: shared) is None


def test_a_function_that_refers_to_nothing_that_changes_is_pickled_once(
    pickler: FunctionPickler, dumped: list[object]
) -> None:
    f = of_main("def f(x): return math.sqrt(x) + ONE", math=math, ONE=1)

    data = {pickler.dumps(f) for _ in range(3)}

    assert len(data) == 1
    assert len(dumped) == 1
    assert pickle.loads(data.pop())(4) == 3  # type: ignore[arg-type]  # noqa: S301 - ours


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.__globals__.update(ONE=2),
        lambda f: f.__globals__.pop("ONE"),
        lambda f: f.__globals__.update(len=max),
        lambda f: setattr(f, "__code__", (lambda x: x).__code__),
        lambda f: setattr(f, "__defaults__", (1,)),
        lambda f: setattr(f, "__kwdefaults__", {"x": 1}),
        lambda f: f.__dict__.update(a=1),
        lambda f: f.__annotations__.update(x=int),
    ],
)
def test_a_function_that_has_changed_is_pickled_anew(
    pickler: FunctionPickler, dumped: list[object], change: Callable[[Any], object]
) -> None:
    f = of_main("def f(x): return len(x) + ONE", ONE=1)
    pickler.dumps(f)

    change(f)
    pickler.dumps(f)

    assert len(dumped) == 2


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("def f(): return DATA", {"DATA": []}),
        ("def f(): return (lambda: DATA)()", {"DATA": {}}),
        ("def f(): return OTHER()", {"OTHER": lambda: 1}),
        ("def f(): return package.part", {"package": types.ModuleType("package")}),
        ("def f(x=[]): return x", {}),
        ("def f(x: KIND): return x", {"KIND": int}),
    ],
)
def test_a_function_that_refers_to_what_may_change_is_pickled_each_time(
    pickler: FunctionPickler, dumped: list[object], source: str, known: dict[str, Any]
) -> None:
    f = of_main(source, **known)

    for _ in range(2):
        pickler.dumps(f)

    assert len(dumped) == 2


def test_few_functions_are_remembered(pickler: FunctionPickler) -> None:
    for _ in range(1000):
        pickler.dumps(of_main("def f(): return 1"))

    assert len(pickler._remembered) <= 64


def test_a_portable_of_the_main_module_goes_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name means nothing in a worker, whose main module is another."""
    import __main__  # noqa: PLC0415 - that of this run

    f = of_main("def f(): return 'by value'")
    app = types.SimpleNamespace(__wrapped__=f)
    monkeypatch.setattr(__main__, "f", app, raising=False)

    data = dumps([Portable(f)])
    monkeypatch.delattr(__main__, "f")

    assert pickle.loads(data)[0]() == "by value"  # noqa: S301 - ours
