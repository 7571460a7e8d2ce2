"""The log of one run."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["open_run_log"]

_FORMAT = "%(asctime)s %(levelname)s %(message)s"

logger = logging.getLogger(__name__)


class _LogFile(logging.FileHandler):
    """What keeps it from being written, such as a full disk, is told once, and harms nobody."""

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Tell of the error that is being handled."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            logger.warning("%s is not complete: %s", self.baseFilename, error)

    def close(self) -> None:
        """Write what is left, if that can be done."""
        try:
            super().close()
        except OSError as error:
            if not self._told:
                logger.warning("%s is not complete: %s", self.baseFilename, error)


def open_run_log(run_dir: Path, *, to_file: bool) -> tuple[logging.Logger, Callable[[], None]]:
    """Return a logger of this run's own, and what closes it.

    With `to_file` it writes to ``headrace.log`` in the run directory.

    The logger is not registered anywhere, so that several kernels at once do not write into one another's logs, and
    no name is left behind. Its level is INFO: what happens to the run and to tasks that fail. Nothing is written for
    a task that ends well.
    """
    log = logging.Logger(f"headrace.run.{run_dir.name}", logging.INFO)  # noqa: LOG001 - see the docstring
    if not to_file:
        log.addHandler(logging.NullHandler())
        return log, lambda: None
    handler = _LogFile(run_dir / "headrace.log", encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter(_FORMAT))
    log.addHandler(handler)

    def close() -> None:
        log.removeHandler(handler)
        log.addHandler(logging.NullHandler())
        handler.close()

    return log, close
