"""The peer of ``ownbench run``: the same requests by aiohttp alone. Nothing is graded, priced, written or resumed.

Usage: bare_client.py URL TASKS_FILE CONCURRENCY
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp


def payloads(tasks: Path) -> Iterator[dict[str, object]]:
    """The bodies that ``ownbench run`` sends for these tasks, field by field."""
    with tasks.open(encoding="utf-8") as file:
        for line in file:
            yield {
                "messages": [{"role": "user", "content": json.loads(line)["input"]}],
                "temperature": 0,
                "max_tokens": 16,
                "model": "constant",
            }


async def main(url: str, tasks: Path, concurrency: int) -> None:
    waiting = payloads(tasks)
    answers: list[str] = []
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def hand() -> None:
            for payload in waiting:
                async with session.post(
                    url, data=json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(), headers=headers
                ) as response:
                    body = json.loads(await response.read())
                answers.append(body["choices"][0]["message"]["content"])

        await asyncio.gather(*(hand() for _ in range(concurrency)))
    print(len(answers), "answers")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
