"""A call has the key that Parsl gives it; Parsl itself wrote what is compared with."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.compat.parsl_wrote.calls import CALLS, Call, Point, other, plain, say_what_points_are

from headrace import AUTO_LOGNAME, id_for_memo
from headrace.compat.parsl_checkpoints import key
from headrace.compat.parsl_checkpoints.key import key_of_call
from headrace.dataflow.streams import AutoPath

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS: dict[str, str] = json.loads((Path(__file__).parent / "parsl_wrote" / "keys.json").read_text(encoding="utf-8"))

OF_2024 = "c1d6e92081ff50545bddbd650b109f49"

#: Parsl wrote them where this was the default.
PROTOCOL = 4


@pytest.fixture(autouse=True)
def points() -> Iterator[None]:
    """What tells points apart is known, during the test."""
    say_what_points_are(key.id_for_memo)
    yield
    for registry in (key._id, id_for_memo):
        registry.register(Point, registry.dispatch(object))


def key_of(call: Call, protocol: int = PROTOCOL) -> str:
    return key_of_call(call.func, call.args, call.kwargs, ignore=call.ignore, command=call.bash, protocol=protocol)


def test_parsl_was_asked_for_each_of_the_calls() -> None:
    assert KEYS.keys() == CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_the_key_is_parsls(name: str) -> None:
    assert key_of(CALLS[name]) == KEYS[name]


def test_parsl_of_2024_had_other_keys_where_inputs_have_a_default() -> None:
    call = CALLS["defaults"]

    # It was written by Parsl 2024.7.1, for this call.
    assert key_of_call(call.func, call.args, call.kwargs, protocol=PROTOCOL, before_2025=True) == OF_2024


def test_it_is_the_same_again() -> None:
    assert key_of(CALLS["positional: deep"]) == key_of(CALLS["positional: deep"])


def test_another_default_protocol_makes_other_keys() -> None:
    assert key_of(CALLS["two"], protocol=5) != key_of(CALLS["two"], protocol=4)


def test_a_log_file_of_the_tasks_own_makes_no_difference() -> None:
    assert key_of(Call(plain, (1,), {"stdout": AutoPath("runinfo/000/task_logs/0000/task_7.stdout")})) == key_of(
        Call(plain, (1,))
    )


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", 1j, {"a": 1, 2: "b"}, AUTO_LOGNAME, [(1, {3})]])
def test_what_parsl_does_not_know_has_a_key_all_the_same(value: object) -> None:
    assert key_of(Call(plain, (value,))) == key_of(Call(plain, (value,))) != key_of(Call(plain, ()))


def test_what_was_registered_with_headrace_counts_as_if_it_were_with_parsl() -> None:
    class Own:
        pass

    id_for_memo.register(Own, lambda _: pickle.dumps("x", PROTOCOL))

    assert key_of(Call(plain, (Own(),))) == key_of(Call(plain, ("x",)))


def test_what_is_registered_with_parsls_is_registered_with_headraces() -> None:
    class Own:
        pass

    def of_own(_: Own, output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - Parsl's signature
        return b"own"

    assert key.id_for_memo.register(Own)(of_own) is of_own

    assert id_for_memo(Own()) == id_for_memo(Own()) != id_for_memo(None)
    assert key.id_for_memo(Own()) == b"own"


def test_a_type_may_be_registered_by_an_annotation() -> None:
    class Own:
        pass

    def of_own(_: object, output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - Parsl's signature
        return b"annotated"

    of_own.__annotations__ = {"_": Own, "return": bytes}
    key.id_for_memo.register(of_own)

    assert key.id_for_memo(Own()) == b"annotated"
    assert key.id_for_memo.dispatch(Own) is of_own


def test_a_program_may_say_what_functions_are() -> None:
    import types  # noqa: PLC0415 - the type that is taken over for the time of this test

    before = key.id_for_memo.dispatch(types.FunctionType), id_for_memo.dispatch(types.FunctionType)
    key.id_for_memo.register(types.FunctionType, lambda func, **_: func.__name__.encode())
    try:
        assert key_of(Call(plain)) != KEYS["nothing"]
        assert key_of(Call(plain)) != key_of(Call(other))
    finally:
        key._id.register(types.FunctionType, before[0])
        id_for_memo.register(types.FunctionType, before[1])
