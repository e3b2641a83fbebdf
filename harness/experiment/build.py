"""From what an experiment says of its contenders to plans of them, and to systems that can answer, one a suite."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from harness.adapter import Adapter, licences_of, load_adapter
from harness.core import (
    Contender,
    Kind,
    ModelSpec,
    Redactor,
    RenderedPrompt,
    UserFileError,
    as_json,
    digest_json,
)
from harness.model import BACKENDS, LOGPROBS, TOOL_ROLE, TOOLS, backend_of
from harness.retrieval import Context
from harness.skill import (
    OPEN_BY_TEXT,
    OPEN_BY_TOOL,
    WRITTEN,
    Skill,
    catalogue,
    file_content,
    load_library,
    skill_content,
)
from harness.system import (
    HANDING_TEXTS,
    MAX_TURNS,
    NONE,
    REVISION,
    SIGNALS,
    SYSTEMS,
    Advised,
    Chooser,
    Direct,
    Hands,
    Hybrid,
    Led,
    Rule,
    SelfWritten,
    Skilled,
    System,
    delivery_of,
)
from harness.userfile import Strict

_TEXTS = [catalogue([("n", "d")]), skill_content("n", "b", ["f"]), file_content("n", "p", "t")]
WRAPPERS = digest_json([*_TEXTS, OPEN_BY_TEXT, OPEN_BY_TOOL, "task again"])
"""Of the text around a skill: a change of it changes answers, so it changes every skilled contender's digest."""
LONGEST_SHOWN = 20_000  # characters of a template that a manifest keeps
_REDACT = Redactor()
_KINDS = {(False, False): Kind.MODEL, (True, False): Kind.ADAPTER, (False, True): Kind.SKILLED, (True, True): Kind.BOTH}
_ROLES = {"user", "system"}
_SHOWN = ("name", "backend", "model", "revision", "sampling", "digest", "template_digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectPlan:
    """A contender that speaks with one model: bare, tuned, skilled, or both. Mappings are by suite name."""

    model: str
    adapters: Mapping[str, Path] = field(default_factory=dict)  # a suite that is missing is answered without one
    skills: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)  # folders of a skill or of a library
    prompts: Mapping[str, RenderedPrompt] = field(default_factory=dict)  # what is asked at its tasks
    context: Context | None = None  # the documents that its prompts hold parts of
    forms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # the ``response_format`` that is sent
    delivery: str = NONE
    author: str | None = None  # the model that writes a skill for each task
    system: tuple[str, Strict] | None = None  # the installed way that answers, with its options
    hands: Hands | None = None  # the tools by which it works in a box
    twin: int | None = None
    written: Mapping[str, Any] = field(default_factory=dict)  # as the experiment has it, for the manifest

    def build(self, name: str, workshop: "Workshop") -> dict[str, System]:
        """The contender by suite name: one question, or more where skills are opened."""
        spec, can, suites = workshop.specs[self.model], workshop.capabilities[self.model], workshop.suites
        backend = backend_of(spec)
        adapters = {suite: workshop.adapter(path, spec) for suite, path in sorted(self.adapters.items())}
        skilled = [suite for suite in suites if self.skills.get(suite)]
        try:
            skills = {suite: workshop.skills(self.skills[suite], self.delivery) for suite in skilled}
        except UserFileError as error:
            raise error.named_in(workshop.path, f"contenders.{name}.skills") from None
        named = {suite: [[s.name, s.digest] for s in found] for suite, found in skills.items() if found}
        author = workshop.specs[self.author] if self.author else None
        writing = [author.digest, author.apart, REVISION] if author else None
        way = None
        if self.system is not None:
            kind, options = SYSTEMS[self.system[0]], self.system[1]
            way = {"name": kind.name, "revision": kind.revision, **options.model_dump(mode="json")}
        delivery = None if self.delivery == NONE else delivery_of(self.delivery)
        delivered = [self.delivery, WRAPPERS, MAX_TURNS, *(delivery.identity if delivery else ())]
        whole = {
            suite: {
                "model": spec.digest,
                "prompt": self.prompts[suite].template.digest,
                "context": self.context.identity if self.context else None,
                "adapter": adapters[suite].digest if suite in adapters else None,
                "skills": named.get(suite),
                "delivery": delivered if suite in skills or author else None,
                "author": writing,
                "response_format": self.forms.get(suite),
                "system": way,
                "hands": self.hands.identity if self.hands else None,
                "twin": self.twin,
                "apart": spec.apart,
            }
            for suite in suites
        }
        identities = {suite: digest_json({k: v for k, v in parts.items() if v}) for suite, parts in whole.items()}
        described = {
            "model": {key: getattr(spec, key) for key in _SHOWN} | ({} if backend.named else {"model": ""}),
            "prompt": {suite: self._shown_prompt(suite) for suite in suites},
            "context": self.context.identity if self.context else None,
            "adapters": {suite: adapter.digest for suite, adapter in adapters.items()},
            "training": {suite: adapter.training for suite, adapter in adapters.items() if adapter.training},
            "training_usd": _training_usd(adapters.values()),
            "licences": {one.digest: said for one in adapters.values() if (said := licences_of(one.card))},
            "tuned": spec.tuned,
            "skills": named if author is None else {suite: [[WRITTEN, digest_json(writing)]] for suite in suites},
            "delivery": delivered if skills or author else None,
            "author": {key: getattr(author, key) for key in _SHOWN} if author else None,
            "response_format": self.forms,
            "system": way,
            "hands": self.hands.identity if self.hands else None,
            "twin": self.twin,
        }
        contender = Contender(
            name=name,
            kind=_KINDS[bool(adapters) or spec.tuned is not None, bool(skills or author)],
            parts=as_json({key: value for key, value in described.items() if value}),
            asked=self.written,
            digest=_over_suites(identities),
        )
        recorded = BACKENDS.get(str(spec.options.get("recorded_backend")), backend)
        made: dict[str, System] = {}
        for suite, identity in identities.items():
            adapter = adapters.get(suite)
            form = {"response_format": self.forms[suite]} if suite in self.forms else {}
            system = Direct(
                contender=contender,
                identity=identity,
                prompt=self.prompts[suite],
                model=spec.name,
                model_digest=spec.digest,
                sampling={**spec.sampling, **form},
                adapter=str(adapter.path) if adapter else None,
                adapter_digest=adapter.digest if adapter else None,
                logprobs=identity in workshop.watched or (recorded.always_logprobs and LOGPROBS in can),
                calls_tools=TOOLS in can,
                tool_role=TOOL_ROLE in can,
            )
            made[suite] = system
            found = skills.get(suite, ())
            chooser = workshop.chooser(found, self.delivery) if found else None
            if self.hands is not None:
                made[suite] = self.hands.given(system, found, delivery, chooser)
            elif suite in skills or author is not None:
                given = {each.name: getattr(system, each.name) for each in fields(system)}
                given |= {"skills": found, "delivery": delivery, "chooser": chooser}
                made[suite] = (
                    Skilled(**given)
                    if author is None
                    else SelfWritten(
                        **given, author=author.name, author_digest=author.digest, author_sampling=author.sampling
                    )
                )
            elif self.system is not None:
                made[suite] = kind.build(system, options)
        return made

    def _shown_prompt(self, suite: str) -> dict[str, Any]:
        """A prompt as the manifest keeps it: its digest, where the experiment names it, and what it says."""
        template, written = self.prompts[suite].template, self.written.get("prompt")
        named = written.get(suite) if isinstance(written, Mapping) and not written.keys() <= _ROLES else written
        texts = {"user": template.user} | ({} if template.system is None else {"system": template.system})
        shown = {role: _REDACT(text[:LONGEST_SHOWN]) for role, text in texts.items()}
        return {"digest": template.digest, "written": named, **shown}


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridPlan:
    """A contender of two others, and the rule between them."""

    worker: str
    expert: str
    signal: str
    threshold: float | None = None
    rate: float | None = None
    draws: int = 1  # of ``agreement:K``: how often the worker answers
    like: str | None = None  # for ``random:NAME``: the hybrid whose rate it takes
    verifier: Mapping[str, Any] | None = None
    written: Mapping[str, Any] = field(default_factory=dict)  # as the experiment has it, for the manifest

    def build(self, name: str, workshop: "Workshop") -> dict[str, System]:
        """The contender by suite name."""
        worker, expert = workshop.systems(self.worker), workshop.systems(self.expert)
        like, signal = workshop.systems(self.like) if self.like else {}, SIGNALS[self.signal]
        rule = {"signal": self.signal, "threshold": self.threshold, "rate": self.rate, "verifier": self.verifier}
        rule |= {"seed": workshop.seed} if signal.argument else {"draws": self.draws} if signal.counts else {}
        identities = {
            suite: digest_json(
                [worker[suite].identity, expert[suite].identity, rule, like[suite].identity if like else None]
            )
            for suite in workshop.suites
        }
        contender = Contender(
            name=name,
            kind=Kind.HYBRID,
            parts={"worker": self.worker, "expert": self.expert},
            digest=_over_suites(identities),
            asked=self.written,
        )
        return {
            suite: Hybrid(
                contender=contender,
                identity=identity,
                prompt=worker[suite].prompt,
                worker=worker[suite],
                expert=expert[suite],
                signal=signal,
                rule=Rule(
                    hybrid=name,
                    worker=asked if isinstance(asked := worker[suite], Direct) else None,
                    threshold=self.threshold,
                    rate=self.rate,
                    draws=self.draws,
                    seed=workshop.seed,
                ),
                likes=like.get(suite),
            )
            for suite, identity in identities.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HandingPlan:
    """A contender that hands work on to others by a tool: a worker to its expert, or a lead to its workers."""

    first: str
    others: tuple[str, ...]
    leads: bool
    most: int
    written: Mapping[str, Any] = field(default_factory=dict)  # as the experiment has it, for the manifest

    def build(self, name: str, workshop: "Workshop") -> dict[str, System]:
        """The contender by suite name."""
        first, others = workshop.systems(self.first), [workshop.systems(other) for other in self.others]
        how = ["delegate" if self.leads else "ask", self.most, HANDING_TEXTS]
        identities = {
            suite: digest_json([first[suite].identity, [other[suite].identity for other in others], how])
            for suite in workshop.suites
        }
        named = {"lead": self.first, "workers": [*self.others]}
        contender = Contender(
            name=name,
            kind=Kind.HYBRID,
            parts=named if self.leads else {"worker": self.first, "expert": self.others[0]},
            digest=_over_suites(identities),
            asked=self.written,
        )
        made: dict[str, System] = {}
        for suite, identity in identities.items():
            who, to = first[suite], [system for other in others if isinstance(system := other[suite], Direct)]
            assert isinstance(who, Direct), "the experiment was checked"  # noqa: S101
            given: dict[str, Any] = {"contender": contender, "identity": identity, "prompt": who.prompt}
            given |= {"first": who, "most": self.most}
            made[suite] = Led(**given, workers=tuple(to)) if self.leads else Advised(**given, expert=to[0])
        return made


Plan = DirectPlan | HybridPlan | HandingPlan


def build_systems(
    plans: Mapping[str, Plan],
    specs: Mapping[str, ModelSpec],
    capabilities: Mapping[str, frozenset[str]],
    suites: Sequence[str],
    *,
    seed: int = 0,
    path: Path = Path("experiment.yaml"),
) -> dict[str, dict[str, System]]:
    """Every contender on every suite, by both names. Raises UserFileError: a skill or an adapter cannot be used."""
    workshop = Workshop(plans=plans, specs=specs, capabilities=capabilities, suites=suites, seed=seed, path=path)
    # a part and its hybrid share answers, so a part asks for log-probabilities where its hybrid needs them
    hybrids = [plan for plan in plans.values() if isinstance(plan, HybridPlan)]
    workers = [plan.worker for plan in hybrids if not (SIGNALS[plan.signal].control or SIGNALS[plan.signal].counts)]
    workshop.watched |= {system.identity for name in workers for system in workshop.systems(name).values()}
    workshop.built.clear()
    return {name: workshop.systems(name) for name in plans}


@dataclass(kw_only=True)
class Workshop:
    """Builds each contender once, its parts first, and reads each folder once."""

    plans: Mapping[str, Plan]
    specs: Mapping[str, ModelSpec]
    capabilities: Mapping[str, frozenset[str]]
    suites: Sequence[str]
    seed: int
    path: Path  # of the experiment, for messages
    watched: set[str] = field(default_factory=set)  # identities of workers whose hybrids look at their signals
    built: dict[str, dict[str, System]] = field(default_factory=dict)
    _adapters: dict[tuple[Path, str], Adapter] = field(default_factory=dict)
    _choosers: dict[Any, Chooser | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._library = cache(load_library)

    def systems(self, name: str) -> dict[str, System]:
        """A contender by suite name."""
        if name not in self.built:
            self.built[name] = self.plans[name].build(name, self)
        return self.built[name]

    def adapter(self, path: Path, spec: ModelSpec) -> Adapter:
        """The adapter of a folder, which fits the model."""
        if (path, spec.name) not in self._adapters:
            self._adapters[path, spec.name] = load_adapter(path)
            backend_of(spec).check_adapter(spec, self._adapters[path, spec.name])
        return self._adapters[path, spec.name]

    def skills(self, folders: tuple[Path, ...], delivery: str) -> tuple[Skill, ...]:
        """The skills that a delivery makes of those in the folders."""
        found: dict[str, Skill] = {}
        for folder in folders:
            for skill in self._library(folder):
                other = found.setdefault(skill.name, skill)
                if other.digest != skill.digest:  # the very same skill, in a library and by itself, is one
                    problem = f"a skill named {skill.name!r} is in {other.folder} too, and says something else"
                    raise UserFileError(skill.folder, problem, advice="rename one of them, or leave it out")
        return delivery_of(delivery).prepare(tuple(found.values()), self._library)

    def chooser(self, skills: tuple[Skill, ...], delivery: str) -> Chooser | None:
        """What chooses among skills at each task; made once for the same skills."""
        key = (delivery, tuple((skill.name, skill.digest) for skill in skills))
        if key not in self._choosers:
            self._choosers[key] = delivery_of(delivery).chooser(skills)
        return self._choosers[key]


def _training_usd(adapters: Iterable[Adapter]) -> dict[str, float]:
    """By the digests of adapters what their cards say that the training cost, where all say it."""
    said = {adapter.digest: adapter.card.get("training_usd") for adapter in adapters}
    return {digest: usd for digest, usd in said.items() if usd is not None} if None not in said.values() else {}


def _over_suites(identities: Mapping[str, str]) -> str:
    """What a contender is on all suites together, whatever these are called."""
    distinct = sorted(set(identities.values()))
    return distinct[0] if len(distinct) == 1 else digest_json(distinct)
