"""A server that keeps to no rules: it sends what it is told, as bytes, and counts who came."""

import asyncio
import contextlib
import functools
import gzip
import itertools
import zlib
from collections.abc import Callable, Iterable

HEAD = "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{more}Connection: close\r\n\r\n"


def head(status: int = 200, **more: object) -> bytes:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items())
    return HEAD.format(status=status, more=fields).encode()


@functools.cache
def bomb(megabytes: int, *, encoding: str = "gzip", status: int = 200) -> list[bytes]:
    """A body that is a thousand times larger than it looks."""
    packer, part = zlib.compressobj(9, wbits={"gzip": 31, "deflate": 15, "raw": -15}[encoding]), bytes([32]) * 1_000_000
    first, again = (packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    packed = first + again * (megabytes - 1) + packer.flush()  # the check sum at its end is never reached
    return [head(status, Content_Encoding="deflate" if encoding == "raw" else encoding), packed]


def nested_bomb() -> list[bytes]:
    """Many small parts, none of which holds anything."""
    return [head(Content_Encoding="gzip"), gzip.compress(b"") * 5_000_000]


def plain(megabytes: int, *, status: int = 200) -> Iterable[bytes]:
    yield head(status)
    yield from itertools.repeat(b"x" * 1_000_000, megabytes)


def endless(*, stream: bool = False) -> Iterable[bytes]:
    line = b'data: {"choices":[{"delta":{"content":"' + b"x" * 900 + b'"}}]}\n\n'
    yield head().replace(b"application/json", b"text/event-stream") if stream else head()
    yield from itertools.repeat(line * 100)


class Wild:
    """``async with Wild(lambda: pieces) as wild``: on a free port, the same for every request.

    Attributes:
        asked: the heads of the requests that came.
        sent: bytes.
    """

    def __init__(self, pieces: Callable[[], Iterable[bytes]], *, pause: float = 0.0) -> None:
        self.pieces, self.pause = pieces, pause
        self.asked: list[str] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            for piece in self.pieces():
                writer.write(piece)
                await writer.drain()
                self.sent += len(piece)
                if self.pause:
                    await asyncio.sleep(self.pause)
        writer.close()

    async def __aenter__(self) -> "Wild":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
