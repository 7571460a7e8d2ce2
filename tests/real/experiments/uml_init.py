"""The first process of a user-mode Linux: sets it up, runs a command, prints how that ended, and halts.

It is run by `test_netem.py`. The files of the machine around it are there to be read; /run is its own.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
FINIT_MODULE = 313  # x86-64
POWER_OFF = 0x4321FEDC
#: What links need, each after what it needs itself.
MODULES = (
    "net/llc/llc", "net/802/stp", "lib/crc-ccitt", "net/ipv6/ipv6", "net/bridge/bridge",
    "drivers/net/veth", "drivers/net/tun", "net/sched/sch_netem",
)  # fmt: skip


def mount(kind: str, where: str) -> None:
    if LIBC.mount(kind.encode(), where.encode(), kind.encode(), 0, None):
        sys.stdout.write(f"{kind} on {where}: {os.strerror(ctypes.get_errno())}\n")


def load(name: str) -> None:
    handle = os.open(f"/usr/lib/uml/modules/{os.uname().release}/kernel/{name}.ko", os.O_RDONLY)
    if LIBC.syscall(FINIT_MODULE, handle, b"", 0):
        sys.stdout.write(f"module {name}: {os.strerror(ctypes.get_errno())}\n")
    os.close(handle)


def main() -> None:
    code = 1
    try:
        for kind, where in (("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run")):
            mount(kind, where)
        for name in MODULES:
            load(name)
        for folder in ("/run/netns", "/run/home", "/run/shm"):
            Path(folder).mkdir()
        os.environ.update(
            PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/run/home", TMPDIR="/run/shm", PYTHONDONTWRITEBYTECODE="1"
        )
        subprocess.run(["/usr/bin/env", "ip", "link", "set", "lo", "up"], check=True)
        code = subprocess.run(sys.argv[1:], check=False).returncode
    finally:
        sys.stdout.write(f"\nended with exit code {code}\n")
        sys.stdout.flush()
        LIBC.reboot(POWER_OFF)


main()
