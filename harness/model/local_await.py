"""What waits for a local model: requests and other work, asked on an event loop and done on the model's thread."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import Request
from harness.model.local_choose import Row


@dataclass(slots=True, eq=False, kw_only=True)
class Awaited:
    """Something that a coroutine on another thread waits for."""

    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]" = field(init=False)

    def __post_init__(self) -> None:
        self.future = self.loop.create_future()

    def tell(self, result: Any) -> None:
        """Gives the result; of no effect once settled or cancelled."""
        _tell(self.loop, self.future, result, None)

    def fail(self, error: BaseException) -> None:
        """Gives the error; of no effect once settled or cancelled."""
        _tell(self.loop, self.future, None, error)


@dataclass(slots=True, eq=False, kw_only=True)
class Job(Awaited):
    """Work on the weights that is no request: loading, probing."""

    work: Callable[[], None]

    def run(self) -> None:
        """Does the work and settles."""
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001 - handed to the one who awaits
            self.fail(error)
        else:
            self.tell(None)


@dataclass(slots=True, eq=False, kw_only=True)
class Ticket(Awaited):
    """One request in the queue."""

    request: Request
    adapter: Path | None = None
    """Resolved; of the model's loaded ones."""
    prompt: list[int] = field(default_factory=list)
    opened: bool = False
    """The prompt ends with an opened block of reasoning."""
    row: Row | None = None
    dropped: bool = False
    """Nobody waits for it any more."""


def _tell(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]", result: Any, error: Any) -> None:
    """Settles the future on its loop's own thread; a loop that has ended meanwhile wants no answer."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
