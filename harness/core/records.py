"""The records that travel between rooms. Money is US dollars, time seconds; ``None`` is unknown and never zero."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from harness.core.plain import as_json, digest_json, known_sum
from harness.core.tasks import Message, Tool
from harness.core.words import Cause, Kind, Role, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Dollars per million tokens of each class; ``None`` is unknown. A class without a price makes a cost unknown."""

    input: float | None = None
    cached_input: float | None = None
    cache_write: float | None = None
    output: float | None = None
    gpu_hour: float | None = None  # of the machine, for models that run on one; then tokens cost nothing by themselves
    prompt_limit: int | None = None  # the longest prompt, in tokens of all input classes, that these prices hold for
    as_of: str = ""  # the date of the price, ISO 8601
    source: str = ""  # ``experiment``, or the price book's name and version


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What is known of a tuned model that is called as a model of its own, and not as an adapter on a base."""

    card: str = ""  # the file, as the experiment names it; empty where it names none
    digest: str = ""  # of what the card says
    base_model: str = ""  # what the card says that it was tuned from
    of: str = ""  # the experiment's model that it was tuned from; empty where it is none of them
    training: Mapping[str, Any] = field(default_factory=dict)  # ``recipe`` and ``seed``, as of an adapter's card
    training_usd: float | None = None  # ``None``: not known
    licences: Mapping[str, str] = field(default_factory=dict)  # what the card says: of weights, base and data


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model that can be called, as the experiment names it."""

    name: str
    backend: str
    model: str = ""  # what the provider calls it, or the folder of a local model
    revision: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    template_digest: str = ""
    base_url: str | None = None
    api_key_env: str | None = None  # the environment variable's name; its value never enters a record
    price: Price | None = None
    options: Mapping[str, Any] = field(
        default_factory=dict
    )  # what only one backend understands, such as ``batch_size``
    digest: str = ""  # of everything that can change an answer: backend, model, revision, weights, sampling, template
    apart: str = ""  # its name, where another model of the experiment is alike in all but where it is served
    tuned: Tuned | None = None  # of a tuned model; no part of its identity, since a card changes no answer
    licence: str = ""  # of its weights, or the terms of its provider; empty: not known
    available_until: str = ""  # the last day on which it can be had, such as ``2027-01-06``; empty: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """What is compared: a model bare, with an adapter, with skills, or a hybrid of two contenders."""

    name: str
    kind: Kind
    parts: Mapping[str, Any]  # JSON of what it is made of; two reports' parts are compared to say what changed
    digest: str
    asked: Mapping[str, Any] = field(default_factory=dict)  # the keys of its entry in the experiment


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's request to run a tool; ``arguments`` is ``None`` where the model wrote something else than JSON."""

    id: str
    name: str
    arguments: Mapping[str, Any] | None
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to one model: everything that can change the answer, and nothing else."""

    model: str  # the model spec's digest. Empty: of the model that is called, as are missing settings of its sampling
    messages: tuple[Message, ...]
    sampling: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    adapter: str | None = None  # the adapter's folder, for backends that hold many adapters on one base
    adapter_digest: str | None = None
    logprobs: bool = False
    trial: int = 0  # part of the identity: repeats must never fall on one cached answer
    draw: int = (
        0  # which answer of several that one attempt asks for, from 0; so no two of them are one recorded answer
    )
    letters: tuple[str, ...] = ()  # answers of one token whose probabilities are asked for; see ``Reply.signals``
    scope: str = ""  # the contender's identity. Equal contenders share answers, and a hybrid shares with its parts
    task: str = ""  # the task's digest: an answer is used again within its task alone
    contender: str = ""  # its name, which is no part of the identity; earlier versions took it for the scope

    @property
    def digest(self) -> str:
        """The identity of the answer in the run's cache."""
        late: dict[str, Any] = {"task": self.task, "draw": self.draw, "letters": self.letters}  # of later versions
        return self._digest({"scope": self.scope} | {name: value for name, value in late.items() if value})

    @property
    def earlier_digest(self) -> str:
        """The identity under which versions before 0.2 kept the answer."""
        return self._digest({"scope": self.contender})

    def _digest(self, asker: dict[str, Any]) -> str:
        record = {name: getattr(self, name) for name in _CONTENT} | asker
        try:
            return digest_json(record, default=as_json)  # in one pass, which matters at a thousand requests a second
        except (ValueError, TypeError):  # a NaN, or a key that is no text
            return digest_json(as_json(record))


_APART = {"adapter", "scope", "task", "draw", "letters", "contender"}
_CONTENT = tuple(f.name for f in fields(Request) if f.name not in _APART)
"""The adapter's folder is left out: a place cannot change an answer, its content can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a call used, in classes that do not overlap, so that none is billed twice."""

    input: int | None = None  # prompt tokens that were neither read from a cache nor written to one
    cached_input: int | None = 0
    cache_write: int | None = 0
    output: int | None = None  # tokens of the visible answer
    reasoning: int | None = 0
    gpu_seconds: float | None = None
    source: str = "unknown"  # or ``provider``, ``counted`` (by us), ``estimated`` (a total without counts), ``mixed``

    @staticmethod
    def total(usages: Iterable["Usage"]) -> "Usage":
        """The sum; a class that is unknown in one of them is unknown in the sum. Of nothing: zeros."""
        all_of = list(usages) or [Usage(input=0, output=0, gpu_seconds=0.0, source="counted")]
        if len(all_of) == 1:
            return all_of[0]
        counts = (f.name for f in fields(Usage) if f.name != "source")
        sums: dict[str, Any] = {name: known_sum(getattr(usage, name) for usage in all_of) for name in counts}
        sources = {usage.source for usage in all_of}
        return Usage(**sums, source=sources.pop() if len(sources) == 1 else "mixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a call or an attempt cost. ``usd`` is ``None`` where a price or a count is unknown, and in every sum."""

    usd: float | None = None
    basis: str = "none"  # ``tokens``, ``gpu_time`` or ``none``; ``mixed`` in a sum
    price_date: str = ""

    @staticmethod
    def total(costs: Iterable["Cost"]) -> "Cost":
        """The sum. Of nothing: zero dollars."""
        all_of = list(costs) or [Cost(usd=0.0)]
        if len(all_of) == 1:
            return all_of[0]
        bases = {c.basis for c in all_of if c.basis != "none"}
        basis = "none" if not bases else bases.pop() if len(bases) == 1 else "mixed"
        return Cost(usd=known_sum(c.usd for c in all_of), basis=basis, price_date=max(c.price_date for c in all_of))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model answered to one request."""

    text: str  # without what the model thought before it, unless the experiment says ``reasoning: keep``
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"  # or another of `finish_meant`'s words; else the provider's own
    reasoning: str = ""  # what the model thought, kept apart and never graded
    kept: Mapping[str, Any] = field(default_factory=dict)  # what else the message held; it goes back with the next turn
    refusal: str | None = None  # the provider's own statement that the model declined, where it says so
    signals: Mapping[str, float] = field(default_factory=dict)
    """Of the answer's tokens: ``logprob_mean`` and ``logprob_min`` (natural logarithms), ``margin`` (the smallest gap
    between the two likeliest tokens' probabilities); of each of the request's letters, as ``p:A``, the probability that
    it is the answer. Empty where the backend gives none."""
    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0  # of the try that succeeded; waiting for rate limits and earlier tries are left out
    ttft_s: float | None = None
    model_version: str = ""  # what the provider says it served


DROPPED = "dropped while it was under way"  # why a call came to nothing whose attempt ended first, as by Ctrl-C


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to one model, made for an attempt: one row of ``calls.parquet``."""

    attempt_id: str
    role: Role
    model: str  # the model's name in the experiment
    adapter: str | None = None
    draw: int = 0  # as of its `Request`; an attempt keeps the first
    request_digest: str
    usage: Usage = field(default_factory=Usage)
    cost: Cost = field(default_factory=Cost)
    latency_s: float | None = None
    ttft_s: float | None = None
    retries: int = 0
    lost_tries: int = 0  # failed ones that may be billed and whose cost nobody knows; they are in no usage and no cost
    cache_hit: bool = False  # the answer was on record: its cost is this attempt's too, and was spent once
    from_cache: bool = False  # of such a one: in the answer cache, so that the report has spent nothing on it
    finish_reason: str = ""
    error: str | None = None  # ``cause: message``, without secrets
    signals: Mapping[str, float] = field(default_factory=dict)
    started_at: datetime | None = None
    attempt_started_at: datetime | None = None  # of the try that it was made for; ``None``: of an earlier version


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a contender answered to a task, before it is graded: what only the contender knows of its attempt."""

    text: str
    confidence: float | None = None  # 0 to 1, the worker's own, larger is surer
    signals: Mapping[str, float] = field(default_factory=dict)
    escalated: bool | None = None
    served_by: str | None = None
    finish_reason: str = "stop"
    fault: Cause | None = None  # the contender's own that ended the attempt (a refusal, its turns spent): failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A grader's judgement of one answer."""

    status: Status
    score: float | None = None  # 0 to 1
    cause: Cause | None = None
    reason: str = ""  # one line for a person: what was expected and what was found
    label_true: str | None = None
    label_predicted: str | None = None

    @property
    def passed(self) -> bool | None:
        """True or False where the attempt counts, else None."""
        return {Status.PASSED: True, Status.FAILED: False}.get(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The graded result of an attempt: one row of ``outcomes.parquet``."""

    report: str
    suite: str
    suite_digest: str
    contender: str
    contender_kind: Kind
    contender_digest: str
    task: str
    task_digest: str
    domain: str
    cluster: str
    split: str | None
    trial: int
    status: Status
    cause: Cause | None = None
    passed: bool | None = None
    score: float | None = None
    label_true: str | None = None
    label_predicted: str | None = None
    confidence: float | None = None
    escalated: bool | None = None
    served_by: str | None = None
    skills_shown: tuple[str, ...] = ()
    skills_used: tuple[str, ...] = ()
    cost_usd: float | None = None
    judge_usd: float | None = None
    cost_basis: str = "none"
    latency_s: float | None = None
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    calls: int = 0
    retries: int = 0
    started_at: datetime | None = None
    attempt_id: str
    prompt_digest: str | None = None  # of the template that made the task a question; ``None``: of an earlier version
    grader_digest: str | None = None  # of the grader and the reference: rows are compared where they were graded alike
    run: int | None = None  # which call of ``ownbench run`` made it, from 1; ``None``: none did, or nobody knows
    skills_named: tuple[str, ...] = ()  # by the task, as those that it needs
    documents_shown: tuple[str, ...] = ()  # passages of the contender's context, the best first, as ``name#number``
    documents_named: tuple[str, ...] = ()  # by the task
    skills_opened: tuple[str, ...] | None = None  # of ``skills_used``; ``None``: of an earlier version, or not known
    skills_read: tuple[str, ...] | None = None  # those of which a file besides SKILL.md was read
    skills_run: tuple[str, ...] | None = None  # those of which a script was run
    graded_at: datetime | None = None  # when the try began that graded it: ``started_at``, or a later regrade's

    @property
    def is_done(self) -> bool:
        """Whether no further try is needed: one is where the run was stopped in it, or after a refused key."""
        return self.status is not Status.SKIPPED and self.cause is not Cause.AUTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval; never shown without the number of tasks behind it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n_tasks: int = 0
    n_trials: int = 0  # graded attempts behind the figure, over all tasks
    method: str = ""
    why: str | None = None  # why the figure or its interval cannot be had, where it cannot

    def of_many(self, times: float) -> "Estimate":
        """Of the cost of one task that of so many."""
        value, low, high = (None if one is None else times * one for one in (self.value, self.low, self.high))
        return replace(self, value=value, low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two contenders on the same tasks: a difference (a - b), its interval, its test."""

    a: str
    b: str
    n_tasks: int
    n_trials: int
    delta: float | None
    low: float | None
    high: float | None
    level: float = 0.95
    interval_method: str = ""
    p_value: float | None = None
    p_adjusted: float | None = None
    p_exact: float | None = None
    test: str = ""
    wins: int = 0  # tasks that only a passed
    losses: int = 0
    both_passed: int = 0
    both_failed: int = 0
    errored: int = 0
    ungraded: int = 0
    bounds: tuple[float, float] | None = None  # the difference if all of these had gone worst, and best, for a
    smallest_difference: float | None = None  # that as many tasks show in four of five tries
    tasks_needed: None = None  # after the fact such a number says nothing: `smallest_difference` does
    sentence: str = ""
