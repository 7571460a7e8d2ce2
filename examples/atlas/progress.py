"""How a run is going, while it goes."""

from __future__ import annotations

import sys
import time
from concurrent.futures import as_completed
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Collection
    from concurrent.futures import Future

    from rich.console import ConsoleOptions, RenderResult

    from .timeline import Recorder


class Progress:
    """Shows, on a terminal, how many tasks of each app have ended; elsewhere, the lines it is told. A context manager.

    It draws what a `Recorder` has noted a few times a second, so a task costs it nothing. Under `headrace run`, which
    has such a view of its own, it is plain too.
    """

    def __init__(self, recorder: Recorder, console: Console | None = None) -> None:
        console = console or Console()
        self._began = time.monotonic()
        self._live: Live | None = None
        if console.is_terminal and "headrace.cli" not in sys.modules:
            self._live = Live(_Board(recorder), console=console, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def follow(self, futures: Collection[Future[Any]], what: str) -> None:
        """Wait until all `futures` have ended, and on the way tell of each quarter."""
        told = 0
        for ended, _ in enumerate(as_completed(futures), 1):
            if ended * 4 // len(futures) > told:
                told = ended * 4 // len(futures)
                self.tell(f"{ended:,} of {len(futures):,} {what}")

    def tell(self, line: str) -> None:
        """Say how far the run is."""
        # While there is a live view, what is printed appears above it.
        print(f"{time.monotonic() - self._began:6.1f} s  {line}", flush=True)


class _Board:
    """What the recorder knows, as a table; made anew each time it is drawn."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw a row for each app: a bar, how many of its tasks have ended, how many have failed."""
        table = Table.grid(padding=(0, 2, 0, 0))
        for app, submitted, ended, undone in self._recorder.progress():
            table.add_row(
                app,
                ProgressBar(submitted, ended, width=32, complete_style="cyan", finished_style="green"),
                f"{ended:,} of {submitted:,}",
                f"[red]{undone:,} failed[/]" if undone else "",
            )
        yield table
