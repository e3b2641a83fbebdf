"""Suites written for a test."""

import json
from pathlib import Path
from typing import Any

import yaml


def write_suite(
    folder: Path, lines: list[dict[str, Any]] | None = None, template: str | None = None, **keys: Any
) -> Path:
    """A suite's folder; a key of value ``None`` is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"name": "s", "version": "1", "domains": ["d"], "grader": "exact", "tasks": "tasks.jsonl"} | keys
    if template is not None:
        (folder / "prompts").mkdir(exist_ok=True)
        (folder / "prompts" / "p.jinja").write_text(template)
        content["prompt"] = "prompts/p.jinja"
    (folder / "suite.yaml").write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    lines = [task(0), task(1)] if lines is None else lines
    (folder / "tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def task(number: int, **keys: Any) -> dict[str, Any]:
    """One line of tasks.jsonl."""
    line = {"id": f"t{number}", "domain": "d", "input": f"question {number}", "reference": f"answer {number}"} | keys
    return {k: v for k, v in line.items() if v is not None}
