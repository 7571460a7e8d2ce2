"""Stands for `nepi.util.logger`."""

from __future__ import annotations

import logging

__all__ = ["Logger"]


class Logger:
    """Logs under a component's name."""

    def __init__(self, log_component: str) -> None:
        self._logger = logging.getLogger(f"headrace.compat.nepi.{log_component}")

    @property
    def logger(self) -> logging.Logger:
        """The standard library's logger behind it."""
        return self._logger

    def debug(self, msg: str) -> None:
        """Log for who looks for an error."""
        self._logger.debug("%s", msg)

    def info(self, msg: str) -> None:
        """Log what goes on."""
        self._logger.info("%s", msg)

    def warning(self, msg: str) -> None:
        """Log what may be wrong."""
        self._logger.warning("%s", msg)

    warn = warning

    def error(self, msg: str, out: str = "", err: str = "") -> None:
        """Log what is wrong, with what a command wrote."""
        self._logger.error("%s%s%s", msg, f"\nout: {out}" if out else "", f"\nerr: {err}" if err else "")
