"""What one attempt may use: calls that are answered once, journalled before they count, charged, and bounded."""

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.core import (
    Answer,
    Call,
    Cause,
    Clock,
    Grade,
    Message,
    ModelError,
    ModelSpec,
    Outcome,
    Redactor,
    Reply,
    Request,
    Role,
    Task,
)
from harness.cost import AttemptMeter, Meter, Reservation, charge
from harness.grade import Grader, grade
from harness.model import Caller
from harness.run.assemble import Assembled


class Keeper(Protocol):
    """Where calls and attempts are kept."""

    def append_call(self, call: Call, reply: Reply | None) -> None:
        """One call, written when this returns."""
        ...

    def append_attempt(
        self, outcome: Outcome, messages: Sequence[Message], reason: str, request_digests: Sequence[str]
    ) -> None:
        """One finished attempt, written when this returns."""
        ...


@dataclass(slots=True)
class Shop:
    """What all attempts of a run share."""

    assembled: Assembled
    callers: Mapping[str, Caller]
    journal: Keeper
    replies: MutableMapping[str, Reply]
    """Recorded answers by request digest."""
    shared: frozenset[str]
    """Contenders whose answers a hybrid uses again: their replies are kept at hand."""
    meter: Meter
    redact: Redactor
    clock: Clock
    in_flight: dict[str, "asyncio.Future[Reply]"] = field(default_factory=dict)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever an attempt ends and gives its reservation back."""
    broken: dict[str, str] = field(default_factory=dict)
    """Models that nothing more is sent to, and why."""

    def is_paid(self, model: str) -> bool:
        """Whether an answer of the model is paid for when it is made; a recorded one was paid when it was recorded."""
        return self.assembled.specs[model].backend != "replay"

    def spec(self, model: str) -> ModelSpec:
        """The model of that name."""
        return self.assembled.specs[model]


class AttemptSession:
    """The `Session` of one attempt.

    An answer that the journal holds already is taken from there: a run that was killed does not pay twice, and a
    hybrid uses the answers of its parts. Its cost and its latency are charged to the attempt as if it had been made.
    """

    def __init__(self, shop: Shop, attempt: str, trial: int, reservation: Reservation | None = None) -> None:
        self._shop, self._attempt, self._trial, self._reservation = shop, attempt, trial, reservation
        self._charged = AttemptMeter(shop.assembled.experiment.budget.attempt_usd)
        self.calls: list[Call] = []

    @property
    def trial(self) -> int:
        """Which independent try this is."""
        return self._trial

    async def call(self, model: str, request: Request, role: Role) -> Reply:
        """The answer, from the journal or from the model.

        Raises:
            ModelError: the call failed for good, or the attempt may not spend more.
        """
        shop, digest = self._shop, request.digest
        self.refuse_overspending()
        while True:
            reply = shop.replies.get(digest)
            if reply is not None:
                self._record(model, request, digest, role, reply, cache_hit=True)
                return reply
            waiting = shop.in_flight.get(digest)
            if waiting is None:
                return await self._ask(model, request, digest, role)
            # another attempt is asking the same: its answer is ours, its failure too; its cancellation is not
            await asyncio.wait({waiting})
            if not waiting.cancelled() and (error := waiting.exception()) is not None:
                self._record_error(model, request, digest, role, error, retries=0)  # they were the other's
                raise error
            if not waiting.cancelled():
                shop.replies.setdefault(digest, waiting.result())

    def refuse_overspending(self) -> None:
        """Passes while the attempt is within its budget.

        Raises:
            ModelError: it has cost more; the attempt has failed, whatever it answered.
        """
        self._charged.check()

    def grade(self, task: Task, answer: Answer, verifier: str | None = None) -> Grade:
        """The task's own grade, or a verifier's."""
        assembled = self._shop.assembled
        judge: Grader = assembled.verifiers[verifier] if verifier else assembled.grader_of(task)
        return grade(task, answer, judge)

    async def _ask(self, model: str, request: Request, digest: str, role: Role) -> Reply:
        shop = self._shop
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        shop.in_flight[digest] = future
        started = shop.clock.now()
        reply: Reply
        try:
            reply, retries = await shop.callers[model].call(request)
            reply = shop.redact.answer(reply)  # a server that repeats the key puts it into no file of ours
        except ModelError as error:
            self._record_error(model, request, digest, role, error, retries=error.retries, started_at=started)
            if error.cause is Cause.AUTH or error.not_yet:
                shop.broken.setdefault(model, shop.redact(str(error)))
            future.set_exception(error)
            future.exception()  # seen: nobody else may be waiting
            raise
        except asyncio.CancelledError as error:
            self._record_error(model, request, digest, role, error, retries=0, started_at=started)
            future.cancel()
            raise
        except BaseException:
            future.cancel()
            raise
        else:
            call = self._record(model, request, digest, role, reply, retries=retries, started_at=started)
            if shop.is_paid(model):
                shop.meter.spend(call.cost, self._reservation)
            if request.scope in shop.shared:
                shop.replies[digest] = reply
            future.set_result(reply)
            return reply
        finally:
            del shop.in_flight[digest]

    def _record(
        self,
        model: str,
        request: Request,
        digest: str,
        role: Role,
        reply: Reply,
        *,
        cache_hit: bool = False,
        **made: Any,
    ) -> Call:
        call = Call(
            attempt_id=self._attempt,
            role=role,
            model=model,
            adapter=request.adapter_digest,
            request_digest=digest,
            usage=reply.usage,
            cost=charge(reply.usage, self._shop.spec(model).price),
            latency_s=reply.latency_s,
            ttft_s=reply.ttft_s,
            cache_hit=cache_hit,
            finish_reason=reply.finish_reason,
            signals=reply.signals,
            **made,
        )
        self._shop.journal.append_call(call, None if cache_hit else reply)
        self.calls.append(call)
        self._charged.spend(call.cost)
        return call

    def _record_error(
        self, model: str, request: Request, digest: str, role: Role, error: BaseException, **made: Any
    ) -> None:
        cause = error.cause if isinstance(error, ModelError) else Cause.INTERNAL
        said = "dropped while it was under way" if isinstance(error, asyncio.CancelledError) else str(error)
        call = Call(
            attempt_id=self._attempt,
            role=role,
            model=model,
            adapter=request.adapter_digest,
            request_digest=digest,
            error=f"{cause}: {self._shop.redact(said)}",
            **made,
        )
        self._shop.journal.append_call(call, None)
        self.calls.append(call)


class Rehearsal(AttemptSession):
    """A session in which nothing is recorded or sent: it replays what the journal holds, to choose a threshold."""

    async def call(self, model: str, request: Request, role: Role) -> Reply:  # noqa: ARG002
        """The recorded answer.

        Raises:
            ModelError: there is none.
        """
        reply = self._shop.replies.get(request.digest)
        if reply is None:
            raise ModelError(Cause.REPLAY, f"the model {model} has no recorded answer to this request")
        return reply
