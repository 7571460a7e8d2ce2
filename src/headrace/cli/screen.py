"""The terminal, shared by a live view at its lower end and by whatever the program writes."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self, TextIO

    from rich.console import RenderableType

__all__ = ["Screen"]

_SHOW_CURSOR = b"\x1b[?25h\r\n"


class Screen:
    """A context manager that draws a view below what the program writes to this terminal by stdout and stderr.

    The view is taken away before each write, and drawn again by the next `draw`. While the program has written half a
    line only (a question, a progress bar of its own) nothing is drawn. What goes around Python's own streams, such as a
    command's output, is not seen here and may land in the middle of the view.

    Args:
        stream: where the view is drawn: a terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._half_line = False
        self._pid = os.getpid()
        self._before: tuple[TextIO, TextIO] = (sys.stdout, sys.stderr)
        self._shared: list[_SharedStream] = []

    def draw(self, view: RenderableType) -> None:
        """Draw the view in the place of the one before."""
        with self._lock:
            if self._half_line:
                return
            if self._live is None:
                # A new one each time, console included: whatever an interrupt did to the one before is gone with it.
                self._live = _live_on(self.console())
                self._live.update(view)
                self._live.start(refresh=True)
            else:
                self._live.update(view, refresh=True)

    def erase(self) -> None:
        """Take the view away."""
        with self._lock:
            live, self._live = self._live, None
            if live is not None:
                live.stop()

    def print(self, view: RenderableType) -> None:
        """Write something above the view, to stay."""
        with self._lock:
            self.erase()
            if self._half_line:
                self._stream.write("\n")
                self._half_line = False
            self.console().print(view, soft_wrap=True)

    def write(self, stream: TextIO, text: str) -> int:
        """Write what the program writes to `stream`."""
        if os.getpid() != self._pid:  # a child by fork: the view, and the lock perhaps held, are the parent's
            return stream.write(text)
        with self._lock:
            self.erase()
            if text:
                self._half_line = not text.endswith("\n")
            written = stream.write(text)
            stream.flush()
            return written

    def restore_at_once(self) -> None:
        """Leave the terminal fit for use, from within a signal handler: no lock is waited for."""
        if self._live is not None:
            os.write(self._stream.fileno(), _SHOW_CURSOR)

    def console(self) -> Console:
        """Return a new console on the terminal."""
        return Console(file=self._stream, highlight=False)

    def __enter__(self) -> Self:
        self._before = (sys.stdout, sys.stderr)
        if _is_terminal(sys.stdout):
            sys.stdout = self._share(sys.stdout)
        if _is_terminal(sys.stderr):
            sys.stderr = self._share(sys.stderr)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stdout, stderr = self._before
        # A stream that the program has put in the place of ours is the program's.
        if sys.stdout in self._shared:
            sys.stdout = stdout
        if sys.stderr in self._shared:
            sys.stderr = stderr
        self.erase()

    def _share(self, stream: TextIO) -> Any:  # noqa: ANN401 - does what a TextIO does
        shared = _SharedStream(self, stream)
        self._shared.append(shared)
        return shared


class _SharedStream:
    """A text stream whose writes go past the view; all else is the stream's own."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self._screen = screen
        self._stream = stream

    def write(self, text: str) -> int:
        return self._screen.write(self._stream, text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a stream
        return getattr(self._stream, name)


def _live_on(console: Console) -> Live:
    return Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False
