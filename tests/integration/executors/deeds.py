"""What the tests have workers do: in a module of its own, so that workers need not import pytest."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from typing import TYPE_CHECKING

from tests.integration.helpers import soon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def kill() -> None:
    """End by a signal."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    """End without a word."""
    os._exit(3)


def crash() -> None:
    """Read where there is nothing."""
    ctypes.string_at(0)


def pid_after(seconds: float) -> int:
    """Take a while."""
    time.sleep(seconds)
    return os.getpid()


def hold(file: Path) -> None:
    """Say where it runs, then block."""
    file.write_text(f"{os.getpid()}\n", encoding="ascii")
    time.sleep(600)


def hold_stubbornly(file: Path) -> None:
    """Block, deaf to what signals there are, in native code that holds the interpreter's lock."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    file.write_text(f"{os.getpid()}\n", encoding="ascii")
    ctypes.PyDLL(None).sleep(600)


def meet(mine: Path, other: Path) -> bool:
    """Say that it is here, and wait for the other."""
    mine.touch()
    return soon(other.exists)


def give(number: int) -> int:
    """Return it."""
    return number


def fail(number: int) -> None:
    """Raise it."""
    raise LookupError(number)


def leave_with(number: int) -> None:
    """End the process with it."""
    os._exit(number % 100 + 1)


def large(number: int) -> bytes:
    """Return much."""
    return bytes([number % 256]) * 200_000


def unsendable(number: int) -> Iterator[int]:
    """Return what cannot be sent."""
    return (one for one in (number,))


def append(file: Path, number: int) -> None:
    """Write it behind what is there."""
    with file.open("a", encoding="ascii") as out:
        out.write(f"{number}\n")
