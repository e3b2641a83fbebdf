"""The tables of adapters/README.md, from the scored rows. The hybrid's threshold is chosen on dev, applied to test."""

import itertools
import json
import random
from collections import defaultdict
from pathlib import Path

from answers import NARROW, PROGRESSIVE, REPEATED, SKILLED, TUNED, Row

CONTENDERS = [
    "worker",
    TUNED,
    "worker + skill",
    "generalist",
    "generalist + wrong skill",
    SKILLED,
    PROGRESSIVE,
    REPEATED,
]
HYBRID = "hybrid, one threshold from dev"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"

Scores = dict[str, Row]


class Scored:
    """All rows, by split and contender."""

    def __init__(self, folder: Path):
        self.rows: dict[tuple[str, str], Scores] = defaultdict(dict)
        for path in sorted(folder.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.rows[row["split"], row["contender"]][row["task"]] = row

    def narrow(self, split: str, contender: str) -> Scores:
        """The rows on the six narrow domains."""
        return {task: row for task, row in self.rows[split, contender].items() if row["suite"] in NARROW}

    def general(self, split: str) -> dict[str, float]:
        """Pass rates on the general suite."""
        chosen = {
            c: [r for r in rows.values() if r["suite"] == "general"] for (s, c), rows in self.rows.items() if s == split
        }
        return {contender: rate(rows) for contender, rows in chosen.items() if rows}

    def threshold(self) -> float:
        """The mean log-probability below which the hybrid escalates: most passes on dev, then fewest escalations."""
        worker, expert = self.narrow("dev", TUNED), self.narrow("dev", SKILLED)
        marks = sorted({row["logprob"] for row in worker.values()})
        between = [-1e9, *((a + b) / 2 for a, b in itertools.pairwise(marks)), 1.0]

        def merit(mark: float) -> tuple[int, int]:
            chosen = [expert[t] if row["logprob"] < mark else row for t, row in worker.items()]
            return sum(r["passed"] for r in chosen), -sum(row["logprob"] < mark for row in worker.values())

        return max(between, key=merit)

    def hybrid(self, split: str, mark: float) -> Scores:
        """The worker's answers, and the expert's where the worker was unsure; the worker's call is charged as well."""
        worker, expert = self.narrow(split, TUNED), self.narrow(split, SKILLED)
        return {
            task: expert[task] | {"tokens": row["tokens"] + expert[task]["tokens"], "escalated": True}
            if row["logprob"] < mark
            else row | {"escalated": False}
            for task, row in worker.items()
        }


def rate(rows: list[Row]) -> float:
    """The share that passed."""
    return sum(row["passed"] for row in rows) / len(rows) if rows else float("nan")


def auroc(rows: list[Row]) -> float:
    """The chance that a right answer had the higher mean log-probability than a wrong one; ties count half."""
    right = [row["logprob"] for row in rows if row["passed"]]
    wrong = [row["logprob"] for row in rows if not row["passed"]]
    if not right or not wrong:
        return float("nan")
    return sum((a > b) + 0.5 * (a == b) for a in right for b in wrong) / (len(right) * len(wrong))


def interval(a: Scores, b: Scores, draws: int = 2000) -> tuple[float, float, float]:
    """The difference of two pass rates in points, and a 95% interval: paired bootstrap over the tables' keys."""
    clusters, r = defaultdict(list), random.Random(0)
    for task, row in a.items():
        clusters[row["cluster"]].append(row["passed"] - b[task]["passed"])
    groups, means = list(clusters.values()), []
    for _ in range(draws):
        drawn = [d for group in r.choices(groups, k=len(groups)) for d in group]
        means.append(sum(drawn) / len(drawn))
    means.sort()
    low, high = means[int(0.025 * draws)], means[int(0.975 * draws)]
    return 100 * (rate(list(a.values())) - rate(list(b.values()))), 100 * low, 100 * high


def tables(scored: Scored) -> str:
    """All tables as Markdown."""
    mark = scored.threshold()
    parts = [_main(scored, split, mark) for split in ("test", "dev") if scored.narrow(split, TUNED)]
    parts += [_new_keys(scored), _confidence(scored, mark), _opening(scored), _forgetting(scored), _speed(scored)]
    return "\n\n".join(parts)


def _line(name: str, cells: list[object]) -> str:
    return "| " + " | ".join([name, *map(str, cells)]) + " |"


def _head(name: str, columns: list[str]) -> list[str]:
    return [_line(name, list(columns)), _line("---", ["---"] * len(columns))]


def _main(scored: Scored, split: str, mark: float) -> str:
    shown = {name: scored.narrow(split, name) for name in CONTENDERS if scored.narrow(split, name)}
    worker, expert = scored.narrow(split, TUNED), scored.narrow(split, SKILLED)
    shown[HYBRID] = scored.hybrid(split, mark)
    shown["always escalate"] = scored.hybrid(split, 1e9)
    shown["oracle: either is right"] = {
        task: row | {"passed": row["passed"] or expert[task]["passed"]} for task, row in worker.items()
    }
    n = len(worker) // len(NARROW)
    text = [f"### {split.capitalize()}: pass rate in % (greedy, {n} tasks a domain)", ""]
    text += _head("contender", [*NARROW, "all", "tokens a task"])
    for name, rows in shown.items():
        cells: list[object] = [
            f"{100 * rate([row for row in rows.values() if row['suite'] == domain]):.0f}" for domain in NARROW
        ]
        cells.append(f"{100 * rate(list(rows.values())):.1f}")
        tokens = sum(row["tokens"] for row in rows.values()) / len(rows)
        text.append(_line(name, [*cells, "" if name.startswith("oracle") else f"{tokens:.0f}"]))
    escalated = [row["escalated"] for row in shown[HYBRID].values()]
    text += ["", f"Threshold {mark:.4g}; escalated {100 * sum(escalated) / len(escalated):.0f}%."]
    for other in (TUNED, SKILLED):
        delta, low, high = interval(shown[HYBRID], shown[other])
        text.append(f"Hybrid less {other}: {delta:+.1f} points, 95% [{low:+.1f}, {high:+.1f}] (bootstrap over keys).")
    delta, low, high = interval(shown[SKILLED], shown[TUNED])
    text.append(f"{SKILLED} less {TUNED}: {delta:+.1f} points, 95% [{low:+.1f}, {high:+.1f}].")
    return "\n".join(text)


def _new_keys(scored: Scored) -> str:
    text = ["### Test: keys that the adapter was tuned on, and keys added afterwards (pass rate in %, n)", ""]
    text += _head("contender", [f"{d}, {age}" for d in NARROW for age in ("old", "new")])
    for name in (TUNED, SKILLED, REPEATED):
        cells = []
        for domain in NARROW:
            for new in (False, True):
                rows = [r for r in scored.narrow("test", name).values() if r["suite"] == domain and r["new"] == new]
                cells.append(f"{100 * rate(rows):.0f} ({len(rows)})")
        text.append(_line(name, cells))
    return "\n".join(text)


def _confidence(scored: Scored, mark: float) -> str:
    del mark
    rows = list(scored.narrow("test", TUNED).values())
    text = ["### Test: AUROC of the tuned worker's mean log-probability for being right", ""]
    text += _head("", [*NARROW, "pooled"])
    cells = [f"{auroc([r for r in rows if r['suite'] == d]):.2f}" for d in NARROW]
    return "\n".join([*text, _line(TUNED, [*cells, f"{auroc(rows):.2f}"])])


def _opening(scored: Scored) -> str:
    rows = list(scored.narrow("test", REPEATED).values())
    text = ["### Test: progressive delivery with the task repeated, in %", "", *_head("", NARROW)]
    right, given = [], []
    for domain in NARROW:
        here = [r for r in rows if r["suite"] == domain]
        opened = [r for r in here if r["opened"] == domain]
        right.append(f"{100 * len(opened) / len(here):.0f}")
        given.append(f"{100 * rate(opened):.0f}")
    return "\n".join([*text, _line("opens the right skill", right), _line("passes, having opened it", given)])


def _forgetting(scored: Scored) -> str:
    splits = [split for split in ("dev", "test") if scored.general(split)]
    rates = {split: scored.general(split) for split in splits}
    text = ["### General suite (forgetting), pass rate in %", "", *_head("contender", splits)]
    text += [_line(c, [f"{100 * rates[s][c]:.0f}" for s in splits]) for c in sorted(rates[splits[0]])]
    text += ["", "### order-extraction with broken adapters, pass rate in %", "", *_head("adapter", splits)]
    for name in (TUNED, "worker, order-extraction-worn", "worker, order-extraction-damaged"):
        cells = []
        for split in splits:
            rows = [r for r in scored.rows[split, name].values() if r["suite"] == "order-extraction"]
            cells.append(f"{100 * rate(rows):.0f}")
        text.append(_line("intact" if name == TUNED else name.removeprefix("worker, "), cells))
    return "\n".join(text)


def _speed(scored: Scored) -> str:
    text = ["### Speed on one CPU thread, batches of 30 (other work ran on the machine)", ""]
    text += _head("contender", ["tasks a second"])
    for name in (TUNED, SKILLED, REPEATED):
        rows = list(scored.narrow("test", name).values())
        text.append(_line(name, [f"{len(rows) / sum(r['seconds'] for r in rows):.0f}"]))
    return "\n".join(text)


def insert(readme: Path, text: str) -> None:
    """Puts the tables between their marks in the README."""
    old = readme.read_text(encoding="utf-8")
    before, rest = old.split(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
