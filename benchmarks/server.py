"""An OpenAI-compatible server that answers at once, or after some seconds, for the benchmark; prints its port first.

Usage: server.py [SECONDS] [varied]. It serves until it is ended; ``varied``: each question has an answer of its own,
with log-probabilities, and gets it every time.

``/seen`` tells how many bodies came, a checksum of them that does not depend on their order, and the seconds from the
first to the last: two clients that sent the same requests leave the same checksum.
"""

import asyncio
import hashlib
import json
import sys
import time
from typing import cast

import uvloop
from workload import DOMAINS

ANSWER = json.dumps(
    {
        "id": "answer",
        "object": "chat.completion",
        "created": 0,
        "model": "constant",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "billing"}}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 2, "total_tokens": 122},
    }
).encode()


class Constant:
    """Gives every question the same answer."""

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        self._began()

    def _began(self) -> None:
        self.count = self.checksum = 0
        self.first = self.last = 0.0

    def take(self, body: bytes) -> None:
        """Counts what came."""
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.count += 1
        self.checksum = (self.checksum + int.from_bytes(hashlib.sha256(body).digest()[:8])) % 2**64

    def seen(self) -> bytes:
        """What came since the last call; the next one counts from nought."""
        found = json.dumps([self.count, self.checksum, self.last - self.first]).encode()
        self._began()
        return found

    def answer(self, body: bytes) -> bytes:  # noqa: ARG002
        """What a request is answered."""
        return ANSWER


class Varied(Constant):
    """Gives each question an answer of its own, and is surer of some than of others."""

    def answer(self, body: bytes) -> bytes:
        """By the request's digest: the models that differ in a seed or a name differ in their answers."""
        chance = hashlib.sha256(body).digest()
        answer = json.loads(ANSWER)
        choice = answer["choices"][0]
        choice["message"]["content"] = word = DOMAINS[chance[0] % len(DOMAINS)]
        sure = {"token": word, "logprob": -chance[1] / 64, "bytes": None}
        choice["logprobs"] = {"content": [{**sure, "top_logprobs": [sure, {**sure, "token": "a", "logprob": -9.0}]}]}
        return json.dumps(answer).encode()


class Connection(asyncio.Protocol):
    """HTTP/1.1 as the clients of the benchmark speak it. A server of a library takes as long as a client."""

    def __init__(self, kind: Constant) -> None:
        self._kind, self._got = kind, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Takes each request as soon as it is whole."""
        self._got += data
        while (end := self._got.find(b"\r\n\r\n") + 4) > 3:
            head = self._got[:end].lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            whole = end + int(length or 0)
            if len(self._got) < whole:
                break
            body, self._got = self._got[end:whole], self._got[whole:]
            self._take(head, body)

    def _take(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get /seen "):
            self._send(self._kind.seen())
            return
        self._kind.take(body)
        if self._kind.after_s:
            asyncio.get_running_loop().call_later(self._kind.after_s, self._send, self._kind.answer(body))
        else:
            self._send(self._kind.answer(body))

    def _send(self, body: bytes) -> None:
        if self._transport.is_closing():  # who asked was killed meanwhile
            return
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def main(after_s: float, *, varied: bool) -> None:
    kind = Varied(after_s) if varied else Constant(after_s)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(kind), "127.0.0.1", 0, backlog=1_024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    work = main(float(sys.argv[1]) if sys.argv[1:] else 0.0, varied="varied" in sys.argv)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
