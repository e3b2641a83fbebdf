"""A model in this process: transformers, with LoRA adapters by PEFT on one base.

Requests wait in one queue. One thread takes them in batches of one adapter, prompts of like length together, and all
local models on one device take turns, so that a batch's wall time is its own.

What is measured: ``latency_s`` is the wall time of the request's batch, the wait in the queue left out. ``gpu_seconds``
is that time shared among the batch's requests by their tokens, read and written; on a machine without a GPU it is the
machine's time all the same. ``signals`` are of all tokens of the answer, the end token included where the model wrote
it: to stop is part of the answer. Padding and tokens after a forced end are in nothing.

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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.core import Cause, Message, ModelError, ModelSpec, Reply, Request, Usage, UsageError
from harness.model.local_checks import OPTIONS, wrong_setting
from harness.model.local_choose import Row, sampling_of
from harness.model.local_engine import Engine
from harness.model.local_prompt import local_digest, template_digest
from harness.model.local_shelf import Shelf
from harness.model.protocol import ADAPTERS, LOGPROBS, TOOL_ROLE, Ask
from harness.model.reasoning import KEEP, opened_by, separated

__all__ = ["LocalModel", "local_digest", "template_digest"]

_LINGER_S = 0.004  # how long a batch that is not full waits for one more request
_CLOSING_S = 10.0
_turns: dict[str, threading.Lock] = defaultdict(threading.Lock)


@dataclass(slots=True, eq=False, kw_only=True)
class _Awaited:
    """Something that a coroutine waits for and the model's thread does; settled once, of no effect when cancelled."""

    future: "Future[Any]" = field(default_factory=Future)

    def tell(self, result: Any) -> None:
        with contextlib.suppress(InvalidStateError):
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)


@dataclass(slots=True, eq=False, kw_only=True)
class _Job(_Awaited):
    """Work on the weights that is no request: loading, probing."""

    work: Callable[[], None]

    def run(self) -> None:
        try:
            self.work()
            self.tell(None)
        except BaseException as error:  # noqa: BLE001 - handed to the one who awaits
            self.fail(error)


@dataclass(slots=True, eq=False, kw_only=True)
class _Ticket(_Awaited):
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


class LocalModel:
    """A model in this process behind the protocol ``Model``.

    ``spec.model`` is its folder. ``spec.options`` may hold ``batch_size`` (requests, 32), ``batch_tokens`` (padded
    prompt tokens, 16384), ``threads`` (of torch, on a CPU), ``device`` and ``dtype`` (torch's names).

    To fill batches, at least twice ``batch_size`` requests should be awaited at once.
    """

    def __init__(self, spec: ModelSpec) -> None:
        """Checks the spec; loads nothing.

        Raises:
            UsageError: an option or a sampling setting that is not known, or out of its range.
        """
        if (wrong := wrong_setting(spec)) is not None:
            raise UsageError(f"model {spec.name!r}: {wrong[0]}: {wrong[1]}")
        options = {**OPTIONS, **{k: v for k, v in spec.options.items() if v is not None}}
        self.spec = spec
        self.folder = Path(spec.model)
        self._options = options
        self._shelf = Shelf(self.folder, spec.name, {name: options[name] for name in ("device", "dtype", "threads")})
        self._version = ""
        self._asked = threading.Condition()
        self._pending: list[_Ticket] = []
        self._jobs: list[_Job] = []
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        """Log-probabilities and adapters; the role ``tool`` where the chat template has a place for it."""
        always = {LOGPROBS, ADAPTERS}
        return frozenset(always | {TOOL_ROLE}) if self._shelf.prompts().knows_tool else frozenset(always)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt that these messages become. Reads the tokenizer, not the weights.

        Raises:
            ModelError: ``request``, where the chat template refuses them or drops a text.
        """
        return self._shelf.prompts().render(messages)

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """Loads the base, once, and the adapters that are not yet loaded.

        Raises:
            UserFileError: the base or an adapter is missing, broken, or they do not belong together.
        """

        def load() -> None:
            self._loaded()
            for path in adapters:
                with _turns["loading"]:
                    self._shelf.add(path)

        await self._on_thread(load)

    @property
    def holds_adapters(self) -> bool:
        """Whether it was prepared with any."""
        return self._shelf.holds()

    async def probe_adapters(self, prompts: Sequence[Sequence[Message]], ask: Ask | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Returns when every adapter changes the answer to a prompt, no two the same way, and the base none of its own.

        Compares the log-probabilities of the first answer token, not texts. Spends one forward pass a prompt and
        adapter, on nobody's account.

        Raises:
            UserFileError: names the adapter that changes nothing, or is another's double, or the base that changed.
            UsageError: there is no prompt.
        """
        if not prompts:
            raise UsageError(f"model {self.spec.name!r}: probing adapters needs at least one prompt")
        notes: list[str] = []
        await self._on_thread(lambda: notes.extend(self._shelf.probe(prompts)))
        return tuple(notes)

    async def answer(self, request: Request) -> Reply:
        """One answer. ``request.sampling`` may hold temperature, top_p, top_k, max_tokens, stop, seed.

        ``max_tokens`` is by default what the model's ``generation_config.json`` says, else 256, and is lowered to the
        room that the prompt leaves.

        Raises:
            ModelError: ``context``, where the prompt leaves no room; ``request``, where the request asks for what a
                local model cannot; ``internal``, where the model failed.
        """
        ticket = _Ticket(request=request)
        with self._asked:
            if self._closed:
                raise ModelError(Cause.INTERNAL, f"model {self.spec.name!r} was closed")
            self._start()
            self._pending.append(ticket)
            self._asked.notify()
        try:
            reply: Reply = await asyncio.wrap_future(ticket.future)
            return reply
        finally:
            ticket.dropped = True
            if ticket.future.cancelled():
                with self._asked, contextlib.suppress(ValueError):
                    self._pending.remove(ticket)

    async def close(self) -> None:
        """Ends the thread and lets go of the weights; requests under way end with ``internal``."""
        await asyncio.to_thread(self._end)

    # ------------------------------------------------------------------------------------------ on any thread

    def _start(self) -> None:
        if self._thread is None:
            # a daemon, so that an interrupt need not wait for a batch; but one that dies inside torch aborts the whole
            # process, so that at exit it gets the time of a step to see that it is closed
            self._thread = threading.Thread(target=self._work, name=f"local-{self.spec.name}", daemon=True)
            self._thread.start()
            atexit.register(self._end)

    def _end(self) -> None:
        """Closes, and waits a bounded time for the thread."""
        with self._asked:
            self._closed = True
            waiting, self._pending, self._jobs = [*self._jobs, *self._pending], [], []
            self._asked.notify_all()
        for one in waiting:
            one.fail(ModelError(Cause.INTERNAL, f"model {self.spec.name!r} was closed"))
        if self._thread is not None:
            self._thread.join(_CLOSING_S)
            atexit.unregister(self._end)
        self._shelf.clear()

    async def _on_thread(self, work: Callable[[], None]) -> None:
        """Has the model's own thread do ``work`` between two batches; raises what it raises."""
        job = _Job(work=work)
        with self._asked:
            if self._closed:
                raise UsageError(f"model {self.spec.name!r} was closed")
            self._start()
            self._jobs.append(job)
            self._asked.notify()
        await asyncio.wrap_future(job.future)

    # ------------------------------------------------------------------------------------ on the model's thread

    def _work(self) -> None:
        while True:
            with self._asked:
                while not (self._jobs or self._pending or self._closed):
                    self._asked.wait()
                if self._closed:
                    return
                job = self._jobs.pop(0) if self._jobs else None
            if job is not None:
                job.run()
                continue
            batch = self._next_batch()
            if batch:
                self._run(batch)

    def _next_batch(self) -> list[_Ticket]:
        """The oldest request, and those of its adapter that are nearest to it in length."""
        with self._asked:
            before = -1
            while len(self._pending) != before and len(self._pending) < self._options["batch_size"]:
                before = len(self._pending)
                self._asked.wait(_LINGER_S)
            fresh = [ticket for ticket in self._pending if ticket.row is None]
        for ticket in fresh:
            try:
                self._read(ticket)
            except ModelError as error:
                self._refuse(ticket, error)
            except Exception as error:  # noqa: BLE001 - a bad request is data, never the end of the thread
                self._refuse(ticket, ModelError(Cause.INTERNAL, f"{type(error).__name__}: {error}"))
        with self._asked:
            ready = [ticket for ticket in self._pending if ticket.row is not None]
            if not ready:
                return []
            head = ready[0]
            alike = sorted(
                (ticket for ticket in ready[1:] if ticket.adapter == head.adapter),
                key=lambda ticket: abs(len(ticket.prompt) - len(head.prompt)),
            )
            batch = [head]
            for ticket in alike:
                if len(batch) < self._options["batch_size"] and self._fits([*batch, ticket]):
                    batch.append(ticket)
            chosen = set(map(id, batch))
            self._pending = [ticket for ticket in self._pending if id(ticket) not in chosen]
        return batch

    def _fits(self, batch: list[_Ticket]) -> bool:
        """The batch keeps to its token bound, and no row's places run past the model's, its padding counted."""
        rows = [ticket.row for ticket in batch if ticket.row is not None]
        longest, limit = max(len(row.prompt) for row in rows), max(row.limit for row in rows)
        room = self._loaded(batch[0].adapter).room
        return longest * len(rows) <= self._options["batch_tokens"] and (room is None or longest + limit <= room)

    def _read(self, ticket: _Ticket) -> None:
        """Turns a request into a row."""
        request = ticket.request
        if request.tools:
            raise ModelError(Cause.REQUEST, "a local model has no tool calling; deliver the tools by text")
        if request.adapter is not None:
            ticket.adapter = Path(request.adapter).resolve()
            if not self._shelf.holds(ticket.adapter):
                raise ModelError(
                    Cause.REQUEST, f"the adapter {request.adapter} is not loaded; prepare() loads adapters"
                )
        engine, reader = self._loaded(ticket.adapter), self._shelf.prompts(ticket.adapter)
        sampling = sampling_of(request.sampling)
        text = reader.render(request.messages)
        ticket.prompt, ticket.opened = reader.tokens(text), opened_by(text)
        limit = sampling.max_tokens or engine.max_new
        if engine.room is not None:
            if len(ticket.prompt) >= engine.room:
                raise ModelError(
                    Cause.CONTEXT, f"the prompt has {len(ticket.prompt)} tokens, the model reads {engine.room} at most"
                )
            limit = min(limit, engine.room - len(ticket.prompt))
        ticket.row = Row(
            prompt=ticket.prompt,
            limit=limit,
            sampling=sampling,
            identity=request.digest,
            dropped=lambda: ticket.dropped or self._closed,
        )

    def _refuse(self, ticket: _Ticket, error: ModelError) -> None:
        with self._asked, contextlib.suppress(ValueError):
            self._pending.remove(ticket)
        ticket.fail(error)

    def _run(self, batch: list[_Ticket]) -> None:
        """Answers a batch; one that memory does not hold is tried in halves."""
        rows = [ticket.row for ticket in batch if ticket.row is not None]
        engine = self._loaded(batch[0].adapter)
        try:
            with _turns[engine.device]:
                started = time.perf_counter()
                engine.write(rows, batch[0].adapter)
                seconds = time.perf_counter() - started
        except Exception as error:  # noqa: BLE001 - a failed batch is data, never the end of the thread
            if "out of memory" in str(error) and len(batch) > 1:
                for ticket in batch:
                    ticket.row = None
                    self._read(ticket)
                self._run(batch[: len(batch) // 2])
                self._run(batch[len(batch) // 2 :])
                return
            problem = ModelError(Cause.INTERNAL, f"{type(error).__name__}: {error}")
            for ticket in batch:
                ticket.fail(problem)
            return
        tokens = sum(len(row.prompt) + len(row.tokens) for row in rows)
        for ticket, row in zip(batch, rows, strict=True):
            if row.finish_reason == "dropped":
                ticket.fail(ModelError(Cause.INTERNAL, f"model {self.spec.name!r} was closed"))
            else:
                reply = _reply(row, seconds, tokens, self._version)
                ticket.tell(reply if self._options["reasoning"] == KEEP else _apart(reply, opened=ticket.opened))

    def _loaded(self, adapter: Path | None = None) -> Engine:
        if not self._version:
            with _turns["loading"]:
                self._shelf.engine()
            self._version = local_digest(self.folder)
        return self._shelf.engine(adapter)


def _apart(reply: Reply, *, opened: bool) -> Reply:
    """The reply with what the model thought kept apart; with the next turn its text goes back as it was written."""
    thought, text = separated(reply.text, opened=opened)
    return reply if text == reply.text else replace(reply, text=text, reasoning=thought, kept={"content": reply.text})


def _reply(row: Row, seconds: float, batch_tokens: int, version: str) -> Reply:
    """The reply of one row of a batch that took ``seconds`` for ``batch_tokens``, read and written."""
    return Reply(
        text=row.text,
        finish_reason=row.finish_reason,
        signals={
            "logprob_mean": sum(row.logprobs) / len(row.logprobs),
            "logprob_min": min(row.logprobs),
            "margin": min(row.margins),
        },
        usage=Usage(
            input=len(row.prompt),
            output=len(row.tokens),
            gpu_seconds=seconds * (len(row.prompt) + len(row.tokens)) / batch_tokens,
            source="counted",
        ),
        latency_s=seconds,
        ttft_s=row.first_token_s,
        model_version=version,
    )
