"""Stands for `parsl.addresses`: this machine's own addresses. Nothing here asks another machine."""

from __future__ import annotations

import fcntl
import ipaddress
import platform
import socket
import struct
from contextlib import suppress
from typing import Final

__all__ = [
    "address_by_hostname",
    "address_by_interface",
    "address_by_query",
    "address_by_route",
    "get_all_addresses",
    "get_any_address",
    "tcp_url",
]

# Linux's request for an interface's address, and the place of the address in the answer.
_SIOCGIFADDR: Final = 0x8915
_ADDRESS: Final = slice(20, 24)
_LONGEST_NAME: Final = 15

# An address that no machine has, so that asking which way leads there sends nothing to anybody.
_NOWHERE: Final = ("192.0.2.1", 9)


def address_by_route() -> str:
    """Return the address from which this machine would reach others.

    Raises:
        OSError: it has no way to others.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_NOWHERE)
        return str(probe.getsockname()[0])


def address_by_query(timeout: float = 30) -> str:  # noqa: ARG001 - Parsl's signature
    """Return what `address_by_route` does. Parsl asks a service on the internet here; Headrace asks nobody."""
    return address_by_route()


def address_by_hostname() -> str:
    """Return the address that this machine's name stands for.

    Raises:
        OSError: it stands for none.
    """
    return socket.gethostbyname(platform.node())


def address_by_interface(ifname: str) -> str:
    """Return the address of a network interface.

    Raises:
        OSError: there is no such interface, or it has no address.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", ifname[:_LONGEST_NAME].encode()))
    return socket.inet_ntoa(answer[_ADDRESS])


def get_all_addresses() -> set[str]:
    """Return every address of this machine that can be found."""
    found = set()
    for _, name in socket.if_nameindex():
        with suppress(OSError):
            found.add(address_by_interface(name))
    for find in (address_by_hostname, address_by_route):
        with suppress(OSError):
            found.add(find())
    return found


def get_any_address() -> str:
    """Return one of this machine's addresses.

    Raises:
        OSError: it has none.
    """
    for address in sorted(get_all_addresses()):
        return address
    raise OSError("this machine has no address")


def tcp_url(address: str, port: str | int | None = None) -> str:
    """Return the URL of a TCP port at an IP address, or at any (``*``).

    Raises:
        ValueError: it is no IP address.
    """
    place = address
    if address != "*" and ipaddress.ip_address(address).version == 6 and port:  # noqa: PLR2004 - IPv6
        place = f"[{address}]"
    return f"tcp://{place}:{port}" if port else f"tcp://{place}"
