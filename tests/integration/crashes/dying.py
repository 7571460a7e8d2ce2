"""Being killed at a chosen place on a program's way, instead of at a random moment."""

from __future__ import annotations

import os
import signal
import sys
from itertools import count

#: What Python tells an audit hook before it is done to a file.
_FILE_OPERATIONS = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.truncate", "sqlite3.connect"}


def die_before(number: int) -> None:
    """Have this process killed just before it does something to a file of its folder for the so-manieth time."""
    operations = count()
    here = os.path.realpath(".")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in _FILE_OPERATIONS and here in str(arguments[0]) and next(operations) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
