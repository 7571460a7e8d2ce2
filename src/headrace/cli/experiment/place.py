"""Where experiments are, and which run of which one a command line means."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from headrace.cli.ending import RAISED, UNUSABLE, flush
from headrace.cli.history.place import CannotDo
from headrace.core import HeadraceError
from headrace.experiments.errors import TraceError
from headrace.experiments.place import default_root
from headrace.experiments.recovery import last_written
from headrace.experiments.run_file import RUN_FILE
from headrace.journal import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LAST", "Place", "find_place", "guarded", "places", "root_of"]

#: What stands for the latest run.
LAST: Final = "last"

_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A run that was kept: its folder."""

    run_dir: Path

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.run_dir.name

    @property
    def exp_id(self) -> str:
        """The experiment's name."""
        return self.run_dir.parent.name

    @property
    def root_dir(self) -> Path:
        """Where the folders of all experiments are."""
        return self.run_dir.parent.parent

    def command(self, verb: str) -> str:
        """Return the command line that does something with this run."""
        root = "" if self.root_dir == default_root() else f" --root-dir {self.root_dir}"
        return f"headrace experiment {verb} {self.exp_id} --run {self.run_id}{root}"


def guarded(command: Callable[[], int]) -> int:
    """Return what the command does: its exit code; 2, and told on stderr, if it cannot be done, 1 if it went wrong."""
    try:
        return command()
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        flush(sys.stdout)
        return RAISED
    except (JournalError, TraceError, OSError) as error:
        sys.stderr.write(f"headrace: {error}\n")
        return RAISED
    except (CannotDo, HeadraceError) as error:
        sys.stderr.write(f"headrace: {error}\n")
        return UNUSABLE


def root_of(given: str | None) -> Path:
    """Return the folder of all experiments: the one that is given, or the user's."""
    return Path(given).absolute() if given else default_root()


def places(root: Path, exp_id: str | None = None) -> list[Place]:
    """Return the runs that were kept, of one experiment or of all, the one that was written to last first."""
    found = []
    for file in root.glob(f"{'*' if exp_id is None else exp_id}/*/{RUN_FILE}"):
        try:
            found.append((last_written(file), file.parent))
        except FileNotFoundError:
            continue  # removed in this very moment
    return [Place(folder) for _, folder in sorted(found, reverse=True)]


def find_place(root: Path, which: str = LAST, run: str = LAST) -> Place:
    """Return the run that is meant.

    Args:
        root: the folder of all experiments.
        which: an experiment's name, the path of a run's folder, or ``last``: whichever was written to last.
        run: the run's name, or how it begins; ``last``.

    Raises:
        CannotDo: there is none, or more than one.
    """
    folder = Path(which)
    if os.sep in which or (folder / RUN_FILE).is_file():
        if not (folder / RUN_FILE).is_file():
            raise CannotDo(
                f"{folder / RUN_FILE} is not there: the folder is no run's, or nothing was deployed in it, or nothing "
                "of it was kept"
            )
        return Place(folder.resolve())
    found = places(root, None if which == LAST else _plain(which, root))
    if not found:
        of = "no run of any experiment" if which == LAST else f"no run of an experiment {which}"
        raise CannotDo(f"there is {of} in {root}; see: headrace experiment list; --root-dir names another folder")
    if run == LAST:
        return found[0]
    named = [place for place in found if place.run_id == run] or [
        place for place in found if place.run_id.startswith(run)
    ]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(f"{place.exp_id} {place.run_id}" for place in (named or found)[:_NAMED])
    if named:
        raise CannotDo(f"{run} may be any of {len(named)} runs: {listed}; say more of its name")
    raise CannotDo(f"there is no run {run!r} of {'any experiment' if which == LAST else which}; there are {listed}")


def _plain(name: str, root: Path) -> str:
    """Return a name that stands for itself alone in a pattern."""
    if any(letter in name for letter in "*?[]"):
        raise CannotDo(f"{name!r} names no experiment in {root}; see: headrace experiment list")
    return name
