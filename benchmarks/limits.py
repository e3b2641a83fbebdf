"""Limits under pressure: servers that refuse, or slow down, beside the best fixed setting. `make bench` calls it.

A real server on loopback, a process of its own, is asked by ``ownbench run``: once for each fixed concurrency, then
adaptively at the default bound. The server counts what it refused; it is no simulation.
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from measure import OWNBENCH, PYTHON, measured, table
from server import ANSWER
from workload import make_experiment, make_suite

SETTLED_S = 10.0  # after which refusals count


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One server, and how it is asked."""

    name: str
    rules: Mapping[str, float]  # of `Pressed`
    attempts: int
    fixed: tuple[int, ...]  # concurrencies that the best fixed setting is among
    bound: int = 64


CASES = (
    Case(name="429 beyond 5 at once", rules={"at_once": 5, "seconds": 0.1}, attempts=700, fixed=(5,)),
    Case(name="429 beyond 40 at once", rules={"at_once": 40, "seconds": 0.2}, attempts=3_000, fixed=(38, 40)),
    Case(
        name="429 beyond 150 at once", rules={"at_once": 150, "seconds": 0.5}, attempts=4_500, fixed=(150,), bound=256
    ),
    Case(
        name="40 at once, 20 after 10 s",
        rules={"at_once": 40, "then": 20, "seconds": 0.2},
        attempts=3_500,
        fixed=(20,),
    ),
    Case(
        name="latency grows with the square of the load",
        rules={"slow_at": 20, "seconds": 0.1},
        attempts=2_000,
        fixed=(10, 20, 40),
    ),
    Case(name="429 beyond 20 a second", rules={"a_second": 20, "seconds": 0.1}, attempts=400, fixed=()),
    Case(
        name="429 beyond 300 in each minute, `Retry-After: 5`",
        rules={"a_minute": 300, "seconds": 1.0, "asks": 5},
        attempts=1_200,
        fixed=(),
    ),
)


def limits(folder: Path, cases: tuple[Case, ...] = CASES) -> str:
    """The table of all cases."""
    rows = []
    for number, case in enumerate(cases):
        tasks = make_suite(folder / f"suite-{number}", case.attempts)
        rates = {}
        for at_once in case.fixed:
            found = _run(folder / f"{number}-{at_once}", tasks, case, at_once, adaptive=False)
            if not found["lost"]:
                rates[at_once] = found["rate"]
        best = max(rates, key=rates.__getitem__, default=None)
        found = _run(folder / f"{number}", tasks, case, case.bound, adaptive=True)
        fixed = ["", ""] if best is None else [f"{best}", f"{rates[best]:.1f}"]
        share = "" if best is None else f"{found['rate'] / rates[best]:.2f}"
        refused, lost = f"{100 * found['refused']:.1f}%", f"{found['lost']:.0f}"
        rows.append([case.name, *fixed, f"{found['rate']:.1f}", share, refused, lost])
    head = ["server", "best fixed", "its answers a second", "adaptive", "share", "refused after 10 s", "lost attempts"]
    return (
        "## Limits under pressure\n\nA real server on this machine, asked by `ownbench run`; from the first request to "
        "the last, as the server counts.\n\n" + table(head, rows) + "\n"
    )


def _run(report: Path, tasks: Path, case: Case, at_once: int, *, adaptive: bool) -> dict[str, float]:
    with _server(case.rules) as url:
        make_experiment(report, tasks.parent, url, at_once)
        experiment = report / "experiment.yaml"
        text = experiment.read_text(encoding="utf-8")
        adapts = f"{{adaptive: {str(adaptive).lower()}, concurrency"
        experiment.write_text(text.replace("{concurrency", adapts), encoding="utf-8")
        measured([*OWNBENCH, "run", report, "--quiet"])
        with urllib.request.urlopen(f"{url}/seen") as answer:  # noqa: S310 - our own server
            seen: dict[str, float] = json.load(answer)
    return seen | {"lost": case.attempts - seen["answered"]}


@contextmanager
def _server(rules: Mapping[str, float]) -> Iterator[str]:
    """The address of a server with these rules, which lives as long as the block."""
    with subprocess.Popen([PYTHON, __file__, json.dumps(rules)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


class Pressed:
    """A server that refuses what is too much, or is slow where it is asked much."""

    def __init__(
        self,
        *,
        seconds: float,
        at_once: float = 1e9,
        then: float | None = None,
        slow_at: float | None = None,
        a_second: float | None = None,
        a_minute: float | None = None,
        asks: float | None = None,
    ) -> None:
        """``then``: what it takes at once from ten seconds on; ``slow_at``: at so many it needs twice the time.

        ``a_minute``: what it takes in each minute from the first request on; ``asks``: its ``Retry-After``.
        """
        self.a_minute, self.asks = a_minute, asks
        self.seconds, self.at_once, self.then = seconds, at_once, then
        self.slow_at, self.a_second, self.bucket, self.filled = slow_at, a_second, 1.0, 0.0
        self.in_flight = 0
        self.began: float | None = None
        self.last = 0.0
        self.seen: list[tuple[float, bool]] = []

    def takes(self, at: float) -> bool:
        """Whether one more request is taken."""
        allowed = self.at_once if self.then is None or at < SETTLED_S else self.then
        if self.a_second is not None:
            self.bucket = min(self.a_second, self.bucket + (at - self.filled) * self.a_second)
            self.filled = at
            if self.bucket < 1:
                return False
            self.bucket -= 1
        if self.a_minute is not None:
            return sum(taken for sent, taken in self.seen if sent // 60 == at // 60) < self.a_minute
        return self.in_flight < allowed

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """A completion or a refusal; or what was seen."""
        if request.path == "/seen":
            return web.json_response(self.told())
        await request.read()
        self.began = self.began or time.monotonic()
        at = time.monotonic() - self.began
        taken = self.takes(at)
        self.seen.append((at, taken))
        if not taken:
            wait = None if self.asks is None else {"Retry-After": f"{self.asks:g}"}
            return web.json_response({"error": {"message": "too many requests"}}, status=429, headers=wait)
        self.in_flight += 1
        try:
            load = 0.0 if self.slow_at is None else (self.in_flight / self.slow_at) ** 2
            await asyncio.sleep(self.seconds * (1 + load))
        finally:
            self.in_flight -= 1
        self.last = time.monotonic() - self.began
        return web.Response(body=ANSWER, content_type="application/json")

    def told(self) -> dict[str, Any]:
        """Answers and their rate; the share that was refused of what came after ten seconds."""
        answered, late = sum(taken for _, taken in self.seen), [taken for at, taken in self.seen if at >= SETTLED_S]
        refused = 1 - sum(late) / len(late) if late else 0.0
        return {"answered": answered, "rate": answered / self.last, "refused": refused}


async def main(rules: Mapping[str, float]) -> None:
    runner = web.ServerRunner(web.Server(Pressed(**rules).handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
