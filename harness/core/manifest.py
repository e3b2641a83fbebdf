"""What a report was made from: its suites, its models and its contenders, as the manifest keeps them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core.numbers import listed, plural
from harness.core.plain import known_sum
from harness.core.records import ModelSpec, Price, Tuned
from harness.core.words import Decision, Kind

Written = str | list[str] | Mapping[str, str | list[str]] | None  # folders as the experiment names them


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRecord:
    """One suite of a report."""

    name: str
    version: str = ""
    digest: str = ""
    prompt_digest: str = ""
    metric: str = ""
    tasks: int | None = None
    graders: tuple[str, ...] = ()  # digests
    grader_kinds: tuple[str, ...] = ()  # their registered names
    human_baseline: Mapping[str, Any] | None = None
    general: bool = False  # it only shows forgetting and is no work
    origin: Mapping[str, Any] = field(default_factory=dict)  # of an imported suite: the file, and how it was read

    @property
    def is_general(self) -> bool:
        """Whether it is marked so, or named so."""
        return self.general or is_general(self.name)


def is_general(suite: str) -> bool:
    """Whether a suite's name says that it only shows forgetting: ``general`` is one of its words."""
    return "general" in re.split("[^a-z]+", suite.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One model of a report. Where it stands is not in it."""

    name: str
    backend: str = ""
    model: str = ""  # what its provider calls it
    revision: str = ""
    digest: str = ""
    apart: str = ""  # its name, where another model of the report was alike in all but where it was served
    template_digest: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    recorded_backend: str | None = None  # of a model that is replayed
    capabilities: tuple[str, ...] = ()
    price: Price | None = None
    sourcing: Decision | None = None  # OWN or RENT, ``None`` where nothing says which
    sourcing_why: str = ""
    tuned: Tuned | None = None  # of a tuned model that is no adapter on a base
    licence: str = ""  # of its weights, or the terms of its provider; empty: not known
    available_until: str = ""  # the last day on which it can be had, such as ``2027-01-06``; empty: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRecord:
    """A model that graded answers of a report."""

    name: str
    model: str  # its model's name in the experiment
    suites: tuple[str, ...] = ()
    repeats: int = 1
    graded: int | None = None  # attempts that have a grade and whose graders ask it; ``None``: not counted
    calibrated: bool = False  # whether people's labels say how far it agrees with them


@dataclass(frozen=True, slots=True, kw_only=True)
class ContenderRecord:
    """One contender of a report."""

    name: str
    kind: str = Kind.IMPORTED.value
    digest: str = ""
    sourcing: Decision | None = None  # OWN, RENT or MIX, ``None`` where nothing says which
    sourcing_why: str = ""
    control: str | None = None  # such as ``always``, ``oracle`` or ``placebo``: it measures, and cannot be chosen
    seed_of: str | None = None  # the contender of the experiment of which it is one training seed
    model: str | None = None  # its model's name in the experiment; ``None`` of a hybrid
    adapter: Written = None
    skills: Written = None
    delivery: str = ""
    author: str | None = None  # the model that writes its skill for each task
    worker: str | None = None
    expert: str | None = None
    lead: str | None = None
    workers: tuple[str, ...] = ()  # of a lead
    escalate: Mapping[str, Any] | None = None  # when a hybrid hands a task on, as the experiment has it
    prompt: Any = None
    response_format: Any = None
    parts: Mapping[str, Any] = field(default_factory=dict)  # JSON, by digests; two are compared to say what changed

    @property
    def signal(self) -> str:
        """A hybrid's escalation signal without its argument, else empty."""
        return str((self.escalate or {}).get("signal", "")).partition(":")[0]

    @property
    def form(self) -> str:
        """What its answers are held to while they are written, such as ``json_schema``; empty where to nothing."""
        forms = self.parts.get("response_format")
        by_suite = forms.values() if isinstance(forms, Mapping) else ()
        return " or ".join(sorted({str(form.get("type")) for form in by_suite if isinstance(form, Mapping)}))

    @property
    def setup(self) -> str:
        """What it is made of: ``generalist + skills, flat``, ``tuned, then skilled; margin``; its kind, if no more."""
        rule = str((self.escalate or {}).get("signal", ""))
        if self.lead:
            return f"{self.lead} leads {', '.join(self.workers)}" if self.workers else f"{self.kind}: lead"
        if self.worker and self.expert:
            return f"{self.worker}, then {self.expert}; {rule}".removesuffix("; ")
        if rule:
            return f"{self.kind}: {rule}"
        made = [self.model or self.kind]
        if self.model:
            made[0] += " (tuned)" * (self.kind in {Kind.ADAPTER, Kind.BOTH} and self.adapter is None)
            made += ["adapter"] * (self.adapter is not None) + ["skills"] * (self.skills is not None)
            made += [f"a skill that {self.author} writes"] if self.author else []
        given = self.delivery if self.model and self.skills is not None else ""
        return ", ".join(filter(None, (" + ".join(made), given, self.form)))

    @property
    def others(self) -> tuple[str, ...]:
        """The contenders that it is made of, the first to be called first."""
        return tuple(name for name in (self.worker, self.expert, self.lead) if name is not None) + self.workers

    @property
    def is_skilled(self) -> bool:
        """Whether skills are delivered to it."""
        return self.author is not None or (self.skills is not None and self.delivery != "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a report was made from: enough to say whether two reports may be compared, and to make it again."""

    schema: int = 2  # from 2 on, digests hold no names, and a task's holds no prompt
    report: str
    created_at: str
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    experiment_digest: str = ""
    seed: int = 0
    reference: str | None = None
    economics: Mapping[str, Any] = field(default_factory=dict)
    budget: Mapping[str, Any] = field(default_factory=dict)
    suites: tuple[SuiteRecord, ...] = ()
    models: tuple[ModelRecord, ...] = ()
    contenders: tuple[ContenderRecord, ...] = ()
    judges: tuple[JudgeRecord, ...] = ()
    prices: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)  # by contender and suite, what was chosen on dev tasks
    planned: int = 0
    plan_digest: str = ""
    done: int = 0
    without_outcome: int = 0  # recorded attempts that ended errored or ungraded
    graded_before: int = 0  # where grades are mixed: those of an earlier grader or reference than the others
    graded_now: int = 0  # and those of the present one
    complete: bool = False
    stopped_because: str | None = None
    early: Any = None  # by contenders' digests: the rule that each began with under ``--until-decided``, and its end
    notes: tuple[str, ...] = ()

    @property
    def mixed_grades(self) -> str | None:
        """That a regrade has stopped half-way, in words."""
        if not self.graded_before:
            return None
        before = f"{plural(self.graded_before, 'grade')} of an earlier grader or reference"
        return f"{before}, {self.graded_now:,} of the present one"

    @property
    def incomplete_because(self) -> str | None:
        """Why it is not complete, as far as that is known."""
        return "; ".join(filter(None, (self.mixed_grades, self.stopped_because))) or None

    @property
    def early_records(self) -> dict[str, Mapping[str, Any]]:
        """What of ``early`` is a record of the contender that it is kept under."""
        held = self.early.items() if isinstance(self.early, Mapping) else ()
        return {key: one for key, one in held if isinstance(one, Mapping) and one.get("contender_digest") == key}

    @property
    def uncalibrated_judges(self) -> tuple[str, ...]:
        """Names of the judges whose grades no person's labels confirm."""
        return tuple(judge.name for judge in self.judges if not judge.calibrated)

    @property
    def seeds(self) -> dict[str, tuple[str, ...]]:
        """By contender with several training seeds the names of these, each run as a contender of its own."""
        names = dict.fromkeys(one.seed_of for one in self.contenders if one.seed_of)
        return {str(name): tuple(one.name for one in self.contenders if one.seed_of == name) for name in names}

    def contender(self, name: str) -> ContenderRecord | None:
        """The contender of that name, where there is one."""
        return next((one for one in self.contenders if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is on record of contenders and models, by name; of imported outcomes it may be nothing."""

    contenders: Mapping[str, ContenderRecord]
    models: Mapping[str, ModelRecord]

    def parts_of(self, name: str) -> tuple[ContenderRecord, ...]:
        """The contenders with a model that answer for one, the first to be called first; a hybrid's are others."""
        found, waiting, seen = list[ContenderRecord](), [name], set[str]()
        while waiting:
            one = self.contenders.get(here := waiting.pop(0), ContenderRecord(name=here))
            if one.others and here not in seen:
                waiting[:0] = one.others
            else:
                found.append(one)
            seen.add(here)
        return tuple(found)

    def models_of(self, name: str) -> tuple[ModelRecord, ...]:
        """The models that a contender calls, each once; empty where nothing is on record of it."""
        if name not in self.contenders:
            return ()
        parts = self.parts_of(name)
        names = dict.fromkeys(str(part.model) for part in parts) | dict.fromkeys(p.author for p in parts if p.author)
        return tuple(self.models.get(model, ModelRecord(name=model)) for model in names)

    def is_tuned(self, one: ContenderRecord) -> bool:
        """Whether somebody paid for a training of it: it has an adapter, or its model is a tuned one."""
        return one.adapter is not None or self._tuned(one) is not None

    def base_of(self, one: ContenderRecord) -> str | None:
        """The name of the model that it was tuned from: its own model, where that is no tuned one."""
        tuned = self._tuned(one)
        return one.model if tuned is None else tuned.of or None

    def training_usd(self, name: str, model: str | None = None) -> float | None:
        """What the cards of a contender's parts say that their training cost, each card once; ``None``: not known.

        With a ``model`` of those parts alone that call it.
        """
        costs: dict[str, float | None] = {}
        for part in (part for part in self.parts_of(name) if model in {None, part.model}):
            said, digests = (_mapping(part.parts.get(key)) for key in ("training_usd", "adapters"))
            known = {key: usd for key, usd in said.items() if isinstance(usd, float | int)}
            costs |= {str(digest): known.get(str(digest)) for digest in digests.values()}
            if (tuned := self._tuned(part)) is not None:
                costs[tuned.digest or str(part.model)] = tuned.training_usd
        return known_sum(costs.values()) if costs else None

    def card_licences(self, one: ContenderRecord) -> tuple[Mapping[str, Any], ...]:
        """What each card of a contender says of licences: ``licence``, ``base_licence`` and ``data_licence``."""
        said, digests = (_mapping(one.parts.get(key)) for key in ("licences", "adapters"))
        found = [_mapping(said.get(str(digest))) for digest in dict.fromkeys(map(str, digests.values()))]
        tuned = self._tuned(one)
        found += [tuned.licences] if tuned is not None else []
        return tuple(found or ([{}] if one.adapter is not None else []))

    def _tuned(self, one: ContenderRecord) -> Tuned | None:
        model = self.models.get(one.model or "")
        return model.tuned if model is not None else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


FAMILIES = r"claude|gpt|gemini|gemma|qwen|llama|mistral|mixtral|deepseek|phi|kimi|glm|grok|command|nova|granite|olmo"
"""Words by which a model's name tells its family; of other names the first word does."""


def kinship(judge: ModelSpec | ModelRecord, other: ModelSpec | ModelRecord) -> str:
    """What an answer of ``other`` is to a judge, in words; empty where their names show nothing."""
    if (judge.digest and judge.digest == other.digest) or (judge.model and judge.model == other.model):
        return "answers of its own model"
    family = _family(judge.model)
    return f"answers of its own family ({family})" if family and family == _family(other.model) else ""


def kin_note(judge: str, kind: str, contenders: Sequence[str]) -> str:
    """What a reader must know of a judge that grades its kin."""
    return f"judge {judge} grades {kind}, those of {listed(contenders, 5)}: it may prefer them to others as good"


def _family(model: str) -> str:
    name = model.lower()
    if found := re.search(rf"(?<![a-z])(?:{FAMILIES})(?![a-z])", name):
        return found[0]
    first = re.match(r"[a-z]{3,}", re.split(r"[/:]", name)[-1])
    return first[0] if first else ""
