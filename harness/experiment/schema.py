"""The schema of ``experiment.yaml``: one record for each mapping in the file, each checked by itself."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import AfterValidator, Discriminator, Field, PrivateAttr, Tag, field_validator, model_validator

from harness.core import digest_json
from harness.experiment.context_entry import ContextEntry, refuse
from harness.experiment.executor import ExecutorEntry
from harness.experiment.seeds import lists_of, wrong_seeds
from harness.model import BACKENDS, ModelEntry, check_form
from harness.sandbox import SandboxOptions
from harness.store import Economics
from harness.system import BOX_TOOLS, DELIVERIES, NONE, SIGNALS, SYSTEMS, delivery_of
from harness.userfile import Amount, BelowError, Count, Name, Positive, Strict, Text, Truth, Whole

MOST_HANDED = 50  # questions or subtasks that one attempt may hand on
MOST_DRAWS = 100  # answers of one worker at one task
EVERYTHING = 2.0  # the threshold under which every confidence lies, as ``auto`` writes it


class SuiteEntry(Strict):
    """One suite of the experiment, or a part of it."""

    path: Text
    tasks: Count | None = None  # at most so many tasks, the first of a seeded order
    split: Literal["dev", "test", "train"] | None = None


if TYPE_CHECKING:
    AnyModel = ModelEntry
else:  # a model by the keys of its backend

    def _entry_name(value: Any) -> str:
        name = value.get("backend") if isinstance(value, dict) else getattr(value, "backend", None)
        return (BACKENDS[name].entry if isinstance(name, str) and name in BACKENDS else ModelEntry).__name__

    _ENTRIES = dict.fromkeys([ModelEntry, *(backend.entry for backend in BACKENDS.values())])
    _ONE = tuple(Annotated[entry, Tag(entry.__name__)] for entry in _ENTRIES)
    AnyModel = Annotated[Union[_ONE], Discriminator(_entry_name)]  # noqa: UP007 - a tuple of types


class Escalation(Strict):
    """When a hybrid hands a task to its expert."""

    signal: Text
    threshold: Annotated[float, Field(strict=True, allow_inf_nan=False)] | Literal["auto"] = "auto"
    """Escalates below it; ``auto`` is chosen on the dev split."""
    most: Annotated[Count, Field(le=MOST_HANDED)] | None = None  # of ``ask``: questions at one task; 1
    verifier: dict[str, Any] | None = None  # a grader that needs no reference: ``{"name": …}`` and its options

    @property
    def name(self) -> str:
        """The signal without its argument."""
        return self.signal.partition(":")[0]

    @property
    def share(self) -> float | None:
        """Of ``random:P``: the share P, ``None`` where P names a contender."""
        with suppress(ValueError):
            return float(self.signal.partition(":")[2]) if SIGNALS[self.name].argument else None
        return None

    @property
    def like(self) -> str | None:
        """Of ``random:NAME``: the hybrid whose escalated share on dev is taken."""
        named = SIGNALS[self.name].argument and self.share is None
        return self.signal.partition(":")[2] or None if named else None

    @property
    def draws(self) -> int:
        """Of ``agreement:K``: the number K."""
        return int(self.signal.partition(":")[2]) if SIGNALS[self.name].counts else 1

    @property
    def confidence(self) -> float | None:
        """The threshold on the scale of confidences; ``None`` where it is chosen on dev tasks, or there is none."""
        signal = SIGNALS[self.name]
        return signal.threshold if isinstance(self.threshold, str) else signal.as_confidence(self.threshold)

    @model_validator(mode="after")
    def _checked(self) -> "Escalation":
        name, colon, argument = self.signal.partition(":")
        refuse(((why := SIGNALS.refusal(name)) is not None, str(why)))
        signal, grader, threshold = SIGNALS[name], self.verifier, self.threshold
        nameless = "the verifier needs the name of a grader; write verifier: {name: json_schema, schema: …}"
        together = "the signal verifier and the key verifier go together; give both or neither"
        refuse(
            (signal.argument and not argument, f"{name} needs a share or a hybrid; write {name}:0.2 or {name}:NAME"),
            (
                signal.counts and not (argument.isdecimal() and 2 <= int(argument[:4]) <= MOST_DRAWS),
                f"{name} needs a number of answers from 2 to {MOST_DRAWS}, found {self.signal!r}; write {name}:5",
            ),
            (
                colon and not (signal.argument or signal.counts),
                f"the signal {name} takes no argument, found {self.signal!r}; write {name}",
            ),
            (
                not 0 <= (self.share or 0) <= 1,
                f"the share of {name} lies between 0 and 1, found {argument}; write {name}:0.2",
            ),
            (signal.verifier == (grader is None), together),
            (grader is not None and not isinstance(grader.get("name"), str), nameless),
            (signal.control and threshold != "auto", f"the signal {name} has no threshold; take it out"),
            (
                signal.tool and "threshold" in self.model_fields_set,
                f"the signal {name} has no threshold, for the worker itself decides; take it out",
            ),
            (self.most is not None and not signal.tool, "most goes with the signal ask; take it out"),
        )
        if not isinstance(threshold, str):
            said = f"threshold is {threshold:g}, and"
            advice = f"write {threshold / 100:g}" if threshold <= 100 else "write a number between them"
            refuse(
                (threshold > 1 and threshold != EVERYTHING, f"{said} confidences lie between 0 and 1; {advice}"),
                (
                    signal.as_confidence(threshold) < 0,
                    f"{said} the signal {name} lies between 0 and 1; write such a one",
                ),
            )
        return self


class ContenderEntry(Strict):
    """What is compared: a model with or without an adapter and skills, or a hybrid of two other contenders."""

    model: Text | None = None
    adapter: str | list[str] | dict[str, str | list[str]] | None = None  # of a list one for each training seed
    skills: str | list[str] | dict[str, str | list[str]] | None = None
    delivery: Text = NONE
    author: Text | None = (
        None  # of ``delivery: self``: the model that writes a skill for each task; else the same model
    )
    context: Text | None = None  # the name of the documents that it is shown parts of
    prompt: str | dict[str, str | dict[str, str]] | None = None  # a file, files by role, or either by suite
    response_format: Annotated[str | dict[str, Any], AfterValidator(check_form)] | None = None
    """``json_object``, ``json_schema`` (of the suite's grader), or a mapping that is sent as it is."""
    system: dict[str, Any] | None = None  # another way to answer with the model, of an installed package: ``{name: …}``
    tools: Annotated[list[Text], Field(min_length=1)] | None = None  # by which it works in a box
    turns: Annotated[Count, Field(le=10_000)] | None = None  # with tools: calls of the model in one attempt; 40
    tokens: Count | None = None  # with tools: of all calls of one attempt together, in and out
    control: Literal["shortcut"] | None = None  # it is shown less of each task: it measures, and cannot be chosen
    twin: Count | None = None  # told apart by it, an equal contender shares no answers
    worker: Text | None = None
    expert: Text | None = None
    escalate: Escalation | None = None
    lead: Text | None = None
    workers: Annotated[list[Text], Field(min_length=1, max_length=20)] | None = None
    most: Annotated[Count, Field(le=MOST_HANDED)] | None = None  # of a lead: subtasks that it hands on at one task; 8
    _seed_of: str | None = PrivateAttr(None)

    def adapter_for(self, suite: str) -> str | None:
        """The adapter's folder for a suite, as written; ``None`` where it has none. Of several seeds the first."""
        return next(iter(lists_of(self.adapter).get(suite) or lists_of(self.adapter).get("") or ()), None)

    @property
    def others(self) -> tuple[str, ...]:
        """The contenders that it is made of, or takes its rate from."""
        like = self.escalate.like if self.escalate else None
        return tuple(filter(None, (self.worker, self.expert, self.lead, *(self.workers or ()), like)))

    @property
    def seed_of(self) -> str | None:
        """The contender in the file of which it is one training seed."""
        return self._seed_of

    def mark(self, seed_of: str) -> None:
        """Notes that it is one training seed of a contender."""
        self._seed_of = seed_of

    def skills_for(self, suite: str) -> tuple[str, ...]:
        """The skill folders or libraries for a suite, as written."""
        chosen = self.skills.get(suite, []) if isinstance(self.skills, dict) else self.skills or []
        return (chosen,) if isinstance(chosen, str) else tuple(chosen)

    @property
    def writer(self) -> str | None:
        """The model that writes its skill for each task; ``None`` where its skills are named, or it has none."""
        written = self.delivery in DELIVERIES and DELIVERIES[self.delivery].written
        return self.author or self.model if written else None

    @property
    def own_prompts(self) -> dict[str, Any]:
        """Prompts by suite, where they are written so."""
        return self.prompt if isinstance(self.prompt, dict) and not _is_template(self.prompt) else {}

    def prompt_for(self, suite: str) -> dict[str, str] | None:
        """The template's files for a suite by their role, as written; ``None`` where it is the suite's own."""
        chosen: Any = self.own_prompts.get(suite) if self.own_prompts else self.prompt
        return {"user": chosen} if isinstance(chosen, str) else chosen

    @field_validator("adapter", mode="before")
    @classmethod
    def _folders(cls, value: Any) -> Any:
        lists = value.values() if isinstance(value, dict) else [value]
        wrong = next((one for of in lists if isinstance(of, list) for one in of if not isinstance(one, str)), None)
        refuse((wrong is not None, f"found {wrong!r:.60} among the training seeds; write the folder of an adapter"))
        return value

    @field_validator("system")
    @classmethod
    def _known_system(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        name = value.get("name") if value is not None else ""
        if value is None or (isinstance(name, str) and (why := SYSTEMS.refusal(name)) is None):
            return value
        raise ValueError(why if isinstance(name, str) else "it needs the name of an installed one; write {name: …}")

    @field_validator("tools")
    @classmethod
    def _known_tools(cls, value: list[str] | None) -> list[str] | None:
        for name in value or ():
            refuse((why := BOX_TOOLS.refusal(name), str(why)))
            refuse((value and value.count(name) > 1, f"{name} is there twice; name each tool once"))
        return value

    @model_validator(mode="before")
    @classmethod
    def _default_delivery(cls, value: Any) -> Any:
        skilled = isinstance(value, dict) and value.get("skills") is not None and "delivery" not in value
        return value | {"delivery": "progressive"} if skilled else value

    @model_validator(mode="after")
    def _checked(self) -> "ContenderEntry":
        hybrid = [key for key in ("worker", "expert", "escalate") if getattr(self, key) is not None]
        own = ["model", "adapter", "skills", "author", "context", "prompt", "response_format", "system"]
        own += ["tools", "turns", "tokens", "twin"]
        direct = [key for key in own if getattr(self, key) is not None] + ["delivery"] * (self.delivery != NONE)
        led, workers = (
            [key for key in ("lead", "workers", "most") if getattr(self, key) is not None],
            self.workers or [],
        )
        twice = next((name for name in workers if workers.count(name) > 1), None)
        mixed = (
            f"{' does not go with '.join([*direct[:1], *hybrid[:1], *led][:2])}; a lead names contenders that have it"
        )
        refuse(
            (led and not self.lead, f"{led[0] if led else ''} without a lead; add lead: NAME, or take it out"),
            (led and (direct or hybrid), mixed),
            (led and not workers, "a lead without workers; add workers: [NAME]"),
            (self.lead in workers, f"the lead {self.lead!r} is among its own workers; name other contenders"),
            (twice, f"{twice!r} is among the workers twice; name each once"),
        )
        if led:
            return self
        both = f"{' does not go with '.join([*direct[:1], *hybrid[:1]])}; a hybrid names two contenders that have them"
        refuse(
            (hybrid and direct, both),
            (0 < len(hybrid) < 3, "a hybrid needs worker, expert and escalate; add what is missing"),
            (not hybrid and not self.model, "neither a model nor worker, expert and escalate; give one of the two"),
        )
        for key in ("turns", "tokens"):
            alone = getattr(self, key) is not None and self.tools is None
            refuse((alone, f"{key} goes with tools; add tools: [bash, …], or take {key} out"))
        for chosen in [self.prompt, *self.own_prompts.values()]:
            no_user = isinstance(chosen, dict) and _is_template(chosen) and "user" not in chosen
            refuse((no_user, "prompt has no template of the role user; write {user: FILE, system: FILE}"))
        for key, what in (("adapter", "folder"), ("skills", "folder"), ("prompt", "file")):
            refuse(("" in _paths_in(getattr(self, key)), f"{key} names no {what}; name one, or take the key out"))
        wrong, field = wrong_seeds(self.adapter)
        if wrong:
            raise BelowError(field, wrong)
        if (delivery := self.delivery) != NONE:
            name = delivery.partition(":")[0]
            refuse(((why := DELIVERIES.refusal(name)) is not None, _with_argument(name, str(why))))
            delivery_of(delivery)
            written = self.writer is not None
            unused = f"delivery {delivery} without skills; add skills, or take delivery out"
            both = f"delivery {delivery} writes a skill for each task, and skills are named; take one of the two out"
            refuse((self.skills is None and not written, unused), (self.skills is not None and written, both))
        refuse(
            (self.tools and self.writer, f"tools do not go with delivery {self.delivery}; take one of the two out"),
            (self.author and self.writer is None, "author goes with delivery: self; add that, or take author out"),
            (hybrid and self.worker == self.expert, f"worker and expert are both {self.worker!r}; name two contenders"),
        )
        return self


def _with_argument(name: str, why: str) -> str:
    """The refusal of an unknown delivery, but that of one that takes an argument it names that too."""
    for known, delivery in DELIVERIES.items():
        if delivery.takes and f"did you mean {known!r}" in why:
            rest = name.removeprefix(known).lstrip("_-=: ") if name.startswith(known) else ""
            number = rest if rest.isascii() and rest.isdigit() and int(rest[:9]) else "3"
            example = f"{known}:{number}"
            return why.replace(repr(known), repr(example))
    return why


class Budget(Strict):
    """Where a run stops by itself. A cap stops new attempts and leaves the run incomplete."""

    usd: Amount | None = None
    attempt_usd: Positive | None = None
    wall_s: Positive | None = None


class Limits(Strict):
    """How hard a run may press."""

    concurrency: Annotated[Count, Field(le=10_000)] = 64
    adaptive: Truth = True
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    timeout_s: Positive = 120.0
    tries: Annotated[Count, Field(le=100)] = 4


class JudgeEntry(Strict):
    """A model that grades answers by a suite's rubric. Its calls keep limits of their own."""

    model: Text
    prompt: Text | None = None
    repeats: Annotated[Count, Field(le=25)] = 1
    reply: Literal["auto", "json_schema", "json_object", "text"] = "auto"
    budget_usd: Positive | None = None
    concurrency: Annotated[Count, Field(le=10_000)] = 16
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    timeout_s: Positive = 120.0
    tries: Annotated[Count, Field(le=100)] = 4


class CacheEntry(Strict):
    """Where answers are kept beyond this report."""

    path: Text
    trials: Truth = False  # whether all trials of a task share one answer; by default each is a draw of its own
    mode: Literal["read_write", "read_only"] = "read_write"


class Experiment(Strict):
    """The whole of ``experiment.yaml``."""

    name: Name
    suites: Annotated[list[SuiteEntry], Field(min_length=1)]
    trials: Annotated[Count, Field(le=10_000)] = 1
    seed: Whole = 0
    models: dict[Name, AnyModel]
    context: dict[Name, ContextEntry] = Field(default_factory=dict)  # documents, by a name that contenders use
    contenders: Annotated[dict[Name, ContenderEntry], Field(min_length=1, max_length=2_000)]
    judges: dict[Name, JudgeEntry] = Field(default_factory=dict)
    reference: Text | None = None
    budget: Budget = Budget()
    limits: Limits = Limits()
    sandbox: SandboxOptions = SandboxOptions()
    executor: ExecutorEntry = ExecutorEntry()
    cache: CacheEntry | None = None
    economics: Economics = Economics()

    @field_validator("suites", mode="before")
    @classmethod
    def _paths_as_entries(cls, value: Any) -> Any:
        return [{"path": v} if isinstance(v, str) else v for v in value] if isinstance(value, list) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
        """As the file may have it: a suite by its path alone, a model by the keys of its backend."""
        found = handler.resolve_ref_schema(handler(core))
        suites, models = found["properties"]["suites"], found["properties"]["models"]
        suites["items"] = {"anyOf": [{"type": "string", "minLength": 1}, suites["items"]]}
        entries = dict.fromkeys([ModelEntry, *(backend.entry for backend in BACKENDS.values())])  # those of `AnyModel`
        names = ([name for name, backend in BACKENDS.items() if backend.entry is entry] for entry in entries)
        models["additionalProperties"]["oneOf"] = [
            {"allOf": [ref, {"properties": {"backend": {"enum": own}}}]}
            for ref, own in zip(models["additionalProperties"]["oneOf"], names, strict=True)
            if own
        ]
        return found

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
