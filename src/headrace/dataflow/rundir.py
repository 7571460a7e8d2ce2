"""Numbered run directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.dataflow.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_run_dir"]


def make_run_dir(base: Path) -> Path:
    """Make and return the next of ``base/000``, ``base/001``, …; two runs that start at once never get the same one.

    Raises:
        ConfigurationError: it cannot be made; the message names the place and the remedy.
    """
    try:
        base.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(entry.name) for entry in base.iterdir() if entry.name.isdecimal()), default=-1)
        while True:
            run_dir = base / f"{number:03}"
            try:
                run_dir.mkdir()
            except FileExistsError:
                number += 1
            else:
                return run_dir.resolve()
    except OSError as error:
        reason = error.strerror or error
        msg = f"no run directory can be made in {base}: {reason}; choose another with Config(run_dir=...)"
        raise ConfigurationError(msg) from error
