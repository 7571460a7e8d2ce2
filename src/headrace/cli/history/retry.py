"""`headrace retry RUN`: the recorded command once more, resuming that run."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from headrace.cli.history.names import find_run, folder_of, run_name
from headrace.cli.history.place import CannotDo, opened
from headrace.cli.history.standing import is_experiment

if TYPE_CHECKING:
    from headrace.journal import RunRecord

__all__ = ["retry"]

_RESUME_VARIABLE = "HEADRACE_RESUME"


def retry(journal: str | None, which: str, *, dry_run: bool) -> int:
    """Run a run's command again: same arguments, same folder. This process becomes it, so its exit code is its own.

    With `dry_run` only say what would be run.

    Raises:
        CannotDo: the run goes on, its journal does not say how it was started, or what it needs is gone.
    """
    with opened(journal, which) as reader:
        run = find_run(reader, which)
        if run.ended is None and reader.is_alive(run.number):
            raise CannotDo(f"run {run_name(run)} goes on, in process {run.pid} on {run.host}: wait until it has ended")
    if is_experiment(run):
        raise CannotDo(
            f"run {run_name(run)} is an experiment's: go on with it by ExperimentController.recover({folder_of(run)!r})"
        )
    command = _command_of(run)
    said = f"cd {shlex.quote(run.cwd)} && {shlex.join(command)}"
    if not dry_run:
        sys.stderr.write(f"headrace: again, going on with run {run_name(run)}: {said}\n")
        _become(run, command)
    sys.stdout.write(f"{_RESUME_VARIABLE}={run.id}; {said}\n")
    return 0


def _command_of(run: RunRecord) -> list[str]:
    name = run_name(run)
    command = run.extra.get("command")
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        raise CannotDo(f"the journal does not say by which command run {name} was started: start it as you did then")
    if not run.cwd or not Path(run.cwd).is_dir():
        raise CannotDo(f"run {name} was started in {run.cwd or 'a folder that was gone'}, which is not there any more")
    if run.script and not Path(run.cwd, run.script).exists():
        raise CannotDo(f"the script of run {name}, {run.script}, is not there any more")
    program = command[0]
    there = Path(run.cwd, program).exists() if os.sep in program else shutil.which(program)
    if not there:
        raise CannotDo(f"{program}, which run {name} was started with, is not there any more")
    return [str(word) for word in command]


def _become(run: RunRecord, command: list[str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.chdir(run.cwd)
        os.execvpe(command[0], command, {**os.environ, _RESUME_VARIABLE: run.id, "PWD": run.cwd})  # noqa: S606 - the user's own command
    except OSError as error:
        raise CannotDo(f"{shlex.join(command)} cannot be started in {run.cwd}: {error.strerror}") from error
