"""A suite out of a table that somebody has: tasks with splits by cluster, and the grader that fits its references."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.core import Groups, UserFileError, digest_json, listed, nearest
from harness.suite.lint import MOST_LABELS
from harness.suite.source import is_blank
from harness.userfile import Rows

MOST_NUMBER_LABELS = 10
LONGEST_LABEL = 80
SHOWN = 5  # rows that a sentence names

Usable = Callable[[Mapping[str, Any], Sequence[Any]], bool]  # can a description's grader be built, and use references?


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what; of ``id`` None numbers the rows."""

    input: str
    reference: str
    domain: str | None = None
    cluster: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A suite that is not written yet: its files' texts by name, and what a person wants to know of it."""

    files: Mapping[str, str]
    grader: Mapping[str, Any]
    splits: Mapping[str, int]  # tasks by split; empty where there is one cluster only, or no share was asked for
    unused: tuple[str, ...]  # columns that were left out
    left_out: tuple[str, ...]  # sentences about rows that were left out
    notes: tuple[str, ...] = ()  # sentences about how the references were read


def draft_suite(
    path: Path,
    rows: Rows,
    columns: Columns,
    *,
    name: str,
    usable: Usable,
    seed: int = 0,
    dev_share: float = 0.3,
    train_share: float = 0.0,
) -> Draft:
    """The suite that ``rows`` of the file ``path`` make; rows that ask the same share a cluster.

    Whole clusters are dealt to dev until it has ``dev_share`` of each domain's tasks, then to train until it has its
    share, in an order that the seed fixes; the rest are test tasks.
    Raises UserFileError: a column is missing, a cell is no text, an id stands twice, or no row is left.
    """
    import yaml

    tasks: list[dict[str, Any]] = []
    seen: dict[str, None] = {}
    gaps: dict[str, list[str]] = {}
    for number, (where, row) in enumerate(rows, 1):
        seen |= dict.fromkeys(row)
        if (empty := next((c for c in (columns.input, columns.reference) if is_blank(row.get(c))), None)) is not None:
            gaps.setdefault(empty, []).append(where)
        else:
            tasks.append(_task(path, where, row, columns, number))
    if not seen:
        raise UserFileError(path, "the table has no rows")
    taken = asdict(columns)
    for field, column in taken.items():
        if column is not None and column not in seen:
            problem, advice = f"there is no column {column!r}", nearest(column, seen)
            raise UserFileError(path, problem, field=f"--{field}", advice=advice)
    if not tasks:
        raise UserFileError(path, "no row has both an input and a reference")
    twice, count = Counter(task["id"] for task in tasks).most_common(1)[0]
    if count > 1:
        problem = f"the id {twice!r} is there {count} times"
        raise UserFileError(path, problem, field="--id", advice="ids must differ")
    splits = _deal(tasks, seed, {"dev": dev_share, "train": train_share})
    commas = _with_points(tasks)
    grader = _grader([task["reference"] for task in tasks], usable)
    domains = sorted({task["domain"] for task in tasks})
    for task in tasks:
        if grader["name"] == "label":
            task["reference"] = str(task["reference"]).strip()
        if len(domains) == 1:
            del task["domain"]
    about: dict[str, Any] = {"name": name, "version": "1", "description": f"Made from {path.name}.", "domains": domains}
    about |= {"prompt": "prompts/question.txt", "grader": dict(grader)}
    about |= {"metric": "macro_f1" if grader["name"] == "label" else "pass_rate", "tasks": "tasks.jsonl"}
    return Draft(
        files={
            "suite.yaml": yaml.safe_dump(about, sort_keys=False, allow_unicode=True, width=110),
            "tasks.jsonl": "".join(json.dumps(task, ensure_ascii=False) + "\n" for task in tasks),
            "prompts/question.txt": _prompt(grader, point=bool(commas)),
        },
        grader=grader,
        splits=splits,
        unused=tuple(column for column in seen if column not in taken.values()),
        left_out=tuple(f"{len(places):,} without {c} ({listed(places, SHOWN)})" for c, places in gaps.items()),
        notes=(*commas, *_said_of(grader, tasks)),
    )


def _task(path: Path, where: str, row: Mapping[str, Any], columns: Columns, number: int) -> dict[str, Any]:
    asked, truth = row[columns.input], row[columns.reference]
    talk = isinstance(asked, list) and all(isinstance(part, dict) and "role" in part for part in asked)
    if isinstance(asked, (dict, list)) and not talk:
        problem = f"the input is {'a mapping' if isinstance(asked, dict) else 'a list'}"
        raise UserFileError(path, problem, field=f"{where}, {columns.input}", advice="needed: a text")
    if isinstance(truth, (bool, str)):
        truth = truth.strip() if isinstance(truth, str) else str(truth).lower()
    task = {
        "id": f"row-{number:06d}" if columns.id is None else str(row.get(columns.id, "")).strip(),
        "domain": "all" if columns.domain is None else str(row.get(columns.domain, "none")).strip(),
        "input": asked if talk else str(asked),
        "reference": truth,
    }
    if columns.cluster is not None and not is_blank(row.get(columns.cluster)):
        task["cluster"] = str(row[columns.cluster]).strip()
    if not task["id"]:
        raise UserFileError(path, "the id is empty", field=f"{where}, {columns.id}", advice="fill it in")
    return task


def _deal(tasks: list[dict[str, Any]], seed: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Writes a cluster, shared by rows that ask the same, and a split into each task; how many tasks each split has."""
    joined: Groups[str] = Groups()
    first: dict[str, str] = {}
    for task in tasks:
        said, mine = json.dumps(task["input"], sort_keys=True), task.get("cluster", task["id"])
        joined.join(first.setdefault(" ".join(said.split()).casefold(), mine), mine)
    clusters: dict[str, list[dict[str, Any]]] = {}
    by_domain: dict[str, dict[str, None]] = {}
    for task in tasks:
        cluster = joined.of(task.get("cluster", task["id"]))
        if cluster != task["id"] or "cluster" in task:
            task["cluster"] = cluster
        clusters.setdefault(cluster, []).append(task)
        by_domain.setdefault(clusters[cluster][0]["domain"], {})[cluster] = None
    shares = {split: share for split, share in shares.items() if share > 0}
    if len(clusters) <= len(shares) or not shares:
        return {}
    sizes = {name: len(members) for name, members in clusters.items()}
    dealt = _dealt(sizes, list(by_domain.values()), sorted(sizes, key=lambda name: digest_json([seed, name])), shares)
    for name, members in clusters.items():
        for task in members:
            task["split"] = dealt.get(name, "test")
    return dict(Counter(task["split"] for task in tasks))


def _dealt(
    sizes: Mapping[str, int], domains: Sequence[Iterable[str]], order: Sequence[str], shares: Mapping[str, float]
) -> dict[str, str]:
    """The splits of clusters that do not go to test; each split has one cluster at least."""
    dealt: dict[str, str] = {}
    for split, share in shares.items():
        for names in map(set, domains):
            wanted = share * sum(sizes[name] for name in names)
            for name in [name for name in order if name in names and name not in dealt]:
                if sizes[name] / 2 <= wanted:  # the nearer of taking it and leaving it
                    dealt[name] = split
                    wanted -= sizes[name]
    for split in (*shares, "test"):
        held = Counter(dealt.get(name, "test") for name in order)
        if not held[split]:
            most = max(held, key=lambda one: held[one])
            dealt[next(name for name in order if dealt.get(name, "test") == most)] = split
    return dealt


_NUMBER = re.compile(r"[-+−]?[$€£]?\s?\d[\d,. ]*%?")
_CODE = re.compile(r"[-+−]?0[\d ].*|\d{10,}|\d+ \d{1,2}(?: .*)?|\d{4,} .*|\d+ \d{4,}.*")
"""Digits that name something: 007, an article's or a phone's number, 12 34 56."""
_POINTS = re.compile(r"[-−]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?\s?%?")
_DECIMAL_COMMA = re.compile(r".*\..*,.*|[-−]?0,\d+\s?%?|.*,(?:\d{1,2}|\d{4,})\s?%?")


def _with_points(tasks: list[dict[str, Any]]) -> list[str]:
    """Writes 0,5 as 0.5 where all references are such numbers, and says so."""
    given = [task["reference"] for task in tasks]
    found = [text for text in given if isinstance(text, str) and _DECIMAL_COMMA.fullmatch(text)]
    if not found or not all(isinstance(text, str) and _POINTS.fullmatch(text) for text in given) or _are_codes(given):
        return []
    for task in tasks:
        task["reference"] = task["reference"].replace(".", "").replace(",", ".")
    shown = found[0].replace(".", "").replace(",", ".")
    return [f"references have a decimal comma; they are written with a point ({found[0]} as {shown})"]


def _are_codes(references: Sequence[Any]) -> bool:
    """Whether some reference is digits and no number: it begins with 0 or with a plus, or is long."""
    texts = [text for text in references if isinstance(text, str)]
    signed = any(text[0] in "-−" for text in texts)
    return any(_CODE.fullmatch(text) or (text[0] == "+" and not signed) for text in texts)


def _said_of(grader: Mapping[str, Any], tasks: list[dict[str, Any]]) -> Iterable[str]:
    texts = [task["reference"] for task in tasks if isinstance(task["reference"], str)]
    if grader["name"] == "number":
        if thousands := next((text for text in texts if "," in text), None):
            yield f"a comma in references parts thousands ({thousands} is {thousands.replace(',', '')})"
    elif not all(_NUMBER.fullmatch(text) for text in texts):
        return
    elif grader["name"] == "exact" and any("," in text for text in texts):
        yield "references hold commas, and not all as decimal ones or as those of thousands: they are compared as texts"
    elif texts and _are_codes(texts):
        yield "references are digits that name something, as 007 does: they are compared as texts, not as numbers"


def _grader(references: Sequence[Any], usable: Usable) -> dict[str, Any]:
    """The grader that fits: labels where few texts recur, a number, JSON, else the exact text."""
    if any(isinstance(reference, dict) for reference in references):
        return {"name": "json"}
    if any(isinstance(reference, list) for reference in references):
        return {"name": "exact"}
    texts = [str(reference).strip() for reference in references]
    numbers = all(_NUMBER.fullmatch(text) for text in texts) and not _are_codes(references)
    spelt: dict[str, Counter[str]] = {}
    for text in texts:
        spelt.setdefault(" ".join(text.split()).casefold(), Counter())[text] += 1
    labels = sorted(spellings.most_common(1)[0][0] for spellings in spelt.values())
    few = 1 < len(labels) <= min(MOST_LABELS, len(texts) // 2)
    if numbers:
        few = few and len(labels) <= MOST_NUMBER_LABELS and len(texts) >= MOST_NUMBER_LABELS * len(labels)
    labelled = few and all(len(label) <= LONGEST_LABEL and "\n" not in label for label in labels)
    proposed: list[dict[str, Any]] = [{"name": "label", "labels": labels}] if labelled else []
    proposed += [{"name": "number"}] if numbers else []
    return next((spec for spec in proposed if usable(spec, references)), {"name": "exact"})


def _prompt(grader: Mapping[str, Any], *, point: bool) -> str:
    """The question, and what form the answer must have to be graded."""
    if grader["name"] == "label":
        listed = "\n".join(f"- {label}" for label in grader["labels"])
        shown = f"{{% raw %}}{listed}{{% endraw %}}" if "{" in listed else listed
        return f"{{{{ input }}}}\n\nAnswer with one of these and nothing else:\n{shown}\n"
    number = "the number, with a decimal point, and nothing else" if point else "the number and nothing else"
    form = {"number": number, "json": "JSON and nothing else"}
    return f"{{{{ input }}}}\n\nAnswer with {form.get(grader['name'], 'the answer itself and nothing else')}.\n"
