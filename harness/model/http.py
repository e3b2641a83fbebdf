"""What holds for every answer over HTTP: it is bounded as it is after decoding, and comes from where it was asked.

No redirect leads to another origin, and no proxy stands before this machine.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urljoin, urlsplit

from harness.core import Cause, ModelError
from harness.model.connection import Address, Connection, address_of, connected, head_of

IDLE_S = 60.0  # seconds for which a connection that nobody needs stays open
MOST_BYTES = 32_000_000  # of an answer
MOST_ERROR_BYTES = 100_000  # of an error's body; what comes after is not read
LARGE_BYTES = 2_000_000  # of an answer that need not care for others; what it holds beyond counts against ROOM_BYTES
LARGE_STREAM_BYTES = 8_000_000  # the same for a stream, which comes slowly, and of which little is kept
ROOM_BYTES = 200_000_000  # for all large answers of a model together; while it is full, one of them is read at a time
MOST_VALUES = 2_000_000  # in the JSON of a large answer; more would take seconds to read, and all calls would stand


class Connections:
    """A model's connections, open from the first request until they are closed, however many `Caller` asks for."""

    def __init__(self) -> None:
        self._free: dict[tuple[str, int, bool], list[Connection]] = {}  # the last used first, while it is warm
        self.room = Room()

    def ask(self, url: str, payload: bytes | None, headers: Mapping[str, str]) -> "Answer":
        """The answer to a POST, or to a GET where there is no payload: it is asked for as one enters it."""
        return Answer(self, url, payload, headers)

    async def take(self, address: Address) -> Connection:
        """One that nobody uses, or a new one. Raises NoConnectionError."""
        free, now = self._free.get(address.place, []), time.monotonic()
        while free:
            connection = free.pop()
            if connection.is_free and now - connection.idle_since < IDLE_S:
                return connection
            connection.drop()
        return await connected(address)

    def give(self, address: Address, connection: Connection) -> None:
        """Keeps it open for the next request; one that was not read to its end is closed."""
        if connection.is_free:
            connection.idle_since = time.monotonic()
            self._free.setdefault(address.place, []).append(connection)
        else:
            connection.drop()

    async def close(self) -> None:
        """Closes them; closing twice does no harm."""
        free, self._free = self._free, {}
        for connections in free.values():
            for connection in connections:
                connection.drop()
        await asyncio.sleep(0)  # their ends are told on the loop


class Answer:
    """One answer of a server: ``async with`` asks for it and has its head; its body is read inside."""

    def __init__(self, by: Connections, url: str, payload: bytes | None, headers: Mapping[str, str]) -> None:
        self._by, self._url, self._payload, self._sent = by, url, payload, headers
        self._bound: Bound | None = None

    async def __aenter__(self) -> "Answer":
        """Raises ValueError: no such address or header; NoConnectionError, CutError, NotHttpError."""
        self._address, payload = address_of(self._url), self._payload
        head = head_of(self._address, self._sent, None if payload is None else len(payload))
        self._connection = connection = await self._by.take(self._address)
        try:
            await connection.send(head + (payload or b""))
        except BaseException:
            self._by.give(self._address, connection)
            raise
        self.status, self.headers = connection.status, connection.headers  # by their names in small letters
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._bound is not None:
            self._bound.leave()
        self._by.give(self._address, self._connection)

    @property
    def content_type(self) -> str:
        """In small letters, without what belongs to it."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def pieces(self, *, stream: bool = True) -> AsyncIterator[bytes]:
        """The body as it comes, decoded; a stream's events are parsed one by one, so they may be many."""
        self._bound = bound = Bound(self._by.room, is_stream=stream)
        async for piece in self._connection.pieces():
            bound.take(piece)
            await bound.hold(len(piece))
            yield piece

    async def body(self) -> bytes:
        """The whole body, decoded; as bounded as its pieces."""
        if (whole := self._connection.whole()) is not None:  # it is short
            return whole
        return b"".join([piece async for piece in self.pieces(stream=False)])

    async def error_text(self) -> str:
        """What an answer says that is no success; the beginning of it, if it is long."""
        if (leads := leads_to(self._url, self.status, self.headers)) is not None:
            return leads
        whole = bytearray()
        async for piece in self._connection.pieces():
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

    def __init__(self, room: Room | None = None, *, is_stream: bool = False) -> None:
        self._room, self._bytes, self._values, self._held, self._has_turn = room or Room(), 0, 0, 0, False
        self._is_stream = is_stream

    @property
    def _is_large(self) -> bool:
        return self._bytes > (LARGE_STREAM_BYTES if self._is_stream else LARGE_BYTES)

    def take(self, piece: bytes) -> None:
        """Counts a piece. Raises ModelError: ``protocol``, for too many bytes, or values that take seconds to parse."""
        self._bytes += len(piece)
        if self._bytes > MOST_BYTES:
            problem = f"the answer is longer than {MOST_BYTES // 1_000_000} MB; it was not read further"
            raise ModelError(Cause.PROTOCOL, problem)
        if self._is_large and not self._is_stream:
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
    target = (headers.get("location") or headers.get("Location")) if status in {301, 302, 303, 307, 308} else None
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
