"""litellm's own connections, kept to what holds for all: see `harness.model.http`.

litellm opens httpx clients in many places, and follows redirects with the key. Its version is pinned, and the two
classes that all of them come from are replaced here.
"""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from harness.core import Cause, ModelError
from harness.model.http import MOST_ERROR_BYTES, Bound, Place, Room, is_elsewhere, leads_to
from harness.model.loopback import is_loopback

ENCODINGS = "gzip, deflate"
_PIECE = 256 * 1024


def keep() -> None:
    """Makes every client that litellm opens from now on read and follow no more than it should."""
    from litellm.llms.custom_httpx import aiohttp_transport, http_handler

    class Transport(aiohttp_transport.LiteLLMAiohttpTransport):  # type: ignore[misc]
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            self._room = Room()

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            request.headers["Accept-Encoding"] = ENCODINGS
            response: httpx.Response = await super().handle_async_request(request)
            return _kept(request, response, self._room)

        def _proxy_from_env(self, url: httpx.URL) -> Any:
            return None if is_loopback(str(url)) else super()._proxy_from_env(url)

    create = http_handler.HTTPHandler.create_client

    def create_client(handler: Any) -> httpx.Client:
        client: httpx.Client = create(handler)
        direct = client._transport  # noqa: SLF001 - there is no other way to wrap what was made
        client._transport = _Waiting(direct, direct)  # noqa: SLF001
        mounts = client._mounts.items()  # noqa: SLF001
        client._mounts = {pattern: below and _Waiting(below, direct) for pattern, below in mounts}  # noqa: SLF001
        return client

    aiohttp_transport.LiteLLMAiohttpTransport = Transport
    http_handler.AsyncHTTPHandler.should_use_aiohttp_transport = staticmethod(lambda: True)
    http_handler.HTTPHandler.create_client = create_client


class _Waiting(httpx.BaseTransport):
    """The transport of a client that holds its thread; it may stand for a proxy, and then ``direct`` does not."""

    def __init__(self, below: httpx.BaseTransport, direct: httpx.BaseTransport) -> None:
        self._below, self._direct = below, direct

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = ENCODINGS
        below = self._direct if is_loopback(str(request.url)) else self._below
        return _kept(request, below.handle_request(request))

    def close(self) -> None:
        self._below.close()


def _kept(request: httpx.Request, response: httpx.Response, room: Room | None = None) -> httpx.Response:
    """The response with its body bounded; one that leads to another origin says so, and leads nowhere."""
    headers, status, url = response.headers, response.status_code, str(request.url)
    reader = _Reader(headers.get("Content-Encoding", "identity").lower(), is_error=status >= 400)
    said = leads_to(url, status, headers)
    if said is not None and is_elsewhere(url, headers["Location"]):
        reader.instead = said.encode()
    gone = {"content-encoding", "content-length", *(["location"] if reader.instead is not None else [])}
    stream = response.stream
    return httpx.Response(
        status,
        headers=[(name, value) for name, value in headers.raw if name.decode("latin-1").lower() not in gone],
        stream=_Later(stream, reader, Place(room or Room()))
        if isinstance(stream, httpx.AsyncByteStream)
        else _Now(stream, reader),
        extensions=response.extensions,
    )


class _Reader:
    """Decodes a body piece by piece, never much at a time, and counts it."""

    def __init__(self, encoding: str, *, is_error: bool) -> None:
        self._encoding, self._is_error = encoding, is_error
        self._decoder: Any = None
        self._raw, self._error_bytes = Bound(), 0
        self.bound = Bound()
        self.instead: bytes | None = None
        """What is read in place of the body."""
        self.done = False
        """Nothing more is wanted."""

    def read(self, raw: bytes) -> Iterator[bytes]:
        """What ``raw`` decodes to.

        Raises:
            ModelError: ``protocol``, for too much, or what is not encoded as its head says.
        """
        if self._encoding in {"", "identity"}:
            yield self._counted(raw)
            return
        if self._encoding not in {"gzip", "x-gzip", "deflate"}:
            raise ModelError(Cause.PROTOCOL, "the answer is encoded in a way that was not asked for")
        self._raw.take(raw)
        while raw and not self.done:
            if self._decoder is None:
                headless = self._encoding == "deflate" and raw[0] & 0xF != 8  # some servers leave zlib's head out
                self._decoder = zlib.decompressobj(-zlib.MAX_WBITS if headless else zlib.MAX_WBITS | 32)
            try:
                piece = self._decoder.decompress(raw, _PIECE)
                while len(piece) == _PIECE and not self.done:
                    yield self._counted(piece)
                    piece = self._decoder.decompress(self._decoder.unconsumed_tail, _PIECE)
            except zlib.error:
                raise ModelError(Cause.PROTOCOL, f"the answer is no {self._encoding}, as its head says") from None
            yield self._counted(piece)
            raw = self._decoder.unused_data  # a gzip file may have several parts
            self._decoder = None if self._decoder.eof else self._decoder

    def _counted(self, piece: bytes) -> bytes:
        if not self._is_error:
            self.bound.take(piece)
            return piece
        kept = piece[: MOST_ERROR_BYTES - self._error_bytes]
        self._error_bytes += len(kept)
        self.done = self._error_bytes >= MOST_ERROR_BYTES
        return kept


class _Later(httpx.AsyncByteStream):
    """A body that comes on the event loop."""

    def __init__(self, stream: httpx.AsyncByteStream, reader: _Reader, place: Place) -> None:
        self._stream, self._reader, self._place = stream, reader, place

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._reader.instead is not None:
            yield self._reader.instead
            return
        async for raw in self._stream:
            for piece in self._reader.read(raw):
                if self._reader.bound.is_large:
                    await self._place.grow(len(piece))
                yield piece
            if self._reader.done:
                return

    async def aclose(self) -> None:
        self._place.leave()
        await self._stream.aclose()


class _Now(httpx.SyncByteStream):
    """A body that is waited for."""

    def __init__(self, stream: Any, reader: _Reader) -> None:
        self._stream, self._reader = stream, reader

    def __iter__(self) -> Iterator[bytes]:
        if self._reader.instead is not None:
            yield self._reader.instead
            return
        for raw in self._stream:
            yield from self._reader.read(raw)
            if self._reader.done:
                return

    def close(self) -> None:
        self._stream.close()
