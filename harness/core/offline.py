"""``--offline``: nothing in this process connects to another machine or asks a name server, whichever library wants to.

The check sees the address that a socket really connects to; uvloop has a way of its own, so offline runs do without.
"""

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HUB = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}  # how Hugging Face's libraries take what is in their cache
_NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
_SENDS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_FAMILIES = {socket.AF_INET, socket.AF_INET6}
_depth = 0
_watched = False


class OfflineError(OSError):
    """Something wanted to leave this machine."""


@contextmanager
def stay_offline(*, hub: bool = True) -> Iterator[None]:
    """Keeps the process on this machine while it is open, also within itself; ``hub`` also sets ``HUB``."""
    global _depth, _watched  # noqa: PLW0603 - the process has one network, and an audit hook stays
    if not _watched:
        _watched = True
        sys.addaudithook(_watch)
    before = {name: os.environ.get(name) for name in HUB if hub}
    os.environ.update(HUB if hub else {})
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def is_this_machine(host: Any) -> bool:
    """Whether a host is this machine: ``localhost``, a loopback address, or none. No name is looked up."""
    name = host.decode("latin-1") if isinstance(host, (bytes, bytearray)) else host
    if not name or str(name).lower() == "localhost":
        return True
    address = _number(name)
    return address is not None and (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _number(name: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(str(name).partition("%")[0])
    except ValueError:
        return None


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if not _depth:
        return
    if event in _NAMES:
        host = args[0][0] if isinstance(args[0], tuple) else args[0]
        if not is_this_machine(host) and (event != "socket.getaddrinfo" or _number(host) is None):
            raise OfflineError(errno.ENETUNREACH, f"offline: the name {host!r} is not looked up")
    elif event in _SENDS and args[0].family in _FAMILIES and args[1] and not is_this_machine(args[1][0]):
        raise OfflineError(errno.ENETUNREACH, f"offline: no connection to {args[1][0]}")
