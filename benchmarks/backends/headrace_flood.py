"""A flood of calls in Headrace, killed with SIGKILL in the middle of it, and the commands that one looks at it with.

Every command has a copy of the journal to itself, as the kill has left it: whoever asks first brings up to date what
others would then find done.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.backends import tasks
from benchmarks.backends.base import WORKERS, History, View

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["main", "open_backend"]

_COMMAND_PATIENCE = 60
_FLOOD_PATIENCE = 600
_COMMANDS = ("runs", "show", "list", "task", "why", "log")


def open_backend(scratch: Path, *, tasks: int) -> History:
    """Prepare to flood a kernel, in a process of its own whose runs are below `scratch`, with so many calls."""
    run_dir = scratch / "runinfo"
    # They are on disk before the kill, see `main`.
    early = str(max(1, tasks // 20))
    words = (("runs",), ("show",), ("show", "--state", "done"), ("show", "last", early), ("why", early), ("log", early))
    commands = {
        f"first_{name}_ms": View(partial(_ask, scratch / name / "journal.db", asked), "killed" if name == "show" else 0)
        for name, asked in zip(_COMMANDS, words, strict=True)
    }
    return History(
        write=partial(_write, scratch, run_dir, tasks),
        place=run_dir / "journal.db",
        views={},
        commands=commands,
    )


def _write(scratch: Path, run_dir: Path, number: int) -> None:
    """Have the flood killed, and copy what it leaves."""
    command = [sys.executable, "-m", __name__, str(run_dir), str(number)]
    done = subprocess.run(command, timeout=_FLOOD_PATIENCE, check=False)
    if done.returncode != -signal.SIGKILL:
        raise RuntimeError(f"the flood was to be killed, and ended with {done.returncode}")
    for name in _COMMANDS:
        (scratch / name).mkdir()
        for end in ("", "-wal"):
            shutil.copy(f"{run_dir}/journal.db{end}", scratch / name)
        (scratch / name / "journal.db").chmod(0o600)


def _ask(place: Path, words: tuple[str, ...]) -> object:
    as_json = words == ("show",)
    command = [sys.executable, "-m", "headrace", *words, *(["--json"] if as_json else [])]
    environment = {**os.environ, "HEADRACE_JOURNAL": str(place)}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env=environment, timeout=_COMMAND_PATIENCE, check=False
    )
    return json.loads(done.stdout)["status"] if as_json else done.returncode


def main(run_dir: str, number: str) -> None:
    """Call a no-op so many times, and kill this process once half of the calls have ended.

    When a tenth of them has ended it waits until that is on disk, so that there is something to look at however few
    they are; of many, that is long past at the end.
    """
    headrace: Any = importlib.import_module("headrace")
    executor = headrace.ThreadPoolExecutor("threads", max_threads=WORKERS)
    kernel = headrace.load(headrace.Config(executors=[executor], run_dir=run_dir))
    noop = headrace.python_app(tasks.noop)
    count = int(number)
    futures = [noop() for _ in range(count // 10)]
    futures[-1].result()
    kernel.checkpoint()
    while len(futures) < count:
        futures.append(noop())
        if len(futures) == count // 2:
            futures[-1].add_done_callback(lambda _: os.kill(os.getpid(), signal.SIGKILL))
    kernel.wait_for_current_tasks()


if __name__ == "__main__":
    main(*sys.argv[1:])
