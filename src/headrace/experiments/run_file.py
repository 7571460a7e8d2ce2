"""The file in which a run's controller keeps what a later one needs: the description, and what has been asked for."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from headrace.experiments.errors import ExperimentError
from headrace.experiments.wholly import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["RUN_FILE", "RunFile"]

logger = logging.getLogger(__name__)

#: Its name in the run's folder.
RUN_FILE: Final = "experiment.json"

#: After each time that it is written for changes alone, it is left alone for so many times as long as that took.
_REST: Final = 9


class RunFile:
    """Keeps one file up to date.

    Args:
        path: the file.
        content: says what is to stand in it now; called on any thread.
        execute: has a function called on another thread.
    """

    def __init__(self, path: Path, content: Callable[[], str], execute: Callable[[Callable[[], None]], None]) -> None:
        self.path = path
        self._content = content
        self._execute = execute
        self._writing = threading.Lock()
        self._written = ""
        self._told = ""
        # Holds something while a thread is to write, or writes.
        self._busy: list[None] = []
        self._dirty = False
        self._resting = threading.Event()
        self._begun = False

    @property
    def begun(self) -> bool:
        """Whether it was ever written."""
        return self._begun

    def write(self) -> None:
        """Write it now; it is on disk on return, or a warning says why it is not."""
        self._begun = True
        with self._writing:
            self._dirty = False
            try:
                text = self._content()
                if text != self._written:
                    write_whole(self.path, text)
                    self._written = text
            except (OSError, ValueError, ExperimentError) as error:
                if str(error) != self._told:
                    self._told = str(error)
                    logger.warning(
                        "%s cannot be written: %s. No later controller can go on with this run", self.path, error
                    )

    def touch(self) -> None:
        """Have it written soon, if it ever was: something has changed. May be called in the mailbox."""
        self._dirty = True
        if self._begun and not self._busy:
            self._busy.append(None)
            try:
                self._execute(self._catch_up)
            except RuntimeError as error:
                # It is written with the next change, and at the end.
                logger.warning("%s is not up to date: %s", self.path, error)
                self._busy.clear()
            except BaseException:
                self._busy.clear()
                raise

    def close(self) -> None:
        """Write what has changed, and leave it alone from then on."""
        self._resting.set()
        if self._begun and self._dirty:
            self.write()
        self._begun = False

    def _catch_up(self) -> None:
        while self._begun:
            began = time.monotonic()
            self.write()
            self._resting.wait(_REST * (time.monotonic() - began))
            if not self._dirty:
                self._busy.clear()
                # Whoever touched it just before that has left it to this thread.
                if not self._dirty or self._busy:
                    return
                self._busy.append(None)
        with suppress(IndexError):
            self._busy.pop()
