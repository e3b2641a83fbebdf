"""Writes what people read: ``skills/``, ``suites/`` and the lines that the adapters are tuned on."""

import json
from pathlib import Path

import yaml
from bodies import BODIES, DISTRACTORS
from domains import DOMAINS, EXAMPLES, GENERAL, draw, draw_general

LICENCE = "CC0-1.0"
SEED = 1
REPLAY = 30
"""General examples mixed into each adapter's lines, so that it forgets less; chosen on dev (README.md)."""


def catalogue_entries() -> list[tuple[str, str]]:
    """Names and descriptions of all skills, in the order of their names."""
    entries = {name: domain.description for name, domain in DOMAINS.items()}
    entries |= {name: description for name, (description, _) in DISTRACTORS.items()}
    return sorted(entries.items())


def publish(root: Path, replay: int = REPLAY) -> None:
    """Writes ``skills/``, ``suites/`` and ``adapters/recipe/train/`` under ``root``."""
    for name, description in catalogue_entries():
        body = BODIES.get(name) or DISTRACTORS[name][1]
        head = f"---\nname: {name}\ndescription: {description}\nlicense: {LICENCE}\n---\n\n"
        _write(root / "skills" / name / "SKILL.md", head + body)
    general_seen: set[str] = set()
    general = {split: draw_general(EXAMPLES[split], general_seen, f"{split}/{SEED}") for split in ("dev", "test")}
    about = "Small text operations that no adapter was tuned for: what an adapter makes the worker forget."
    _suite(root, GENERAL, about, "exact", "pass_rate", general)
    for name, domain in DOMAINS.items():
        seen: set[str] = set()
        splits = {split: draw(name, split, seen, SEED) for split in EXAMPLES}
        metric = "macro_f1" if domain.labels else "pass_rate"
        _suite(root, name, domain.about, domain.grader, metric, {s: splits[s] for s in ("dev", "test")})
        lines = splits["train"] + draw_general(replay, set(general_seen), f"train/{name}/{SEED}")
        rows = [{"prompt": x["input"], "completion": x["metadata"]["full_answer"]} for x in lines]
        _write(root / "adapters" / "recipe" / "train" / f"{name}.jsonl", _json_lines(rows))


def _suite(root: Path, name: str, about: str, grader: object, metric: str, splits: dict[str, list[dict]]) -> None:
    """One folder of ``suites/``."""
    folder = root / "suites" / name
    head = {
        "name": name,
        "version": "1.1.0",
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
    tasks = [
        {
            "id": f"{name}-{split}-{number:03d}",
            "domain": name,
            "input": x["input"],
            "reference": x["reference"],
            "split": split,
            "cluster": f"{name}/{x['key']}",
            "metadata": x["metadata"],
        }
        for split, questions in splits.items()
        for number, x in enumerate(questions)
    ]
    _write(folder / "tasks.jsonl", _json_lines(tasks))


def _json_lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
