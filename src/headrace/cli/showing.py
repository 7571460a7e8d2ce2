"""What every way of showing how something is going has in common, whatever is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from rich.text import Text

from headrace.cli.screen import Screen

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TextIO

__all__ = ["OnScreen", "Shows", "Silent"]

M = TypeVar("M")
_M_contra = TypeVar("_M_contra", contravariant=True)


class Shows(Protocol[_M_contra]):
    """Shows moments."""

    #: How often it wants to be shown one, in seconds.
    interval: float

    def show(self, moment: _M_contra) -> None:
        """Show how things are; called from one thread at a time."""

    def tell(self, message: str) -> None:
        """Say something that matters whatever is shown otherwise."""

    def restore_at_once(self) -> None:
        """Leave the terminal fit for use; called from a signal handler, right before the process ends."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class OnScreen:
    """The lower end of a terminal, and what is told above it. What is drawn there is a subclass's `show`."""

    interval = 0.2

    def __init__(self, stream: TextIO) -> None:
        self._screen = Screen(stream)

    def tell(self, message: str) -> None:
        """Write the message above the view."""
        self._screen.print(Text(message, style="bold yellow"))

    def restore_at_once(self) -> None:
        """Show the cursor again."""
        self._screen.restore_at_once()

    def __enter__(self) -> Self:
        self._screen.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.__exit__(kind, error, trace)


class Silent(Generic[M]):
    """Shows nothing; what is told is a line."""

    interval = 0.5

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, moment: M) -> None:
        """Do nothing."""

    def tell(self, message: str) -> None:
        """Write the message as a line."""
        self._stream.write(f"headrace: {message}\n")
        self._stream.flush()

    def restore_at_once(self) -> None:
        """Do nothing: nothing has been done to the terminal."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
