"""What makes a suite's numbers worth less than they look: leaks, repeats, missing answers, thin domains."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.core import RenderedPrompt, Suite, Task, plural
from harness.suite.near import near_duplicates
from harness.suite.same import in_two_suites

FEW_TASKS = 20  # a domain with fewer tasks can show only differences of about 25 points and more
LARGEST_SHARE = 0.8
SMALLEST_SHARE = 0.1  # of the commonest label's count
MOST_LABELS = 50  # more distinct references than this, or than half of the tasks, are answers and not labels

INPUT_UNUSED = "the prompt names neither input nor metadata, so that all tasks ask the same; write {{ input }} into it"


def uses_task(prompt: RenderedPrompt) -> bool:
    """Whether what a task holds can reach the prompt; where not, all tasks ask the same."""
    return not prompt.variables.isdisjoint({"input", "metadata", "files"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found; ``tasks`` are the ids that it is about, in the suite's order."""

    severity: Literal["error", "warning"]
    rule: str
    tasks: tuple[str, ...]
    message: str


def lint_suite(suite: Suite) -> list[Finding]:
    """All findings, errors first.

    Errors: ``duplicate`` (tasks that ask the same and are counted as independent), ``contradiction`` (the same
    question, another reference), ``split-overlap`` (the same question in dev and in test), ``input-unused`` (the prompt
    leaves out what the task holds), ``no-split`` (tasks without a split where others have one). Warnings:
    ``near-duplicate`` and ``near-split-overlap`` (four fifths of the shingles in common, see `near_duplicates`),
    ``empty-reference``, ``label-imbalance``, ``cluster-spans-splits``, ``few-tasks``, ``empty-domain``.
    """
    rules = (_prompt, _same, _near, _references, _labels, _splits, _clusters, _domains)
    found = [finding for rule in rules for finding in rule(suite)]
    return sorted(found, key=lambda finding: finding.severity != "error")


def lint_copies(earlier: Sequence[Suite], suite: Suite) -> list[Finding]:
    """``in-two-suites``: tasks that stand in an earlier suite too, which an experiment with both refuses."""
    if not (found := [(other, copy) for other, _, owner, copy in in_two_suites([*earlier, suite]) if owner is suite]):
        return []
    names = ", ".join(dict.fromkeys(other.name for other, _ in found))
    many = f"{plural(len(found), 'task')} {'asks' if len(found) == 1 else 'ask'}"
    text = f"{many} what tasks of {names} ask: in one experiment each answer would count twice"
    return [_finding("error", "in-two-suites", [task for _, task in found], text)]


def _prompt(suite: Suite) -> Iterator[Finding]:
    if not uses_task(suite.prompt) and len(suite.tasks) > 1:
        yield _finding("error", "input-unused", suite.tasks, INPUT_UNUSED)


def _same(suite: Suite) -> Iterator[Finding]:
    if not uses_task(suite.prompt):
        return  # then all tasks are the same, and that is said
    for group in _groups((_question(suite, task), task) for task in suite.tasks):
        if len({_json(task.reference) for task in group}) > 1:
            text = f"{len(group)} tasks ask the same and have different references: one of them cannot be passed"
            yield _finding("error", "contradiction", group, text)
        if _spans(group):
            text = "the same task in dev and in test: what is chosen on dev has seen the test"
            yield _finding("error", "split-overlap", group, text)
        elif len({task.cluster for task in group}) > 1:
            text = f"{len(group)} tasks ask the same and count as independent; remove all but one"
            yield _finding("error", "duplicate", group, text + ", or give them one cluster")


def _near(suite: Suite) -> Iterator[Finding]:
    distinct = [group[0] for group in _groups((_question(suite, task), task) for task in suite.tasks)]
    for places in near_duplicates(_texts(suite, distinct)):
        group = [distinct[place] for place in places]
        if _spans(group):
            text = f"{len(group)} tasks in dev and test are nearly the same; keep each such group in one split"
            yield _finding("warning", "near-split-overlap", group, text)
        elif len({task.cluster for task in group}) > 1:
            text = f"{len(group)} tasks are nearly the same and count as independent; give them one cluster"
            yield _finding("warning", "near-duplicate", group, text)


def _references(suite: Suite) -> Iterator[Finding]:
    empty = [task for task in suite.tasks if _is_empty(task.reference)]
    absent = [task for task in suite.tasks if task.reference is None]
    if 0 < len(absent) < len(suite.tasks):  # where none has one, the grader needs none
        empty += absent
    if empty:
        text = f"{plural(len(empty), 'task')} {'has' if len(empty) == 1 else 'have'} an empty reference"
        yield _finding("warning", "empty-reference", empty, text)


def _labels(suite: Suite) -> Iterator[Finding]:
    for domain in suite.domains:
        tasks = [task for task in suite.tasks if task.domain == domain and isinstance(task.reference, str)]
        counts = Counter(str(task.reference) for task in tasks).most_common()
        labelled = suite.metric == "macro_f1" or any(task.grader.get("name") == "label" for task in tasks)
        if not labelled or not 1 < len(counts) <= min(MOST_LABELS, len(tasks) / 2):
            continue
        (common, most), (rare, least) = counts[0], counts[-1]
        if most > LARGEST_SHARE * len(tasks) or least < SMALLEST_SHARE * most:
            text = f"domain {domain}: {most} of {len(tasks)} tasks have the label {common!r}, {least} have {rare!r}"
            yield _finding("warning", "label-imbalance", [t for t in tasks if t.reference == rare], text)


def _splits(suite: Suite) -> Iterator[Finding]:
    if without := unsplit(suite):
        yield _finding("error", "no-split", without, f"{unsplit_said(suite)}; give each the split dev or test")


def unsplit(suite: Suite) -> list[Task]:
    """The tasks without a split, where others have one."""
    without = [task for task in suite.tasks if task.split is None]
    return without if len(without) < len(suite.tasks) else []


def unsplit_said(suite: Suite) -> str:
    """What becomes of them."""
    n = len(unsplit(suite))
    many = f"{n:,} of {len(suite.tasks):,} tasks {'has' if n == 1 else 'have'} no split, and others have one: a run "
    if any(task.split == "test" for task in suite.tasks):
        return many + "takes the test tasks and leaves these out"
    return many + "takes the dev tasks too, on which thresholds are chosen"


def _clusters(suite: Suite) -> Iterator[Finding]:
    if spanning := [group for group in _groups((task.cluster, task) for task in suite.tasks) if _spans(group)]:
        shown = ", ".join(group[0].cluster for group in spanning[:3]) + (", …" if len(spanning) > 3 else "")
        many = f"{plural(len(spanning), 'cluster')} {'has' if len(spanning) == 1 else 'have'}"
        text = f"{many} tasks in dev and in test ({shown}): what is chosen on dev has seen them"
        yield _finding("warning", "cluster-spans-splits", [task for group in spanning for task in group], text)


def _domains(suite: Suite) -> Iterator[Finding]:
    for domain in suite.domains:
        tasks = [task for task in suite.tasks if task.domain == domain]
        if not tasks:
            yield _finding("warning", "empty-domain", [], f"domain {domain} is declared and has no task")
        elif len(tasks) < FEW_TASKS:
            few = f"{plural(len(tasks), 'task')}: too few for a statement of its own"
            text = f"domain {domain} has {few} (fewer than {FEW_TASKS})"
            yield _finding("warning", "few-tasks", tasks, text)


def _spans(group: Sequence[Task]) -> bool:
    return {"dev", "test"} <= {task.split for task in group}


def _finding(severity: Literal["error", "warning"], rule: str, tasks: Iterable[Task], message: str) -> Finding:
    return Finding(severity=severity, rule=rule, tasks=tuple(task.id for task in tasks), message=message)


def _groups(keyed: Iterable[tuple[str, Task]]) -> list[list[Task]]:
    groups: dict[str, list[Task]] = {}
    for key, task in keyed:
        groups.setdefault(key, []).append(task)
    return list(groups.values())


def _question(suite: Suite, task: Task) -> str:
    """What makes two tasks the same: spacing and case do not count, files do."""
    asked = suite.prompt.of(task)
    said = [[message["role"], " ".join(str(message["content"]).split()).casefold()] for message in asked]
    return _json([said, list(task.files.values())])


def _texts(suite: Suite, tasks: Sequence[Task]) -> list[str]:
    """What each task says, without what the templates say around it: short inputs would look alike for that."""
    template = suite.prompt.template.user
    head, mark, _ = template.partition("{")
    head, tail = (head.lstrip(), template.rpartition("}")[2].rstrip()) if mark else ("", "")
    asked = [suite.prompt.of(task) for task in tasks]
    system = {str(messages[0]["content"]) if messages[0]["role"] == "system" else "" for messages in asked}
    start = int(len(system) == 1 and system != {""})
    found = []
    for messages in asked:
        said = [str(message["content"]).strip() for message in messages]
        last = max((n for n, message in enumerate(messages) if message["role"] == "user"), default=-1)
        said[last] = said[last].removeprefix(head).removesuffix(tail)
        found.append("\n".join(said[start:]))
    return found


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _is_empty(value: object) -> bool:
    if value is None or isinstance(value, (bool, int, float)):
        return False
    return not (value.strip() if isinstance(value, str) else value)
