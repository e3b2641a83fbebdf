"""What happens in an attempt, told as it happens; its row in the outcome table."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from harness.core import (
    Acted,
    Answer,
    Call,
    Cause,
    Cost,
    Exposure,
    Fault,
    Grade,
    Message,
    Outcome,
    Role,
    Status,
    Task,
    Usage,
)
from harness.experiment import Assembled, Attempt
from harness.retrieval import ContextPrompt


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt is taken up."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the conversation."""

    message: Message


@dataclass(frozen=True, slots=True)
class SkillSeen:
    """A skill came into the conversation."""

    name: str
    how: Exposure


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt has its outcome; with the status ``skipped`` it is still to be made."""

    outcome: Outcome
    reason: str


NOTHING_USED = Usage.total(())  # of a call by which nothing was made
STOPPING = "stopping"  # the phase of a run in which nothing more begins
Event = Begun | Said | SkillSeen | Call | Acted | Ended
Observer = Callable[[str, Event], None]  # told of all events by attempt, on the event loop: must not take long


class Trace:
    """What happened in one attempt, in its order."""

    def __init__(self, attempt: str = "", tell: Observer | None = None, started_at: datetime | None = None) -> None:
        self.attempt, self._tell = attempt, tell
        self.started_at = started_at  # which tells the tries of an attempt apart
        self.calls = list[Call]()  # those of the contender and those of judges
        self.scopes = set[str]()  # identities of the contenders whose requests were asked
        self.acted_s = self.verifying_s = 0.0  # seconds that actions took; and verifiers, besides their calls
        self.ended_after_s = 0.0  # the task's time, where that ended it: what was under way then took the rest
        self._said, self._seen = list[Message](), list[SkillSeen]()
        self._conversations: list[list[Message]] = [[]]  # that were begun; the last one is under way

    def add(self, event: Call | Acted | SkillSeen) -> None:
        """Records an event, and tells of it."""
        if isinstance(event, Call):
            self.calls.append(event)
        elif isinstance(event, Acted):
            self.acted_s += event.seconds
        else:
            self._seen.append(event)
        if self._tell is not None:
            self._tell(self.attempt, event)

    def say(self, message: Message) -> None:
        """Records the next message of the conversation."""
        self._conversations[-1].append(message)
        self._said.append(message)
        if self._tell is not None:
            self._tell(self.attempt, Said(message))

    def ask(self, messages: Sequence[Message]) -> None:
        """Records what of a request was not said before; where it goes on from no conversation, another begins."""
        here = self._going_on(messages) if self._said else self._conversations[-1]
        for message in messages[len(here) :]:
            self.say(message)

    def _going_on(self, messages: Sequence[Message]) -> list[Message]:
        asked, last = [*messages], self._conversations[-1]
        going = (one for one in reversed(self._conversations) if one and asked[: len(one)] == one)
        if (here := next(going, None)) is None:
            here = []
        else:
            self._conversations[:] = [one for one in self._conversations if one is not here]
            more = asked[len(here) :]  # an expert who was asked in between heard none of the tool's result
            told = next((k for k in range(len(more), 0, -1) if here is not last and last[-k:] == more[:k]), 0)
            here += more[:told]
            del last[len(last) - told :]
        self._conversations.append(here)
        return here

    @property
    def messages(self) -> tuple[Message, ...]:
        """All conversations, one after the other, as they were sent and answered."""
        return tuple(self._said)

    @property
    def skills_shown(self) -> tuple[str, ...]:
        """Names, each once."""
        return self.skills(Exposure.SHOWN)

    @property
    def skills_used(self) -> tuple[str, ...]:
        """Names of those that were opened, or of which a file was read or a script run."""
        return self.skills(Exposure.OPENED, Exposure.FILE, Exposure.SCRIPT)

    def skills(self, *how: Exposure) -> tuple[str, ...]:
        """Names of those that came into it in one of these ways."""
        return tuple(dict.fromkeys(seen.name for seen in self._seen if seen.how in how)) if self._seen else ()

    @property
    def latency_s(self) -> float | None:
        """Of the contender's answered calls, actions and verifiers; without waiting for limits. ``None``: no answer."""
        answered = [call.latency_s for call in self.calls if call.error is None and call.role is not Role.JUDGE]
        known = [seconds for seconds in answered if seconds is not None]
        took = sum(known) + self.acted_s + self.verifying_s if known else None
        return max(took or 0.0, self.ended_after_s) if self.ended_after_s else took


@dataclass(slots=True, kw_only=True)
class Progress:
    """A moment of a run, made of its events. A run counts on one, and tells copies of it."""

    planned: int  # attempts that this call of the run sets out to make
    started: float
    phase: str = ""  # what is being done, in words: loading a model, attempts, choosing thresholds
    message: str = ""
    pressed: str = ""  # the present limits of endpoints that take fewer requests at once than they might be sent
    passed: int = 0
    failed: int = 0
    errored: int = 0
    causes: Counter[str] = field(default_factory=Counter)  # errored and ungraded attempts by cause
    examples: dict[str, str] = field(default_factory=dict)  # the first reason met of each cause
    in_flight: int = 0
    boxes: int = 0  # that are open, graders' included
    elapsed_s: float = 0.0
    spent_usd: float = 0.0  # known dollars spent on calls so far, earlier runs of this report included
    unknown_costs: int = 0  # calls whose cost is not known and so is not in ``spent_usd``

    @property
    def done(self) -> int:
        """Attempts that this call of the run has made."""
        return self.passed + self.failed + self.errored

    @property
    def rate_per_s(self) -> float:
        """Attempts a second."""
        return self.done / self.elapsed_s

    @property
    def remaining_s(self) -> float | None:
        """At this rate; ``None`` where nothing is made yet, or nothing more begins."""
        return (self.planned - self.done) / self.rate_per_s if self.done and self.phase != STOPPING else None

    def hear(self, event: Event) -> None:
        """An event of an attempt."""
        if isinstance(event, Begun):
            self.in_flight += 1
        elif isinstance(event, Ended):
            self.in_flight -= 1
            status, cause = event.outcome.status, str(event.outcome.cause)
            self.passed += status is Status.PASSED
            self.failed += status is Status.FAILED
            if status in {Status.ERRORED, Status.UNGRADED}:
                self.errored += 1
                self.causes[cause] += 1
                self.examples.setdefault(cause, event.reason)

    def at(self, now: float, phase: str, message: str = "") -> "Progress":
        """A copy at the moment ``now`` (of the same clock as ``started``)."""
        elapsed_s, causes = max(now - self.started, 1e-9), self.causes.copy()
        return replace(self, phase=phase, message=message, elapsed_s=elapsed_s, causes=causes)


Listener = Callable[[Progress], None]


JUDGED = ("status", "cause", "passed", "score", "label_true", "label_predicted")  # what of a row its grade says


def values(record: object, *names: str) -> dict[str, Any]:
    """Some fields of a record, for another that has them too."""
    return {name: getattr(record, name) for name in names}


def faulted(fault: Fault, reason: str) -> Grade:
    """What a fault makes of an attempt, without a look at any answer."""
    return Grade(status=fault.status, cause=fault.cause, reason=reason, score=0.0 if fault.status == "failed" else None)


def skipped(assembled: Assembled, attempt: Attempt, cause: Cause) -> Outcome:
    """The row of an attempt that was never made."""
    return Outcome(**identity(assembled, attempt), status=Status.SKIPPED, cause=cause)


def graded(
    assembled: Assembled,
    attempt: Attempt,
    trace: Trace,
    answer: Answer | None,
    judged: Grade,
    *,
    run: int,
) -> Outcome:
    """The row of an attempt that was made, as its trace has it; without an answer where it ended before one."""
    calls = [call for call in trace.calls if call.role is not Role.JUDGE]
    billed = _billed(calls)
    usage, cost = Usage.total([call.usage for call in billed]), Cost.total([call.cost for call in billed])
    return Outcome(
        **identity(assembled, attempt),
        status=judged.status,
        cause=judged.cause,
        passed=judged.passed,
        score=judged.score,
        label_true=judged.label_true,
        label_predicted=judged.label_predicted,
        confidence=answer.confidence if answer else None,
        escalated=answer.escalated if answer else None,
        served_by=answer.served_by if answer else None,
        skills_shown=trace.skills_shown,
        skills_used=trace.skills_used,
        latency_s=trace.latency_s,
        skills_opened=trace.skills(Exposure.OPENED),
        skills_read=trace.skills(Exposure.FILE),
        skills_run=trace.skills(Exposure.SCRIPT),
        documents_shown=_documents(assembled, attempt, trace.scopes),
        cost_usd=cost.usd,
        judge_usd=judge_usd(trace.calls),
        cost_basis=cost.basis,
        input_tokens=None if usage.input is None or usage.cache_write is None else usage.input + usage.cache_write,
        cached_input_tokens=usage.cached_input,
        output_tokens=usage.output,
        reasoning_tokens=usage.reasoning,
        calls=len(calls),
        retries=sum([call.retries for call in calls]),
        started_at=trace.started_at,
        graded_at=trace.started_at,
        run=run,
    )


def judge_usd(calls: Sequence[Call]) -> float | None:
    """What the judges among these calls cost."""
    judges = [call for call in calls if call.role is Role.JUDGE]
    return Cost.total([call.cost for call in _billed(judges)]).usd if judges else 0.0


def _billed(calls: Sequence[Call]) -> list[Call]:
    """Those that may be on the bill; what one costs that failed is perhaps not known."""
    return [c for c in calls if c.error is None or c.cost.usd is not None or c.usage != NOTHING_USED]


def identity(assembled: Assembled, attempt: Attempt) -> dict[str, Any]:
    """Which attempt a row is of: names and digests."""
    task, suite, system = attempt.task, attempt.suite, assembled.systems[attempt.contender][attempt.suite.name]
    return {
        "report": assembled.experiment.name,
        "suite": suite.name,
        "suite_digest": suite.digest,
        "contender": attempt.contender,
        "contender_kind": system.contender.kind,
        "contender_digest": system.contender.digest,
        "task": task.id,
        "task_digest": task.digest,
        "prompt_digest": system.prompt.template.digest,
        "grader_digest": assembled.gradings[task.digest],
        "domain": task.domain,
        "cluster": task.cluster,
        "skills_named": _named(task, "skills"),
        "documents_named": _named(task, "documents"),
        "split": attempt.split,
        "trial": attempt.trial,
        "attempt_id": attempt.id,
    }


def _named(task: Task, key: str) -> tuple[str, ...]:
    """What a task's metadata name as what it needs."""
    if (found := task.metadata.get(key)) is None:
        return ()
    return tuple(map(str, [found] if isinstance(found, str) else found if isinstance(found, list) else ()))


def _documents(assembled: Assembled, attempt: Attempt, asked: Collection[str]) -> tuple[str, ...]:
    """The passages in the prompts by which the contender and its parts were ``asked``, each once."""
    prompts = assembled.systems[attempt.contender][attempt.suite.name].prompts(asked)
    passages = [one for by in prompts if isinstance(by, ContextPrompt) for one in by.passages(attempt.task)]
    return tuple(dict.fromkeys(name for passage in passages for name in passage.names))
