"""What a worker sets up for a call, and puts back after it."""

# ruff: noqa: PTH103, PTH116, PTH120, PTH123 - pathlib takes 5 ms to import

from __future__ import annotations

import errno
import os
import sys
from contextlib import ExitStack, contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

    from .orders import CallOrders

__all__ = ["Home", "StreamFailure", "above_the_standard_ones", "arranged"]

_FLAGS = {
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "w+": os.O_RDWR | os.O_CREAT | os.O_TRUNC,
    "a+": os.O_RDWR | os.O_CREAT | os.O_APPEND,
    "x+": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "r+": os.O_RDWR,
}
_STANDARD = (0, 1, 2)


class StreamFailure(OSError):
    """A file for a standard stream cannot be opened."""


def above_the_standard_ones(file: int) -> int:
    """Return the same file by a number that no standard stream has; open ``/dev/null`` where one of these is closed.

    They are closed where the workflow was started without them, as services are.
    """
    import fcntl  # noqa: PLC0415 - needed once

    above = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, max(_STANDARD) + 1)
    os.close(file)
    for fd in _STANDARD:
        if _identity(fd) is None:
            # The lowest number that is free: this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    return above


class Home:
    """The working directory and the standard streams that a worker was born with.

    A call may leave the directory, and close or redirect the streams. The next one finds them as they were.
    """

    def __init__(self) -> None:
        self._directory = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._place = _identity(".")
        self._streams = [os.dup(fd) for fd in _STANDARD]
        self._identities = [_identity(fd) for fd in _STANDARD]
        # None where the workflow has none; prints then go nowhere.
        self._objects: tuple[IO[str] | None, IO[str] | None, IO[str] | None] = (sys.stdin, sys.stdout, sys.stderr)

    def restore(self) -> None:
        """Put back what a call has changed."""
        _flush(sys.stdout)
        _flush(sys.stderr)
        if _identity(".") != self._place:
            with suppress(OSError):
                os.fchdir(self._directory)
        for fd, kept, identity in zip(_STANDARD, self._streams, self._identities, strict=True):
            if _identity(fd) != identity:
                with suppress(OSError):  # It has closed all files; the connection too, so that this is the end.
                    os.dup2(kept, fd)
        stdin, stdout, stderr = self._objects
        if (stdout and stdout.closed) or (stderr and stderr.closed):
            stdout, stderr = stdout and _reopened(1), stderr and _reopened(2)
            self._objects = (stdin, stdout, stderr)
        sys.stdin, sys.stdout, sys.stderr = stdin, stdout, stderr


@contextmanager
def arranged(orders: CallOrders) -> Iterator[None]:
    """Run the block on the cores, within the memory, and with the streams and the environment that are ordered.

    Raises:
        StreamFailure: a stream cannot be opened.
    """
    with ExitStack() as stack:
        for fd, stream in ((1, orders["stdout"]), (2, orders["stderr"])):
            if stream is not None:
                stack.enter_context(_redirected(fd, *stream))
        if orders["cores"]:
            stack.enter_context(_pinned(orders["cores"]))
        if orders["environment"]:
            stack.enter_context(_with_environment(orders["environment"]))
        if orders["memory"]:
            stack.enter_context(_within(orders["memory"]))
        yield


@contextmanager
def _redirected(fd: int, path: str, mode: str) -> Iterator[None]:
    name = "stdout" if fd == 1 else "stderr"
    stream: IO[str] | None = getattr(sys, name)
    _flush(stream)
    file = _opened(path, mode, name)
    before = os.dup(fd)
    os.dup2(file, fd)
    os.close(file)
    if stream is None:
        setattr(sys, name, _reopened(fd))
    try:
        yield
    finally:
        # It may be another by now, or closed.
        _flush(getattr(sys, name))
        setattr(sys, name, stream)
        os.dup2(before, fd)
        os.close(before)


def _opened(path: str, mode: str, name: str) -> int:
    flags = _FLAGS.get(mode.replace("b", "").replace("t", ""))
    if flags is None:
        raise StreamFailure(errno.EINVAL, f"{name} cannot be opened in mode {mode!r}", path)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StreamFailure(error.errno or errno.EIO, f"{name} cannot be opened: {error.strerror}", path) from error
    except ValueError as error:  # A null character, say.
        raise StreamFailure(errno.EINVAL, f"{name} cannot be opened: {error}", path) from error


@contextmanager
def _pinned(cores: tuple[int, ...]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _with_environment(environment: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _within(memory: int) -> Iterator[None]:
    import resource  # noqa: PLC0415 - for calls that ask for memory

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _data_size() + memory
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    try:
        yield
    except MemoryError as error:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        # Python's own says nothing.
        error.args = (*error.args, f"the call asked for {memory / 2**20:.6g} MiB of memory, which is its limit")
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_size() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        sizes = [int(line.split()[1]) for line in file if line.startswith("VmData:")]
    return sizes[0] * 1024


def _identity(file: int | str) -> tuple[int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _flush(stream: IO[str] | None) -> None:
    # One that was closed or replaced has nothing to flush, or says so in its own way.
    with suppress(Exception):
        if stream is not None:
            stream.flush()


def _reopened(fd: int) -> IO[str]:
    return open(fd, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
