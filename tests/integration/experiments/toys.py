"""Resources that are processes of their own, and a program that has some and may be killed at any time.

Each process says in a file which one it is, and in a ledger that it has begun, so that one that was begun twice shows.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

from headrace.experiments import (
    Attribute,
    ExperimentController,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    Trace,
    Types,
)
from headrace.experiments.errors import ResourceLost

__all__ = ["Toy", "factory", "is_running", "main", "register"]

# Whoever makes the claim decides whether it begins: this, or a controller that finds that it has not. It has said that
# it has begun when it is known which process it is.
_SCRIPT = """
mkdir "$1/claim" 2>/dev/null || exit 0
echo "$$ $(cut -d' ' -f22 /proc/$$/stat)" > "$1/pid.new"
echo "$2" >> "$3"
mv "$1/pid.new" "$1/pid"
exec sleep "$4"
"""


class Toy(ResourceManager):
    """A process that sleeps."""

    _rtype = "Toy"
    attributes = (
        Attribute("seconds", "how long it sleeps", type=Types.Double, default=600.0),
        Attribute("ledger", "where it says that it has begun"),
        Attribute("level", "something to set", type=Types.Integer, default=0),
        Attribute("dies", "in which of its methods the controller is killed", default=""),
    )
    traces = (Trace("log", "nothing"),)
    may_die: ClassVar[bool] = False
    _child: subprocess.Popen[bytes] | None = None

    def do_discover(self) -> None:
        """Find nothing."""
        self._die("discover")

    def do_provision(self) -> None:
        """Make its folder."""
        self.remember(provisioned=True)
        self._die("provision")

    def do_start(self) -> None:
        """Begin the process."""
        self._die("start")
        folder = self.directory / str(len(self.facts.get("launched", [])))
        folder.mkdir(exist_ok=True)
        self.remember(launched=[*self.facts.get("launched", []), str(folder)])
        words = [str(folder), str(self.guid), self.get("ledger"), str(self.get("seconds"))]
        self._child = subprocess.Popen(["/bin/sh", "-c", _SCRIPT, "toy", *words], start_new_session=True)
        self._ident()
        self._die("started")

    def do_stop(self) -> None:
        """End it."""
        self._end()

    def do_release(self) -> None:
        """End it, if it was begun."""
        self._die("release")
        if self._has_begun():
            self._end()

    def do_recover(self) -> ResourceState:
        """Look whether it runs."""
        if not self._has_begun():
            return ResourceState.READY if self.state >= ResourceState.READY else ResourceState.PROVISIONED
        if is_running(*self._ident()):
            return ResourceState.STARTED
        if self.state is ResourceState.STOPPED:
            return ResourceState.STOPPED
        raise ResourceLost(f"{self} is gone")

    def _has_begun(self) -> bool:
        if not self.facts.get("launched"):
            return False
        try:
            Path(self.facts["launched"][-1], "claim").mkdir()
        except FileExistsError:
            # So has the process, unless an earlier controller made it.
            return not Path(self.facts["launched"][-1], "never").exists()
        Path(self.facts["launched"][-1], "never").touch()
        return False

    def _ident(self) -> tuple[int, int]:
        deadline = time.monotonic() + 10
        file = Path(self.facts["launched"][-1], "pid")
        while not file.exists():
            if time.monotonic() > deadline:
                raise ResourceLost(f"{self} has not begun")
            time.sleep(0.002)
        pid, began = file.read_text().split()
        return int(pid), int(began)

    def _end(self) -> None:
        pid, began = self._ident()
        while is_running(pid, began):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            if self._child is not None:
                self._child.wait(10)
            time.sleep(0.002)

    def _die(self, where: str) -> None:
        if self.may_die and self.get("dies") == where:
            os.kill(os.getpid(), signal.SIGKILL)


def is_running(pid: int, began: int) -> bool:
    """Tell whether the process lives, and is the one that began then."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return int(fields[19]) == began and fields[0] not in {"Z", "X"}


def factory() -> ResourceFactory:
    """Return a registry that has toys."""
    new = ResourceFactory()
    new.register_type(Toy)
    return new


def register(ec: ExperimentController, ledger: Path, dies: str = "") -> None:
    """Register a server, two clients that start after it, and one that is set."""
    common: dict[str, Any] = {"ledger": str(ledger)}
    ec.register_resource("Toy", **common)
    for guid in (2, 3):
        ec.register_resource("Toy", connectedTo=1, dies=dies if guid == 2 else "", **common)
        ec.register_condition(guid, "START", 1, "STARTED", "100ms")
    ec.set_with_conditions("level", 7, 1, [2, 3], "STARTED", "50ms")


def main(root: str, dies: str) -> None:
    """Run the experiment, for ever."""
    Toy.may_die = True
    ec = ExperimentController("toys", root, run_id="1", factory=factory())
    register(ec, Path(root) / "ledger", dies)
    sys.stdout.write("begins\n")
    sys.stdout.flush()
    ec.deploy()
    ec.wait_started(ec.resources)
    if dies == "release":
        ec.release()
    time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
