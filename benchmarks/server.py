"""An OpenAI-compatible server that answers at once, or after some seconds, for the benchmark; prints its port first.

Usage: server.py [SECONDS]. It serves until it is ended.

``/seen`` tells how many bodies came and a checksum of them that does not depend on their order: two clients that sent
the same requests leave the same checksum.
"""

import asyncio
import hashlib
import json
import sys

from aiohttp import web

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
        return web.Response(body=ANSWER, content_type="application/json")


async def main(after_s: float) -> None:
    runner = web.ServerRunner(web.Server(Constant(after_s).handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if sys.argv[1:] else 0.0))
