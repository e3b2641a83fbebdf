"""What makes a suite's numbers worth less than they look: leaks, repeats, missing answers, thin domains."""

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.core import Groups, RenderedPrompt, Suite, Task, plural
from harness.suite.selection import in_two_suites
from harness.suite.source import is_blank

FEW_TASKS = 20  # a domain with fewer tasks can show only differences of about 25 points and more
LARGEST_SHARE = 0.8
SMALLEST_SHARE = 0.1  # of the commonest label's count
LOOKED_AT = 100_000  # bytes of a script
MOST_LABELS = 50  # more distinct references than this, or than half of the tasks, are answers and not labels
WITHOUT_NETWORK = "and a box here has none: what they or their tests would fetch must be in the image or in their files"
INPUT_UNUSED = "the prompt names neither input nor metadata, so that all tasks ask the same; write {{ input }} into it"

WORDS = 3  # words in a shingle
ALIKE = 0.8  # the least Jaccard index of two texts that are nearly the same
BANDS, ROWS = 20, 5
"""Signatures are cut into bands; two texts with Jaccard index J meet in one with probability 1 - (1 - J^ROWS)^BANDS:
0.9996 at J = 0.8, 0.47 at 0.5, 0.006 at 0.2."""
COMMON = 0.5  # a shingle in more than this share of the texts belongs to the prompt template and says nothing
ENOUGH = 20  # with fewer texts than this, no shingle is taken for the template's

Found = tuple[Literal["error", "warning"], str, Sequence[Task], str]  # severity, rule, tasks and message


def uses_task(prompt: RenderedPrompt) -> bool:
    """Whether what a task holds can reach the prompt; where not, all tasks ask the same."""
    return not prompt.variables.isdisjoint({"input", "metadata", "files"})


def unsplit(suite: Suite) -> str:
    """What becomes of tasks without a split, where others have one; else empty."""
    judging = [task for task in suite.tasks if task.split != "train"]
    n = sum(task.split is None for task in judging)
    if n in {0, len(judging)}:
        return ""
    many = f"{n:,} of {len(judging):,} tasks {'has' if n == 1 else 'have'} no split, and others have one: a run "
    if any(task.split == "test" for task in judging):
        return many + "takes the test tasks and leaves these out"
    return many + "takes the dev tasks too, on which thresholds are chosen"


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
    question, another reference), ``split-overlap`` (the same question in two of train, dev and test), ``input-unused``
    (the prompt leaves out what the task holds), ``no-split`` (tasks without a split where others have one). Warnings:
    ``near-duplicate`` and ``near-split-overlap`` (four fifths of the shingles in common, see `near_duplicates`),
    ``empty-reference``, ``tests-shown`` (contenders get a test or an oracle), ``no-network`` (tasks ask for one),
    ``line-ends``, ``label-imbalance``, ``cluster-spans-splits``, ``few-tasks``, ``empty-domain``.
    """
    found = [
        _finding(*one)
        for rule in (_alike, _references, _shown, _surroundings, _scripts, _splits, _domains)
        for one in rule(suite)
    ]
    return sorted(found, key=lambda finding: finding.severity != "error")


def lint_copies(earlier: Sequence[Suite], suite: Suite) -> list[Finding]:
    """``in-two-suites``: tasks that stand in an earlier suite too, which an experiment with both refuses.

    ``taught``: of two such tasks one is a train task, and the other judges or chooses.
    """
    found = [one for one in in_two_suites([*earlier, suite]) if one[2] is suite]
    leaks = [one for one in found if [one[1].split, one[3].split].count("train") == 1]
    twice = [one for one in found if "train" not in {one[1].split, one[3].split}]
    findings = []
    if twice:
        text = f"{_asked_there(twice)}: in one experiment each answer would count twice"
        findings.append(_finding("error", "in-two-suites", [one[3] for one in twice], text))
    if leaks:
        text = f"{_asked_there(leaks)}: what teaches in one judges in the other"
        findings.append(_finding("error", "taught", [one[3] for one in leaks], text))
    return findings


def _asked_there(found: Sequence[tuple[Suite, Task, Suite, Task]]) -> str:
    names = ", ".join(dict.fromkeys(other.name for other, *_ in found))
    return f"{plural(len(found), 'task')} {'asks' if len(found) == 1 else 'ask'} what tasks of {names} ask"


def _finding(severity: Literal["error", "warning"], rule: str, tasks: Sequence[Task], message: str) -> Finding:
    return Finding(severity=severity, rule=rule, tasks=tuple(task.id for task in tasks), message=message)


def _alike(suite: Suite) -> Iterator[Found]:
    """Tasks that ask the same, and those that nearly do."""
    groups, reaches = _groups((_question(suite, task), task) for task in suite.tasks), uses_task(suite.prompt)
    if not reaches and len(suite.tasks) > 1:
        yield "error", "input-unused", suite.tasks, INPUT_UNUSED
    for group in groups if reaches else ():  # else all tasks are the same, and that is said
        if len({_json(task.reference) for task in group}) > 1:
            text = f"{len(group)} tasks ask the same and have different references: one of them cannot be passed"
            yield "error", "contradiction", group, text
        if spanned := _spanned(group):
            yield "error", "split-overlap", group, f"the same task in {' and in '.join(spanned)}: {_seen(spanned)}"
        elif _counted(group):
            text = f"{len(group)} tasks ask the same and count as independent; remove all but one"
            yield "error", "duplicate", group, text + ", or give them one cluster"
    distinct = [group[0] for group in groups]
    for places in near_duplicates(_texts(suite, distinct)):
        group = [distinct[place] for place in places]
        if spanned := _spanned(group):
            where = " and ".join(spanned)
            text = f"{len(group)} tasks in {where} are nearly the same; keep each such group in one split"
            yield "warning", "near-split-overlap", group, text
        elif _counted(group):
            text = f"{len(group)} tasks are nearly the same and count as independent; give them one cluster"
            yield "warning", "near-duplicate", group, text


def _references(suite: Suite) -> Iterator[Found]:
    empty = [task for task in suite.tasks if is_blank(task.reference)]
    if empty and any(task.reference is not None for task in suite.tasks):  # where none has one, the grader needs none
        text = f"{plural(len(empty), 'task')} {'has' if len(empty) == 1 else 'have'} an empty reference"
        yield "warning", "empty-reference", empty, text


def _shown(suite: Suite) -> Iterator[Found]:
    shown = [t for t in suite.tasks if not {*t.tests.values(), *t.oracle.values()}.isdisjoint(t.files.values())]
    if shown:
        text = f"{plural(len(shown), 'task')} with a test or an oracle among the files that contenders get"
        yield "warning", "tests-shown", shown, text


def _surroundings(suite: Suite) -> Iterator[Found]:
    if asking := [task for task in suite.tasks if task.environment.get("allow_internet")]:
        many = f"{plural(len(asking), 'task')} {'asks' if len(asking) == 1 else 'ask'}"
        yield "warning", "no-network", asking, f"{many} for a network (allow_internet), {WITHOUT_NETWORK}"


def _scripts(suite: Suite) -> Iterator[Found]:
    found: dict[str, list[Task]] = {}
    for task in suite.tasks:
        for name, place in {**task.oracle, **task.tests}.items():
            if name.endswith((".sh", ".bash")) and b"\r\n" in Path(place).read_bytes()[:LOOKED_AT]:
                found.setdefault(name, []).append(task)
    for name, tasks in found.items():
        text = f"{name} has the line ends of Windows (CRLF), which a shell takes for part of each line; save it with LF"
        yield "warning", "line-ends", tasks, text


def _splits(suite: Suite) -> Iterator[Found]:
    if said := unsplit(suite):
        without = [task for task in suite.tasks if task.split is None]
        yield "error", "no-split", without, f"{said}; give each the split dev, test or train"
    clusters = _groups((task.cluster, task) for task in suite.tasks)
    for pair in _PAIRS:
        some = [[task for task in group if task.split in pair] for group in clusters]
        if spanning := [group for group in some if {*pair} <= {task.split for task in group}]:
            shown = ", ".join(group[0].cluster for group in spanning[:3]) + (", …" if len(spanning) > 3 else "")
            many = f"{plural(len(spanning), 'cluster')} {'has' if len(spanning) == 1 else 'have'}"
            how = "chosen on dev" if pair[0] == "dev" else "taught"
            text = f"{many} tasks in {' and in '.join(pair)} ({shown}): what is {how} has seen them"
            yield "warning", "cluster-spans-splits", [task for group in spanning for task in group], text


def _domains(suite: Suite) -> Iterator[Found]:
    judging = [task for task in suite.tasks if task.split != "train"]
    for domain in suite.domains if judging else ():
        tasks = [task for task in judging if task.domain == domain]
        if not tasks:
            yield "warning", "empty-domain", [], f"domain {domain} is declared and has no task"
        elif len(tasks) < FEW_TASKS:
            few = f"{plural(len(tasks), 'task')}: too few for a statement of its own"
            yield "warning", "few-tasks", tasks, f"domain {domain} has {few} (fewer than {FEW_TASKS})"
        told = [task for task in tasks if isinstance(task.reference, str)]
        counts = Counter(task.reference for task in told).most_common()
        labelled = suite.metric == "macro_f1" or any(task.grader.get("name") == "label" for task in told)
        if not labelled or not 1 < len(counts) <= min(MOST_LABELS, len(told) / 2):
            continue
        (common, most), (rare, least) = counts[0], counts[-1]
        if most > LARGEST_SHARE * len(told) or least < SMALLEST_SHARE * most:
            text = f"domain {domain}: {most} of {len(told)} tasks have the label {common!r}, {least} have {rare!r}"
            yield "warning", "label-imbalance", [t for t in told if t.reference == rare], text


_PAIRS = (("dev", "test"), ("train", "test"), ("train", "dev"))  # of which one must not have seen the other


def _spanned(group: Sequence[Task]) -> tuple[str, ...]:
    """The first pair of splits that a group is in both of; nothing where there is none."""
    return next((pair for pair in _PAIRS if {*pair} <= {task.split for task in group}), ())


def _seen(pair: Sequence[str]) -> str:
    return f"what is {'chosen on dev' if pair[0] == 'dev' else 'taught'} has seen the {pair[1]}"


def _counted(group: Sequence[Task]) -> bool:
    """Whether they count as independent evidence, of which train tasks are none."""
    return len({task.cluster for task in group if task.split != "train"}) > 1


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


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


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


def near_duplicates(texts: list[str]) -> list[tuple[int, ...]]:
    """Groups of places in ``texts`` whose sets of three-word shingles have a Jaccard index of at least `ALIKE`.

    MinHash signatures and banding (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3)
    propose pairs; each pair is then checked exactly. Within a bucket each text is compared with the one before it and
    with the first, so that the time stays linear; a group is what such pairs connect. Groups and places ascend.
    """
    import numpy as np

    sets = _shingles(texts)
    filled = [place for place, words in enumerate(sets) if len(words)]
    if len(filled) < 2:
        return []
    alike: Groups[int] = Groups()
    checked: set[tuple[int, int]] = set()
    for pair in _proposed([sets[place] for place in filled]):
        one, other = (filled[place] for place in pair)
        if pair in checked or alike.of(one) == alike.of(other):
            continue
        checked.add(pair)
        both = len(np.intersect1d(sets[one], sets[other], assume_unique=True))
        if both >= ALIKE * (len(sets[one]) + len(sets[other]) - both):
            alike.join(one, other)
    groups: dict[int, list[int]] = {}
    for place in filled:
        groups.setdefault(alike.of(place), []).append(place)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _shingles(texts: list[str]) -> list[Any]:
    """Each text's distinct shingles as 64-bit numbers, without those of the template."""
    import numpy as np

    numbers: dict[str, int] = {}
    sets = []
    for text in texts:
        found = re.findall(r"\w+", text.casefold())
        words = np.array([numbers.setdefault(w, zlib.crc32(w.encode())) for w in found], dtype=np.uint64)
        size = min(WORDS, len(words))  # a text of fewer words than a shingle has is one shingle by itself
        total = np.zeros(len(words) - size + bool(size), dtype=np.uint64)
        for place in range(size):
            total = (total * np.uint64(0x9E3779B97F4A7C15)) ^ words[place : len(words) - size + 1 + place]
        sets.append(np.unique(total * np.uint64(0xD6E8FEB86659FD93)))
    if len(texts) < ENOUGH:
        return sets
    _, inverse, counts = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    ends = np.cumsum([len(words) for words in sets])[:-1]
    rare = np.split(counts[inverse] <= COMMON * len(texts), ends)
    return [words[kept] for words, kept in zip(sets, rare, strict=True)]


def _proposed(sets: list[Any]) -> Iterator[tuple[int, int]]:
    """Pairs of places whose MinHash signatures, the least of the shingles under random orders, share a band."""
    import numpy as np

    chance = np.random.default_rng(0)
    factors = chance.integers(1, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = chance.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
    shingles = np.concatenate(sets)
    shingles ^= shingles >> np.uint64(31)
    starts = np.cumsum([0, *(len(words) for words in sets[:-1])])
    columns = [
        np.minimum.reduceat((shingles * factor + offset) >> np.uint64(16), starts)
        for factor, offset in zip(factors, offsets, strict=True)
    ]
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = {}
        for place, row in enumerate(np.stack(columns[band * ROWS : (band + 1) * ROWS], axis=1)):
            bucket = buckets.setdefault(row.tobytes(), [])
            if bucket:
                yield bucket[0], place
                yield bucket[-1], place
            bucket.append(place)
