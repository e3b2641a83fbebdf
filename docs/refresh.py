#!/usr/bin/env python
"""Puts a finished report of the demo into the README and the pages: its scoreboard, its sentences, its figures.

No number of the demo is written by hand. Run it after `ownbench report REPORT`; a second run changes nothing::

    python docs/refresh.py reports/demo
    python docs/refresh.py reports/arms-demo
    python docs/refresh.py reports/forgetting
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.analysis import pair
from harness.core import (
    Estimate,
    OwnbenchError,
    listed,
    percent,
    percent_interval,
    seconds,
    write_atomic,
)
from harness.experiment import ContenderEntry, load_experiment
from harness.report.markdown_text import markdown_table
from harness.system import DELIVERIES, NONE, SIGNALS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))  # for those who load this file by its path

from blocks import BLOCKS, OTHERS, dollars, split_rate, unit_of  # noqa: E402 - it stands beside this file

BEGIN, END = "<!-- demo:begin -->", "<!-- demo:end -->"
FIGURES = {"pass_rate.png": "demo-pass-rate.png", "cost_vs_pass.png": "demo-cost.png"}
"""Names in the report's folder ``figures/`` and in ``docs/images/``."""

SAID = (("tuned", "skilled"), ("hybrid", "tuned"), ("hybrid", "skilled"), ("hybrid", "random"))
"""Pairs whose comparison is put into words, where the report has both."""


def refresh(
    report: Path,
    readme: Path = ROOT / "README.md",
    images: Path = ROOT / "docs" / "images",
    pages: Path | None = ROOT / "docs",
) -> None:
    """Writes the parts of ``readme`` and of the pages between their markers from the report's evidence.

    The report's figures are copied to ``images``. Without ``pages`` the README alone is written.

    Raises:
        SystemExit: the report has no statistics or figures, or a page lacks its markers.
    """
    statistics = report / "statistics.json"
    needed = [statistics, *(report / "figures" / name for name in FIGURES)]
    if missing := [path for path in needed if not path.is_file()]:
        raise SystemExit(f"{missing[0]}: missing; run: ownbench report {report}")
    found = json.loads(statistics.read_text(encoding="utf-8"))
    other = OTHERS.get(found["report"])
    if other is None:
        put(readme, BEGIN, END, block(report, found))
    if pages is not None:
        for name, parts in (BLOCKS if other is None else other).items():
            for word, part in parts.items():
                begin, end = f"<!-- demo:{word}:begin -->", f"<!-- demo:{word}:end -->"
                put(pages / name, begin, end, ["", *part(report, found), ""])
    images.mkdir(parents=True, exist_ok=True)
    for source, name in FIGURES.items() if other is None else ():
        shutil.copyfile(report / "figures" / source, images / name)


def put(path: Path, begin: str, end: str, lines: Sequence[str]) -> None:
    """Writes ``lines`` between two markers of a page.

    Raises:
        SystemExit: the page lacks one of them, or has one twice.
    """
    page = path.read_text(encoding="utf-8")
    if page.count(begin) != 1 or page.count(end) != 1:
        raise SystemExit(f"{path}: needs {begin} and {end}, each once")
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    body = "\n".join(lines)
    write_atomic(path, f"{head}{begin}\n{body}\n{end}{tail}")


def block(report: Path, found: dict[str, Any]) -> list[str]:
    """The lines between the markers, from ``statistics.json`` and, for the sentences, from the outcomes."""
    entries = _entries(report)
    ranked = sorted(found["contenders"], key=lambda c: (_is_control(entries.get(c["name"])), -_rate(c)))
    header = ["contender", "made of", f"pass rate, {100 * found['level']:g}% interval", "tasks"]
    times, of = unit_of(found)
    header += [f"cost per {of} tasks", f"cost per {of} passes", "median latency", "errored"]
    rows = [
        [
            f"`{c['name']}`",
            _made_of(entries.get(c["name"] if not c["seeds"] else c["seeds"]["each"][0]["name"]), c),
            percent_interval(Estimate(**c["pass_rate"])),
            f"{c['n_tasks']:,}",
            dollars(c["cost_per_task_usd"], times),
            dollars(c["cost_per_pass_usd"], times),
            seconds(c["latency_p50_s"]),
            f"{c['errored']:,}",
        ]
        for c in ranked
    ]
    unit = "tasks" if found["unit"] == "task" else "clusters of tasks that share a key"
    lines = ["", *markdown_table(header, rows, left=2), ""]
    lines += [
        f"{found['n_tasks']:,} tasks of the split {found['split']}; intervals are over {found['n_units']:,} {unit}."
    ]
    names = {c["name"] for c in found["contenders"]}
    said = [pair(report, a, b, split=found["split"]).comparison.sentence for a, b in SAID if {a, b} <= names]
    lines += ["", "The same tasks, paired:", "", *(f"- {sentence}" for sentence in said)] if said else []
    lines += [line for one in found["contenders"] if one["seeds"] for line in _of_seeds(one)]
    lines += _by_newness(report, found)
    return [*lines, ""]


def _entries(report: Path) -> dict[str, ContenderEntry]:
    try:
        return dict(load_experiment(report).contenders)
    except OwnbenchError:  # an imported report has no experiment
        return {}


def _rate(contender: dict[str, Any]) -> float:
    value: float | None = contender["pass_rate"]["value"]
    return 0.0 if value is None else value


def _is_control(entry: ContenderEntry | None) -> bool:
    """Whether a contender is there to be beaten: it decides without a look, or with one at the reference."""
    if entry is None:
        return False
    if entry.escalate is not None:
        return SIGNALS[entry.escalate.name].control
    return entry.delivery != NONE and DELIVERIES[entry.delivery].control


def _made_of(entry: ContenderEntry | None, contender: dict[str, Any]) -> str:
    if entry is None:
        return str(contender["kind"])
    first = "control: " if _is_control(entry) else ""
    if entry.worker is not None and entry.escalate is not None:
        return f"{first}`{entry.worker}`, then `{entry.expert}`; signal {entry.escalate.signal}"
    parts = [str(entry.model)]
    seeds = contender["seeds"]
    parts += [f"adapters of {seeds['number']} seeds" if seeds else "adapters"] if entry.adapter is not None else []
    parts += [f"skills, {entry.delivery}"] if entry.skills is not None else []
    parts += [f"a skill that {entry.writer} writes for each task"] if entry.writer else []
    return first + " + ".join(parts)


def _of_seeds(one: dict[str, Any]) -> list[str]:
    """What the training seeds of a contender have in common, and how far they lie apart."""
    rates = [percent(seed["pass_rate"]["value"]) for seed in one["seeds"]["each"]]
    apart = f"their standard deviation is {100 * one['seeds']['sd']:.1f} points"
    said = (
        f"`{one['name']}` is the same recipes trained with {len(rates)} seeds. By themselves these pass {listed(rates)}"
    )
    return ["", f"{said};", f"{apart}."]


def _by_newness(report: Path, found: dict[str, Any]) -> list[str]:
    """How each contender does on keys that the adapters were tuned on, and on keys that the rules gained afterwards."""
    rows, counts = [], ("", "")
    for name in (one["name"] for one in found["contenders"] if not one["control"]):
        known, new = (split_rate(report, found, name, new=new) for new in (False, True))
        if known is not None and new is not None:
            rows.append([f"`{name}`", percent_interval(known), percent_interval(new)])
            counts = (f"{known.n_tasks:,}", f"{new.n_tasks:,}")
    if not rows:
        return []
    header = ["contender", f"keys that the adapters were tuned on ({counts[0]} tasks)"]
    header += [f"keys added to the rules afterwards ({counts[1]} tasks)"]
    said = "The same rates, on keys that were there when the adapters were tuned, and on those that were not:"
    return ["", said, "", *markdown_table(header, rows)]


def main(arguments: Sequence[str]) -> None:
    """The command line: one argument, the report."""
    if len(arguments) != 1:
        raise SystemExit("usage: python docs/refresh.py REPORT")
    refresh(Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
