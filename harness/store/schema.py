"""The schema of ``experiment.yaml``: one record for each mapping in the file, each checked by itself."""

import json
import math
import re
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from harness.core import Kind, Price, digest_json, nearest
from harness.store.address import check_address, check_base
from harness.store.settings import Amount, Economics, Positive
from harness.userfile import Strict

BACKENDS: dict[str, tuple[str, ...]] = {
    "litellm": ("model",),
    "openai": ("model", "base_url"),
    "transformers": ("path",),
    "vllm": ("path",),
    "replay": ("report",),
}
"""Each backend and the keys without which it cannot be called."""

WITHOUT_ADAPTERS = frozenset({"litellm"})
DELIVERIES = ("none", "flat", "progressive", "placebo")
SIGNALS = ("logprob_mean", "logprob_min", "margin", "verifier")
"""Signals that are compared with a threshold."""
CONTROLS = ("always", "never", "oracle", "random")
EVERYTHING = 2.0
"""The threshold under which every confidence lies, as ``auto`` writes it."""
NOT_YET = frozenset({"agreement", "p_true", "ask", "bm25", "self"})
"""Words of the format that this version refuses by name, so that nobody takes them for misspelt."""


def _checked_name(name: str) -> str:
    if name != name.strip() or any(c < " " or c == "\x7f" for c in name):
        raise ValueError(f"the name {name[:60]!r} has a space at an end, or a control character; take it out")
    return name


def _checked_variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"{name[:60]!r} is no variable's name; write a name such as MY_KEY, and never the key itself")
    return name


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_checked_name)]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(strict=True, ge=1)]
Whole = Annotated[int, Field(strict=True)]
Truth = Annotated[bool, Field(strict=True)]


class SuiteEntry(Strict):
    """One suite of the experiment, or a part of it."""

    path: Text
    tasks: Count | None = None
    """At most so many tasks, the first of a seeded order."""
    split: Literal["dev", "test"] | None = None


class PriceEntry(Strict):
    """The user's own price of a model, in dollars per million tokens of each class."""

    input_usd_per_million: Amount | None = None
    cached_input_usd_per_million: Amount | None = None
    cache_write_usd_per_million: Amount | None = None
    output_usd_per_million: Amount | None = None
    as_of: Text | None = None

    @field_validator("as_of", mode="before")
    @classmethod
    def _date_as_text(cls, value: Any) -> Any:
        return value.isoformat() if hasattr(value, "isoformat") else value


class ModelEntry(Strict):
    """One model that can be called."""

    backend: Text
    model: Text | None = None
    """What the provider calls it."""
    path: Text | None = None
    """The folder of a local model."""
    base_url: Annotated[Text, AfterValidator(check_address)] | None = None
    api_key_env: Annotated[str, AfterValidator(_checked_variable)] | None = None
    revision: Text | None = None
    sampling: dict[str, Any] = Field(default_factory=dict)
    price: PriceEntry | None = None
    gpu_hour_usd: Amount | None = None
    tools: Truth | None = None
    """Whether it can call tools; unknown where it is not said."""
    stream: Truth = False
    reasoning: Literal["separate", "keep"] = "separate"
    """Whether what the model thinks is kept apart from its answer, or is part of the text."""
    batch_size: Count | None = None
    threads: Count | None = None
    device: Text | None = None
    dtype: Text | None = None
    report: Text | None = None
    """For the backend ``replay``: the report whose recorded answers are given again."""

    @property
    def options(self) -> dict[str, Any]:
        """What only some backends understand, where it is given: batch_size, threads, device, dtype, stream, tools."""
        given = {key: getattr(self, key) for key in ("batch_size", "threads", "device", "dtype", "tools")}
        given |= {"stream": self.stream or None, "reasoning": None if self.reasoning == "separate" else self.reasoning}
        return {k: v for k, v in given.items() if v is not None}

    def own_price(self) -> Price | None:
        """The price that the experiment itself states; ``None`` where it states none."""
        if self.gpu_hour_usd is not None:
            return Price(gpu_hour=self.gpu_hour_usd, source="experiment")
        if self.price is None:
            return None
        return Price(
            input=self.price.input_usd_per_million,
            cached_input=self.price.cached_input_usd_per_million,
            cache_write=self.price.cache_write_usd_per_million,
            output=self.price.output_usd_per_million,
            as_of=self.price.as_of or "",
            source="experiment",
        )

    @field_validator("sampling")
    @classmethod
    def _checked_sampling(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key, setting in value.items():
            _check_sampling(key, setting)
        return value

    @model_validator(mode="after")
    def _checked(self) -> "ModelEntry":
        if self.backend not in BACKENDS:
            raise ValueError(f"unknown backend {self.backend!r}; {nearest(self.backend, BACKENDS)}")
        for key in BACKENDS[self.backend]:
            if getattr(self, key) is None and not (key == "path" and self.model):
                raise ValueError(f"the backend {self.backend} needs the key {key}; add it")
        if self.base_url is not None and self.backend == "openai":
            check_base(self.base_url)
        if self.price is not None and self.gpu_hour_usd is not None:
            raise ValueError(
                "both price and gpu_hour_usd are given; a model is paid by tokens or by the hour, keep one"
            )
        return self


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

    @model_validator(mode="before")
    @classmethod
    def _default_delivery(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("skills") is not None and "delivery" not in value:
            return value | {"delivery": "progressive"}
        return value

    @model_validator(mode="after")
    def _checked(self) -> "ContenderEntry":
        hybrid = [key for key in ("worker", "expert", "escalate") if getattr(self, key) is not None]
        direct = [key for key in ("model", "adapter", "skills") if getattr(self, key) is not None]
        if hybrid and direct:
            raise ValueError(f"{direct[0]} does not go with {hybrid[0]}; a hybrid names two contenders that have them")
        if hybrid and len(hybrid) < 3:
            raise ValueError("a hybrid needs worker, expert and escalate; add what is missing")
        if not hybrid and self.model is None:
            raise ValueError("neither a model nor worker, expert and escalate; give one of the two")
        for key in ("adapter", "skills"):
            if any(not path for path in _paths_in(getattr(self, key))):
                raise ValueError(f"{key} names no folder; name one, or take the key out")
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
    models: dict[Name, ModelEntry]
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


_SET_BY_THE_RUN = {"model", "messages", "tools", "stream", "n", "logprobs", "top_logprobs", "timeout"}
_SAMPLING = ("temperature", "max_tokens", "top_p", "stop", "seed")


def _check_sampling(key: str, setting: Any) -> None:
    if key in _SET_BY_THE_RUN:
        raise ValueError(f"{key} is set by the run itself; take it out (repeats are asked for by trials)")
    if key not in _SAMPLING and (close := get_close_matches(key, _SAMPLING, n=1, cutoff=0.85)):
        raise ValueError(f"unknown sampling key {key!r}; did you mean {close[0]!r}?")
    try:
        json.dumps(setting, allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError(f"{key} holds {setting}, which JSON has no form for; quote it") from None
    number = isinstance(setting, (int, float)) and not isinstance(setting, bool) and math.isfinite(setting)
    whole = number and isinstance(setting, int)
    texts = isinstance(setting, str) or (isinstance(setting, list) and all(isinstance(s, str) for s in setting))
    rules = {
        "temperature": (number and setting >= 0, "a number from 0"),
        "max_tokens": (whole and setting >= 1, "a whole number from 1"),
        "top_p": (number and 0 < setting <= 1, "a number above 0 and up to 1"),
        "seed": (whole, "a whole number"),
        "stop": (texts, "a text or a list of texts"),
    }
    holds, needed = rules.get(key, (True, ""))
    if not holds:
        raise ValueError(f"{key} holds {setting!r}; needed: {needed}")


def _paths_in(value: Any) -> list[str]:
    """Every path of an adapter or skills key, an empty list or mapping as one empty path."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [path for part in value for path in _paths_in(part)] if value else [""]
    return [] if value is None else [value]


def _one_of(words: tuple[str, ...]) -> str:
    return "use one of " + ", ".join(words)
