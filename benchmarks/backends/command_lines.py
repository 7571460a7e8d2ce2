"""The measured commands: as the bodies of apps, with a shell and without, and as bare argument lists."""

from __future__ import annotations

__all__ = ["bare", "output", "output_argv", "output_bare", "true", "true_argv"]


def true() -> str:
    """Give the command line that succeeds at once."""
    return "true"


def true_argv() -> list[str]:
    """Give the same as an argument list."""
    return ["true"]


def output(size: int, stdout: str) -> str:
    """Give the command line that prints `size` bytes; the system sends them to the file `stdout`."""
    del stdout
    return f"head -c {size} /dev/zero"


def output_argv(size: int, stdout: str) -> list[str]:
    """Give the same as an argument list."""
    return output(size, stdout).split()


def bare(*, shell: bool = True) -> tuple[str, ...]:
    """What a task that runs `true` starts."""
    return _started(true(), shell=shell)


def output_bare(size: int, *, shell: bool) -> tuple[str, ...]:
    """What a task that prints `size` bytes starts."""
    return _started(output(size, ""), shell=shell)


def _started(line: str, *, shell: bool) -> tuple[str, ...]:
    return ("/bin/bash", "-c", line) if shell else tuple(line.split())
