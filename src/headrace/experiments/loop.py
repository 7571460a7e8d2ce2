"""The one thread that runs every coroutine of an experiment's resources."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from headrace.core.condition import Reply
from headrace.core.thread import Thread
from headrace.experiments.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future

__all__ = ["LoopThread"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How long cancelled coroutines are waited for at the end, in seconds.
_PATIENCE = 5.0


class LoopThread:
    """An asyncio loop on a thread of its own, which starts when it is first needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop.

        Raises:
            ExperimentError: it has been closed.
        """
        loop = self._loop
        if loop is not None and not self._closed:
            return loop
        with self._lock:
            if self._closed:
                raise ExperimentError(f"{self._name} has been shut down: no coroutine of its resources runs any more")
            if self._loop is None:
                ready: Reply[asyncio.AbstractEventLoop] = Reply()
                self._thread = Thread(target=self._run, args=(ready,), name=f"{self._name}-loop")
                self._thread.start()
                self._loop = ready.get()
            return self._loop

    @property
    def here(self) -> bool:
        """Whether the calling thread is the loop's own, which must not wait."""
        return self._thread is not None and self._thread.ident == threading.get_ident()

    def spawn(
        self,
        make: Callable[[], Coroutine[Any, Any, Any] | None],
        ended: Callable[[BaseException | None], None],
        tasks: list[asyncio.Task[Any]],
    ) -> None:
        """Have a coroutine made and run, and `ended` told, on the loop's thread, of what it raised.

        Its task is put among `tasks`, for `cancel`. Where `make` returns None, nothing runs and nobody is told.
        """
        loop = self.loop

        def begin() -> None:
            coroutine = make()
            if coroutine is not None:
                task = loop.create_task(_Tamed(coroutine))
                tasks.append(task)
                task.add_done_callback(over)

        def over(task: asyncio.Task[Any]) -> None:
            ended(asyncio.CancelledError() if task.cancelled() else task.exception())

        loop.call_soon_threadsafe(begin)

    def cancel(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Cancel what was spawned with this list before."""
        loop = self._loop
        if loop is not None:
            _send(loop, lambda: [task.cancel() for task in tasks])

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine, and wait for what it returns or raises. Not on the loop's own thread."""
        if self.here:
            coroutine.close()
            raise ExperimentError("a coroutine cannot wait so for another: use `await` there")
        future: Future[T] = asyncio.run_coroutine_threadsafe(_Tamed(coroutine), self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what still runs, and end the thread. Not on the loop's own thread."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is not None and thread is not None and not self.here:
            _send(loop, loop.stop)
            thread.join(2 * _PATIENCE)

    def _run(self, ready: Reply[asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            loop.call_soon(ready.give, loop)
            loop.run_forever()
            loop.run_until_complete(_cancel_all())


class _Tamed(Coroutine[Any, Any, T]):
    """A coroutine. A `sys.exit` in one would end the loop, and with it all the others.

    Not one that awaits the other: a task that is cancelled before its first step would never come to that.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:  # noqa: ANN401 - as of any coroutine
        try:
            return self._coroutine.send(value)
        except (KeyboardInterrupt, SystemExit) as error:
            raise ExperimentError(f"a coroutine raised {error!r}") from error

    def throw(self, *error: Any) -> Any:  # noqa: ANN401 - as of any coroutine
        try:
            return self._coroutine.throw(*error)
        except (KeyboardInterrupt, SystemExit) as ended:
            raise ExperimentError(f"a coroutine raised {ended!r}") from ended

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()


def _send(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        logger.debug("the loop has ended, and with it what was to be called: %r", call)


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=_PATIENCE)
        for task in left:
            logger.warning("a coroutine was cancelled and has not ended: %r", task)
