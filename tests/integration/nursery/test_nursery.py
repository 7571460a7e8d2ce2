"""A process of its own that forks: what it tells, what it ends, and when it ends itself."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.helpers import alive, until

from headrace.compute.nursery import Born, Exited, NotBorn, Nursery, NurseryLost

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
CLONE = HERE.parents[2]

Event = Born | NotBorn | Exited


class Owner:
    """A nursery, and what it has told."""

    def __init__(self, target: str = "children:obey", **options: object) -> None:
        options = {"path": [str(HERE)], "bare": True, **options}
        self.nursery = Nursery(target, **options)  # type: ignore[arg-type]  # as the test has it
        self.events: list[Event] = []

    def wait(self, kind: type[Event], number: int, seconds: float = 20.0) -> Event:
        """Return what was told of a child, waiting for it if need be."""
        deadline = time.monotonic() + seconds
        while True:
            for event in self.events:
                if isinstance(event, kind) and event.number == number:
                    return event
            ready, _, _ = select.select([self.nursery], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"waited in vain for {kind.__name__} of {number}; told: {self.events}"
            self.events += self.nursery.receive()

    def pid(self, number: int) -> int:
        """The process id of a child."""
        born = self.wait(Born, number)
        assert isinstance(born, Born)
        return born.pid

    def exitcode(self, number: int) -> int:
        """The exit code of a child."""
        exited = self.wait(Exited, number)
        assert isinstance(exited, Exited)
        return exited.exitcode


@pytest.fixture
def owner() -> Iterator[Owner]:
    owner = Owner()
    yield owner
    owner.nursery.close()


def do(owner: Owner, number: int, *words: str, fds: tuple[int, ...] = ()) -> None:
    owner.nursery.fork(number, json.dumps(words).encode(), fds)


# --- children ---------------------------------------------------------------------------------------------------------


def test_a_child_is_told_of_when_it_is_born_and_when_it_has_ended(owner: Owner) -> None:
    do(owner, 7, "exit", "3")

    assert owner.exitcode(7) == 3
    assert [type(event) for event in owner.events] == [Born, Exited]


def test_a_function_that_returns_ends_well(owner: Owner) -> None:
    do(owner, 1, "return")

    assert owner.exitcode(1) == 0


def test_a_function_that_raises_ends_badly_and_says_so_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    owner = Owner()
    do(owner, 1, "raise")

    assert owner.exitcode(1) == 70
    owner.nursery.close()
    assert "RuntimeError: as it was told" in capfd.readouterr().err


def test_the_signal_that_ended_a_child_is_told(owner: Owner) -> None:
    do(owner, 1, "kill", str(int(signal.SIGSEGV)))

    assert owner.exitcode(1) == -signal.SIGSEGV


def test_a_child_can_be_sent_a_signal(owner: Owner) -> None:
    do(owner, 1, "sleep")
    owner.nursery.kill(1, signal.SIGTERM)

    assert owner.exitcode(1) == -signal.SIGTERM


def test_a_signal_to_a_child_that_has_ended_reaches_nobody(owner: Owner) -> None:
    do(owner, 1, "return")
    owner.exitcode(1)

    owner.nursery.kill(1)
    do(owner, 2, "return")

    assert owner.exitcode(2) == 0


def test_a_payload_and_files_arrive(owner: Owner, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        do(owner, 1, "write", "read me", fds=(file.fileno(),))

    owner.exitcode(1)
    assert (tmp_path / "out").read_text() == "read me"


def test_a_payload_larger_than_a_datagram_arrives(owner: Owner, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        do(owner, 1, "write", "x" * 10_000_000, fds=(file.fileno(),))

    owner.exitcode(1)
    assert (tmp_path / "out").stat().st_size == 10_000_000


def test_too_many_files_are_refused(owner: Owner) -> None:
    with pytest.raises(ValueError, match="15 file descriptors, not 16"):
        owner.nursery.fork(1, b"", [0] * 16)


def test_a_child_leads_a_session_of_its_own_and_holds_no_files_of_others(owner: Owner, tmp_path: Path) -> None:
    with (tmp_path / "first").open("wb") as first, (tmp_path / "second").open("wb") as second:
        do(owner, 1, "sleep", fds=(first.fileno(),))
        do(owner, 2, "describe", fds=(second.fileno(),))
    owner.exitcode(2)

    said = json.loads((tmp_path / "second").read_text())

    assert said["session"] == said["pid"] == owner.pid(2)
    assert said["open"] == [str(tmp_path / "second")]
    assert said["modules"] == []


def test_many_children_are_told_of_each(owner: Owner) -> None:
    """More than any buffer holds."""
    for number in range(300):
        do(owner, number, "exit", str(number % 50))

    assert [owner.exitcode(number) for number in range(300)] == [number % 50 for number in range(300)]


def test_signals_that_the_owners_thread_blocks_are_not_blocked_in_children(tmp_path: Path) -> None:
    def blocked() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        owners.append(Owner())

    owners: list[Owner] = []
    thread = threading.Thread(target=blocked)
    thread.start()
    thread.join()
    (owner,) = owners
    do(owner, 1, "sleep")
    owner.nursery.kill(1, signal.SIGTERM)

    assert owner.exitcode(1) == -signal.SIGTERM
    owner.nursery.close()


def test_what_a_dead_child_leaves_behind_is_ended(owner: Owner, tmp_path: Path) -> None:
    """A chain of processes in sessions of their own, which ignore what can be ignored."""
    do(owner, 1, "leave", str(tmp_path / "pids"), "5")
    owner.exitcode(1)

    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]

    assert len(pids) == 5
    until(lambda: not any(map(alive, pids)), "the end of all of them")


def test_a_living_childs_processes_are_its_own(owner: Owner, tmp_path: Path) -> None:
    do(owner, 1, "raise-children", str(tmp_path / "pids"))
    until((tmp_path / "pids").exists, "the grandchild")
    do(owner, 2, "return")  # Its end has the nursery look for what was left behind.
    owner.exitcode(2)

    pid = int((tmp_path / "pids").read_text())

    assert alive(pid)
    owner.nursery.kill(1)
    until(lambda: not alive(pid), "its end with its parent's")


# --- its end ----------------------------------------------------------------------------------------------------------


def test_closing_ends_the_children(owner: Owner) -> None:
    do(owner, 1, "sleep")
    pid = owner.pid(1)

    owner.nursery.close()
    owner.nursery.close()

    assert not alive(pid)
    assert not alive(owner.nursery.pid)


def test_closing_can_leave_the_children_to_themselves() -> None:
    owner = Owner(kill=False)
    do(owner, 1, "sleep")
    pid = owner.pid(1)

    owner.nursery.close()

    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_killed_nursery_is_told_and_its_children_end(owner: Owner) -> None:
    do(owner, 1, "sleep")
    pid = owner.pid(1)

    os.kill(owner.nursery.pid, signal.SIGKILL)

    with pytest.raises(NurseryLost):
        owner.wait(Exited, 2)
    until(lambda: not alive(pid), "the end of the child")


def test_nothing_can_be_forked_by_a_nursery_that_has_ended(owner: Owner) -> None:
    os.kill(owner.nursery.pid, signal.SIGKILL)
    with pytest.raises(NurseryLost):
        owner.wait(Exited, 1)

    with pytest.raises(NurseryLost):
        do(owner, 1, "return")
    owner.nursery.kill(1)  # Nobody is there: nothing happens.


def test_a_python_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(NurseryLost, match="/nowhere/python cannot be started"):
        Owner()


def test_a_python_that_does_not_know_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")

    with pytest.raises(NurseryLost, match=r"sys\.executable"):
        Owner()


def test_a_target_that_is_not_there_ends_the_nursery(capfd: pytest.CaptureFixture[str]) -> None:
    owner = Owner("nowhere:nothing")

    with pytest.raises(NurseryLost):
        owner.wait(Born, 1)
    owner.nursery.close()
    assert "No module named 'nowhere'" in capfd.readouterr().err


def test_a_module_to_import_first_that_is_not_there_is_told_and_does_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    owner = Owner(preload=["nowhere"])
    do(owner, 1, "return")

    assert owner.exitcode(1) == 0
    owner.nursery.close()
    assert "No module named 'nowhere'" in capfd.readouterr().err


def test_modules_to_import_later_are_there_for_later_children(owner: Owner, tmp_path: Path) -> None:
    later = Owner(preload_later=["nowhere", "site"])
    numbers = iter(range(1000))

    def imported() -> bool:
        number = next(numbers)
        path = tmp_path / str(number)
        with path.open("wb") as file:
            do(later, number, "describe", fds=(file.fileno(),))
        later.exitcode(number)
        return bool(json.loads(path.read_text())["modules"] == ["site"])

    until(imported, "a child that has the module")
    later.nursery.close()


@pytest.mark.parametrize("way", ["wait", "fork"])
def test_a_killed_owner_leaves_nothing(way: str) -> None:
    """Not even if it has made a copy of itself, which lives on."""
    command = [sys.executable, "-m", "tests.integration.nursery.killed", way]
    with subprocess.Popen(command, cwd=CLONE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        process.kill()
    try:
        until(lambda: not alive(said["child"]) and not alive(said["nursery"]), "the end of both")
    finally:
        if said["copy"]:
            os.kill(said["copy"], signal.SIGKILL)


def test_a_copy_of_the_owner_does_not_keep_a_closed_nursery_alive(owner: Owner) -> None:
    copy = os.fork()
    if copy == 0:
        signal.pause()
        os._exit(0)
    try:
        owner.nursery.close(timeout=20)

        assert owner.nursery._process.returncode == 0
    finally:
        os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)


def test_no_file_descriptor_is_left() -> None:
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are what is compared
    owner = Owner()
    do(owner, 1, "write", "x" * 1_000_000, fds=(1,))
    owner.nursery.close()

    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - likewise
