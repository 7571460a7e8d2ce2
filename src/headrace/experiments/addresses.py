"""The addresses of a topology's edges and nodes, and the networks that they are taken from."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from headrace.experiments.errors import ExperimentError
from headrace.experiments.shapes import InvalidTopology, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NoAddresses", "P2PInfo", "edge_networks", "loopbacks_network", "network_of", "p2p_info"]

_Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

_BITS: Final = {4: 32, 6: 128}
#: By the version of IP: what edges get their networks from, how long the prefix of one is, what loop-backs come from.
_EDGES_FROM: Final = {4: "10.0.0.0/8", 6: "fd00::/64"}
_EDGE_PREFIX: Final = {4: 30, 6: 126}
_LOOPBACKS_FROM: Final = {4: "172.16.0.0/12", 6: "fd00:0:0:1::/64"}


class NoAddresses(ExperimentError, LookupError):
    """An edge or a node of a topology has not been given addresses yet."""

    def __init__(self, place: str, remedy: str) -> None:
        super().__init__(place, remedy)
        self.place = place
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.place} has not been given addresses yet: call {self.remedy} first"


class P2PInfo(NamedTuple):
    """The addresses of an edge.

    Attributes:
        ip1: that of the node named first.
        ip2: that of the node named second.
        prefix: the length of the prefix of the edge's network.
        network: the edge's network, as "10.0.0.0/30".
    """

    ip1: str
    ip2: str
    prefix: int
    network: str

    @property
    def netmask(self) -> str:
        """The same as `prefix`, as "255.255.255.252"."""
        return str(ipaddress.ip_network(self.network).netmask)

    def turned(self) -> P2PInfo:
        """Return the same, with the nodes named the other way round."""
        return self._replace(ip1=self.ip2, ip2=self.ip1)


def p2p_info(ip1: str, ip2: str, network: str) -> P2PInfo:
    """Return an edge's addresses, in their usual spelling. Raises InvalidTopology: they are no two of the network."""
    try:
        whole = ipaddress.ip_network(network)
        first, second = ipaddress.ip_address(ip1), ipaddress.ip_address(ip2)
    except ValueError as error:
        raise InvalidTopology(f"{error}: write addresses as 10.0.0.1, and their network as 10.0.0.0/30") from error
    if first not in whole or second not in whole or first == second:
        raise InvalidTopology(f"{first} and {second} are no two addresses in {whole}")
    return P2PInfo(str(first), str(second), whole.prefixlen, str(whole))


def network_of(network: str | None, version: int) -> _Network:
    """Return what edges get their networks from. Raises InvalidTopology: it is no network of this version of IP."""
    return _network(network, _EDGES_FROM, version)


def loopbacks_network(network: str | None, version: int) -> _Network:
    """Return what loop-back addresses come from. Raises InvalidTopology: it is no network of this version of IP."""
    return _network(network, _LOOPBACKS_FROM, version)


def edge_networks(whole: _Network, prefix: int | None, count: int) -> Iterator[P2PInfo]:
    """Return the addresses of so many edges, from the beginning of a network.

    Raises:
        InvalidTopology: at once, if they do not fit, or `prefix` leaves no room for two addresses.
    """
    prefix = _EDGE_PREFIX[whole.version] if prefix is None else whole_number(prefix, "a prefix", 0)
    longest = _BITS[whole.version] - 1
    if prefix > longest:
        raise InvalidTopology(f"a prefix of {prefix} has no room for both ends of an edge: at most {longest}")
    room = 2 ** (prefix - whole.prefixlen) if prefix >= whole.prefixlen else 0
    if count > room:
        raise InvalidTopology(f"{whole} has room for {room} edges, and there are {count}: give a larger network")
    size = 2 ** (_BITS[whole.version] - prefix)
    # Where there are more than two addresses the first is the network's own; RFC 3021 and 6164 for just two.
    first = 0 if prefix == longest else 1
    bases = (whole.network_address + place * size for place in range(count))
    return (P2PInfo(str(base + first), str(base + first + 1), prefix, f"{base}/{prefix}") for base in bases)


def _network(network: Any, default: dict[int, str], version: int) -> _Network:  # noqa: ANN401 - looked at here
    if version not in default:
        raise InvalidTopology(f"there are versions 4 and 6 of IP, and no {version!r}")
    try:
        whole = ipaddress.ip_network(default[version] if network is None else network)
    except ValueError as error:
        raise InvalidTopology(f"{error}: write a network as {default[version]}") from error
    if whole.version != version:
        raise InvalidTopology(f"{whole} is a network of IPv{whole.version}, and IPv{version} was asked for")
    return whole
