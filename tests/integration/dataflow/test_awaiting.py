"""Futures can be awaited in an event loop."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from concurrent.futures import Future

    from headrace import DataFlowKernel

WAIT = 10


def fail(kind: type[BaseException] = ValueError) -> None:
    raise kind("boo")


def test_awaiting_gives_the_result(kernel: DataFlowKernel) -> None:
    async def main() -> int:
        return int(await kernel.submit(int, "7"))

    assert asyncio.run(main()) == 7


def test_awaiting_a_finished_future_gives_the_result(kernel: DataFlowKernel) -> None:
    future = kernel.submit(int, "7")
    future.result(WAIT)

    async def main() -> int:
        return int(await future)

    assert asyncio.run(main()) == 7


def test_awaiting_raises_the_task_s_error(kernel: DataFlowKernel) -> None:
    async def main() -> None:
        await kernel.submit(fail)

    with pytest.raises(ValueError, match="boo"):
        asyncio.run(main())


def test_awaiting_a_task_that_raised_stop_iteration_does_not_look_like_a_return(kernel: DataFlowKernel) -> None:
    async def main() -> None:
        await kernel.submit(fail, StopIteration)

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(main())


def test_awaiting_a_cancelled_task_raises_the_error_of_futures_not_the_loop_s(
    kernel: DataFlowKernel, never: Future[Any]
) -> None:
    """The loop's own would tell the one who waits that it is cancelled itself."""

    async def main() -> str:
        future = kernel.submit(id, never)
        future.cancel()
        try:
            await future
        except concurrent.futures.CancelledError:
            return "the task was cancelled"
        return "nothing"

    assert asyncio.run(main()) == "the task was cancelled"


def test_cancelling_the_one_who_waits_does_not_cancel_the_task(kernel: DataFlowKernel, blocker: Any) -> None:
    future = kernel.submit(blocker)

    async def wait() -> None:
        await future

    async def main() -> bool:
        waiter = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        return waiter.cancelled()

    waiter_cancelled = asyncio.run(main())
    blocker.end.set()

    assert (waiter_cancelled, future.result(WAIT)) == (True, "ended")


def test_a_time_limit_on_waiting_does_not_cancel_the_task(kernel: DataFlowKernel, blocker: Any) -> None:
    future = kernel.submit(blocker)

    async def main() -> None:
        await asyncio.wait_for(future, timeout=0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    blocker.end.set()

    assert future.result(WAIT) == "ended"


def test_a_task_that_ends_after_the_loop_is_closed_harms_nobody(kernel: DataFlowKernel, blocker: Any) -> None:
    future = kernel.submit(blocker)

    async def wait() -> None:
        await future

    async def main() -> None:
        waiter = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        waiter.cancel()

    asyncio.run(main())
    blocker.end.set()

    assert future.result(WAIT) == "ended"
    assert kernel.submit(int).result(WAIT) == 0


def test_many_may_wait_for_one(kernel: DataFlowKernel, blocker: Any) -> None:
    future = kernel.submit(blocker)

    async def wait() -> str:
        return str(await future)

    async def main() -> list[str]:
        waiters = [asyncio.ensure_future(wait()) for _ in range(1_000)]
        await asyncio.sleep(0)
        blocker.end.set()
        return await asyncio.gather(*waiters)

    assert asyncio.run(main()) == ["ended"] * 1_000


def test_one_may_wait_for_many(kernel: DataFlowKernel) -> None:
    async def main() -> list[int]:
        return list(await asyncio.gather(*[kernel.submit(int, number) for number in range(100)]))

    assert asyncio.run(main()) == list(range(100))


def test_parts_and_files_can_be_awaited_too(kernel: DataFlowKernel) -> None:
    async def main() -> tuple[Any, Any]:
        future = kernel.submit(lambda **_: ["part"], outputs=["a.txt"])
        return await future[0], (await future.outputs[0]).path

    assert asyncio.run(main()) == ("part", "a.txt")


def test_a_workflow_can_be_written_with_coroutines(kernel: DataFlowKernel) -> None:
    async def square_of_sum(numbers: list[int]) -> int:
        total = await kernel.submit(sum, numbers)
        return int(await kernel.submit(pow, total, 2))

    async def main() -> list[int]:
        return await asyncio.gather(*[square_of_sum([number, number]) for number in range(20)])

    assert asyncio.run(main()) == [4 * number * number for number in range(20)]
