"""The file in which a run's controller keeps what a later one needs: the description, and what has been asked for."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from headrace.experiments.additions import Additions, additions_path
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

#: As many bytes may be added to it, or as many as it has itself, before it is written whole again.
_ADDED_AT_LEAST: Final = 100_000


class RunFile:
    """Keeps one file up to date.

    Args:
        path: the file.
        content: says what is to stand in it now, given the name of what will be added to it; called on any thread.
        addition: says, in a line, what has changed since either of these was asked; called on any thread.
        execute: has a function called on another thread.
    """

    def __init__(
        self,
        path: Path,
        content: Callable[[str], str],
        addition: Callable[[], str],
        execute: Callable[[Callable[[], None]], None],
    ) -> None:
        self.path = path
        self._content = content
        self._addition = addition
        self._name = ""
        self._additions: Additions | None = None
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
            self._write()

    def add(self, *, durable: bool = True) -> None:
        """Write down what has changed, unless it was never written; that is found from then on.

        Args:
            durable: whether also after a loss of power; what is not is so a moment later.
        """
        with self._writing:
            if not self._begun:
                return
            added = self._additions
            if added is None or added.size > max(len(self._written), _ADDED_AT_LEAST):
                self._write()
                return
            try:
                added.add(self._addition(), durable=durable)
            except (OSError, ValueError, ExperimentError):
                # Part of it may be there, so that nothing that is added would be read.
                added.close()
                self._additions = None
                self._write()

    def _write(self) -> None:
        self._dirty = False
        # Should this fail, the next one is to have all of it.
        old, self._additions = self._additions, None
        name = self._name if old is not None and not old.size else secrets.token_hex(4)
        try:
            text = self._content(name)
            if text != self._written:
                write_whole(self.path, text)
                self._forget_additions(old, name)
                self._written, self._name = text, name
                old = None
            self._additions = old or Additions(additions_path(self.path, name))
        except (OSError, ValueError, ExperimentError) as error:
            if old is not None:
                old.close()
            if str(error) != self._told:
                self._told = str(error)
                logger.warning(
                    "%s cannot be written: %s. No later controller can go on with this run", self.path, error
                )

    def _forget_additions(self, old: Additions | None, name: str) -> None:
        """Remove what had been added, by this controller or an earlier one: it stands in the whole file now."""
        if old is not None:
            old.close()
        if self._name != name:
            for left in self.path.parent.glob(additions_path(self.path, self._name or "*").name):
                with suppress(OSError):
                    left.unlink()

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
        added = self._additions
        if self._begun and (self._dirty or (added is not None and added.size)):
            self.write()
        self._begun = False
        with self._writing:
            if self._additions is not None:
                self._additions.close()

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
