"""Having something that may block called from a coroutine of a resource's."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.experiments.resource import ResourceManager

__all__ = ["on_thread"]

T = TypeVar("T")


async def on_thread(manager: ResourceManager, call: Callable[..., T], *args: object) -> T:
    """Return what `call` returns, or raise what it raises; it runs on a thread of the experiment's.

    Whoever is cancelled leaves it: the thread ends when the call does, and keeps nothing from ending. That is why it is
    none of the loop's own threads, which a loop waits for when it is closed.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def told(value: object, error: BaseException | None) -> None:
        if not future.done():
            future.set_result(value) if error is None else future.set_exception(error)

    def ended(value: object, error: BaseException | None) -> None:
        # The loop has been closed if nobody waits for this any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(told, value, error)

    manager._stage.crew.execute(call, args, {}, ended)  # noqa: SLF001 - a part of it
    value: T = await future
    return value
