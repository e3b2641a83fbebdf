"""Suites of tasks with random sentences, and what lint finds in them."""

import random
from pathlib import Path

from harness.core import PromptTemplate, Suite, Task
from harness.suite import lint_suite, render

WORDS = [f"w{i}" for i in range(2000)]


def sentence(seed: int, length: int = 40) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def task(i: int, text: str | None = None, **keys) -> Task:
    said = sentence(i) if text is None else text
    return Task(
        **{"id": f"t{i}", "domain": "d", "cluster": f"t{i}", "reference": f"r{i}", "grader": {"name": "exact"}}
        | {"input": said, "digest": f"digest {i}"}
        | keys
    )


def lint(*tasks: Task, domains=("d",), metric="pass_rate"):
    prompt = render(PromptTemplate(), tasks, Path("suite.yaml"))
    return lint_suite(Suite(name="s", version="1", tasks=tasks, domains=domains, metric=metric, prompt=prompt))


def rules(findings):
    return {f.rule: (f.severity, f.tasks) for f in findings}


CLEAN = [task(i) for i in range(30)]
