"""An OpenAI-compatible server that answers at once, or after some seconds, for the benchmark; prints its port first.

Usage: server.py [SECONDS] [varied]. It serves until it is ended; ``varied``: each question has an answer of its own,
with log-probabilities, and gets it every time.

``/seen`` tells how many bodies came and a checksum of them that does not depend on their order: two clients that sent
the same requests leave the same checksum.
"""

import asyncio
import hashlib
import json
import sys

from aiohttp import web
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
        self.count = self.checksum = 0
        self._after_s = after_s

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """A completion; or what came since the last look, which begins anew."""
        if request.path == "/seen":
            seen, self.count, self.checksum = [self.count, self.checksum], 0, 0
            return web.json_response(seen)
        body = await request.read()
        self.count += 1
        self.checksum = (self.checksum + int.from_bytes(hashlib.sha256(body).digest()[:8])) % 2**64
        if self._after_s:
            await asyncio.sleep(self._after_s)
        return web.Response(body=self.answer(body), content_type="application/json")

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


async def main(after_s: float, *, varied: bool) -> None:
    kind = Varied if varied else Constant
    runner = web.ServerRunner(web.Server(kind(after_s).handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if sys.argv[1:] else 0.0, varied="varied" in sys.argv))
