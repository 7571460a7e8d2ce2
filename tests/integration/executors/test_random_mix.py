"""Whatever calls do to their workers, in whatever order: each ends once, with its own outcome."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.integration.executors.conftest import WAIT, Told, runner
from tests.integration.executors.deeds import fail, give, kill, large, leave_with, unsendable

from headrace.compute.executors import CallSpec, SerializationError, WalltimeExceeded, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.executors.conftest import MakePool, Run

pytestmark = pytest.mark.slow


class Deed(NamedTuple):
    """A call, and what must come of it."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    spec: CallSpec
    #: What `expected` of the outcome is, whatever else happens.
    expected: Any
    cancels: bool = False


def deed(draw: random.Random, number: int) -> Deed:
    """Draw one."""
    spec = CallSpec(name=f"call {number}")
    limited = CallSpec(name=f"call {number}", walltime=0.05)
    kinds = [
        Deed(give, (number,), spec, number),
        Deed(give, (number,), CallSpec(name=f"call {number}", walltime=60), number),
        Deed(fail, (number,), spec, ("LookupError", (number,))),
        Deed(leave_with, (number,), spec, (WorkerLost, f"call {number}", number % 100 + 1)),
        Deed(kill, (), spec, (WorkerLost, f"call {number}", -9)),
        Deed(large, (number,), spec, bytes([number % 256]) * 200_000),
        Deed(unsendable, (number,), spec, SerializationError),
        Deed(give, (open,), spec, open),
        Deed(time.sleep, (30,), limited, WalltimeExceeded),
        Deed(time.sleep, (30,), spec, CancelledError, cancels=True),
    ]
    return draw.choices(kinds, [20, 5, 5, 2, 2, 3, 2, 2, 2, 2])[0]


def outcome(told: Told) -> Any:  # noqa: ANN401 - what came of anything
    """Wait for what came of a call, in a form to compare."""
    try:
        return told.value()
    except WorkerLost as error:
        return WorkerLost, error.name, error.exitcode
    except LookupError as error:
        return "LookupError", error.args
    except (SerializationError, WalltimeExceeded, CancelledError) as error:
        return type(error)


@pytest.mark.parametrize("seed", range(8))
def test_each_call_ends_once_with_its_own_outcome(make_pool: MakePool, seed: int) -> None:
    run, draw = runner(make_pool(2)), random.Random(seed)  # noqa: S311 - to be drawn again
    deeds = [deed(draw, number) for number in range(150)]

    told = [_start(run, one) for one in deeds]
    for one, end in zip(deeds, told, strict=True):
        if one.cancels and end.stoppable is not None:
            time.sleep(draw.choice([0, 0, 0.002]))
            end.stoppable.cancel()

    assert [outcome(end) for end in told] == [one.expected for one in deeds]
    assert run(give, 1).value() == 1
    assert [end.further for end in told] == [0] * len(told)


def _start(run: Run, one: Deed) -> Told:
    return run(one.fn, *one.args, spec=one.spec)


def test_workers_that_are_killed_from_outside_lose_only_what_they_had(make_pool: MakePool) -> None:
    """The kills fall anywhere: on idle workers, on ones that read, run or answer."""
    pool = make_pool(2)
    draw = random.Random(0)  # noqa: S311 - to be drawn again
    futures = [pool.submit(give, number) for number in range(100)]
    lost = 0

    for number in range(100, 600):
        futures.append(pool.submit(give, number))
        if number % 10 == 0:
            loop = pool._loop
            assert loop is not None
            pids = [worker.pid for worker in list(loop._crew.workers.values()) if worker.ready and not worker.doomed]
            if pids:
                lost += 1
                with suppress(ProcessLookupError):  # It is dead already.
                    os.kill(draw.choice(pids), 9)
        if number % 50 == 0:
            futures[-1].exception(WAIT)

    errors = [future.exception(WAIT) for future in futures]
    assert {type(error) for error in errors if error is not None} <= {WorkerLost}
    assert sum(error is not None for error in errors) <= lost
    assert [future.result() for future in futures if future.exception() is None] == [
        number for number, error in enumerate(errors) if error is None
    ]
