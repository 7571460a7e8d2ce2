"""What has been told and is not written yet."""

from __future__ import annotations

from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from headrace.journal.lines import Word

__all__ = ["ITEM_SIZE", "MOVE_SIZE", "Barrier", "Failed", "Inbox", "Item", "Move", "Payload", "records_in"]


class Barrier:
    """Someone who wants to know when all that was told before is on disk. Told once."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[BaseException | None], None]) -> None:
        self.callback = callback


class Failed:
    """A move that an error caused: the error is put into words on the writer's thread."""

    __slots__ = ("cause", "head")

    def __init__(self, head: str, cause: BaseException) -> None:
        self.head = head
        self.cause = cause


class Payload:
    """A result to be stored."""

    __slots__ = ("codec", "key", "payload")

    def __init__(self, key: str, payload: bytes, codec: str) -> None:
        self.key = key
        self.codec = codec
        self.payload = payload


#: A move in the short form: how its line begins, when it was made, and whose it is. The line is made on the writer's
#: thread: in a loop over many it costs half of what it would in the middle of a kernel's work. A whole line may stand
#: before it.
Move: TypeAlias = "tuple[str, float, int | str]"

#: A line, or what will become one. `Word`s precede the lines that use them.
Item: TypeAlias = "str | Move | Word | Failed | Payload | Barrier"

#: Roughly what an item takes in memory beside its text.
ITEM_SIZE: Final = 64
#: Roughly what a `Move` takes, in all.
MOVE_SIZE: Final = 128


def records_in(items: Iterable[object]) -> int:
    """Return how many records the items, or the lines that were made of them, are."""
    return sum(_text_of(item).count("\n") + 1 for item in items)


def _text_of(item: object) -> str:
    """Return the part of an item in which there may be more lines than one."""
    if type(item) is tuple:
        item = item[0]
    return item if isinstance(item, str) else ""


class Inbox:
    """An unbounded queue from any thread to the writer's, which knows about how large it is.

    Putting takes no lock, so that it may be done in a mailbox and in a signal handler. The size is kept without one
    too: it may be wrong by an item or two, and is put right whenever the queue is empty.
    """

    def __init__(self) -> None:
        self.items: deque[Item] = deque()
        #: About how many bytes were put and not yet `freed`.
        self.size = 0
        #: Set while the writer sleeps until something is put, however little.
        self.asleep = False
        #: Set once somebody waits for what was put.
        self.urgent = False
        self._bell: SimpleQueue[None] = SimpleQueue()

    def put(self, item: Item, size: int) -> None:
        """Append an item."""
        self.size += size + ITEM_SIZE
        self.items.append(item)
        if self.asleep:
            self.ring()

    def hurry(self) -> None:
        """Have the writer begin now with what was put."""
        if not self.urgent:
            self.urgent = True
            self._bell.put(None)

    def ring(self) -> None:
        """Wake the writer."""
        self.asleep = False
        self._bell.put(None)

    def taking(self) -> None:
        """Note that what is in it is taken out now, whoever waits for it. To be called by the writer."""
        self.urgent = False
        # Nobody else takes from it. Bells that were rung for what is taken out now would cut short later waits.
        while not self._bell.empty():
            self._bell.get()

    def freed(self, size: int, *, all_of_it: bool) -> None:
        """Note that so much of what was put is no longer held; or all that was taken out."""
        self.size = 0 if all_of_it and not self.items else max(0, self.size - size)

    def wait(self, seconds: float | None) -> bool:
        """Wait for the bell; False if `seconds` went by first. To be called by the writer."""
        try:
            self._bell.get(timeout=seconds)
        except Empty:
            return False
        return True
