"""From what an experiment says of its contenders to systems that can answer, one a suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.adapter import Adapter, load_adapter
from harness.core import Contender, Kind, ModelSpec, Redactor, RenderedPrompt, as_json, digest_json
from harness.model import BACKENDS, LOGPROBS, TOOL_ROLE, TOOLS, backend_of
from harness.skill import OPEN_BY_TEXT, OPEN_BY_TOOL, Skill, catalogue, file_content, load_library, skill_content
from harness.system import DELIVERIES, MAX_TURNS, NONE, SIGNALS, Asking, Direct, Hybrid, Rule, Skilled, System


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectPlan:
    """A contender that speaks with one model: bare, tuned, skilled, or both."""

    model: str
    adapters: Mapping[str, Path] = field(default_factory=dict)
    """By suite name; a suite that is missing is answered without an adapter."""
    skills: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """By suite name: folders of a skill or of a library."""
    prompts: Mapping[str, RenderedPrompt] = field(default_factory=dict)
    """By suite name: what is asked at its tasks."""
    forms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By suite name: the ``response_format`` that is sent."""
    delivery: str = NONE
    twin: int | None = None
    written: Mapping[str, Any] = field(default_factory=dict)
    """As the experiment has it, for the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridPlan:
    """A contender of two others."""

    worker: str
    expert: str
    signal: str
    threshold: float | None = None
    rate: float | None = None
    like: str | None = None
    """For ``random:NAME``: the hybrid whose rate it takes."""
    verifier: Mapping[str, Any] | None = None
    written: Mapping[str, Any] = field(default_factory=dict)


Plan = DirectPlan | HybridPlan

WRAPPERS = digest_json(
    [
        catalogue([("n", "d")]),
        skill_content("n", "b", ["f"]),
        file_content("n", "p", "t"),
        OPEN_BY_TEXT,
        OPEN_BY_TOOL,
        "task again",
    ]
)
"""Of the text around a skill: a change of it changes answers, so it changes every skilled contender's digest."""


def build_systems(
    plans: Mapping[str, Plan],
    specs: Mapping[str, ModelSpec],
    capabilities: Mapping[str, frozenset[str]],
    suites: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, dict[str, System]]:
    """Every contender on every suite, by contender name in the plans' order, then by suite name.

    Args:
        plans: by contender name; a hybrid's parts are among them.
        specs: by model name.
        capabilities: by model name: ``tools``, ``logprobs``, ``tool_role``.
        suites: the suites' names.
        seed: of the control ``random``.

    Raises:
        UserFileError: a skill or an adapter cannot be used.
    """
    makers = _Makers(plans, specs, capabilities, suites, seed)
    return {name: makers.systems(name) for name in plans}


def contender_of(systems: Mapping[str, System]) -> Contender:
    """The one identity behind a contender's systems on its suites."""
    return next(iter(systems.values())).contender


class _Makers:
    """Builds each contender once, its parts first."""

    def __init__(
        self,
        plans: Mapping[str, Plan],
        specs: Mapping[str, ModelSpec],
        capabilities: Mapping[str, frozenset[str]],
        suites: Sequence[str],
        seed: int,
    ) -> None:
        self.plans, self.specs, self.capabilities, self.suites, self.seed = plans, specs, capabilities, suites, seed
        self.built: dict[str, dict[str, System]] = {}
        self.libraries: dict[Path, tuple[Skill, ...]] = {}
        self.adapters: dict[tuple[Path, str], Adapter] = {}
        # a part and its hybrid share answers, so a part asks for log-probabilities where its hybrid needs them
        self.wants_logprobs: set[str] = set()
        """Identities of workers whose hybrids look at their signals."""
        for plan in plans.values():
            if isinstance(plan, HybridPlan) and not SIGNALS[plan.signal].control:
                self.wants_logprobs |= {system.identity for system in self.systems(plan.worker).values()}
        self.built.clear()

    def systems(self, name: str) -> dict[str, System]:
        if name not in self.built:
            plan = self.plans[name]
            made = self._hybrid(name, plan) if isinstance(plan, HybridPlan) else self._direct(name, plan)
            self.built[name] = made
        return self.built[name]

    def _direct(self, name: str, plan: DirectPlan) -> dict[str, System]:
        spec, can = self.specs[plan.model], self.capabilities[plan.model]
        backend = backend_of(spec)
        adapters = {suite: self._adapter(path, spec) for suite, path in sorted(plan.adapters.items())}
        skills = {s: self._skills(plan.skills[s], plan.delivery) for s in self.suites if plan.skills.get(s)}
        kind = {(False, False): Kind.MODEL, (True, False): Kind.ADAPTER, (False, True): Kind.SKILLED}.get(
            (bool(adapters), bool(skills)), Kind.BOTH
        )
        whole = {
            suite: {
                "model": spec.digest,
                "prompt": plan.prompts[suite].template.digest,
                "adapter": adapters[suite].digest if suite in adapters else None,
                "skills": [[s.name, s.digest] for s in skills.get(suite, ())],
                "delivery": [plan.delivery, WRAPPERS, MAX_TURNS] if suite in skills else None,
                "response_format": plan.forms.get(suite),
                "twin": plan.twin,
                "apart": spec.apart,
            }
            for suite in self.suites
        }
        identities = {suite: digest_json({k: v for k, v in parts.items() if v}) for suite, parts in whole.items()}
        described = {
            "model": {
                "name": spec.name,
                "backend": spec.backend,
                "model": spec.model if backend.named else "",
                "revision": spec.revision,
                "sampling": spec.sampling,
                "digest": spec.digest,
                "template_digest": spec.template_digest,
            },
            "prompt": {suite: _shown(plan.prompts[suite], plan.written.get("prompt"), suite) for suite in self.suites},
            "adapters": {suite: a.digest for suite, a in adapters.items()},
            "skills": {suite: parts["skills"] for suite, parts in whole.items() if parts["skills"]},
            "delivery": [plan.delivery, WRAPPERS, MAX_TURNS] if skills else None,
            "response_format": plan.forms,
            "twin": plan.twin,
            "written": plan.written,
        }
        contender = Contender(
            name=name,
            kind=kind,
            parts=as_json({key: value for key, value in described.items() if value or key == "written"}),
            digest=_over_suites(identities),
        )
        recorded = BACKENDS.get(str(spec.options.get("recorded_backend")), backend)
        made: dict[str, System] = {}
        for suite, identity in identities.items():
            adapter = adapters.get(suite)
            form = {"response_format": plan.forms[suite]} if suite in plan.forms else {}
            asking = Asking(
                model=spec.name,
                model_digest=spec.digest,
                prompt=plan.prompts[suite],
                contender=name,
                identity=identity,
                sampling={**spec.sampling, **form},
                adapter=str(adapter.path) if adapter else None,
                adapter_digest=adapter.digest if adapter else None,
                logprobs=identity in self.wants_logprobs or (recorded.always_logprobs and LOGPROBS in can),
                calls_tools=TOOLS in can,
                tool_role=TOOL_ROLE in can,
            )
            system = Direct(contender=contender, identity=identity, asking=asking)
            if suite in skills:
                delivery = DELIVERIES[plan.delivery]
                system = Skilled(
                    contender=contender, identity=identity, asking=asking, skills=skills[suite], delivery=delivery
                )
            made[suite] = system
        return made

    def _hybrid(self, name: str, plan: HybridPlan) -> dict[str, System]:
        worker, expert = self.systems(plan.worker), self.systems(plan.expert)
        like = self.systems(plan.like) if plan.like else {}
        signal = SIGNALS[plan.signal]
        rule = {"signal": plan.signal, "threshold": plan.threshold, "rate": plan.rate, "verifier": plan.verifier}
        rule |= {"seed": self.seed} if signal.argument else {}
        identities = {
            suite: digest_json(
                [worker[suite].identity, expert[suite].identity, rule, like[suite].identity if like else None]
            )
            for suite in self.suites
        }
        contender = Contender(
            name=name,
            kind=Kind.HYBRID,
            parts=as_json({"worker": plan.worker, "expert": plan.expert, "written": plan.written}),
            digest=_over_suites(identities),
        )
        return {
            suite: Hybrid(
                contender=contender,
                identity=identity,
                worker=worker[suite],
                expert=expert[suite],
                signal=signal,
                rule=Rule(hybrid=name, threshold=plan.threshold, rate=plan.rate, seed=self.seed),
                likes=like.get(suite),
            )
            for suite, identity in identities.items()
        }

    def _adapter(self, path: Path, spec: ModelSpec) -> Adapter:
        if (path, spec.name) not in self.adapters:
            self.adapters[path, spec.name] = load_adapter(path)
            backend_of(spec).check_adapter(spec, self.adapters[path, spec.name])
        return self.adapters[path, spec.name]

    def _skills(self, folders: tuple[Path, ...], delivery: str) -> tuple[Skill, ...]:
        found = tuple(skill for folder in folders for skill in self._library(folder))
        return DELIVERIES[delivery].prepare(found, self._library)

    def _library(self, folder: Path) -> tuple[Skill, ...]:
        if folder not in self.libraries:
            self.libraries[folder] = tuple(load_library(folder))
        return self.libraries[folder]


def _over_suites(identities: Mapping[str, str]) -> str:
    """What a contender is on all suites together, whatever these are called."""
    distinct = sorted(set(identities.values()))
    return distinct[0] if len(distinct) == 1 else digest_json(distinct)


LONGEST_SHOWN = 20_000
"""Characters of a template that a manifest keeps."""
_REDACT = Redactor()


def _shown(prompt: RenderedPrompt, written: Any, suite: str) -> dict[str, Any]:
    """A prompt as the manifest keeps it: its digest, where the experiment names it, and what it says."""
    template = prompt.template
    texts = {"user": template.user} | ({"system": template.system} if template.system is not None else {})
    by_suite = isinstance(written, Mapping) and not written.keys() <= {"user", "system"}
    named = written.get(suite) if by_suite else written
    return {
        "digest": template.digest,
        "written": named,
        **{role: _REDACT(text[:LONGEST_SHOWN]) for role, text in texts.items()},
    }
