"""What holds for every answer over HTTP: it is bounded as it is after decoding, and comes from where it was asked.

No redirect leads to another origin, and no proxy stands before this machine.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from harness.core import Cause, ModelError

if TYPE_CHECKING:
    import aiohttp

MOST_BYTES = 32_000_000  # of an answer
MOST_ERROR_BYTES = 100_000  # of an error's body; what comes after is not read
LARGE_BYTES = 2_000_000  # of an answer that need not care for others; what it holds beyond counts against ROOM_BYTES
LARGE_STREAM_BYTES = 8_000_000  # the same for a stream, which comes slowly, and of which little is kept
ROOM_BYTES = 200_000_000  # for all large answers of a model together; while it is full, one of them is read at a time
MOST_VALUES = 2_000_000  # in the JSON of a large answer; more would take seconds to read, and all calls would stand


class Connections:
    """A model's connections, open from the first request until they are closed, however many `Caller` asks for."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._room = Room()

    @contextlib.asynccontextmanager
    async def ask(self, url: str, payload: bytes | None, headers: Mapping[str, str]) -> AsyncIterator["Answer"]:
        """The answer's head, of a GET where there is no payload; its body is read inside."""
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        method, bound = "GET" if payload is None else "POST", Bound(self._room)
        response = await self._session.request(method, url, data=payload, headers=headers, allow_redirects=False)
        try:
            yield Answer(response, bound)
        finally:
            bound.leave()
            response.release()  # one that was not read to its end is closed

    async def close(self) -> None:
        """Closes them; closing twice does no harm."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class Answer:
    """One answer of a server, its body not yet read."""

    def __init__(self, response: "aiohttp.ClientResponse", bound: "Bound") -> None:
        self.status, self.headers, self.content_type = response.status, response.headers, response.content_type
        self._response, self._bound = response, bound

    async def pieces(self, *, stream: bool = True) -> AsyncIterator[bytes]:
        """The body as it comes, decoded; a stream's events are parsed one by one, so they may be many."""
        self._bound.is_stream = stream
        async for piece in self._response.content.iter_any():
            self._bound.take(piece)
            await self._bound.hold(len(piece))
            yield piece

    async def body(self) -> bytes:
        """The whole body, decoded; as bounded as its pieces."""
        return b"".join([piece async for piece in self.pieces(stream=False)])

    async def error_text(self) -> str:
        """What an answer says that is no success; the beginning of it, if it is long."""
        if (leads := leads_to(str(self._response.url), self.status, self.headers)) is not None:
            return leads
        whole = bytearray()
        async for piece in self._response.content.iter_any():
            whole += piece
            if len(whole) > MOST_ERROR_BYTES:
                break
        return whole[:MOST_ERROR_BYTES].decode("utf-8", "replace")


class Room:
    """What a model's large answers take together."""

    def __init__(self) -> None:
        self.bytes = 0
        self.turn = asyncio.Lock()


class Bound:
    """Counts what an answer holds, ends it where that is too much, and holds its place among the large ones."""

    def __init__(self, room: Room | None = None) -> None:
        self._room, self._bytes, self._values, self._held, self._has_turn = room or Room(), 0, 0, 0, False
        self.is_stream = False

    @property
    def _is_large(self) -> bool:
        return self._bytes > (LARGE_STREAM_BYTES if self.is_stream else LARGE_BYTES)

    def take(self, piece: bytes) -> None:
        """Counts a piece. Raises ModelError: ``protocol``, for too many bytes, or values that take seconds to parse."""
        self._bytes += len(piece)
        if self._bytes > MOST_BYTES:
            problem = f"the answer is longer than {MOST_BYTES // 1_000_000} MB; it was not read further"
            raise ModelError(Cause.PROTOCOL, problem)
        if self._is_large and not self.is_stream:
            self._values += sum(map(piece.count, (b",", b"{", b"[")))
            if self._values > MOST_VALUES:
                problem = f"the answer holds more than {MOST_VALUES:,} values; it was not parsed"
                raise ModelError(Cause.PROTOCOL, problem)

    async def hold(self, size: int) -> None:
        """Lets a large answer keep ``size`` bytes more, once there is room or it is this answer's turn."""
        if not self._is_large:
            return
        if not self._has_turn and self._room.bytes + size > ROOM_BYTES:
            await self._room.turn.acquire()
            self._has_turn = True
        self._room.bytes += size
        self._held += size
        await asyncio.sleep(0)  # what is there already comes without a wait: let others, and the time limit, in

    def leave(self) -> None:
        """Gives back what was taken; again does no harm."""
        self._room.bytes -= self._held
        if self._has_turn:
            self._room.turn.release()
        self._held, self._has_turn = 0, False


def leads_to(url: str, status: int, headers: Mapping[str, str]) -> str | None:
    """Says where a redirect leads, without what may be a secret; ``None`` for an answer that is none."""
    target = headers.get("Location") if status in {301, 302, 303, 307, 308} else None
    if not target:
        return None
    try:
        parts = urlsplit(urljoin(url, target))
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
        where = f"{parts.scheme}://{host}{'' if parts.port is None else f':{parts.port}'}{parts.path}"
    except ValueError:
        where = "another address"
    return f"the server redirects to {where}, which is not followed; write the model's own address as base_url"


def is_elsewhere(url: str, target: str) -> bool:
    """Whether ``target``, as a page at ``url`` names it, is of another origin (scheme, host, port; RFC 6454)."""
    usual = {"http": 80, "https": 443}
    try:
        ends = urlsplit(url), urlsplit(urljoin(url, target))
        return len({(end.scheme, end.hostname or "", end.port or usual.get(end.scheme)) for end in ends}) > 1
    except ValueError:
        return True
