"""Stands for `parsl.log_utils` and `parsl.logconfigs`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from headrace.compat.parsl.notices import tell, tell_of_options

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import TextIO

__all__ = ["FileLogging", "JSONLogging", "LogConfig", "NoopLogging", "set_file_logger", "set_stream_logger"]

_STREAM_FORMAT: Final = "%(asctime)s %(name)s:%(lineno)d [%(levelname)s]  %(message)s"
_FILE_FORMAT: Final = (
    "%(created)f %(asctime)s %(processName)s-%(process)d %(threadName)s-%(thread)d %(name)s:%(lineno)d %(funcName)s "
    "%(levelname)s: %(message)s"
)


class LogConfig:
    """The base class of ways to write a run's log."""


class FileLogging(LogConfig):
    """A text file: what Headrace writes, with one line for each event that matters, whatever the level.

    A format of one's own has no effect, which is told.
    """

    def __init__(self, *, format_string: str | None = None, level: int = logging.DEBUG) -> None:
        tell_of_options("FileLogging", {"format_string": (format_string, None)}, "the log has a format of its own")
        self.level = level


class JSONLogging(LogConfig):
    """A file with one JSON object a line. Written as text here, which is told."""

    def __init__(self, *, level: int = logging.DEBUG) -> None:
        self.level = level
        tell("JSONLogging: the run's log is written as text, to headrace.log in the run directory")


class NoopLogging(LogConfig):
    """No log."""


def set_stream_logger(
    name: str = "parsl", level: int = logging.DEBUG, format_string: str | None = None, stream: TextIO | None = None
) -> Callable[[], None]:
    """Write what is logged under this name to a stream, stderr unless said; return what ends that.

    The name ``parsl`` also means Headrace's own logger.
    """
    return _add(logging.StreamHandler(stream), name, level, format_string or _STREAM_FORMAT)


def set_file_logger(
    filename: str | os.PathLike[str], name: str = "parsl", level: int = logging.DEBUG, format_string: str | None = None
) -> Callable[[], None]:
    """Write what is logged under this name to a file; return what ends that. See `set_stream_logger`."""
    return _add(logging.FileHandler(filename), name, level, format_string or _FILE_FORMAT)


def _add(handler: logging.Handler, name: str, level: int, format_string: str) -> Callable[[], None]:
    top, dot, rest = name.partition(".")
    names = (name, f"headrace{dot}{rest}") if top == "parsl" else (name,)
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter(format_string, datefmt="%Y-%m-%d %H:%M:%S"))
    for one in names:
        logging.getLogger(one).setLevel(logging.DEBUG)
    # What a callback raises is logged under the last.
    loggers = [logging.getLogger(one) for one in (*names, "concurrent.futures")]
    for logger in loggers:
        logger.addHandler(handler)

    def remove() -> None:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()

    return remove
