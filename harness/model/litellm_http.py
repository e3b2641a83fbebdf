"""litellm's own connections, kept to what holds for all: see `harness.model.http`.

litellm opens httpx clients in many places, and follows redirects with the key. Its version is pinned, and the two
classes that all of them come from are replaced here. No answer is streamed, so each body is read before it is given on.
"""

import zlib
from collections.abc import Iterator
from typing import Any, cast

import httpx

from harness.core import Cause, ModelError
from harness.model.entry import is_loopback
from harness.model.http import MOST_ERROR_BYTES, Bound, Room, is_elsewhere, leads_to

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
            body = _Body(request, response, self._room)
            try:
                async for raw in cast("httpx.AsyncByteStream", response.stream):
                    await body.bound.hold(body.take(raw))
                    if body.done:
                        break
            finally:
                body.bound.leave()
                await response.aclose()
            return body.whole()

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
        response = (self._direct if is_loopback(str(request.url)) else self._below).handle_request(request)
        body = _Body(request, response)
        try:
            for raw in cast("httpx.SyncByteStream", response.stream):
                body.take(raw)
                if body.done:
                    break
        finally:
            response.close()
        return body.whole()

    def close(self) -> None:
        self._below.close()


class _Body:
    """The body of a response, decoded as it comes, never much at a time, and counted."""

    def __init__(self, request: httpx.Request, response: httpx.Response, room: Room | None = None) -> None:
        self._response, self._decoder, self._raw, self.bound = response, cast("Any", None), Bound(), Bound(room)
        self._encoding = response.headers.get("Content-Encoding", "identity").lower()
        said = leads_to(str(request.url), response.status_code, response.headers)
        self._leads_away = said is not None and is_elsewhere(str(request.url), response.headers["Location"])
        self._is_error = self._leads_away or response.status_code >= 400
        self.done = self._leads_away  # nothing more is wanted
        self._whole = bytearray(said.encode() if said and self._leads_away else b"")

    def take(self, raw: bytes) -> int:
        """Takes a piece, unless nothing more is wanted; gives how many bytes it decodes to."""
        before = len(self._whole)
        for piece in () if self.done else self._decoded(raw):
            self._whole += piece
            if not self._is_error:
                self.bound.take(piece)
            elif len(self._whole) >= MOST_ERROR_BYTES:
                del self._whole[MOST_ERROR_BYTES:]
                self.done = True
                break
        return len(self._whole) - before

    def _decoded(self, raw: bytes) -> Iterator[bytes]:
        if self._encoding in {"", "identity"}:
            yield raw
            return
        if self._encoding not in {"gzip", "x-gzip", "deflate"}:
            raise ModelError(Cause.PROTOCOL, "the answer is encoded in a way that was not asked for")
        self._raw.take(raw)
        while raw:
            if self._decoder is None:
                headless = self._encoding == "deflate" and raw[0] & 0xF != 8  # some servers leave zlib's head out
                self._decoder = zlib.decompressobj(-zlib.MAX_WBITS if headless else zlib.MAX_WBITS | 32)
            try:
                while len(piece := self._decoder.decompress(raw, _PIECE)) == _PIECE:
                    yield piece
                    raw = self._decoder.unconsumed_tail
            except zlib.error:
                raise ModelError(Cause.PROTOCOL, f"the answer is no {self._encoding}, as its head says") from None
            yield piece
            raw = self._decoder.unused_data  # a gzip file may have several parts
            self._decoder = None if self._decoder.eof else self._decoder

    def whole(self) -> httpx.Response:
        """The response; one that leads to another origin says so, and leads nowhere."""
        gone = {"content-encoding", "content-length", "transfer-encoding", *(["location"] if self._leads_away else [])}
        answer = self._response
        headers = [(name, value) for name, value in answer.headers.raw if name.decode("latin-1").lower() not in gone]
        content, more = bytes(self._whole), answer.extensions
        return httpx.Response(answer.status_code, headers=headers, content=content, extensions=more)
