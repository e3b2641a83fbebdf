"""Before the dashboard: whoever asks for it by another name, or from another page, is not let in.

A page of somebody else's can have its own name lead to this machine (DNS rebinding), or open a WebSocket to it. The
browser then says that name in ``Host`` or ``Origin``, and by that it is known.
"""

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from harness.core import is_this_machine

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

REFUSED = b"This dashboard does not answer to that name. Open it at the address that it printed at its start.\n"


class OwnName:
    """An ASGI application that hands on what asks for the dashboard by its own name, and refuses the rest with 403.

    Its names are ``localhost``, loopback addresses, the address that it is served on and those in Streamlit's
    ``server.allowedHosts``; where other machines may reach it, any address by number and this machine's name too.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket."""
        if scope["type"] not in {"http", "websocket"} or _is_welcome(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the server answers 403
        else:
            head = [(b"content-type", b"text/plain"), (b"content-length", str(len(REFUSED)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": head})
            await send({"type": "http.response.body", "body": REFUSED})


def _is_welcome(scope: Scope) -> bool:
    said: dict[str, list[str]] = {"host": [], "origin": []}
    for name, value in scope["headers"]:
        said.get(name.decode("latin-1").lower(), []).append(value.decode("latin-1").lower())
    try:
        (host,) = said["host"]
        parts = urlsplit(f"//{host}")
        own = parts.netloc == host and "@" not in host and _is_own(parts.hostname or "", scope.get("server"))
        origins = map(urlsplit, said["origin"])
        return own and parts.port != 0 and all(o.scheme in {"http", "https"} and o.netloc == host for o in origins)
    except ValueError:
        return False


def _is_own(name: str, served: tuple[str, int] | None) -> bool:
    from streamlit import config

    name = name.rstrip(".")
    address = config.get_option("server.address") or ""
    allowed = [address, *config.get_option("server.allowedHosts")]
    if name and (is_this_machine(name) or any(fnmatchcase(name, pattern.lower()) for pattern in allowed)):
        return True
    if served is None or (is_this_machine(served[0]) and is_this_machine(address or "localhost")):
        return False
    try:
        return bool(ip_address(name))  # a number cannot be made to lead elsewhere
    except ValueError:
        return name in {f"{socket.gethostname()}{end}".lower() for end in ("", ".local")}
