"""What the children of the tests' nurseries do. Imported by the nursery, bare: the standard library only."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time

#: This module is imported by the nursery itself.
_NURSERY = os.getpid()


def obey(payload: bytes, fds: list[int]) -> None:
    """Do as told."""
    what, *arguments = json.loads(payload)
    if what == "exit":
        sys.exit(int(arguments[0]))
    elif what == "raise":
        raise RuntimeError("as it was told")
    elif what == "kill":
        os.kill(os.getpid(), int(arguments[0]))
    elif what == "sleep":
        time.sleep(3600)
    elif what == "write":
        with open(fds[0], "wb") as file:  # noqa: PTH123 - a file descriptor
            file.write(arguments[0].encode())
    elif what == "describe":
        _describe(fds[0])
    elif what == "leave":
        _leave(arguments[0], int(arguments[1]))
    elif what == "raise-children":
        _raise_children(arguments[0])


def _describe(fd: int) -> None:
    links = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names
        with contextlib.suppress(FileNotFoundError):  # That of the listing itself.
            links += [os.readlink(f"/proc/self/fd/{name}")] if int(name) > 2 else []  # noqa: PTH115 - text
    told = {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "open": [link for link in links if not link.startswith("/proc/")],
        "modules": [name for name in sys.modules if name.partition(".")[0] in {"headrace", "site", "pytest"}],
    }
    os.write(fd, json.dumps(told).encode())


def _leave(path: str, depth: int) -> None:
    """Leave a chain of processes, each in a session of its own, and none that hears SIGTERM or SIGHUP."""
    done, say = os.pipe()
    for _ in range(depth):
        if os.fork() != 0:
            break
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.write(say, b"%10d" % os.getpid())
    if os.getsid(0) != os.getpid() or os.getppid() != _NURSERY:
        time.sleep(3600)
    pids = [int(os.read(done, 10)) for _ in range(depth)]
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 - small
        file.write(" ".join(map(str, pids)))


def _raise_children(path: str) -> None:
    pid = os.fork()
    if pid == 0:
        time.sleep(3600)
    with open(f"{path}.new", "w", encoding="ascii") as file:  # noqa: PTH123 - small
        file.write(str(pid))
    os.rename(f"{path}.new", path)  # noqa: PTH104 - small
    time.sleep(3600)
