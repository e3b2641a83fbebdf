"""Writes what people read: ``skills/`` and ``suites/``, whose train tasks the adapters are tuned on."""

import json
from pathlib import Path

import yaml
from bodies import BODIES, DISTRACTORS
from domains import DOMAINS, EXAMPLES, GENERAL, draw, draw_general

LICENCE = "CC0-1.0"
SEED = 1
TINY, TINY_TASKS = "order-extraction", 240
GENERAL_TRAIN = 300
"""General examples. Recipes mix some of them into an adapter's training, so that it forgets less."""


def catalogue_entries() -> list[tuple[str, str]]:
    """Names and descriptions of all skills, in the order of their names."""
    entries = {of.name: of.description for domain in DOMAINS.values() for of in domain.documents}
    entries |= {name: description for name, (description, _) in DISTRACTORS.items()}
    return sorted(entries.items())


def publish(root: Path) -> None:
    """Writes ``skills/`` and ``suites/`` under ``root``."""
    for name, description in catalogue_entries():
        body = BODIES.get(name) or DISTRACTORS[name][1]
        head = f"---\nname: {name}\ndescription: {description}\nlicense: {LICENCE}\n---\n\n"
        _write(root / "skills" / name / "SKILL.md", head + body)
    seen: set[str] = set()
    general = {
        split: draw_general(GENERAL_TRAIN if split == "train" else EXAMPLES[split], seen, f"{split}/{SEED}")
        for split in ("dev", "test", "train")
    }
    about = "Small text operations that no adapter was tuned for: what an adapter makes the worker forget."
    _suite(root, GENERAL, about, "exact", "pass_rate", general)
    for name, domain in DOMAINS.items():
        metric = "macro_f1" if domain.labels else "pass_rate"
        splits = {split: draw(name, split, SEED) for split in ("dev", "test", "train")}
        _suite(root, name, domain.about, domain.grader, metric, splits)
    _tiny(root)


def _tiny(root: Path) -> None:
    """``adapters/recipes/tiny``: train tasks of one document, and pairs of a right and a wrong answer to them."""
    drawn = [one for one in draw(TINY, "train", SEED + 1) if one["metadata"]["document"] == TINY][:TINY_TASKS]
    about = "Orders to learn from, for the recipes that take seconds. Train tasks only; nothing is judged by it."
    _suite(root, "tiny-orders", about, DOMAINS[TINY].grader, "pass_rate", {"train": drawn}, "adapters/recipes/tiny")
    answers = [one["metadata"]["full_answer"] for one in drawn]
    pairs = [
        {"prompt": one["input"], "chosen": right, "rejected": wrong}
        for one, right, wrong in zip(drawn, answers, [*answers[1:], answers[0]], strict=True)
    ]
    _write(root / "adapters/recipes/tiny/pairs.jsonl", "".join(json.dumps(row) + "\n" for row in pairs))


def _suite(root: Path, name: str, about: str, grader: object, metric: str, splits: dict[str, list[dict]],
           place: str = "") -> None:  # fmt: skip
    """One folder of ``suites/``, or the one in ``place``."""
    folder = root / (place or f"suites/{name}")
    head = {
        "name": name,
        "version": "2.0.0",
        "description": f"{about} Synthetic.",
        "licence": LICENCE,
        "domains": [name],
        "prompt": "prompts/plain.txt",
        "grader": grader,
        "metric": metric,
        "tasks": "tasks.jsonl",
    }
    _write(folder / "suite.yaml", yaml.safe_dump(head, sort_keys=False, width=110))
    _write(folder / "prompts" / "plain.txt", "{{ input }}")
    tasks = [_task(name, split, number, x) for split, xs in splits.items() for number, x in enumerate(xs)]
    _write(folder / "tasks.jsonl", "".join(json.dumps(row) + "\n" for row in tasks))


def _task(name: str, split: str, number: int, drawn: dict) -> dict[str, object]:
    """A line of ``tasks.jsonl``. A train task has no cluster, for it is never judged."""
    task = {
        "id": f"{name}-{split}-{number:03d}",
        "domain": name,
        "input": drawn["input"],
        "reference": drawn["reference"],
        "split": split,
    }
    if split == "train":
        return task | {"metadata": {"full_answer": drawn["metadata"]["full_answer"]}}
    if name != GENERAL:  # each of its tasks is drawn for itself
        task["cluster"] = f"{name}/{drawn['key']}"
    return task | {"metadata": drawn["metadata"]}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
