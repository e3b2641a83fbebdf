"""The card of an exported adapter, as the Hugging Face hub reads it: YAML in front, then text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core import dollars, listed, plural

_HUB_LICENCES = {
    *("apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "bsd-3-clause"),
    *("gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "openrail", "llama3.1", "llama3.2", "llama3.3", "llama4", "gemma"),
}  # names that the hub has; of others it takes ``other`` with a name
_PLACE = re.compile(r"(?<![\w.:/)~])(?:~|[A-Za-z]:)?[/\\](?:[\w.@+-]+[/\\])*([\w.@+-]+)")
_NOT_STATED = "not stated: ask whoever made it, before others use the result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a report says of an adapter: text for its card, and figures for the hub."""

    text: str
    results: Sequence[Mapping[str, Any]] = ()  # of ``model-index``
    suites: Sequence[str] = ()  # whose tasks the adapter answered
    unfit: str = ""  # that it passed nothing, in a sentence
    limits: Sequence[str] = ()  # what makes the figures worth less than they say, a sentence each


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a card says of the files next to it."""

    name: str
    base: str
    card: Mapping[str, Any]  # the adapter's own, without places of this machine
    digests: Mapping[str, str]  # by what each is of
    command: str
    merged: str | None = None  # the command that serves the merged weights
    notes: Sequence[str] = ()


def without_paths(value: Any) -> Any:
    """The same without places of this machine: of an absolute path its last part."""
    if isinstance(value, str):
        return _PLACE.sub(r"\1", value)
    if isinstance(value, Mapping):
        return {without_paths(key): without_paths(inner) for key, inner in value.items()}
    return [without_paths(inner) for inner in value] if isinstance(value, list | tuple) else value


def model_card(one: Exported, measured: Measured | None) -> str:
    """``README.md``."""
    import yaml

    front = yaml.safe_dump(_front(one, measured), sort_keys=False, allow_unicode=True, width=110)
    parts = [f"---\n{front}---", f"# {one.name}", _summary(one, measured)]
    parts += ["## Use", *_use(one)]
    parts += ["## Measured", measured.text if measured else _UNMEASURED]
    parts += ["## Intended use and limits", _limits(one, measured)]
    parts += ["## Training", *_training(one.card)]
    parts += ["## Licences", _licences(one)]
    parts += ["## Digests", _table(("of", "digest"), [(f"{what}", f"`{text}`") for what, text in one.digests.items()])]
    return "\n\n".join(part for part in parts if part) + "\n"


_UNMEASURED = "Not measured: it was exported without a report, and nothing is known of its pass rate or its cost."


def _front(one: Exported, measured: Measured | None) -> dict[str, Any]:
    licence = str(one.card.get("licence") or "")
    known = licence.lower() in _HUB_LICENCES
    found: dict[str, Any] = {"license": licence.lower() if known else "other"}
    found |= {"license_name": licence} if licence and not known else {}
    found |= {"base_model": one.base, "base_model_relation": "adapter", "library_name": "peft"}
    found |= {"pipeline_tag": "text-generation", "tags": ["lora", "ownbench", *_pipeline(one.card)]}
    if measured and measured.results:
        names = dict.fromkeys(metric["type"] for result in measured.results for metric in result["metrics"])
        found |= {"metrics": [*names], "model-index": [{"name": one.name, "results": [*measured.results]}]}
    return found


def _pipeline(card: Mapping[str, Any]) -> list[str]:
    word = str(card.get("recipe", "")).partition(",")[0]
    return [word] if word in {"sft", "cpt", "dpo", "grpo", "gkd", "distil"} else []


def _summary(one: Exported, measured: Measured | None) -> str:
    work = f" for the tasks of {listed(measured.suites)}" if measured and measured.suites else ""
    found = f"A LoRA adapter on `{one.base}`{work}. It changes answers of that base only: the digests below say which."
    return f"{found} {measured.unfit}" if measured and measured.unfit else found


def _use(one: Exported) -> list[str]:
    asked = "Chat template, tokenizer and system prompt are those of the evaluation: the base's own, and the suite's."
    lines = [
        "`serve.sh` starts vLLM's server, `compose.yaml` the same in a container, and `kubernetes.yaml` in a cluster:",
        f"```text\n{one.command}\n```",
        f"Ask for the model `{one.name}`, and for the base itself as `{one.base}`. {asked}",
    ]
    if one.merged is not None:
        lines += [f"`merged/` holds base and adapter as one model:\n\n```text\n{one.merged}\n```"]
    return lines


def _limits(one: Exported, measured: Measured | None) -> str:
    made = "Made for the work that it was measured on, with a person or a gate behind it where an error costs."
    found = [measured.unfit if measured and measured.unfit else made]
    if measured:
        found.append("The rates are of tasks like those of the suites named above. Other work was not measured.")
        found += measured.limits
    found += [f"{note[0].upper()}{note[1:]}." for note in one.notes]
    return "\n".join(f"- {line}" for line in found)


def _training(card: Mapping[str, Any]) -> list[str]:
    told = {
        "recipe": card.get("recipe"),
        "data": card.get("training_data"),
        "examples": None if card.get("examples") is None else f"{card['examples']:,}",
        "general examples": None if card.get("general_examples") is None else f"{card['general_examples']:,}",
        "seed": card.get("seed"),
        "CPU seconds": card.get("cpu_seconds"),
        "GPU seconds": card.get("gpu_seconds"),
        "cost": None if card.get("training_usd") is None else dollars(card["training_usd"]).replace("$", r"\$"),
        "date": card.get("date"),
        "note": card.get("note"),
    }
    rows = [(key, str(value)) for key, value in told.items() if value is not None]
    if not rows:
        return ["The adapter has no card: how it was trained is not known."]
    return [_table(("", ""), rows), _overlap(card.get("overlap"))]


def _overlap(record: Any) -> str:
    """What was found of suites' tasks in the training data."""
    if not isinstance(record, Mapping):
        return "Overlap of the training data with suites: not looked for."
    found = {suite: counts["lines"] for suite, counts in record.items()
             if isinstance(counts, Mapping) and counts.get("lines")}  # fmt: skip
    if not found:
        return f"Overlap of the training data with tasks of {plural(len(record), 'suite')}: none found."
    told = ", ".join(f"{plural(lines, 'line')} like tasks of {suite}" for suite, lines in found.items())
    return f"Overlap of the training data with tasks that choose or judge: {told}."


def _licences(one: Exported) -> str:
    keys = {"the adapter": "licence", f"the base {one.base}": "base_licence", "the data": "data_licence"}
    rows = [(what, str(one.card.get(key) or _NOT_STATED)) for what, key in keys.items()]
    return _table(("of", "licence"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[text.replace("|", r"\|").replace("\n", " ") for text in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, [":--"] * len(header), *cells])
