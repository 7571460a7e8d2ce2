"""The programs that experiments use: which of them this machine has. It needs nothing but Python."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TOOLS", "Tool", "find_program", "tools"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A program."""

    name: str
    #: What is not possible without it, on the machine where that is to be.
    gives: str
    #: Debian's package.
    package: str
    #: Where it is; None if it is not on this machine.
    path: str | None = None


#: By name; what each of them gives.
TOOLS: Final = (
    Tool("ip", "linux::NetNS, Interface, Link, Bridge, Route: also needs root", "iproute2"),
    Tool("tc", "the delay, loss and rate of a linux::Link: also needs root, and the kernel's netem or tun", "iproute2"),
    Tool("ping", "linux::Ping", "iputils-ping"),
    Tool("traceroute", "linux::Traceroute", "traceroute"),
    Tool("iperf3", "linux::Iperf", "iperf3"),
    Tool("tcpdump", "linux::Tcpdump: also needs root", "tcpdump"),
    Tool("sshd", "being a host that others reach by SSH; reaching others needs the extra ssh alone", "openssh-server"),
)

#: Where programs for administrators are, which the PATH of other users lacks.
_MORE_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def tools(path_of: Callable[[str], str | None] | None = None) -> tuple[Tool, ...]:
    """Return the tools, with where each of them is.

    Args:
        path_of: returns where a program is, or None; `find_program` unless given.
    """
    find = path_of or find_program
    return tuple(Tool(tool.name, tool.gives, tool.package, find(tool.name)) for tool in TOOLS)


def find_program(name: str) -> str | None:
    """Return where a program is, in the folders of PATH and those for administrators; None if it is in none."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_FOLDERS]))
