"""What one attempt may use: calls that are answered once, journalled before they count, charged, and bounded."""

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from harness.core import (
    Answer,
    Call,
    Cause,
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
    Usage,
)
from harness.cost import AttemptMeter, Meter, Reservation, charge
from harness.experiment import Assembled
from harness.grade import Grader, grade
from harness.model import Caller, Metered, backend_of, with_lost
from harness.run.stopping import Patience, Unsent
from harness.store import read_calls_journal


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

    def check(self) -> None:
        """Passes while what was written is still there."""
        ...


@dataclass(slots=True)
class Shop:
    """What all attempts of a run share."""

    assembled: Assembled
    callers: Mapping[str, Caller]
    metered: Mapping[str, Metered]
    """The models that the callers call."""
    journal: Keeper
    replies: MutableMapping[str, Reply]
    """Recorded answers by request digest."""
    shared: frozenset[str]
    """Contenders whose answers a hybrid uses again: their replies are kept at hand."""
    meter: Meter
    redact: Redactor
    clock: Patience
    in_flight: dict[str, "asyncio.Future[Reply]"] = field(default_factory=dict)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever an attempt ends and gives its reservation back."""
    broken: dict[str, str] = field(default_factory=dict)
    """Models that nothing more is sent to, and why."""

    def is_paid(self, model: str) -> bool:
        """Whether an answer of the model is paid for when it is made; a recorded one was paid when it was recorded."""
        return not backend_of(self.assembled.specs[model]).recorded

    def spec(self, model: str) -> ModelSpec:
        """The model of that name."""
        return self.assembled.specs[model]


def meter_of(assembled: Assembled, started: float = 0.0) -> Meter:
    """The budget of a report, with what earlier calls of the run have spent."""
    budget = assembled.experiment.budget
    meter = Meter(usd=budget.usd, attempt_usd=budget.attempt_usd, wall_s=budget.wall_s, started=started)
    contenders = {attempt.id: attempt.contender for attempt in assembled.attempts}
    spent: dict[str, float] = {}
    for call in read_calls_journal(assembled.report):
        spec = assembled.specs.get(call.model)
        if (on_bill(call) or may_have_cost(call)) and not call.cache_hit and not (spec and backend_of(spec).recorded):
            meter.spend(call.cost)
            spent[call.attempt_id] = spent.get(call.attempt_id, 0.0) + (call.cost.usd or 0.0)
    for attempt, usd in spent.items():
        if usd and attempt in contenders:
            meter.expect(contenders[attempt], usd)
    return meter


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
                self._record_error(model, request, digest, role, error, cache_hit=True)  # the tries were the other's
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
            if lost := shop.metered[model].lost(request):
                reply = replace(reply, usage=with_lost(reply.usage, lost))
            reply = shop.redact.answer(reply)  # a server that repeats the key puts it into no file of ours
        except ModelError as error:
            error.usage = Usage.total(shop.metered[model].lost(request))
            self._record_error(model, request, digest, role, error, retries=error.retries, started_at=started)
            if error.cause is Cause.AUTH or error.not_yet:
                shop.broken.setdefault(model, shop.redact(str(error)))
            future.set_exception(error)
            future.exception()  # seen: nobody else may be waiting
            raise
        except asyncio.CancelledError as error:
            lost = shop.metered[model].lost(request)
            if lost or not isinstance(error, Unsent):
                usage = Usage.total(lost)
                self._record_error(model, request, digest, role, error, usage=usage, started_at=started)
            raise
        else:
            self._record(model, request, digest, role, reply, retries=retries, started_at=started)
            if request.scope in shop.shared:
                shop.replies[digest] = reply
            future.set_result(reply)
            return reply
        finally:
            future.cancel()  # of no effect where the call has ended
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
    ) -> None:
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
        self._keep(call, None if cache_hit else reply)

    def _record_error(
        self,
        model: str,
        request: Request,
        digest: str,
        role: Role,
        error: BaseException,
        *,
        usage: Usage | None = None,
        **made: Any,
    ) -> None:
        cause = error.cause if isinstance(error, ModelError) else Cause.INTERNAL
        used = usage or (error.usage if isinstance(error, ModelError) else None) or Usage()
        said = "dropped while it was under way" if isinstance(error, asyncio.CancelledError) else str(error)
        call = Call(
            attempt_id=self._attempt,
            role=role,
            model=model,
            adapter=request.adapter_digest,
            request_digest=digest,
            usage=used,
            cost=charge(used, self._shop.spec(model).price),
            error=f"{cause}: {self._shop.redact(said)}",
            **made,
        )
        self._keep(call, None)

    def _keep(self, call: Call, reply: Reply | None) -> None:
        """Writes the call down and charges it: to the attempt always, to the run's bill when it is first made."""
        self._shop.journal.append_call(call, reply)
        self.calls.append(call)
        paid = not call.cache_hit and self._shop.is_paid(call.model)
        if on_bill(call):
            self._charged.spend(call.cost)
            if paid:
                self._shop.meter.spend(call.cost, self._reservation)
        elif paid and may_have_cost(call):  # counted, and no reason to stop: whether anything was billed is not known
            self._shop.meter.spend(call.cost)


def on_bill(call: Call) -> bool:
    """Whether a call counts as spent: an answer always, a failure where it is known what it cost."""
    return call.error is None or call.cost.usd is not None


def may_have_cost(call: Call) -> bool:
    """Whether a call failed, and nobody said what it used: an answer that was cut or came too late may be billed."""
    return call.error is not None and call.cost.usd is None and call.usage != _NOTHING


_NOTHING = Usage.total(())
"""Of a call by which nothing was made."""


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
