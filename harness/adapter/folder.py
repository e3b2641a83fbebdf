"""One adapter's folder: what PEFT wrote, the card beside it, and whether it belongs to a base."""

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from harness.adapter.weights import Shapes, base_digest, base_shapes, tensor_shapes
from harness.core import UserFileError, digest_folder, digest_json, listed
from harness.userfile import Amount, Strict, parse, read_text, read_yaml

CONFIG, WEIGHTS, CARD = "adapter_config.json", "adapter_model.safetensors", "card.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter, as its files describe it. No weight was loaded."""

    name: str  # the folder's name
    path: Path
    base_model: str  # what the card says that it was trained on; without a card, what PEFT wrote
    base_digest: str | None  # of that base's weights, from the card; ``None`` where the card does not say
    rank: int
    target_modules: tuple[str, ...]  # names of the base's modules that it changes, or one regular expression
    digest: str  # of configuration, weights, tokenizer and chat template: of all that can change an answer
    parameters: int  # numbers in its matrices
    card: Mapping[str, Any] = field(default_factory=dict)  # the card's keys that were given, as JSON values
    tokenizer_files: tuple[str, ...] = ()  # names of its own tokenizer and chat template files
    warnings: tuple[str, ...] = ()  # what is missing and would be good to have, a sentence each

    @property
    def training(self) -> dict[str, Any]:
        """As `training_of` its card."""
        return training_of(self.card)


def _begins_with_a_year(date: dt.date | str) -> dt.date | str:
    if isinstance(date, str) and not re.match(r"\d{4}(?!\d)", date):
        raise ValueError(f"found {date[:60]!r}; needed: a date, such as 2027-01-06")
    return date


class Card(Strict):
    """``card.yaml``: where an adapter comes from. Every key may be left out."""

    digest: str | None = None
    base_model: str | None = None
    base_digest: str | None = None
    recipe: str | None = None
    training_data: str | None = None
    training_digest: str | None = None
    examples: int | None = None
    general_examples: int | None = None
    overlap: dict[str, Any] | None = None
    sources: dict[str, Any] | None = None
    seed: int | None = None
    gpu_seconds: Annotated[float, Field(ge=0)] | None = None
    cpu_seconds: Annotated[float, Field(ge=0)] | None = None
    training_usd: Amount | None = None
    metrics: dict[str, Any] | None = None
    date: Annotated[dt.date | str, AfterValidator(_begins_with_a_year)] | None = None
    licence: str | None = None
    base_licence: str | None = None
    data_licence: str | None = None
    note: str | None = None


def load_card(path: Path) -> dict[str, Any]:
    """The keys that a card gives, as JSON values. Raises UserFileError: it is missing or wrong."""
    found: dict[str, Any] = parse(Card, read_yaml(path), path).model_dump(mode="json", exclude_none=True)
    return found


def training_of(card: Mapping[str, Any]) -> dict[str, Any]:
    """A digest of all that a card says of the training but the seed, and the seed; empty without both."""
    told = {key: card.get(key) for key in ("base_model", "base_digest", "recipe", "examples", "seed")}
    data = card.get("training_digest") or card.get("training_data")
    seed = told.pop("seed")
    known = told["recipe"] is not None and seed is not None
    return {"recipe": digest_json([told, data]), "seed": seed} if known else {}


def licences_of(card: Mapping[str, Any]) -> dict[str, str]:
    """What a card says of the licences of its weights, its base and its data."""
    return {key: str(card[key]) for key in ("licence", "base_licence", "data_licence") if card.get(key)}


def load_adapter(path: Path | str) -> Adapter:
    """The adapter in a folder, by its configuration, card and header. Raises UserFileError: why it cannot be used."""
    path = Path(path)
    if not path.is_dir():
        beside = sorted(p.parent.name for p in path.parent.glob(f"*/{CONFIG}")) if path.parent.is_dir() else []
        advice = f"next to it are: {', '.join(beside[:20])}" if beside else "give the folder that PEFT wrote"
        raise UserFileError(path, "there is no such adapter folder", advice=advice)
    if not (path / CONFIG).is_file():
        raise _no_adapter(path)
    config = _config(path / CONFIG)
    weights = path / WEIGHTS
    if not weights.is_file():
        for pickle in (path / "adapter_model.bin", path / "adapter_model.pt"):
            if pickle.is_file():
                advice = "a pickle can run code and is never read: save with safe_serialization=True"
                raise UserFileError(pickle, f"found pickled weights, needed {WEIGHTS}", advice=advice)
        raise UserFileError(path, f"{WEIGHTS} is missing", advice="give the folder that PEFT wrote")
    shapes = tensor_shapes(weights)
    _check_ranks(config, shapes, weights)
    card: dict[str, Any] = {}
    warnings = [f"{path.name} has no {CARD}: its base, training data and cost are unknown"]
    if (place := path / CARD).is_file():
        card = load_card(place)
        warnings = [f"{path.name}: its card names no base_digest, so a changed base would go unnoticed"]
    own, targets = tokenizer_files(path), config["target_modules"]
    return Adapter(
        name=path.resolve().name,
        path=path,
        base_model=str(card.get("base_model") or config.get("base_model_name_or_path") or ""),
        base_digest=card.get("base_digest"),
        rank=config["r"],
        target_modules=(targets,) if isinstance(targets, str) else tuple(sorted(targets)),
        digest=digest_folder(path, files=[path / CONFIG, weights, *own]),
        parameters=sum(prod(shape) for shape in shapes.values()),
        card=card,
        tokenizer_files=tuple(sorted(file.relative_to(path).as_posix() for file in own)),
        warnings=() if "base_digest" in card else tuple(warnings),
    )


def _no_adapter(path: Path) -> UserFileError:
    """What a folder without an adapter's configuration is instead, and what is wanted."""
    wanted = f"an adapter's folder has {CONFIG} and {WEIGHTS}"
    if (path / "config.json").is_file():
        problem = "holds a whole model (config.json), and no adapter"
        return UserFileError(path, problem, advice=f"{wanted}; a whole model is served as it is, without an adapter")
    if within := sorted(place.parent.name for place in path.glob(f"*/{CONFIG}")):
        return UserFileError(path, f"holds no {CONFIG}, and folders that do", advice=f"name one: {listed(within, 20)}")
    return UserFileError(path, f"is no adapter: there is no {CONFIG}", advice=f"{wanted}; give the one that PEFT wrote")


def tokenizer_files(folder: Path) -> set[Path]:
    """The files of a model's or an adapter's folder that turn messages into tokens."""
    return {file for pattern in _TOKENIZER_FILES for file in folder.glob(pattern) if file.is_file()}


_TOKENIZER_FILES = (
    *("chat_template*", "additional_chat_templates/*", "tokenizer*", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.*", "merges.txt", "*.model", "*.tiktoken", "tekken.json"),
)
_MERGE = "merge it into its base (merge_and_unload) and give the result as a model of its own"
_AGAIN = "save the adapter again"
_PROMPTS = {"PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "CPT", "ADAPTION_PROMPT"}
_NO_TEXT = {
    "SEQ_CLS": "classes of texts",
    "TOKEN_CLS": "classes of tokens",
    "QUESTION_ANS": "spans of a text",
    "FEATURE_EXTRACTION": "vectors",
    "SEQ_2_SEQ_LM": "text by an encoder and a decoder",
}
_MUTATED = ("pissa", "olora", "corda", "lora_ga", "loftq")
"""Initialisations that change the base's weights: such an adapter is right on the changed ones only."""
_CONVERT = (
    "convert it to a plain LoRA: PeftModel.from_pretrained(base, FOLDER).save_pretrained(NEW,"
    " path_initial_model_for_weight_conversion=INITIAL), where INITIAL is the adapter as it was before training"
)
_NOT_HERE = {
    "target_parameters": "LoRA on single parameters cannot stand next to other adapters on one base",
    "alora_invocation_tokens": "an activated LoRA begins at its invocation tokens, which is not supported",
    "layer_replication": "it makes a model of repeated layers, which is not supported",
    "arrow_config": "a router of several adapters is not supported",
    "use_qalora": "QA-LoRA is for a quantised base, which is not supported",
    "use_bdlora": "block-diagonal LoRA is not supported",
    "kasa_config": "KaSA changes the base's own weights, which is not supported",
    "monteclora_config": "MonteCLoRA draws its weights at random, which is not supported",
}


def _config(path: Path) -> dict[str, Any]:
    """PEFT's configuration, of an adapter that this program can use."""
    try:
        config = json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise UserFileError(path, "not valid JSON", advice=_AGAIN) from None
    if not isinstance(config, dict):
        raise UserFileError(path, "found no mapping, needed what PEFT writes", advice=_AGAIN)
    kind, task, init = (config.get(key) for key in ("peft_type", "task_type", "init_lora_weights"))
    if kind != "LORA":
        advice = "train a LoRA instead" if kind in _PROMPTS else _MERGE
        raise UserFileError(path, f"found {kind!r}; only 'LORA' is supported", field="peft_type", advice=advice)
    if task in _NO_TEXT:
        problem = f"{task} adapters give {_NO_TEXT[task]}, not answers of a language model"
        raise UserFileError(path, problem, field="task_type", advice="train it with task_type CAUSAL_LM")
    if isinstance(init, str) and init.lower().startswith(_MUTATED):
        problem = f"found {init!r}: it was trained on a base whose own weights this initialisation changed"
        again = " (get_peft_model(base, its LoraConfig).save_pretrained(INITIAL) makes it again)"
        advice = _MERGE if init == "loftq" else _CONVERT + (again if init in {"pissa", "olora"} else "")
        raise UserFileError(path, problem, field="init_lora_weights", advice=advice)
    for key, why in _NOT_HERE.items():
        if config.get(key):
            raise UserFileError(path, why, field=key, advice=_MERGE)
    if type(config.get("r")) is not int or config["r"] < 1:
        raise UserFileError(path, f"found {config.get('r')!r}, needed a rank of at least 1", field="r")
    targets = config.get("target_modules")
    names = [targets] if isinstance(targets, str) else targets
    if not targets or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserFileError(path, f"found {targets!r}, needed names of modules", field="target_modules", advice=_AGAIN)
    return config


def _check_ranks(config: dict[str, Any], shapes: Shapes, weights: Path) -> None:
    """Every matrix has a rank that the configuration names; which module has which is for PEFT to say."""
    pattern = config.get("rank_pattern") or {}
    if not isinstance(pattern, dict) or any(type(rank) is not int or rank < 1 for rank in pattern.values()):
        problem = "needed ranks by the names of modules"
        raise UserFileError(weights.parent / CONFIG, problem, field="rank_pattern", advice=_AGAIN)
    ranks = {name: shape[0] for name, shape in shapes.items() if _LORA_A.search(name) and shape}
    if wrong := [name for name, rank in ranks.items() if rank not in {config["r"], *pattern.values()}]:
        said = f"r: {config['r']}" + (" and other ranks in rank_pattern" if pattern else "")
        problem = f"{len(wrong)} of the {len(ranks)} modules have another rank than {CONFIG} says with {said}"
        problem += f" ({wrong[0].removeprefix('base_model.model.')} is {list(shapes[wrong[0]])})"
        raise UserFileError(weights, problem, advice="correct r and rank_pattern, or save it again")


_LORA_A = re.compile(r"\.lora_(?:embedding_)?A(?:\.weight)?\Z")
_MATRIX = re.compile(r"^(?:base_model\.model\.)?(?P<module>.+?)\.lora_(?:embedding_)?(?P<side>[AB])(?:\.weight)?$")


def check_adapter(adapter: Adapter, base: Path) -> None:
    """Returns when ``adapter`` can be used on the model in the folder ``base``, by its digest and its files' headers.

    That the file holds all that its configuration names is for the backend to find; that it changes answers, for the
    model to probe. Raises UserFileError: another digest than the card's, no LoRA matrices, or other modules or shapes.
    """
    if adapter.base_digest is not None and (found := base_digest(base)) != adapter.base_digest:
        problem = f"the adapter was trained on {adapter.base_digest}, the base {base} is {found}"
        advice = "use the base it was trained on, or train it again on this one"
        raise UserFileError(adapter.path / CARD, problem, field="base_digest", advice=advice)
    weights = adapter.path / WEIGHTS
    own, shapes = tensor_shapes(weights), base_shapes(base)
    pairs: dict[str, Shapes] = {}  # by module, the shapes of its matrices A (rank x in) and B (out x rank)
    for name, shape in own.items():
        if match := _MATRIX.match(name):
            pairs.setdefault(match["module"], {})[match["side"]] = shape
    if not pairs:
        problem = f"holds no LoRA matrices (lora_A, lora_B) among its {len(own)} tensors ({', '.join([*own][:3])})"
        raise UserFileError(weights, problem, advice=_AGAIN)
    if foreign := [module for module in pairs if _weight_shape(module, shapes) is None]:
        problem, field = f"{len(foreign)} of its {len(pairs)} modules are not in the base {base}", foreign[0]
        if len(foreign) == len(pairs):
            problem = f"none of its {len(pairs)} modules is in the base {base}; the first is {foreign[0]}"
            field = "target_modules"
        advice = f"it was trained on {adapter.base_model or 'another model'}: use that base"
        raise UserFileError(weights, problem, field=field, advice=advice)
    for side in "AB":
        if lacking := [module for module, sides in pairs.items() if side not in sides]:
            problem = f"lora_{side} is missing in {len(lacking)} of {len(pairs)} modules ({', '.join(lacking[:3])})"
            raise UserFileError(weights, problem, advice=_AGAIN)
    for module, sides in pairs.items():
        a, b = sides["A"], sides["B"]
        # an adapter brings the whole of a module's weight where it adds tokens
        whole = (own.get(f"base_model.model.{module}{place}.weight") for place in (".base_layer", ""))
        weight = next(filter(None, whole), None) or _weight_shape(module, shapes) or ()
        if len(a) < 2 or len(b) < 2 or a[0] != b[1]:
            problem = f"lora_A is {list(a)} and lora_B {list(b)}: no common rank"
            raise UserFileError(weights, problem, field=module, advice=_AGAIN)
        product = (b[0], *a[1:])
        if weight not in {product, product[::-1]}:
            problem = f"adapter {adapter.name} changes a matrix of {list(product)}"
            problem += f", the base {base} has {list(weight)} there"
            raise UserFileError(weights, problem, field=module, advice="use the base it was trained on")


def _weight_shape(module: str, shapes: Shapes) -> tuple[int, ...] | None:
    """The shape of a module's weight; a checkpoint may leave out the leading parts of a name."""
    parts = module.split(".")
    for first in range(len(parts)):
        shape = shapes.get(".".join(parts[first:]) + ".weight")
        if shape is not None and len(parts) - first >= min(2, len(parts)):
            return shape
    # tied output layers are not stored: the embedding's matrix stands for them
    return shapes.get("model.embed_tokens.weight") if module == "lm_head" else None
