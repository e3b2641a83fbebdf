"""A model in this process: transformers, with LoRA adapters by PEFT on one base.

Requests wait in one queue. One thread answers them, one adapter at a time, prompts of like length together: a row that
has ended makes room for one that waits. What prompts begin with alike is read once. All local models on one device
take turns, so that a batch's wall time is its own.

What is measured: ``latency_s`` is the wall time from a request's entry into its batch to its last token, the wait in
the queue left out. ``gpu_seconds`` is its share of the machine's time: by tokens with those that joined together, else
equal with all that are written; without a GPU it is the machine's time all the same. ``signals`` are of all tokens of
the answer, the end token included where the model wrote it: to stop is part of the answer. Padding and tokens after a
forced end are in nothing.

Greedy answers do not depend on the batch but for float noise; sampled ones draw from the request's digest alone.
"""

import asyncio
import atexit
import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.core import Cause, Message, ModelError, ModelSpec, OwnbenchError, Reply, Request, Usage, UsageError
from harness.model.backend import Ask
from harness.model.local_batch import Batch
from harness.model.local_choose import Row
from harness.model.local_engine import Engine, prompts_of
from harness.model.local_fit import Fit, fit_adapter
from harness.model.local_folder import OPTIONS, Prompts, local_digests, wrong_setting
from harness.model.local_prefix import Prefix
from harness.model.local_request import Rendered, read_request, reply_of
from harness.model.reasoning import KEEP

_LINGER_S = 0.004  # how long a batch that is not full waits for one more request
_CLOSING_S = 10.0
_FEW = 4  # others join a batch where one in so many of its places is free, and as many wait
_PATIENCE = 8  # or one waits, steps after the last that joined
_LONG = 8  # batches of one adapter, after which another that waits has its turn
_loading = threading.RLock()  # weights are loaded by one model at a time


@dataclass(slots=True, eq=False, kw_only=True)
class _Ticket:
    """One request in the queue."""

    request: Request
    future: "Future[Reply]" = field(default_factory=Future)
    adapter: Path | None = None  # resolved; of the model's loaded ones
    asked: Rendered = field(init=False)  # set with the row
    row: Row = field(default_factory=Row)  # its limit is 0 until the request has been read


def _tell(future: "Future[Any]", found: Any) -> None:
    """Settles what a coroutine waits for; of no effect where it is settled or cancelled."""
    with contextlib.suppress(InvalidStateError):
        (future.set_exception if isinstance(found, BaseException) else future.set_result)(found)


class _Turn:
    """The right to use a device."""

    def __init__(self) -> None:
        self.waiting = 0
        self._mine, self._count = threading.Lock(), threading.Lock()

    def __enter__(self) -> "_Turn":
        with self._count:
            self.waiting += 1
        self._mine.acquire()
        with self._count:
            self.waiting -= 1
        return self

    def __exit__(self, *_: object) -> None:
        self._mine.release()


_turns: dict[str, _Turn] = defaultdict(_Turn)  # by device


class LocalModel:
    """A model in this process behind the protocol ``Model``; ``spec.model`` is its folder.

    To fill batches, at least twice ``batch_size`` requests should be awaited at once.
    """

    def __init__(self, spec: ModelSpec) -> None:
        """Checks the spec, whose options or sampling may be a `UsageError`; loads nothing."""
        if (wrong := wrong_setting(spec)) is not None:
            raise UsageError(f"model {spec.name!r}: {wrong[0]}: {wrong[1]}")
        options = {**OPTIONS, **{k: v for k, v in spec.options.items() if v is not None}}
        self.spec, self.folder, self._options = spec, Path(spec.model), {**options, "name": spec.name}
        self._most: int = options["batch_size"]  # rows at once; fewer where memory did not hold them
        self._base: Engine | None = None
        self._loaded: dict[
            Path, Fit
        ] = {}  # the adapters that are loaded, and those of them that have a copy of the base
        self._copies: dict[Path, Engine] = {}
        self._asked = threading.Condition()
        self._pending: list[_Ticket] = []
        self._jobs: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._closed = False
        self._thread: threading.Thread | None = None

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """Loads the base, once, and the adapters that are not yet loaded; `UserFileError` where they do not fit."""

        def load() -> None:
            self._engine()
            for path in adapters:
                self._add(path)

        await self._on_thread(load)

    @property
    def holds_adapters(self) -> bool:
        """Whether it was prepared with any."""
        return bool(self._loaded)

    async def probe_adapters(self, prompts: Sequence[Sequence[Message]], ask: Ask | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Returns when every adapter changes a prompt's first token, no two alike, and the base none of its own."""
        if not prompts:
            raise UsageError(f"model {self.spec.name!r}: probing adapters needs at least one prompt")
        notes: tuple[str, ...] = await self._on_thread(lambda: self._probe(prompts))
        return notes

    async def answer(self, request: Request) -> Reply:
        """One answer. ``max_tokens`` is lowered to the room that the prompt leaves.

        Raises ModelError: ``context``, where it leaves none; ``request``, for what a local model cannot; ``internal``.
        """
        ticket = _Ticket(request=request)
        self._put(self._pending, ticket, self._was_closed())
        try:
            return await asyncio.wrap_future(ticket.future)
        finally:
            if ticket.future.cancelled():
                self._forget(ticket)

    async def close(self) -> None:
        """Ends the thread and lets go of the weights; requests under way end with ``internal``."""
        await asyncio.to_thread(self._end)

    # ------------------------------------------------------------------------------------------ on any thread

    def _put(self, queue: list[Any], one: Any, closed: OwnbenchError) -> None:
        """Hands something to the model's own thread, which is started for the first."""
        with self._asked:
            if self._closed:
                raise closed
            if self._thread is None:
                # a daemon, so that an interrupt need not wait for a batch; but one that dies inside torch aborts the
                # whole process, so that at exit it gets the time of a step to see that it is closed
                self._thread = threading.Thread(target=self._work, name=f"local-{self.spec.name}", daemon=True)
                self._thread.start()
                atexit.register(self._end)
            queue.append(one)
            self._asked.notify()

    def _end(self) -> None:
        """Closes, and waits a bounded time for the thread."""
        with self._asked:
            self._closed = True
            waiting = [*(future for _, future in self._jobs), *(ticket.future for ticket in self._pending)]
            self._pending.clear()
            self._jobs.clear()
            self._asked.notify_all()
        for future in waiting:
            _tell(future, self._was_closed())
        if self._thread is not None:
            self._thread.join(_CLOSING_S)
            atexit.unregister(self._end)
        self._base = None
        self._copies.clear()
        self._loaded.clear()

    def _was_closed(self) -> ModelError:
        return ModelError(Cause.INTERNAL, f"model {self.spec.name!r} was closed")

    def _forget(self, ticket: _Ticket) -> None:
        with self._asked, contextlib.suppress(ValueError):
            self._pending.remove(ticket)

    async def _on_thread(self, work: Callable[[], Any]) -> Any:
        """What ``work`` gives, done by the model's own thread between two batches; raises what it raises."""
        future: Future[Any] = Future()
        self._put(self._jobs, (work, future), UsageError(f"model {self.spec.name!r} was closed"))
        return await asyncio.wrap_future(future)

    # ------------------------------------------------------------------------------------ on the model's thread

    def _work(self) -> None:
        while True:
            with self._asked:
                self._asked.wait_for(lambda: self._jobs or self._pending or self._closed)
                if self._closed:
                    return
                job = self._jobs.pop(0) if self._jobs else None
            if job is not None:
                try:
                    _tell(job[1], job[0]())
                except BaseException as error:  # noqa: BLE001 - handed to the one who awaits
                    _tell(job[1], error)
            else:
                self._linger()
                if ready := self._ready():
                    self._answer_all(ready[0].adapter)

    def _linger(self) -> None:
        """Waits as long as requests come in and do not yet fill a batch."""
        with self._asked:
            before = -1
            while before != len(self._pending) < self._most:
                before = len(self._pending)
                self._asked.wait(_LINGER_S)

    def _ready(self) -> list[_Ticket]:
        """The requests that wait, all of them read."""
        with self._asked:
            fresh = [ticket for ticket in self._pending if not ticket.row.limit]
        for ticket in fresh:
            try:
                self._read(ticket)
            except Exception as error:  # noqa: BLE001 - a bad request is data, never the end of the thread
                self._forget(ticket)
                _tell(ticket.future, _as_fault(error))
        with self._asked:
            return [ticket for ticket in self._pending if ticket.row.limit]

    def _answer_all(self, adapter: Path | None) -> None:
        """Answers the requests of one adapter as they come, until there are none or others have waited long."""
        engine, writing, taken, steps = self._engine(adapter), list[_Ticket](), 0, 0
        with _turns[engine.device] as turn:
            try:
                batch = engine.batch(adapter)
                while True:
                    fresh = list[_Ticket]()
                    if self._lets_in(turn, adapter, (len(writing), taken, steps)):
                        fresh, steps = [ticket for ticket in self._ready() if ticket.adapter == adapter], 0
                    started = time.perf_counter()
                    if fresh:
                        prefix = engine.prefix(adapter, [ticket.row.prompt for ticket in fresh])
                        fresh = self._group(fresh, prefix, len(writing), batch.width)
                    if fresh:
                        writing, taken = [*writing, *fresh], taken + len(fresh)
                        for ticket in fresh:
                            ticket.row.began = started
                        batch.join([ticket.row for ticket in fresh], prefix)
                    elif writing:
                        batch.step()
                        steps += 1
                    else:
                        return
                    seconds = time.perf_counter() - started
                    for ticket, part in zip(fresh or writing, _parts(fresh, writing), strict=True):
                        ticket.row.seconds += seconds * part
                    for ticket in writing:
                        if ticket.row.finish_reason:
                            self._hand_over(ticket, batch)
                    writing = [ticket for ticket in writing if not ticket.row.finish_reason]
            except Exception as error:  # noqa: BLE001 - a failed batch is data, never the end of the thread
                self._failed(writing or [ticket for ticket in self._ready() if ticket.adapter == adapter], error)

    def _lets_in(self, turn: "_Turn", adapter: Path | None, state: tuple[int, int, int]) -> bool:
        """Whether waiting requests join now: there is room for some, or nothing is written any more."""
        writing, taken, steps = state
        with self._asked:
            few, waiting = self._most / _FEW, len(self._pending)
            others = taken >= _LONG * self._most and any(ticket.adapter != adapter for ticket in self._pending)
            awaited = others or bool(turn.waiting or self._jobs or self._closed)
        if not writing:
            return not (taken and awaited)
        return not awaited and self._most - writing >= few and (waiting >= few or (waiting > 0 and steps >= _PATIENCE))

    def _group(self, ready: list[_Ticket], prefix: Prefix | None, writing: int, width: int) -> list[_Ticket]:
        """The oldest request and those nearest to it in length that join with it, taken out of the queue."""
        group = ready[:1]
        alike = [one for one in ready[1:] if prefix is None or prefix.begins(one.row.prompt)]
        for ticket in sorted(alike, key=lambda one: abs(len(one.row.prompt) - len(ready[0].row.prompt))):
            if self._fits([*group, ticket], writing, width):
                group.append(ticket)
        if writing and not self._fits(group, writing, width):
            return []
        with self._asked:
            self._pending[:] = [ticket for ticket in self._pending if ticket not in group]
        return group

    def _fits(self, group: list[_Ticket], writing: int, width: int) -> bool:
        """The batch keeps to its bounds, and no row's places run past the model's, its padding counted."""
        longest, limit = max(len(one.row.prompt) for one in group), max(one.row.limit for one in group)
        many, room = len(group) + writing, self._engine(group[0].adapter).room
        within = many <= self._most and max(longest, width) * many <= self._options["batch_tokens"]
        return within and (room is None or longest + limit <= room)

    def _read(self, ticket: _Ticket) -> None:
        """Makes a row of what a request asks for."""
        request = ticket.request
        if request.adapter is not None:
            ticket.adapter = Path(request.adapter).resolve()
            if ticket.adapter not in self._loaded:
                problem = f"the adapter {request.adapter} is not loaded; prepare() loads adapters"
                raise ModelError(Cause.REQUEST, problem)
        engine, reader = self._engine(ticket.adapter), self._prompts(ticket.adapter)
        row, ticket.asked = read_request(request, reader, engine.room, engine.max_new)
        row.dropped = lambda: ticket.future.cancelled() or self._closed
        ticket.row = row

    def _hand_over(self, ticket: _Ticket, batch: Batch) -> None:
        """Gives what was written to the one who waits for it."""
        keep = self._options["reasoning"] == KEEP
        try:
            row = batch.finished(ticket.row)
            usage = Usage(input=len(row.prompt), output=len(row.tokens), gpu_seconds=row.seconds, source="counted")
            reply = reply_of(row, ticket.asked, usage, row.ended - row.began, self._version, keep=keep)
            _tell(ticket.future, self._was_closed() if row.finish_reason == "dropped" else reply)
        except Exception as error:  # noqa: BLE001 - of this answer alone
            _tell(ticket.future, _as_fault(error))

    def _failed(self, tickets: list[_Ticket], error: Exception) -> None:
        """Answers again with smaller batches what memory does not hold; tells of anything else."""
        if "out of memory" in str(error) and len(tickets) > 1:
            self._most = len(tickets) // 2
            self._engine(tickets[0].adapter).forget()
            for ticket in tickets:
                self._read(ticket)
            with self._asked:
                if not self._closed:
                    self._pending[:0] = [ticket for ticket in tickets if ticket not in self._pending]
                    return
        for ticket in tickets:
            self._forget(ticket)
            _tell(ticket.future, _as_fault(error))

    # -------------------------------------------------------------------------------------------- what is loaded

    @cached_property
    def _own_prompts(self) -> Prompts:
        return prompts_of(self.folder, field=f"models.{self.spec.name}.path")

    def _prompts(self, adapter: Path | None) -> Prompts:
        fit = self._loaded.get(adapter) if adapter is not None else None
        return self._own_prompts if fit is None or fit.prompts is None else fit.prompts

    def _engine(self, adapter: Path | None = None) -> Engine:
        """The weights that answer with this adapter, or without one; the base is loaded at the first call."""
        with _loading:
            if adapter in self._copies:
                return self._copies[adapter]
            if self._base is None:
                self._base = Engine(self.folder, self._own_prompts.tokenizer, self._options)
            return self._base

    def _add(self, path: Path) -> None:
        """Loads an adapter, unless it is loaded: on the base, or on a copy of it where it would change the base."""
        place = path.resolve()
        if place in self._loaded:
            return
        with _loading:
            engine, fit = self._engine(), fit_adapter(path, self.folder, self._own_prompts)
            if fit.alone:
                engine = Engine(self.folder, (fit.prompts or self._own_prompts).tokenizer, self._options, fit.rows)
            engine.add(fit)
            if fit.alone:
                self._copies[place] = engine
            self._loaded[place] = fit

    def _probe(self, prompts: Sequence[Sequence[Message]]) -> tuple[str, ...]:
        asked = {}
        for place in self._loaded:
            reader = self._prompts(place)
            asked[place] = [reader.tokens(reader.render(messages)) for messages in prompts]
        for engine in (self._engine(), *self._copies.values()):
            engine.probe(asked)
        return tuple(f"model {self.spec.name}: {note}" for fit in self._loaded.values() for note in fit.notes)

    @cached_property
    def _version(self) -> str:
        return local_digests(self.folder)[0]


def _parts(fresh: list[_Ticket], writing: list[_Ticket]) -> list[float]:
    """The shares of those for whom the machine worked: those that joined, by tokens; in a step all alike."""
    tokens = [len(one.row.prompt) + len(one.row.tokens) for one in fresh] or [1] * len(writing)
    return [many / sum(tokens) for many in tokens]


def _as_fault(error: Exception) -> ModelError:
    if isinstance(error, ModelError):
        return error
    return ModelError(Cause.INTERNAL, f"{type(error).__name__}: {error}")
