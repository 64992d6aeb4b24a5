"""Where connections may go: to the public internet, unless a setting allows more.

Resolved addresses are checked as the socket is made, on every redirect, so that no name can mean another machine by then.
"""

import ipaddress
import socket
from collections.abc import Callable
from functools import partial

import aiohttp

UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
OWN_NETWORK = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24")))
"""Ends of tunnels, this machine's own among them, that not every Python counts as private: 192.0.0.4 is a telephone itself."""

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class PrivateAddress(OSError):
    """The connection would have gone to this machine or its own network."""


def guarded_connector(reachable: Callable[[str], bool]) -> aiohttp.TCPConnector:
    """What connects only to IP addresses that are reachable; each answer has a connection of its own.

    A server that sends more than it announced would otherwise put words into the next answer's mouth.
    """
    return aiohttp.TCPConnector(socket_factory=partial(open_socket, reachable), force_close=True)


def open_socket(reachable: Callable[[str], bool], address: AddressInfo) -> socket.socket:
    """A socket for one resolved address. Checked here, after names are resolved and on every redirect, nothing slips by."""
    family, kind, protocol, _, target = address
    if not reachable(str(target[0])):
        raise PrivateAddress(f"{target[0]} is not to be reached")
    return socket.socket(family, kind, protocol)


def reachable_addresses(private_too: bool) -> Callable[[str], bool]:
    """What says of an IP address whether to connect to it."""
    return anywhere if private_too else is_public


def anywhere(address: str) -> bool:
    """Allow every address: where whoever gives addresses runs the network, too."""
    return bool(address)


def is_public(address: str) -> bool:
    """True if an IP address belongs to the public internet; an IPv4 address embedded in it decides."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed in NAT64:
            return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        # Global unicast is the only range of the public internet; others are local or embed an IPv4 address.
        return parsed in UNICAST and parsed.is_global
    return parsed.is_global and not parsed.is_multicast and not any(parsed in network for network in OWN_NETWORK)


def caused_by_private_address(error: BaseException | None) -> bool:
    """True if PrivateAddress is the reason of a failed connection; aiohttp wraps it."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, PrivateAddress) or isinstance(getattr(error, "os_error", None), PrivateAddress):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False
