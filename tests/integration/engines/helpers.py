"""What the tests of engines share: a look at the processes of a test, and waiting for what nothing announces."""

from __future__ import annotations

import os
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.compute.engines import Handle, Output, ProcessEngine, Status

if TYPE_CHECKING:
    from collections.abc import Callable

NOWHERE = Output(Path(os.devnull))


class Mark:
    """A variable in the environment of all processes of one test, by which they are found, and nobody else's."""

    def __init__(self) -> None:
        self.name = "HEADRACE_TEST_MARK"
        self.value = uuid.uuid4().hex
        self.env = {**os.environ, self.name: self.value}

    def processes(self) -> list[int]:
        """The living processes that have the mark."""
        sought = f"{self.name}={self.value}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    if sought in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def kill(self) -> None:
        """Kill what is left after a test that failed."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait for a condition that nothing announces."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


def status_of(engine: ProcessEngine, handle: Handle) -> Status:
    return engine.poll([handle])[handle]


def end_of(engine: ProcessEngine, handle: Handle) -> Status:
    """How a command ends."""
    until(lambda: status_of(engine, handle).final, f"the end of {handle.key}")
    return status_of(engine, handle)
