"""Who may end a run before all is done: a user or the system by a signal, or a `Watch`; and what then waits no more."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import FrameType
from typing import Any, Protocol

from harness.core import Clock, Outcome
from harness.experiment import Attempt

BY_USER = "stopped by the user"
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
own_time: ContextVar[asyncio.Timeout | None] = ContextVar("own_time", default=None)
"""The time that an attempt has for itself; what it waits for by our doing moves its end."""


def _own_end() -> tuple[asyncio.Timeout, float] | None:
    """The attempt's own time that still runs, and when it ends."""
    limit = own_time.get()
    end = limit.when() if limit is not None and not limit.expired() else None
    return (limit, end) if limit is not None and end is not None else None


def own_time_held() -> contextlib.AbstractContextManager[None]:
    """What is done under it takes none of the attempt's own time."""
    own = _own_end()
    return _NOTHING if own is None else _held(*own)


_NOTHING = contextlib.nullcontext()


@contextlib.contextmanager
def _held(limit: asyncio.Timeout, end: float) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    limit.reschedule(None)
    try:
        yield
    finally:
        limit.reschedule(end + loop.time() - began)


class Unsent(asyncio.CancelledError):
    """The run was stopped while this call waited to be sent: it is as if nobody had asked."""


class Patience(Clock):
    """The clock by which calls wait, for the user's own limits or between tries; a stop ends every wait at once."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._cuttable: set[asyncio.Timeout] = set()
        self.over = False  # whether nothing waits any more
        self._is_cut = False

    async def sleep(self, seconds: float) -> None:
        """Waits, in no attempt's own time. Raises Unsent: the run is stopped."""
        if self.over:
            raise Unsent
        if (own := _own_end()) is not None:
            own[0].reschedule(own[1] + seconds)
        await self._waited(asyncio.ensure_future(super().sleep(seconds)))

    async def wait(self, future: asyncio.Future[None]) -> None:
        """Waits for a turn, in no attempt's own time. Raises Unsent: the run is stopped."""
        if self.over:
            raise Unsent
        with own_time_held():
            await self._waited(future)

    async def _waited(self, waiting: asyncio.Future[None]) -> None:
        self._waiting.add(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if waiting not in self._waiting and not (task and task.cancelling()):
                raise Unsent from None
            raise
        finally:
            self._waiting.discard(waiting)
            waiting.cancel()

    def end(self) -> None:
        """Ends every wait, now and later."""
        self.over = True
        while self._waiting:
            self._waiting.pop().cancel()

    @contextlib.asynccontextmanager
    async def until_cut(self) -> AsyncIterator[None]:
        """What is done under it ends where all is `cut`. Raises Unsent: it is."""
        if self._is_cut:
            raise Unsent
        try:
            async with asyncio.timeout(None) as limit:
                self._cuttable.add(limit)
                try:
                    yield
                finally:
                    self._cuttable.discard(limit)
        except TimeoutError:
            if limit.expired():
                raise Unsent from None
            raise

    def cut(self) -> None:
        """Ends what is done under `until_cut`, now and later."""
        self._is_cut = True
        while self._cuttable:
            self._cuttable.pop().reschedule(asyncio.get_running_loop().time())


class Ears:
    """``with Ears() as ears``: what tells a process to stop is heard here, and interrupts nothing by itself.

    Where nobody is told (`told`), the first time is kept for whoever comes next, and the second is a KeyboardInterrupt.
    Signals that are ignored, as under nohup, stay so. Outside the main thread nothing is heard.
    """

    def __init__(self) -> None:
        self.heard = False
        self._tell: Callable[[], object] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Ears":
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                with contextlib.suppress(ValueError):  # not the main thread
                    self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    @contextlib.contextmanager
    def told(self, tell: Callable[[], object]) -> Iterator[None]:
        """Calls ``tell`` on the running loop each time, and at once where it was heard before."""
        loop = asyncio.get_running_loop()
        self._tell = lambda: loop.call_soon_threadsafe(tell)
        if self.heard:
            tell()
        try:
            yield
        finally:
            self._tell = None

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        again, self.heard = self.heard, True
        if self._tell is not None:
            self._tell()
        elif again:
            raise KeyboardInterrupt


class Watch(Protocol):
    """What is asked while one contender is run: this half looks at no statistics. The order depends on no outcome."""

    @property
    def contender(self) -> str:
        """The only one that is run, with the dev attempts that it waits for."""

    @property
    def at_once(self) -> int:
        """No more of the contender's attempts than this are in flight."""

    def order(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Which of the contender's attempts are to be made, in their order."""

    def start(self, recorded: Iterable[Outcome], others: Iterable[Outcome] = ()) -> str | None:
        """Begins from outcomes on record (``others``: no longer planned); why to stop. Raises UsageError."""

    def settled(self, outcome: Outcome) -> str | None:
        """Told of every finished attempt; why no further one should begin, where that is so."""

    def record(self) -> Mapping[str, Any]:
        """The rule and what it came to, as the manifest keeps it; ``contender`` and ``contender_digest`` among it."""
