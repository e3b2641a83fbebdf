"""What a browser is given first: a picture of the page to come. Streamlit's own is empty until its scripts run."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ROOT = b'<div id="root"></div>'
PICTURE = b"""<div id="root"><style>
.soon{position:fixed;inset:0;padding:5rem 3rem 3rem 21rem;background:#fff;color:#222;font:16px system-ui,sans-serif}
.soon::before{content:"";position:fixed;inset:0 auto 0 0;width:18rem;background:#f5f4f2}
.soon i{display:block;height:1.1rem;margin:1rem 0;border-radius:.3rem;background:#dcdad6}
.soon i:nth-child(2){height:2.6rem;width:40%}.soon i:nth-child(4){width:82%}.soon i:nth-child(5){height:18rem}
@media(prefers-color-scheme:dark){.soon{background:#171614;color:#edebe8}.soon::before{background:#21201d}
.soon i{background:#3a3835}}
@media(max-width:48rem){.soon{padding:4rem 1rem}.soon::before{display:none}}
</style><div class="soon" role="status"><p>Opening the report\xe2\x80\xa6</p><i></i><i></i><i></i><i></i></div></div>"""


class FirstLook:
    """An ASGI application that puts the picture into Streamlit's first page."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket; what is no page goes through as it is."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _wants_page(scope["headers"]):
            await self._app(scope, receive, send)
            return
        # Neither packed nor in parts: it is looked into.
        plain = [(k, v) for k, v in scope["headers"] if k.lower() not in {b"accept-encoding", b"range"}]
        held: list[Message] = []

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message["headers"]):
                held.append(message)
            elif not held:
                await send(message)
            else:
                held.append(message)
                if not message.get("more_body"):
                    await _send_page(held, send)

        await self._app({**scope, "headers": plain}, receive, changed)


async def _send_page(held: list[Message], send: Send) -> None:
    start, *bodies = held
    page = with_first_look(b"".join(one.get("body", b"") for one in bodies))
    headers = [(k, v) for k, v in start["headers"] if k.lower() not in {b"content-length", b"etag", b"last-modified"}]
    headers.append((b"content-length", str(len(page)).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": page})


def with_first_look(page: bytes) -> bytes:
    """Streamlit's first page with the picture in it; as it is where it has another form."""
    return page.replace(ROOT, PICTURE, 1)


def _wants_page(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(k.lower() == b"accept" and b"text/html" in v for k, v in headers)


def _is_page(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(k.lower() == b"content-type" and v.startswith(b"text/html") for k, v in headers)
