"""What one attempt may use: calls that are answered once, journalled before they count, charged, and bounded."""

import asyncio
import os
from collections import ChainMap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from harness.core import (
    DROPPED,
    Acted,
    Action,
    Answer,
    Box,
    Call,
    Cause,
    Exposure,
    Grade,
    Message,
    ModelError,
    Remaining,
    Reply,
    Request,
    Result,
    Role,
    Session,
    SkillFolder,
    Task,
    Usage,
)
from harness.cost import AttemptMeter, Meter, Reservation, charge
from harness.experiment import Assembled, shared_identities
from harness.grade import JUDGE_SCOPE, grade
from harness.model import Caller, Endpoints, Limits, Model, assistant_message, backend_of, machines
from harness.run.acting import Asking, recorded, refused
from harness.run.bench import CONTENDERS, Bench, not_yet
from harness.run.boxes import KEPT, Workplaces, boxes_at_once, keep_work, kept_work, workplaces
from harness.run.cached import CachedAnswers
from harness.run.promised import Promised
from harness.run.secrets import redactor_of
from harness.run.spent import is_spent
from harness.run.stopping import Patience, Unsent, own_time, own_time_held
from harness.run.trace import NOTHING_USED, SkillSeen, Trace
from harness.sandbox import decide
from harness.store import Journal, Recalled

_NOT_SPOKEN = frozenset({Role.JUDGE, Role.SELECTOR, Role.PROBE})  # not of the conversation with the contender


class Shop:
    """What all attempts of a run share, with the answers and the spending that are on record."""

    def __init__(
        self,
        assembled: Assembled,
        journal: Journal,
        recorded: Recalled,
        models: Mapping[str, Model],
        meter: Meter,
        *,
        again: Iterable[str] = (),
        cache: CachedAnswers | None = None,
    ) -> None:
        """``again``: digests of requests that are made anew, whatever journal and cache hold of them."""
        limits, seed = Limits(**assembled.experiment.limits.model_dump()), assembled.experiment.seed
        busy = machines({name: model.spec for name, model in models.items()})
        self.assembled, self.journal, self.meter = assembled, journal, meter
        self.clock, self.redact = Patience(), redactor_of(assembled)
        self.endpoints = Endpoints(self.clock, seed, os.environ, adaptive=limits.adaptive)
        asked = {name for by in assembled.systems.values() for system in by.values() for name in system.models}
        self.callers = {
            name: Caller(
                model,
                limits,
                self.clock,
                seed,
                redact=self.redact,
                busy=busy[name],
                party=self.endpoints.of(model.spec).party(CONTENDERS if name in asked else f"model {name}", limits),
            )
            for name, model in models.items()
        }
        self.bench = Bench(assembled, models, self.endpoints, self.redact, busy)
        self.again, self.cache = {*again}, cache
        self.one_for_all = bool((kept := assembled.experiment.cache) and kept.trials)  # whether trials share answers
        self.take(recorded)
        self.kept_before = (assembled.report / KEPT).is_dir()  # work folders, which a new try replaces
        self.free_boxes = asyncio.Semaphore(boxes_at_once(assembled.experiment.sandbox, limits.concurrency))
        self.shared = shared_identities(assembled.systems)  # whose answers others use again, and are kept at hand
        self.holds_earlier = bool(recorded.renamed) or any(on.prompt_digest is None for on in recorded.current())
        self.run = 1 + max((on.run or 1 for on in recorded.current()), default=0)
        """Which call of the run this is. Attempts of earlier versions do not say, and are of the first."""
        self.in_flight: dict[str, asyncio.Future[Reply]] = {}
        self.settled = asyncio.Event()  # set when an attempt gives its reservation back
        self.promised = Promised(assembled, self.clock.now(), self.callers)
        self.broken: dict[str, str] = {}  # a ``model m`` or ``judge j`` that nothing more is sent to, and why

    def take(self, recorded: Recalled) -> None:
        """What is on record is at hand from now on."""
        self.replies: MutableMapping[str, Reply] = ChainMap({}, recorded.replies)  # type: ignore[arg-type]
        self.told: MutableMapping[tuple[str, int], str] = ChainMap({}, recorded.told)  # type: ignore[arg-type]
        self.held, self.acted = recorded, recorded.acted

    def caller(self, asked: "Asked") -> Caller:
        """Who calls: a judge keeps limits of its own."""
        return self.bench.callers[asked.judge] if asked.judge else self.callers[asked.model]

    def cached(self, asked: "Asked") -> Reply | None:
        """The answer that the answer cache holds."""
        if self.cache is None or asked.digest in self.again:
            return None
        reply = self.cache.get(asked.model, asked.digest)
        return reply and self.redact.answer(reply)  # a key of this run was no secret of the one that kept it

    def hold(self, asked: "Asked", reply: Reply) -> None:
        """Keeps at hand an answer that others may ask for."""
        if asked.judge or self.is_shared(asked.request.scope):
            self.replies[asked.digest] = reply

    def forget(self, judged: Grade, trace: Trace) -> None:
        """Takes out of the answer cache what judges said that nobody can read: it is an error."""
        if judged.cause is Cause.JUDGE and self.cache is not None:
            self.cache.forget(call for call in trace.calls if call.role is Role.JUDGE)

    def is_shared(self, scope: str) -> bool:
        """Whether another attempt may ask what one of this contender asks."""
        return self.one_for_all or scope in self.shared

    def recorded(self, request: Request, digest: str) -> Reply | None:
        """The answer that is on record."""
        if digest in self.again:
            return None
        reply = self.replies.get(digest)
        return self.replies.get(request.earlier_digest) if reply is None and self.holds_earlier else reply


class Asked(NamedTuple):
    """A request to a model, by its name in the experiment, and what for."""

    model: str
    request: Request
    digest: str
    role: Role

    @property
    def judge(self) -> str:
        """The judge that asks; empty where none does."""
        return self.request.contender if self.request.scope == JUDGE_SCOPE else ""


class AttemptSession(Session):
    """The session of one attempt. What the journal holds is asked for and paid once, and charged to each attempt."""

    def __init__(
        self, shop: Shop, task: Task, trial: int = 0, trace: Trace | None = None, reserved: Reservation | None = None
    ) -> None:
        super().__init__(task, trial)
        self._shop, self.trace, self.reservation = shop, trace or Trace(), reserved
        self._verifying = False
        self.charged = AttemptMeter(shop.assembled.experiment.budget.attempt_usd)

    @cached_property
    def _work(self) -> Workplaces:
        """Where it works, once it does."""
        return workplaces(self._shop.assembled, self.task, self._shop.free_boxes)

    async def made(self, asked: Asked) -> Reply:
        """The model's answer, whatever the journal holds. Raises ModelError: the call failed for good."""
        shop, model, request, digest = self._shop, asked.model, asked.request, asked.digest
        if (lacks := shop.promised.lacking.get(model)) is not None and request.logprobs:
            raise not_yet(Cause.PROTOCOL, lacks)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        shop.in_flight[digest] = future
        started = shop.clock.now()
        reply: Reply
        try:
            reply, retries, lost = await shop.caller(asked).call(request)
            reply = shop.redact.answer(reply)  # a server that repeats the key puts it into no file of ours
        except ModelError as error:
            self._keep(asked, error, retries=error.retries, lost_tries=error.lost_tries, started_at=started)
            if error.cause is Cause.AUTH or error.not_yet:
                shop.broken.setdefault(f"model {model}", shop.redact(str(error)))
            future.set_exception(error)
            future.exception()  # seen: nobody else may be waiting
            raise
        except asyncio.CancelledError as error:
            used, lost = shop.caller(asked).lost(request)
            if used != NOTHING_USED or not isinstance(error, Unsent):
                self._keep(asked, error, usage=used, lost_tries=lost, started_at=started)
            raise
        else:
            self._keep(asked, reply, retries=retries, lost_tries=lost, started_at=started)
            if (lacks := shop.promised.broken(model, request, reply)) is not None:
                shop.broken.setdefault(f"model {model}", lacks)
                shop.promised.lacking[model] = lacks
            shop.hold(asked, reply)
            if shop.cache is not None:
                shop.cache.put(model, digest, asked.role, reply)
            shop.again.discard(digest)
            future.set_result(reply)
            return reply
        finally:
            future.cancel()  # of no effect where the call has ended
            del shop.in_flight[digest]

    def _keep(self, asked: Asked, end: Reply | BaseException, *, usage: Usage | None = None, **made: Any) -> None:
        """Writes the call down and charges it: to the attempt always, to the run's bill when it is first made."""
        shop, spec = self._shop, self._shop.assembled.specs[asked.model]
        if isinstance(end, Reply):
            usage = end.usage
            made |= {"latency_s": end.latency_s, "ttft_s": end.ttft_s, "signals": end.signals}
            made["finish_reason"] = end.finish_reason
        else:
            cause = end.cause if isinstance(end, ModelError) else Cause.INTERNAL
            made["error"] = f"{cause}: {DROPPED if isinstance(end, asyncio.CancelledError) else shop.redact(str(end))}"
            usage = usage or (end.usage if isinstance(end, ModelError) else None) or Usage()
        call = Call(
            attempt_id=self.trace.attempt,
            attempt_started_at=self.trace.started_at,
            role=asked.role,
            model=asked.model,
            adapter=asked.request.adapter_digest,
            draw=asked.request.draw,
            request_digest=asked.digest,
            usage=usage,
            cost=charge(usage, spec.price),
            **made,
        )
        is_new = call.from_cache or not call.cache_hit  # to the journal
        shop.journal.append_call(call, end if isinstance(end, Reply) and is_new else None)
        self.trace.add(call)
        paid, spent = not call.cache_hit and not backend_of(spec).recorded, is_spent(call)
        if spent and call.role is not Role.JUDGE:
            self.charged.spend(call.cost)
        if call.from_cache and shop.cache is not None:
            shop.cache.save(call.cost)
        if paid and asked.judge:
            shop.bench.spend(asked.judge, call.cost)
        if paid and spent is not False:  # where nobody knows, it is counted, and no reason to stop
            shop.meter.spend(call.cost, self.reservation if spent else None, model=call.model, lost=call.lost_tries)

    @property
    def remaining(self) -> Remaining:
        """What is left of the attempt's time and money."""
        limit, usd = own_time.get(), self._shop.assembled.experiment.budget.attempt_usd
        end = limit.when() if limit is not None else None
        return Remaining(
            seconds=None if end is None else max(0.0, end - asyncio.get_running_loop().time()),
            usd=None if usd is None else max(0.0, usd - self.charged.spent_usd),
        )

    async def call(self, model: str, request: Request, role: Role) -> Reply:
        """The answer, from the journal or the model. Raises ModelError: there is none, or no more may be spent."""
        if self._verifying and role is Role.JUDGE:
            role = Role.SELECTOR  # what a judge costs that serves as a verifier is a cost of the contender
        request = self.whole(model, request)
        if role is not Role.JUDGE:
            self.charged.check()
        self.trace.scopes.add(request.scope)
        spoken = role not in _NOT_SPOKEN
        if spoken:
            self.trace.ask(request.messages)
        asked = Asked(model, request, request.digest, role)
        reply = await self._reply(asked)
        Asking(asked.digest, request.scope).begin()
        if spoken:
            self.trace.say(assistant_message(reply))
        return reply

    def whole(self, model: str, request: Request) -> Request:
        """The request with all of its model; a grader knows its judge's by name only, and counts repeats as trials."""
        if self._shop.one_for_all and request.scope != JUDGE_SCOPE:
            request = replace(request, trial=0)
        if request.model:
            return request
        spec = self._shop.assembled.specs[model]
        return replace(request, model=spec.digest, sampling={**spec.sampling, **request.sampling})

    async def _reply(self, asked: Asked) -> Reply:
        shop, digest = self._shop, asked.digest
        while True:
            if (reply := shop.recorded(asked.request, digest)) is not None:
                self._keep(asked, reply, cache_hit=True)
                return reply
            if (waiting := shop.in_flight.get(digest)) is None:
                if (reply := shop.cached(asked)) is not None:
                    self._keep(asked, reply, cache_hit=True, from_cache=True)
                    shop.hold(asked, reply)
                    return reply
                if not asked.judge:
                    return await self.made(asked)
                async with shop.bench.place(asked.judge):  # what waits for its turn is not spent yet
                    if digest not in shop.in_flight and shop.recorded(asked.request, digest) is None:
                        if (why := shop.bench.spent_up(asked.judge)) is not None:
                            shop.broken.setdefault(f"judge {asked.judge}", why)
                            raise not_yet(Cause.TOO_DEAR, why)
                        return await self.made(asked)
                continue
            # another attempt is asking the same: its answer is ours, its failure too; its cancellation is not
            await asyncio.wait({waiting})
            if not waiting.cancelled() and (error := waiting.exception()) is not None:
                self._keep(asked, error, cache_hit=True)  # the tries were the other's
                raise error
            if not waiting.cancelled():
                shop.replies.setdefault(digest, waiting.result())

    def say(self, message: Message) -> None:
        """Records a message that no model wrote."""
        self.trace.say(message)

    def skill(self, name: str, how: Exposure) -> None:
        """Records that a skill was shown, or read."""
        if how is not Exposure.SHOWN:
            self._work.here.read.add(name)
        self.trace.add(SkillSeen(name, how))

    @asynccontextmanager
    async def workplace(self, skills: Mapping[str, SkillFolder]) -> AsyncIterator[None]:
        """Within it a box of its own is opened on first use. Raises BoxError: what was made cannot be kept."""
        async with self._work.entered(skills):
            yield

    async def box(self) -> Box:
        """The sandbox, the task's files in its work folder. Raises BoxError: none."""
        return await self._work.box()

    async def leave(self, *, keep: bool) -> None:
        """No box is open afterwards. What was made is kept for graders. Raises BoxError, StorageError: it cannot be."""
        if "_work" not in vars(self) and not (keep and self._shop.kept_before):
            return
        if not keep:
            await self._work.dropped()
        elif (work := await self._work.left()) is not None or self._shop.kept_before:
            await asyncio.to_thread(keep_work, self._shop.assembled.report, self.trace.attempt, work)

    async def work(self) -> bytes | None:
        """A tar of what the attempt left in its work folder; ``None`` where no box was opened. Raises BoxError."""
        made = await self._work.made()
        return await asyncio.to_thread(kept_work, self._shop.assembled.report, self.trace.attempt, made)

    async def act(self, action: Action, perform: Callable[[], Awaitable[Result]]) -> Result:
        """What came of it; after a stop it is done again, and told as it was then. Raises BoxError: the box failed."""
        shop, asking = self._shop, Asking.now()
        key = asking.next_action(action)
        rules = shop.assembled.experiment.sandbox.actions
        allowed, rule = decide(rules, action, self._work.here.allowed_tools)
        if action.wrong:
            allowed, rule = False, action.wrong
        left = self.remaining.seconds
        try:
            async with shop.clock.until_cut():
                does = allowed or action.wrong
                result = replace(await perform(), allowed=allowed, rule=rule) if does else refused(rule)
        except asyncio.CancelledError:
            if (own := own_time.get()) is not None and own.expired():  # nobody is told of it any more
                cut = Result(text="", allowed=allowed, rule=rule, cause="timeout", seconds=left or 0.0)
                self._note(recorded(self.trace.attempt, action, cut, key, differs=False), None)
            raise
        text, told = shop.redact(result.text), shop.told.get(key)
        acted = recorded(self.trace.attempt, action, result, key, differs=told is not None and told != text)
        self._note(acted, text if told is None else None)
        if shop.is_shared(asking.scope):
            shop.told.setdefault(key, text)
        return replace(result, text=text if told is None else told)

    def _note(self, acted: Acted, text: str | None) -> None:
        """Writes an action down, with what was told of it where that is new."""
        if acted.differs or (acted.attempt_id, acted.request_digest, acted.place) not in self._shop.acted:
            self._shop.journal.append_action(acted, text)
        self.trace.add(acted)

    async def fresh_box(self, folders: Sequence[str] = ()) -> Box:
        """As `Session.fresh_box` says."""
        from harness.sandbox import environment_of, opened  # a run without boxes does without

        options = self._shop.assembled.experiment.sandbox
        return await opened(options, environment_of(self.task), folders=folders)

    async def same(self, one: Answer, other: Answer) -> bool | None:
        """As the task's grader reads them; an answer that a fault ended is none."""
        if one.fault is not None or other.fault is not None:
            return None if one.fault is not None else False
        return await self._shop.assembled.graders[self.task.digest].same(one.text, other.text)

    async def grade(self, answer: Answer, verifier: str | None = None) -> Grade:
        """The task's own grade, outside the attempt's limits; or a verifier's. Raises ModelError: a judge waits."""
        if verifier is None:
            with own_time_held():
                return await grade(self.task, answer, self._shop.assembled.graders[self.task.digest], self)
        by, began = self._shop.assembled.verifiers[verifier], self._shop.clock.monotonic()
        self._verifying = True
        try:
            return await grade(self.task, answer, by, self)
        finally:
            self._verifying = False
            if not by.models:
                self.trace.verifying_s += self._shop.clock.monotonic() - began
