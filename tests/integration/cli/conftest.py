"""Runs the real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Generous: a machine under load is no fault of the command.
TIMEOUT = 50

WORKFLOW = """
import headrace
from headrace import Config, ThreadPoolExecutor, join_app, python_app


@python_app
def good(x):
    return x


@python_app
def bad(x):
    raise ValueError(f"no {x}")


@python_app
def after(x):
    return x


def config(**options):
    return Config(executors=[ThreadPoolExecutor("few", max_threads=2)], **options)


"""


class Run(Protocol):
    """Runs the command to its end."""

    def __call__(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]: ...


class Start(Protocol):
    """Starts the command."""

    def __call__(self, *arguments: str, stdout: int = ..., stderr: int = ...) -> Process: ...


def environment(**extra: str) -> dict[str, str]:
    """What the command sees: nothing that would colour or widen its output."""
    unwanted = {"FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "PYTHONUNBUFFERED", "CI", "TTY_COMPATIBLE"}
    return {**{name: value for name, value in os.environ.items() if name not in unwanted}, **extra}


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """Writes a script into the current folder and returns its name."""

    def write(code: str, name: str = "flow.py", *, workflow: bool = True) -> str:
        (tmp_path / name).write_text(WORKFLOW + code if workflow else code, encoding="utf-8")
        return name

    return write


@pytest.fixture
def headrace() -> Run:
    """Runs `headrace` with these arguments to its end."""
    return lambda *arguments, stdin=None: _run([sys.executable, "-m", "headrace", *arguments], stdin)


@pytest.fixture
def python() -> Run:
    """Runs `python` with these arguments to its end."""
    return lambda *arguments, stdin=None: _run([sys.executable, *arguments], stdin)


def _run(command: list[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=stdin or "", capture_output=True, text=True, timeout=TIMEOUT, check=False, env=environment()
    )


class Process:
    """A `headrace` that runs beside the test."""

    def __init__(self, *arguments: str, stderr: int = subprocess.PIPE, stdout: int = subprocess.PIPE) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "headrace", *arguments],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            text=True,
            env=environment(TERM="xterm-256color"),
            start_new_session=True,
        )

    def line(self) -> str:
        """The next line of its stdout."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def error_line(self) -> str:
        """The next line of its stderr."""
        assert self._process.stderr is not None
        return self._process.stderr.readline()

    def say(self, line: str = "") -> None:
        """Write a line to its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def hang_up(self) -> None:
        """Read its stdout no more."""
        assert self._process.stdout is not None
        self._process.stdout.close()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; return its exit code, and the rest of its stdout and stderr."""
        stdout = self._process.stdout
        if stdout is not None and stdout.closed:
            self._process.stdout = None
        out, error = self._process.communicate(timeout=TIMEOUT)
        return self._process.returncode, out or "", error or ""

    def kill(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait(TIMEOUT)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None and not stream.closed:
                stream.close()


@pytest.fixture
def started() -> Iterator[Start]:
    """Starts `headrace`; what is still running at the end of the test is killed."""
    processes: list[Process] = []

    def start(*arguments: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE) -> Process:
        processes.append(Process(*arguments, stdout=stdout, stderr=stderr))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
