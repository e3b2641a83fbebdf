"""From what an experiment says of its contenders to systems that can answer, one a suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harness.adapter import Adapter, load_adapter
from harness.core import Contender, Kind, ModelSpec, Redactor, RenderedPrompt, as_json, digest_json
from harness.model import BACKENDS, LOGPROBS, TOOL_ROLE, TOOLS, backend_of
from harness.skill import OPEN_BY_TEXT, OPEN_BY_TOOL, Skill, catalogue, file_content, load_library, skill_content
from harness.system import DELIVERIES, MAX_TURNS, NONE, SIGNALS, SYSTEMS, Direct, Hybrid, Rule, Skilled, System
from harness.userfile import Strict

_TEXTS = [catalogue([("n", "d")]), skill_content("n", "b", ["f"]), file_content("n", "p", "t")]
WRAPPERS = digest_json([*_TEXTS, OPEN_BY_TEXT, OPEN_BY_TOOL, "task again"])
"""Of the text around a skill: a change of it changes answers, so it changes every skilled contender's digest."""
LONGEST_SHOWN = 20_000  # characters of a template that a manifest keeps
_REDACT = Redactor()
_KINDS = {(False, False): Kind.MODEL, (True, False): Kind.ADAPTER, (False, True): Kind.SKILLED, (True, True): Kind.BOTH}
_SHOWN = ("name", "backend", "model", "revision", "sampling", "digest", "template_digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a contender is to be. A kind of contender says how it is built; what it does not say is not so."""

    written: Mapping[str, Any] = field(default_factory=dict)  # as the experiment has it, for the manifest

    @property
    def watched(self) -> str | None:
        """The contender whose answers' log-probabilities it may look at."""
        return None

    @property
    def adapters_of(self) -> Mapping[str, Sequence[Path]]:
        """By model name, the adapters that it is asked to answer with."""
        return {}

    def build(self, name: str, workshop: "Workshop") -> dict[str, System]:
        """The contender by suite name, its parts taken from the workshop.

        Raises:
            UserFileError: a skill or an adapter cannot be used.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectPlan(Plan):
    """A contender that speaks with one model: bare, tuned, skilled, or both."""

    model: str
    adapters: Mapping[str, Path] = field(default_factory=dict)
    """By suite name; a suite that is missing is answered without an adapter."""
    skills: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """By suite name: folders of a skill or of a library."""
    prompts: Mapping[str, RenderedPrompt] = field(default_factory=dict)  # by suite name: what is asked at its tasks
    forms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By suite name: the ``response_format`` that is sent."""
    delivery: str = NONE
    system: tuple[str, Strict] | None = None  # the installed way that answers, with its options
    twin: int | None = None

    @property
    def adapters_of(self) -> Mapping[str, Sequence[Path]]:
        """Those of its model."""
        return {self.model: tuple(self.adapters.values())}

    def build(self, name: str, workshop: "Workshop") -> dict[str, System]:
        """One question, or more where skills are opened."""
        spec, can = workshop.specs[self.model], workshop.capabilities[self.model]
        backend = backend_of(spec)
        adapters = {suite: workshop.adapter(path, spec) for suite, path in sorted(self.adapters.items())}
        skills = {s: workshop.skills(self.skills[s], self.delivery) for s in workshop.suites if self.skills.get(s)}
        way = None
        if self.system is not None:
            kind, options = SYSTEMS[self.system[0]], self.system[1]
            way = {"name": kind.name, "revision": kind.revision, **options.model_dump(mode="json")}
        delivered = [self.delivery, WRAPPERS, MAX_TURNS]
        whole = {
            suite: {
                "model": spec.digest,
                "prompt": self.prompts[suite].template.digest,
                "adapter": adapters[suite].digest if suite in adapters else None,
                "skills": [[s.name, s.digest] for s in skills.get(suite, ())],
                "delivery": delivered if suite in skills else None,
                "response_format": self.forms.get(suite),
                "system": way,
                "twin": self.twin,
                "apart": spec.apart,
            }
            for suite in workshop.suites
        }
        identities = {suite: digest_json({k: v for k, v in parts.items() if v}) for suite, parts in whole.items()}
        described = {
            "model": {key: getattr(spec, key) for key in _SHOWN} | ({} if backend.named else {"model": ""}),
            "prompt": {
                suite: _shown(self.prompts[suite], self.written.get("prompt"), suite) for suite in workshop.suites
            },
            "adapters": {suite: a.digest for suite, a in adapters.items()},
            "skills": {suite: parts["skills"] for suite, parts in whole.items() if parts["skills"]},
            "delivery": delivered if skills else None,
            "response_format": self.forms,
            "system": way,
            "twin": self.twin,
        }
        contender = Contender(
            name=name,
            kind=_KINDS[bool(adapters), bool(skills)],
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
            if suite in skills:
                given = {each.name: getattr(system, each.name) for each in fields(system)}
                made[suite] = Skilled(**given, skills=skills[suite], delivery=DELIVERIES[self.delivery])
            elif self.system is not None:
                made[suite] = kind.build(system, options)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridPlan(Plan):
    """A contender of two others."""

    worker: str
    expert: str
    signal: str
    threshold: float | None = None
    rate: float | None = None
    like: str | None = None  # for ``random:NAME``: the hybrid whose rate it takes
    verifier: Mapping[str, Any] | None = None

    @property
    def watched(self) -> str | None:
        """Its worker, where a signal looks at its answers."""
        return None if SIGNALS[self.signal].control else self.worker

    def build(self, name: str, workshop: "Workshop") -> dict[str, System]:
        """Its parts, and the rule between them."""
        worker, expert = workshop.systems(self.worker), workshop.systems(self.expert)
        like = workshop.systems(self.like) if self.like else {}
        signal = SIGNALS[self.signal]
        rule = {"signal": self.signal, "threshold": self.threshold, "rate": self.rate, "verifier": self.verifier}
        rule |= {"seed": workshop.seed} if signal.argument else {}
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
                rule=Rule(hybrid=name, threshold=self.threshold, rate=self.rate, seed=workshop.seed),
                likes=like.get(suite),
            )
            for suite, identity in identities.items()
        }


def build_systems(
    plans: Mapping[str, Plan],
    specs: Mapping[str, ModelSpec],
    capabilities: Mapping[str, frozenset[str]],
    suites: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, dict[str, System]]:
    """Every contender on every suite, by contender name in the plans' order, then by suite name.

    ``specs`` and ``capabilities`` are by model name; ``seed`` is of the control ``random``.

    Raises:
        UserFileError: a skill or an adapter cannot be used.
    """
    workshop = Workshop(plans=plans, specs=specs, capabilities=capabilities, suites=suites, seed=seed)
    # a part and its hybrid share answers, so a part asks for log-probabilities where its hybrid needs them
    workers = [plan.watched for plan in plans.values() if plan.watched is not None]
    workshop.watched |= {system.identity for name in workers for system in workshop.systems(name).values()}
    workshop.built.clear()
    return {name: workshop.systems(name) for name in plans}


def contender_of(systems: Mapping[str, System]) -> Contender:
    """The one identity behind a contender's systems on its suites."""
    return next(iter(systems.values())).contender


@dataclass(kw_only=True)
class Workshop:
    """Builds each contender once, its parts first, and reads each folder once."""

    plans: Mapping[str, Plan]
    specs: Mapping[str, ModelSpec]
    capabilities: Mapping[str, frozenset[str]]
    suites: Sequence[str]
    seed: int
    watched: set[str] = field(default_factory=set)  # identities of workers whose hybrids look at their signals
    built: dict[str, dict[str, System]] = field(default_factory=dict)
    _libraries: dict[Path, tuple[Skill, ...]] = field(default_factory=dict)
    _adapters: dict[tuple[Path, str], Adapter] = field(default_factory=dict)

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
        found = tuple(skill for folder in folders for skill in self._library(folder))
        return DELIVERIES[delivery].prepare(found, self._library)

    def _library(self, folder: Path) -> tuple[Skill, ...]:
        if folder not in self._libraries:
            self._libraries[folder] = tuple(load_library(folder))
        return self._libraries[folder]


def _over_suites(identities: Mapping[str, str]) -> str:
    """What a contender is on all suites together, whatever these are called."""
    distinct = sorted(set(identities.values()))
    return distinct[0] if len(distinct) == 1 else digest_json(distinct)


def _shown(prompt: RenderedPrompt, written: Any, suite: str) -> dict[str, Any]:
    """A prompt as the manifest keeps it: its digest, where the experiment names it, and what it says."""
    template = prompt.template
    texts = {"user": template.user} | ({"system": template.system} if template.system is not None else {})
    by_suite = isinstance(written, Mapping) and not written.keys() <= {"user", "system"}
    named = written.get(suite) if by_suite else written
    shown = {role: _REDACT(text[:LONGEST_SHOWN]) for role, text in texts.items()}
    return {"digest": template.digest, "written": named, **shown}
