"""The schema of ``experiment.yaml``: one record for each mapping in the file, each checked by itself."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from harness.core import Kind, digest_json, nearest
from harness.model import BACKENDS, ModelEntry
from harness.store import Economics
from harness.userfile import Amount, Count, Name, Positive, Strict, Text, Whole

DELIVERIES = ("none", "flat", "progressive", "placebo")
SIGNALS = ("logprob_mean", "logprob_min", "margin", "verifier")
"""Signals that are compared with a threshold."""
CONTROLS = ("always", "never", "oracle", "random")
EVERYTHING = 2.0
"""The threshold under which every confidence lies, as ``auto`` writes it."""
NOT_YET = frozenset({"agreement", "p_true", "ask", "bm25", "self"})
"""Words of the format that this version refuses by name, so that nobody takes them for misspelt."""


class SuiteEntry(Strict):
    """One suite of the experiment, or a part of it."""

    path: Text
    tasks: Count | None = None
    """At most so many tasks, the first of a seeded order."""
    split: Literal["dev", "test"] | None = None


def _entry_name(value: Any) -> str:
    name = value.get("backend") if isinstance(value, dict) else getattr(value, "backend", None)
    return (BACKENDS[name].entry if isinstance(name, str) and name in BACKENDS else ModelEntry).__name__


if TYPE_CHECKING:
    AnyModel = ModelEntry
else:
    _ENTRIES = dict.fromkeys([ModelEntry, *(backend.entry for backend in BACKENDS.values())])
    _ONE = tuple(Annotated[entry, Tag(entry.__name__)] for entry in _ENTRIES)
    AnyModel = Annotated[Union[_ONE], Discriminator(_entry_name)]  # noqa: UP007 - a tuple of types
"""A model by the keys of its backend."""


class Escalation(Strict):
    """When a hybrid hands a task to its expert."""

    signal: Text
    threshold: Annotated[float, Field(strict=True, allow_inf_nan=False)] | Literal["auto"] = "auto"
    """Escalates below it; ``auto`` is chosen on the dev split."""
    verifier: dict[str, Any] | None = None
    """A grader that needs no reference: ``{"name": …}`` and its options."""

    @property
    def name(self) -> str:
        """The signal without its argument."""
        return self.signal.partition(":")[0]

    @property
    def share(self) -> float | None:
        """Of ``random:P``: the share P, ``None`` where P names a contender."""
        try:
            return float(self.signal.partition(":")[2]) if self.name == "random" else None
        except ValueError:
            return None

    @property
    def like(self) -> str | None:
        """Of ``random:NAME``: the hybrid whose escalated share on dev is taken."""
        return self.signal.partition(":")[2] if self.name == "random" and self.share is None else None

    @model_validator(mode="after")
    def _checked(self) -> "Escalation":
        name, colon, argument = self.signal.partition(":")
        if name in NOT_YET:
            raise ValueError(f"the signal {name} is not available in this version; {_one_of((*SIGNALS, *CONTROLS))}")
        if name not in SIGNALS + CONTROLS:
            raise ValueError(f"unknown signal {name!r}; {nearest(name, SIGNALS + CONTROLS)}")
        if name == "random" and not argument:
            raise ValueError("random needs a share or a hybrid's name; write random:0.2 or random:NAME")
        if name != "random" and colon:
            raise ValueError(f"the signal {name} takes no argument, found {self.signal!r}; write {name}")
        if self.share is not None and not 0 <= self.share <= 1:
            raise ValueError(f"the share of random lies between 0 and 1, found {argument}")
        if (name == "verifier") != (self.verifier is not None):
            raise ValueError("the signal verifier and the key verifier go together; give both or neither")
        if self.verifier is not None and not isinstance(self.verifier.get("name"), str):
            raise ValueError("the verifier needs the name of a grader; write verifier: {name: json_schema, schema: …}")
        if isinstance(self.threshold, float):
            self._check_threshold(name, self.threshold)
        if name in CONTROLS and self.threshold != "auto":
            raise ValueError(f"the signal {name} has no threshold; take it out")
        return self

    def _check_threshold(self, name: str, threshold: float) -> None:
        if threshold > 1 and threshold != EVERYTHING:
            advice = f"write {threshold / 100:g}" if threshold <= 100 else "write a number between them"
            raise ValueError(f"threshold is {threshold:g}, and confidences lie between 0 and 1; {advice}")
        if threshold < 0 and not name.startswith("logprob"):
            raise ValueError(
                f"threshold is {threshold:g}, and the signal {name} lies between 0 and 1; write such a one"
            )


class ContenderEntry(Strict):
    """What is compared: a model with or without an adapter and skills, or a hybrid of two other contenders."""

    model: Text | None = None
    adapter: str | dict[str, str] | None = None
    skills: str | list[str] | dict[str, str | list[str]] | None = None
    delivery: Text = "none"
    prompt: str | dict[str, str | dict[str, str]] | None = None
    """A template's file in place of the suite's; or one for ``user`` and one for ``system``; or either by suite."""
    twin: Count | None = None
    """Told apart by it, an equal contender shares no answers."""
    worker: Text | None = None
    expert: Text | None = None
    escalate: Escalation | None = None

    @property
    def kind(self) -> Kind:
        """The kind of contender that these keys make."""
        if self.worker is not None:
            return Kind.HYBRID
        skilled = self.skills is not None and self.delivery != "none"
        if self.adapter is not None:
            return Kind.BOTH if skilled else Kind.ADAPTER
        return Kind.SKILLED if skilled else Kind.MODEL

    def adapter_for(self, suite: str) -> str | None:
        """The adapter's folder for a suite, as written; ``None`` where it has none."""
        return self.adapter.get(suite) if isinstance(self.adapter, dict) else self.adapter

    def skills_for(self, suite: str) -> tuple[str, ...]:
        """The skill folders or libraries for a suite, as written."""
        chosen = self.skills.get(suite, []) if isinstance(self.skills, dict) else self.skills or []
        return (chosen,) if isinstance(chosen, str) else tuple(chosen)

    @property
    def prompt_suites(self) -> tuple[str, ...]:
        """The suites that have a prompt of their own here."""
        return () if self.prompt is None or _is_template(self.prompt) else tuple(self.prompt)

    def prompt_for(self, suite: str) -> dict[str, str] | None:
        """The template's files for a suite by their role, as written; ``None`` where it is the suite's own."""
        chosen: Any = self.prompt
        if isinstance(chosen, dict) and not _is_template(chosen):
            chosen = chosen.get(suite)
        return {"user": chosen} if isinstance(chosen, str) else chosen

    @model_validator(mode="before")
    @classmethod
    def _default_delivery(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("skills") is not None and "delivery" not in value:
            return value | {"delivery": "progressive"}
        return value

    @model_validator(mode="after")
    def _checked(self) -> "ContenderEntry":
        hybrid = [key for key in ("worker", "expert", "escalate") if getattr(self, key) is not None]
        direct = [key for key in ("model", "adapter", "skills", "prompt", "twin") if getattr(self, key) is not None]
        if hybrid and direct:
            raise ValueError(f"{direct[0]} does not go with {hybrid[0]}; a hybrid names two contenders that have them")
        if hybrid and len(hybrid) < 3:
            raise ValueError("a hybrid needs worker, expert and escalate; add what is missing")
        if not hybrid and self.model is None:
            raise ValueError("neither a model nor worker, expert and escalate; give one of the two")
        for chosen in [self.prompt, *(self.prompt.values() if isinstance(self.prompt, dict) else ())]:
            if _is_template(chosen) and isinstance(chosen, dict) and "user" not in chosen:
                raise ValueError("prompt has no template of the role user; write {user: FILE, system: FILE}")
        for key in ("adapter", "skills", "prompt"):
            if any(not path for path in _paths_in(getattr(self, key))):
                raise ValueError(
                    f"{key} names no {'file' if key == 'prompt' else 'folder'}; name one, or take the key out"
                )
        self._check_delivery()
        if hybrid and self.worker == self.expert:
            raise ValueError(f"worker and expert are both {self.worker!r}; name two contenders")
        return self

    def _check_delivery(self) -> None:
        word = self.delivery.partition(":")[0]
        if word in NOT_YET:
            raise ValueError(f"the delivery {word} is not available in this version; {_one_of(DELIVERIES)}")
        if self.delivery not in DELIVERIES:
            raise ValueError(f"unknown delivery {self.delivery!r}; {nearest(self.delivery, DELIVERIES)}")
        if self.delivery != "none" and self.skills is None:
            raise ValueError(f"delivery {self.delivery} without skills; add skills, or take delivery out")


class Budget(Strict):
    """Where a run stops by itself. A cap stops new attempts and leaves the run incomplete."""

    usd: Amount | None = None
    attempt_usd: Amount | None = None
    wall_s: Positive | None = None


class Limits(Strict):
    """How hard a run may press."""

    concurrency: Annotated[Count, Field(le=10_000)] = 64
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    timeout_s: Positive = 120.0
    tries: Annotated[Count, Field(le=100)] = 4


class Experiment(Strict):
    """The whole of ``experiment.yaml``."""

    name: Name
    suites: Annotated[list[SuiteEntry], Field(min_length=1)]
    trials: Annotated[Count, Field(le=10_000)] = 1
    seed: Whole = 0
    models: dict[Name, AnyModel]
    contenders: Annotated[dict[Name, ContenderEntry], Field(min_length=1, max_length=2_000)]
    reference: Text | None = None
    budget: Budget = Budget()
    limits: Limits = Limits()
    economics: Economics = Economics()

    @field_validator("suites", mode="before")
    @classmethod
    def _paths_as_entries(cls, value: Any) -> Any:
        return [{"path": v} if isinstance(v, str) else v for v in value] if isinstance(value, list) else value

    @property
    def digest(self) -> str:
        """Of everything the file says."""
        return digest_json(self.model_dump(mode="json"))


def _is_template(prompt: Any) -> bool:
    """Whether it is one prompt rather than some by suite."""
    return isinstance(prompt, str) or (
        isinstance(prompt, dict) and bool(prompt) and prompt.keys() <= {"user", "system"}
    )


def _paths_in(value: Any) -> list[str]:
    """Every path of an adapter or skills key, an empty list or mapping as one empty path."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [path for part in value for path in _paths_in(part)] if value else [""]
    return [] if value is None else [value]


def _one_of(words: tuple[str, ...]) -> str:
    return "use one of " + ", ".join(words)
