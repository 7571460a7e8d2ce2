"""The process beside a command.

Every process that a command makes, whatever session or group it moves to, stays below this one, which is a subreaper;
and no end is told before all of them have ended. So a supervisor that has told an end is as good as new, and runs the
next command: most of the price of a command would otherwise be the making of its supervisor. One whose command
outlives the owner runs that one only, since its own end is what tells others.
"""

from __future__ import annotations

import os
import traceback

from .command import Command
from .line import CANCEL, ENDED, REFUSED, RUN, STARTED, TAKEN, UP, Line
from .record import Record, Refused

# Typing's own constant would cost every supervisor the import of typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["supervise"]


def supervise(_payload: bytes, fds: list[int]) -> None:
    """Run one command after the other, until the owner is gone or hangs up.

    Args:
        fds: a socket of datagrams to the owner, and a pidfd of the owner where there are such.
    """
    for fd in fds:
        os.set_inheritable(fd, False)
    line = Line(fds[0], fds[1] if len(fds) > 1 else None)
    line.tell(UP)
    while line.alive and not line.terminated:
        heard = line.hear(None)
        if heard is not None and heard[0]["word"] == RUN:
            order, files = heard
            line.tell(TAKEN, id=order["id"])
            if order["folder"] is not None:
                _run_kept(line, order, files)
                return
            command = Command(order, files, _no_file)
            _run(line, order, command, None)
            os.chdir("/")  # Nothing of it is in use any more.
            line.tell(ENDED, id=order["id"], status=command.status())


def _run_kept(line: Line, order: dict[str, Any], files: dict[str, int]) -> None:
    try:
        record = Record(order["folder"].encode("latin-1"), order["id"])
        log = record.open("supervisor.log")
    except Refused as refused:
        line.tell(REFUSED, id=order["id"], known=True, reason=str(refused))
        return
    except OSError as error:
        reason = f"its folder cannot be used: {error.strerror or error}"
        line.tell(REFUSED, id=order["id"], known=False, reason=reason)
        return
    # It outlives its owner, and must not keep the owner's terminal or pipe open.
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    command = Command(order, files, record.open)
    _run(line, order, command, record)
    status = command.status()
    try:
        record.ended(status)
    except OSError as error:
        traceback.print_exc()
        status["reason"] += f" (this could not be written down: {error.strerror})"
    line.tell(ENDED, id=order["id"], status=status)


def _run(line: Line, order: dict[str, Any], command: Command, record: Record | None) -> None:
    """Start a command; return when all of it has ended."""
    _hear(line, order, command, 0)
    _obey(line, order, command)
    if command.start():
        line.tell(STARTED, id=order["id"], pid=command.pid, started=command.started)
        if record is not None:
            try:
                record.started(command.pid, command.started)
            except OSError:  # A full disk. There is room for the last word all the same.
                traceback.print_exc()
    while not command.over:
        # Before each wait: that the owner is gone may have been found out in telling it something.
        _obey(line, order, command)
        _hear(line, order, command, command.patience())
        command.act()


def _hear(line: Line, order: dict[str, Any], command: Command, patience: float | None) -> None:
    heard = line.hear(patience)
    # First: what has ended by itself was not ended by what came at the same time.
    command.reap()
    # A word that is older than the order means the command before.
    if heard is not None and heard[0]["word"] == CANCEL and heard[0]["id"] == order["id"]:
        command.cancel("it was cancelled", heard[0]["grace"])


def _obey(line: Line, order: dict[str, Any], command: Command) -> None:
    if line.terminated:
        command.cancel("its supervisor was told to end it (SIGTERM)")
    if not line.alive and order["folder"] is None:
        command.cancel("the process that submitted it has ended")


def _no_file(name: str) -> int:
    raise OSError(0, f"the order does not say where {name} goes")
