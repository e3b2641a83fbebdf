"""One connection to a server: HTTP/1.1, whose answers are parsed by httptools, as uvicorn's requests are (llhttp)."""

import asyncio
import os
import ssl
import zlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from harness.core import Redactor

ENCODINGS = {"identity": 0, "gzip": 31, "x-gzip": 31, "deflate": 47}  # that are asked for; zlib's word for each
_AHEAD = 256 * 1024  # bytes of an answer that may wait to be read; then the server waits
_PIECE = 256 * 1024  # the longest that is unpacked at once
_LINES = 500  # of an answer's head


class NoConnectionError(Exception):
    """No connection was had; nothing was sent."""


class CutError(Exception):
    """The connection ended before the answer did."""


class NotHttpError(Exception):
    """What came is no answer of HTTP/1.1."""


class Address(NamedTuple):
    """Where an answer is asked for."""

    host: str
    port: int
    tls: bool
    path: str  # and query
    named: str  # the host as its own header has it
    place: tuple[str, int, bool]  # what connections are shared by


@cache
def address_of(url: str) -> Address:
    """Raises ValueError: it is no address of the web."""
    parts = urlsplit(url)
    tls, host = parts.scheme == "https", parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("it needs http:// or https:// and a host")
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    port = (443 if tls else 80) if parts.port is None else parts.port
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~") + (f"?{parts.query}" if parts.query else "")
    shown = f"[{host}]" if ":" in host else host
    return Address(host, port, tls, path, shown if parts.port is None else f"{shown}:{port}", (host, port, tls))


def head_of(address: Address, headers: Mapping[str, str], size: int | None) -> bytes:
    """A request's first lines; ``size`` bytes follow. Raises ValueError: a header holds the end of a line."""
    start = _start_of(address, tuple(headers.items()), "GET" if size is None else "POST")
    return start + (b"\r\n" if size is None else b"Content-Length: %d\r\n\r\n" % size)


@lru_cache(maxsize=256)
def _start_of(address: Address, headers: tuple[tuple[str, str], ...], method: str) -> bytes:
    """All of the head but for the length of what follows: it is the same for all requests of a model."""
    asked = {"Host": address.named, "Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "ownbench"}
    lines = [f"{name}: {value}" for name, value in (asked | dict(headers)).items()]
    if any(sign in line for line in lines for sign in "\r\n\0"):
        raise ValueError("a header holds the end of a line")
    return "\r\n".join([f"{method} {address.path} HTTP/1.1", *lines, ""]).encode("utf-8")


async def connected(address: Address) -> "Connection":
    """A new connection. Raises NoConnectionError, whose words say why."""
    loop = asyncio.get_running_loop()
    how: dict[str, Any] = {"ssl": _trust(), "server_hostname": address.host} if address.tls else {}
    try:
        _, connection = await loop.create_connection(Connection, address.host, address.port, **how)
    except (OSError, UnicodeError) as error:
        number = error.errno or 0 if isinstance(error, OSError) else 0
        why = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error)
        raise NoConnectionError(f"no connection to {address.host}:{address.port} ({why})") from None
    return connection


@cache
def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection(asyncio.Protocol):
    """One request after another, each once the answer before has ended."""

    def __init__(self) -> None:
        import httptools

        self._faults = (httptools.HttpParserError, httptools.HttpParserUpgrade)
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._began: asyncio.Future[None] | None = None  # the answer's head, that is waited for
        self._more: asyncio.Future[None] | None = None  # the next piece of it
        self._pieces, self._held = deque[bytes](), 0
        self._fault: Exception | None = None
        self._lost = self._paused = self._kept = False
        self.status, self.headers, self.ended = 0, dict[str, str](), True
        self.idle_since = 0.0

    @property
    def is_free(self) -> bool:
        """Whether another request may be sent."""
        return self.ended and not self._lost and self._fault is None and not self._pieces

    async def send(self, data: bytes) -> None:
        """Sends a request, and waits for the head of its answer. Raises CutError and NotHttpError."""
        if self._transport is None or self._lost or self._transport.is_closing():
            raise CutError("the server closed the connection")
        self.status, self.headers, self.ended = 0, {}, False
        self._kept = False
        self._began = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            await self._began
        finally:
            self._began = None

    def whole(self) -> bytes | None:
        """The answer's body, where all of it is here, and as it was sent."""
        if not self.ended or self._paused or self._fault is not None or "content-encoding" in self.headers:
            return None
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        return body

    async def pieces(self) -> AsyncIterator[bytes]:
        """The answer's body as it comes, unpacked. Raises CutError and NotHttpError."""
        unpack = _Unpacking(self.headers.get("content-encoding", ""))
        async for raw in self._raw():
            for piece in unpack.pieces(raw):
                yield piece
        unpack.end()

    async def _raw(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._held -= len(piece)
                if self._paused and self._held < _AHEAD and self._transport is not None:
                    self._paused = False
                    self._transport.resume_reading()
                yield piece
            if self._fault is not None:
                raise self._fault
            if self.ended:
                return
            self._more = asyncio.get_running_loop().create_future()
            try:
                await self._more
            finally:
                self._more = None

    def drop(self) -> None:
        """Closes it, whatever is under way."""
        if self._transport is not None and not self._lost:
            self._transport.abort()
        self._lost = True

    # what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be written to."""
        self._transport = transport  # type: ignore[assignment]
        # uvloop would send what is written at the end of its turn, after all else that is to be done
        transport.set_write_buffer_limits(high=0)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.ended and self._began is None:  # what nobody asked for
            self.drop()
            return
        try:
            self._parser.feed_data(data)
        except self._faults as error:
            self._end(NotHttpError(str(error) or type(error).__name__))
            self.drop()

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing more will come."""
        self._lost = True
        if self.ended:
            return
        whole = self.status and not {"content-length", "transfer-encoding"} & self.headers.keys()
        if whole and error is None:  # such an answer ends where the connection does
            self.on_message_complete()
        else:
            self._end(CutError("the server closed the connection" + (f" ({error})" if error else "")))

    # what httptools tells

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of an answer's head."""
        key, text = _key(name), value.decode("utf-8", "surrogateescape").strip()
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        if len(self.headers) > _LINES:
            raise NotHttpError("its head is too long")

    def on_headers_complete(self) -> None:
        """The head has ended."""
        self.status = self._parser.get_status_code()
        if self.status >= 200 or self.status == 101:
            self._kept = self._parser.should_keep_alive()
            _settle(self._began)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= _AHEAD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        _settle(self._more)

    def on_message_complete(self) -> None:
        """The answer has ended."""
        if 100 <= self.status < 200:  # the answer is still to come
            self.status, self.headers = 0, {}
            return
        self.ended = True
        if not self._kept:
            self._lost = True
            if self._transport is not None:
                self._transport.close()
        _settle(self._more)

    def _end(self, fault: Exception) -> None:
        self.ended, self._fault = True, fault
        if self._began is not None and not self._began.done():
            self._began.set_exception(fault)
        _settle(self._more)


@lru_cache(maxsize=1_000)
def _key(name: bytes) -> str:
    return name.decode("latin-1").lower()


def _settle(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


class _Unpacking:
    """Undoes an answer's encoding, a bounded piece at a time."""

    def __init__(self, encodings: str) -> None:
        names = [name.strip().lower() for name in encodings.split(",") if name.strip()]
        names = [name for name in names if name != "identity"]
        if len(names) > 1 or any(name not in ENCODINGS for name in names):
            raise NotHttpError(f"it has the encoding {Redactor()(encodings)[:60]!r}, which was not asked for")
        self._bits = ENCODINGS[names[0]] if names else 0
        self._unpacker = zlib.decompressobj(self._bits) if self._bits else None
        self._fed = False

    def pieces(self, data: bytes) -> Any:
        if self._unpacker is None:
            yield data
            return
        try:
            if not self._fed and self._bits == 47 and data[0] & 0x0F != 8:  # raw, as some servers understand deflate
                self._unpacker = zlib.decompressobj(-15)
            self._fed = True
            while data:
                if self._unpacker.eof:  # one packed text may follow another
                    self._unpacker = zlib.decompressobj(self._bits)
                yield self._unpacker.decompress(data, _PIECE)
                data = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        except zlib.error as error:
            raise NotHttpError(f"it is not encoded as its head says ({error})") from None

    def end(self) -> None:
        if self._unpacker is not None and self._fed and not self._unpacker.eof:
            raise NotHttpError("its encoding ends too soon")
