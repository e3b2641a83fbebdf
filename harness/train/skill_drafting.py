"""``skill create``: the first draft of a skill, by an author who reads train tasks and their expected answers."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.core import EvidenceError, UsageError, folder_aside
from harness.run import Progress, refuse_unopened
from harness.skill import lint_skill, load_skill, written_skill
from harness.suite import select
from harness.train.skill_author import asked_for_a_draft
from harness.train.skill_folder import card_of, now, read_card, write_card
from harness.train.skill_improving import tasks_of
from harness.train.skill_models import named_models
from harness.train.skill_work import Setting, Spending, Work, checked, shortened

TASKS, DRAFTS = 20, 3
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is asked."""

    name: str
    suite: Path
    author: str
    parent: Path  # the folder of skills that it comes into
    home: Path  # the folder in which the author's calls are kept
    models: Path | None = None
    tasks: int = TASKS  # train tasks that the author reads at most
    drafts: int = DRAFTS  # answers of the author at most, where one cannot be used
    seed: int = 0
    budget: float | None = None  # dollars
    offline: bool = False
    allow_outside: bool = False
    listener: Callable[[Progress], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What came of it."""

    skill: Path
    card: Path
    tasks: int
    drafts: int  # answers of the author
    spent: Spending
    warnings: tuple[str, ...]


def create_skill(asked: Draft) -> Drafted:
    """Writes a skill and its card. Raises UserFileError, UsageError: nothing was written; EvidenceError: no skill."""
    place = asked.parent / asked.name
    if len(asked.name) > 64 or not _NAME.fullmatch(asked.name):
        needed = "lowercase letters, digits and single hyphens, 64 at most"
        raise UsageError(f"a skill cannot be named {asked.name[:80]!r}: needed are {needed}")
    ours = read_card(place).get("skill") == asked.name  # left by a kill before the skill was there
    for standing in (place, *([] if ours else [card_of(place)])):
        if standing.exists():
            raise UsageError(f"{standing}: it is there, and nothing is overwritten; choose another name or --out")
    suite = select(
        tasks_of(asked.suite, outside=asked.allow_outside), split="train", tasks=asked.tasks, seed=asked.seed
    )
    setting = Setting(
        home=asked.home,
        suite=asked.suite,
        models=named_models([asked.author], asked.models),
        model="",
        author=asked.author,
        delivery="flat",
        **{key: getattr(asked, key) for key in ("seed", "budget", "offline", "allow_outside", "listener")},
    )
    whole = checked(setting, None)
    refuse_unopened(whole, offline=asked.offline)
    prompt = whole.systems["author"][suite.name].prompt
    shown = []
    for task in suite.tasks:
        said = "\n\n".join(str(message["content"]) for message in prompt.of(task))
        expected = task.reference if isinstance(task.reference, str) else json.dumps(task.reference, ensure_ascii=False)
        shown.append({"input": shortened(said), "expected": "" if task.reference is None else shortened(expected)})
    work, refused = Work(setting), list[str]()
    while len(refused) < asked.drafts:
        number = len(refused) + 1
        answer = work.written(number, asked_for_a_draft(number, asked.name, shown, refused))
        with folder_aside(place) as folder:
            if problem := _write(answer, folder / asked.name):
                refused.append(problem)
                continue
            skill = load_skill(folder / asked.name)
            spent = work.spent()
            card: dict[str, Any] = {
                "skill": asked.name,
                "version": 0,
                "digest": skill.digest,
                "author": asked.author,
                "author_digest": whole.specs[asked.author].digest,
                "drafts": number,
                "evidence": {"suite": suite.name, "suite_digest": suite.digest, "train_tasks_read": len(shown)},
                "cost_usd": spent.as_amount(),
                "created_at": now(),
            }
            write_card(place, card)  # first: a skill without its card would be taken for a person's
            (folder / asked.name).rename(place)
        return Drafted(
            skill=place,
            card=card_of(place),
            tasks=len(shown),
            drafts=number,
            spent=spent,
            warnings=lint_skill(place).warnings,
        )
    why = f"{asked.author} wrote no skill in {len(refused)} drafts, the last one: {refused[-1]}"
    raise EvidenceError(f"{why}; its answers are kept in {asked.home}; name another author, or allow more --tries")


def _write(answer: str, place: Path) -> str:
    """Makes the folder of the skill in an author's answer; what is wrong with it, else an empty text."""
    found = written_skill(answer) if answer.strip() else None
    if found is None:
        return "there was no text"
    if not found.skill.description.strip():
        return "it has no frontmatter with a description (---, name:, description:, ---)"
    head = {"name": place.name, "description": " ".join(found.skill.description.split())}
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=100_000)
    place.mkdir()
    (place / "SKILL.md").write_text(f"---\n{text}---\n\n{found.skill.body.strip()}\n", encoding="utf-8")
    result = lint_skill(place)
    hidden = [text for text in result.warnings if "nobody sees" in text]
    return next(iter([*result.errors, *hidden]), "")
