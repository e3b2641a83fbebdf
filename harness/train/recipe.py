"""A recipe: the YAML file that says what is trained, on what, and how."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.cluster import TrainingJobEntry
from harness.core import UserFileError, listed
from harness.userfile import Amount, Count, Name, Positive, Strict, Text, Whole, parse, read_yaml

PIPELINES = ("sft", "cpt", "dpo", "grpo", "gkd", "distil")
BARE = "base"  # as ``start``: from the bare base, and from no adapter
DTYPES = ("float32", "bfloat16", "float16")
TOLD = "metadata."  # what the name of a task's field begins with
_DEVICE = re.compile(r"cpu|cuda(?::\d{1,2})?")
_OWN = {
    "teacher": ("gkd",),
    "reward": ("grpo",),
    "beta": ("dpo", "grpo", "gkd"),
    "generations": ("grpo",),
    "temperature": ("grpo", "gkd"),
    "max_new_tokens": ("grpo", "gkd"),
    "on_policy": ("gkd",),
    "length": ("cpt",),
    "mix": ("sft", "distil"),
}  # keys that only some pipelines read
_NEEDED = {"gkd": ("teacher", "data"), "grpo": ("reward",), "dpo": ("data", "start"), "sft": ("data",)}
_NEEDED |= {"cpt": ("data",), "distil": ("data",)}


def _folder_name(name: str) -> str:
    if name.startswith(".") or not re.fullmatch(r"[\w. -]+", name):
        raise ValueError(f"found {name!r}, which names no folder; take letters, digits, hyphens and dots")
    return name


def _device(value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise ValueError(f"found {value!r}, needed cpu, cuda or cuda:N; leave it out to take a GPU where there is one")
    return value


def _answer(name: str) -> str:
    if not name.startswith(TOLD) or name == TOLD:
        raise ValueError(f"found {name!r}, needed a field of the tasks' metadata, such as {TOLD}full_answer")
    return name


class LoraEntry(Strict):
    """``lora`` of a recipe."""

    r: Count = 8
    alpha: Count = 16
    dropout: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.0
    target: Text | list[Text] = "all-linear"
    first_layer: Whole | None = None  # those below it are left as they are


class DataEntry(Strict):
    """``data`` of a recipe: one source."""

    suite: Text | None = None
    split: Text | None = None
    prompt: Text | dict[Literal["user", "system"], Text] | None = None  # a contender's own, in place of the suite's
    answer: Annotated[Text, AfterValidator(_answer)] | None = None
    file: Text | None = None
    report: Text | None = None
    contender: Text | None = None
    rejected: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> "DataEntry":
        given = [name for name in ("suite", "file", "report") if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"found {' and '.join(given)}" if given else "no source of data"
            raise ValueError(f"{found}; write one of suite: FOLDER, file: FILE or report: FOLDER with contender: NAME")
        if (self.contender is None) != (self.report is None):
            raise ValueError("report and contender go together; write both, or neither")
        for key in ("split", "answer", "prompt"):
            if getattr(self, key) is not None and self.suite is None:
                raise ValueError(f"{key} goes with suite; take it out")
        if isinstance(self.prompt, dict) and "user" not in self.prompt:
            raise ValueError("prompt has no template of the role user; write {user: FILE, system: FILE}")
        if self.rejected is not None and self.report is None:
            raise ValueError("rejected goes with report; take it out")
        return self


class MixEntry(Strict):
    """``mix`` of a recipe: general examples, so that less is forgotten."""

    suite: Text | None = None
    file: Text | None = None
    share: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.2

    @model_validator(mode="after")
    def _one(self) -> "MixEntry":
        if (self.suite is None) == (self.file is None):
            raise ValueError("needed one source of general examples; write suite: FOLDER or file: FILE")
        return self


class CurveEntry(Strict):
    """``curve`` of a recipe: how ``--examples`` judges. It changes no training but those of the numbers."""

    suite: Text | None = None
    margin: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.02
    compute: Literal["steps", "epochs"] = "steps"


class CompareEntry(Strict):
    """``compare`` of a recipe: what the experiment of ``--report`` holds the result against. It changes no training."""

    suite: Text | Annotated[list[Text], Field(min_length=1)] | None = None
    skill: Text | Annotated[list[Text], Field(min_length=1)] | None = None
    expert: Text | dict[str, Any] | None = None  # a model's folder, or its keys as in experiment.yaml
    general: Text | None = None


class Recipe(Strict):
    """What is trained, on what, and how."""

    pipeline: Literal["sft", "cpt", "dpo", "grpo", "gkd", "distil"]
    name: Annotated[Name, AfterValidator(_folder_name)]
    base: Text
    method: Literal["lora", "full"] = "lora"
    lora: LoraEntry | None = None
    quantize: Literal["none", "4bit"] = "none"
    data: DataEntry | None = None
    mix: MixEntry | None = None
    start: Text | None = None
    teacher: Text | None = None
    reward: Text | None = None
    epochs: Positive | None = None
    steps: Count | None = None
    batch: Count = 16
    micro_batch: Count | None = None
    learning_rate: Positive | None = None
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.05
    weight_decay: Amount = 0.0
    beta: Amount | None = None
    generations: Annotated[int, Field(strict=True, ge=2)] | None = None
    temperature: Positive | None = None
    max_new_tokens: Count | None = None
    on_policy: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    length: Annotated[int, Field(strict=True, ge=2)] | None = None
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = 0
    device: Annotated[Text, AfterValidator(_device)] | None = None
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    save_dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    threads: Count = 1
    checkpoint_steps: Count = 50
    gpu_hour_usd: Amount | None = None
    licence: Text | None = None
    base_licence: Text | None = None
    data_licence: Text | None = None
    note: Text | None = None
    allow_overlap: list[Text] = Field(default_factory=list)
    curve: CurveEntry = CurveEntry()
    compare: CompareEntry = CompareEntry()
    job: TrainingJobEntry = TrainingJobEntry()

    @model_validator(mode="after")
    def _whole(self) -> "Recipe":
        for key, pipelines in _OWN.items():
            if getattr(self, key) is not None and self.pipeline not in pipelines:
                raise ValueError(f"{key} is read by {listed(pipelines)} only, and this is {self.pipeline}; take it out")
        for key in _NEEDED[self.pipeline]:
            if getattr(self, key) is None:
                raise ValueError(f"{self.pipeline} needs {key}; {_ADVICE[key]}")
        if self.pipeline == "grpo" and self.start is None:
            raise ValueError(f"grpo needs start; {_ADVICE['start']}")
        if self.epochs is not None and self.steps is not None:
            raise ValueError("epochs and steps both say how long; keep one")
        if self.method == "full" and (self.lora is not None or self.quantize != "none"):
            named = "lora" if self.lora is not None else "quantize"
            raise ValueError(f"method: full trains the weights themselves, and {named} is of method: lora; keep one")
        if self.lora is not None and self.start not in {None, BARE}:
            raise ValueError("lora is that of the adapter that start names, which training goes on with; take it out")
        if self.micro_batch is not None and self.batch % self.micro_batch:
            raise ValueError(f"batch is {self.batch}, which is no multiple of micro_batch {self.micro_batch}")
        if self.pipeline == "grpo" and self.batch % self.answers:
            raise ValueError(f"batch is {self.batch} answers, which is no multiple of generations {self.answers}")
        return self

    @property
    def answers(self) -> int:
        """How many answers ``grpo`` draws to a question."""
        return self.generations or 4

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self.learning_rate or (1e-5 if self.method == "full" else 2e-4)

    @property
    def sentence(self) -> str:
        """How it is trained, in one line for a card; without its seed, and without what is where."""
        lora = self.lora or LoraEntry()
        what = f"LoRA r={lora.r} alpha={lora.alpha} {_named(lora.target)}" if self.method == "lora" else "full weights"
        if lora.first_layer is not None:
            what = f"{what} from layer {lora.first_layer} on"
        if self.method == "lora" and self.start not in {None, BARE}:
            what = f"LoRA, going on from {self.start}"
        long = f"{self.steps} steps" if self.steps else f"{self.epochs or 1:g} epochs"
        parts = [self.pipeline, what, *(["4-bit base"] if self.quantize == "4bit" else [])]
        parts += [f"AdamW lr {self.rate:g} {self.schedule}", long, f"batch {self.batch}", _LOSSES[self.pipeline]]
        if lora.dropout:
            parts.append(f"dropout {lora.dropout:g}")
        if self.weight_decay:
            parts.append(f"weight decay {self.weight_decay:g}")
        own = {key: getattr(self, key) for key in _OWN if key not in {"teacher", "reward", "mix"}}
        parts += [f"{key} {value:g}" for key, value in own.items() if value is not None]
        parts += [f"teacher {self.teacher}"] if self.teacher else []
        parts += [f"reward {self.reward}"] if self.reward else []
        parts += [f"{100 * self.mix.share:g}% general examples"] if self.mix else []
        return ", ".join(parts)


_LOSSES = dict.fromkeys(("sft", "distil"), "loss on the answer alone") | {
    "cpt": "loss on every token, packed",
    "dpo": "preferences",
    "grpo": "a grader's score as reward",
    "gkd": "a teacher's distribution",
}
_ADVICE = {
    "data": "add data: {suite: FOLDER}, {file: FILE} or {report: FOLDER, contender: NAME}",
    "teacher": "add the folder of an adapter, or of a model with the same vocabulary",
    "reward": "add the folder of the suite whose grader is the reward",
    "start": f"name the adapter that sft made, or write start: {BARE}, from which little is learned",
}


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file, checked as far as it can be by itself. Raises UserFileError: what is wrong in it."""
    value = read_yaml(path)
    found: Any = value.get("pipeline")
    if found not in PIPELINES:
        problem = "this key is missing" if found is None else f"found {found!r}"
        raise UserFileError(path, problem, field="pipeline", advice=f"write one of {', '.join(PIPELINES)}")
    return parse(Recipe, value, path)


def _named(target: str | list[str]) -> str:
    return target if isinstance(target, str) else "+".join(sorted(target))
