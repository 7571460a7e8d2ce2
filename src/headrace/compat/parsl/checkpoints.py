"""What Parsl's options of checkpoints mean here, and the loading of checkpoints, Headrace's own and Parsl's."""

from __future__ import annotations

import copy
import json
import logging
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from headrace.compat.errors import BadCheckpoint
from headrace.compat.parsl.notices import tell
from headrace.dataflow import ConfigurationError
from headrace.dataflow.checkpoint_dirs import REFERENCE, get_all_checkpoints

if TYPE_CHECKING:
    from collections.abc import Sequence

    import headrace
    from headrace.compat.parsl.config import Config
    from headrace.dataflow.checkpoints import Checkpoints, ResultSource
    from headrace.dataflow.config import CheckpointMode

__all__ = ["CheckpointOptions", "Given", "Mode", "for_kernel", "load", "load_found"]

logger = logging.getLogger(__name__)

#: When Parsl writes results. With all of them it does so at the end, too.
Mode = Literal["task_exit", "periodic", "dfk_exit", "manual"]

#: A checkpoint directory, or a source of results.
Given: TypeAlias = "str | os.PathLike[str] | ResultSource"

# Without a mode results are kept in memory, so that a program that calls checkpoint() all the same finds them written.
_MODES: Final[dict[str | None, CheckpointMode]] = {
    "task_exit": "task_exit",
    "periodic": "periodic",
    "dfk_exit": "dfk_exit",
    "manual": "dfk_exit",
    None: "manual",
}
_PERIOD: Final = re.compile(r"(\d+):(\d+):(\d+)")
_OLD_PERIOD: Final = "00:30:00"


@dataclass(frozen=True)
class CheckpointOptions:
    """Options under Parsl's names.

    Raises:
        ConfigurationError: one has a wrong value.
    """

    mode: Mode | None = None
    #: Directories; None: if there is a mode, those of all earlier runs.
    files: Sequence[Given] | None = None
    period: str | None = None

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            known = ", ".join(repr(mode) for mode in _MODES if mode)
            raise ConfigurationError(f"checkpoint_mode must be one of {known} or None, not {self.mode!r}")
        _as_list(self.files or [])
        if self.mode == "periodic" and self.seconds <= 0:
            raise ConfigurationError(
                f"checkpoint_mode='periodic' needs a checkpoint_period as 'HH:MM:SS', more than 0, not {self.period!r}"
            )

    @classmethod
    def of_old_config(cls, mode: Mode | None, files: Sequence[Given] | None, period: str | None) -> CheckpointOptions:
        """Return those that were a `Config`'s, whose period had a default."""
        return cls(mode, files, period or _OLD_PERIOD)

    @property
    def seconds(self) -> float:
        """The period; 0 if it is none."""
        match = _PERIOD.fullmatch(self.period) if isinstance(self.period, str) else None
        hours, minutes, seconds = (0, 0, 0) if match is None else map(int, match.groups())
        return hours * 3600.0 + minutes * 60 + seconds


def for_kernel(config: Config, options: CheckpointOptions) -> headrace.Config:
    """Return the config as Headrace's kernel takes it: a copy, with these options under Headrace's names."""
    native = copy.copy(config)
    # Files are loaded by `load`, since some may be Parsl's.
    vars(native).update(
        checkpoint_mode=_MODES[options.mode], checkpoint_files=(), checkpoint_period=options.seconds or 1
    )
    return native


def load(checkpoints: Checkpoints, given: object) -> None:
    """Use the results in these checkpoint directories, some of which may be Parsl's. Naming them says they are trusted.

    Raises:
        ConfigurationError: it is no list of directories.
        BadCheckpoint: one of them is no checkpoint, or cannot be read.
    """
    loading = _Loading(checkpoints)
    for one in _as_list(given):
        if not isinstance(one, str | os.PathLike):
            checkpoints.add_source(one)
        elif not loading.take_own(Path(one)):
            loading.take_parsls(Path(one))
    loading.end()


def load_found(checkpoints: Checkpoints, rundir: str | os.PathLike[str]) -> None:
    """Use the results of all earlier runs under a directory. What cannot be used is told, and left out.

    Results that Parsl wrote are used only where nobody else could have written them.
    """
    loading = _Loading(checkpoints)
    for folder in map(Path, get_all_checkpoints(rundir)):
        try:
            if not loading.take_own(folder):
                _refuse_what_others_wrote(folder / "tasks.pkl")
                loading.take_parsls(folder)
        except BadCheckpoint as error:
            tell(f"an earlier run's results are not used: {error}")
    loading.end()


class _Loading:
    """Has checkpoints used, of both kinds."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        # In a worker process, which needs none of this, these would take long to import.
        from headrace.compat.parsl_checkpoints import ParslCheckpoints  # noqa: PLC0415 - see above

        self._checkpoints = checkpoints
        self._parsls = ParslCheckpoints([], trust_author=True)
        #: By store, the runs that are in it.
        self._runs: dict[str, frozenset[str]] = {}

    def take_own(self, folder: Path) -> bool:
        """Use one of Headrace's; return False if it is Parsl's, or only the copy for Parsl is left of it.

        Raises:
            BadCheckpoint: it is Headrace's, and cannot be read.
        """
        if not (folder / REFERENCE).exists():
            return False
        has_copy = (folder / "tasks.pkl").exists()
        try:
            self._checkpoints.load([folder])
        except ConfigurationError as error:
            if not has_copy:
                raise BadCheckpoint(str(error)) from error
            logger.warning("%s; the copy that is there for Parsl is used", error)
            return False
        return not has_copy or self._is_known(folder)

    def take_parsls(self, folder: Path) -> None:
        """Use one of Parsl's. Raises BadCheckpoint if it cannot be read."""
        count = self._parsls.add(folder)
        if count:
            # The program does not say that it trusts it, since in Parsl it need not.
            logger.warning(
                "%d results of Parsl's in %s answer calls: loading one runs whatever its author put there",
                count,
                folder,
            )

    def end(self) -> None:
        """Have calls answered with what was taken."""
        if len(self._parsls):
            self._checkpoints.add_source(self._parsls)

    def _is_known(self, folder: Path) -> bool:
        """Tell whether the store still has the run: it may have been deleted, and another be in its place."""
        from headrace.journal import JournalError, JournalReader  # noqa: PLC0415 - see above

        reference = json.loads((folder / REFERENCE).read_text(encoding="utf-8"))
        place = str(reference["journal"])
        if "://" not in place:
            place = str((folder / place).resolve())
        if place not in self._runs:
            try:
                with JournalReader.open(place) as reader:
                    self._runs[place] = frozenset(run.id for run in reader.runs())
            except (OSError, JournalError):
                logger.warning("the runs in %s cannot be read; copies of results for Parsl are used too", place)
                self._runs[place] = frozenset()
        return reference["run"] in self._runs[place]


def _refuse_what_others_wrote(file: Path) -> None:
    found = file.stat()
    if found.st_uid not in {os.geteuid(), 0}:
        why = f"belongs to user {found.st_uid}"
    elif found.st_mode & stat.S_IWOTH:
        why = "may be written to by everybody"
    else:
        return
    raise BadCheckpoint(
        f"{file} {why}, and loading results runs what is in them; name it in checkpoint_files if you trust it"
    )


def _as_list(given: object) -> list[Given]:
    """Return what is given as a list of checkpoint directories, among which sources of results may be.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(given, list | tuple) or not all(map(_is_checkpoint, given)):
        raise ConfigurationError(f"checkpoints are given as a list of directories, not as {given!r}")
    return list(given)


def _is_checkpoint(given: object) -> bool:
    return isinstance(given, str | os.PathLike) or (hasattr(given, "find") and hasattr(given, "close"))
