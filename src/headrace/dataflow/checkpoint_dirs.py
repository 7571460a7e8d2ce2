"""The directories by which the results of runs are known."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import os

__all__ = ["FOLDER", "REFERENCE", "get_all_checkpoints", "get_last_checkpoint"]

#: The directory in a run's own, which Parsl has too.
FOLDER: Final = "checkpoint"
#: The file in it that says where the run's results are.
REFERENCE: Final = "headrace.json"


def get_all_checkpoints(rundir: str | os.PathLike[str] = "runinfo") -> list[str]:
    """Return the checkpoint directories of all runs under `rundir`, the oldest first.

    Those whose results are not there any more are left out.
    """
    found = []
    with suppress(FileNotFoundError):
        runs = [entry for entry in Path(rundir).iterdir() if entry.name.isdecimal()]
        for run in sorted(runs, key=lambda entry: int(entry.name)):
            folder = run / FOLDER
            if _has_results(folder) or (folder / "tasks.pkl").exists():
                found.append(str(folder.absolute()))
    return found


def get_last_checkpoint(rundir: str | os.PathLike[str] = "runinfo") -> list[str]:
    """Return the checkpoint directory of the last run under `rundir` that has one, in a list; else an empty list."""
    return get_all_checkpoints(rundir)[-1:]


def _has_results(folder: Path) -> bool:
    try:
        place = str(json.loads((folder / REFERENCE).read_text(encoding="utf-8"))["journal"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return "://" in place or (folder / place).exists()
