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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pandas import DataFrame

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
from harness.verdict import advise, load_assumptions

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))  # for those who load this file by its path

from blocks import (  # noqa: E402 - it stands beside this file
    BLOCKS,
    CHANCE,
    MIX,
    OTHERS,
    OWN,
    RENT,
    Found,
    Part,
    attempts,
    dollars,
    split_rate,
    unit_of,
)

BEGIN, END = "<!-- demo:{0}:begin -->", "<!-- demo:{0}:end -->"
FIGURES = {"pass_rate.png": "demo-pass-rate.png", "cost_vs_pass.png": "demo-cost.png"}
"""Names in the report's folder ``figures/`` and in ``docs/images/``."""

SAID = (("tuned", "skilled"), ("hybrid", "tuned"), ("hybrid", "skilled"), ("hybrid", "random"))
"""Pairs whose comparison is put into words, where the report has both."""

COLUMNS = (
    "*Escalated* is the share of tasks that the expert answered. The models answer in batches, and a task's latency is "
    "that of its batch, so medians can coincide."
)


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
        fill(readme, README, report, found)
    if pages is not None:
        for name, parts in (BLOCKS if other is None else other).items():
            fill(pages / name, parts, report, found)
    images.mkdir(parents=True, exist_ok=True)
    for source, name in FIGURES.items() if other is None else ():
        shutil.copyfile(report / "figures" / source, images / name)


def fill(path: Path, parts: Mapping[str, Part], report: Path, found: Found) -> None:
    """Writes each part of a page between the markers that name it.

    Raises:
        SystemExit: the page lacks one of them, or has one twice.
    """
    for word, part in parts.items():
        page = path.read_text(encoding="utf-8")
        begin, end = BEGIN.format(word), END.format(word)
        if page.count(begin) != 1 or page.count(end) != 1:
            raise SystemExit(f"{path}: needs {begin} and {end}, each once")
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        body = "\n".join(["", *part(report, found), ""])
        write_atomic(path, f"{head}{begin}\n{body}\n{end}{tail}")


def advice(report: Path, _found: Found) -> list[str]:
    """The sentence to own, rent or mix, and its reasons, as ``ownbench advise`` prints them."""
    view = advise(report, load_assumptions(report))
    first, *others = view.reasons
    lines = [view.sentence or first, *(f"- {reason}" for reason in others)]
    return [f"> {line}".replace("$", "\\$") for line in lines]


def scoreboard(report: Path, found: Found) -> list[str]:
    """One row a contender, and what is said of it, from ``statistics.json`` and the outcomes."""
    entries = _entries(report)
    ranked = sorted(found["contenders"], key=lambda c: (_is_control(entries.get(c["name"])), -_rate(c)))
    tried = attempts(report, found)
    handed = tried.dropna(subset="escalated").astype({"escalated": float}).groupby("contender")["escalated"].mean()
    times, of = unit_of(found)
    header = ["contender", "made of", f"pass rate, {100 * found['level']:g}% interval", "tasks"]
    header += [f"cost per {of} tasks", f"cost per {of} passes", "median latency", "escalated", "errored"]
    rows = [
        [
            f"`{c['name']}`",
            _made_of(entries.get(c["name"] if not c["seeds"] else c["seeds"]["each"][0]["name"]), c),
            percent_interval(Estimate(**c["pass_rate"])),
            f"{c['n_tasks']:,}",
            dollars(c["cost_per_task_usd"], times),
            dollars(c["cost_per_pass_usd"], times),
            seconds(c["latency_p50_s"]),
            percent(handed[c["name"]]) if c["name"] in handed else "",
            f"{c['errored']:,}",
        ]
        for c in ranked
    ]
    unit = "tasks" if found["unit"] == "task" else "clusters of tasks that share a key"
    over = f"intervals are over {found['n_units']:,} {unit}"
    lines = markdown_table(header, rows, left=2)
    lines += ["", f"{found['n_tasks']:,} tasks of the split {found['split']}; {over}. {COLUMNS}"]
    names = {c["name"] for c in found["contenders"]}
    said = [pair(report, a, b, split=found["split"]).comparison.sentence for a, b in SAID if {a, b} <= names]
    lines += ["", "The same tasks, paired:", "", *(f"- {sentence}" for sentence in said)] if said else []
    lines += _of_chance(tried) if {OWN, RENT, MIX, CHANCE} <= names else []
    lines += [line for one in found["contenders"] if one["seeds"] for line in _of_seeds(one)]
    return lines + _by_newness(report, found, [c["name"] for c in ranked if not c["control"]])


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


def _of_chance(tried: DataFrame) -> list[str]:
    """How much the control by lot escalates, and what it would pass if it escalated as much as the hybrid."""
    floats = tried.astype({"passed": float, "escalated": float})
    rates = floats.pivot_table(index="suite", columns="contender", values=["passed", "escalated"])
    share, passed = rates["escalated"][MIX], rates["passed"]
    tasks = tried.groupby("suite")["task"].nunique()
    alike = float((share * passed[RENT] + (1.0 - share) * passed[OWN]) @ tasks / tasks.sum())
    drawn = f"`{CHANCE}` escalates the share of each suite that `{MIX}` escalated on dev tasks."
    return ["", f"{drawn} At the shares of `{MIX}` on these tasks it would pass {percent(alike)} on average."]


def _of_seeds(one: dict[str, Any]) -> list[str]:
    """What the training seeds of a contender have in common, and how far they lie apart."""
    rates = [percent(seed["pass_rate"]["value"]) for seed in one["seeds"]["each"]]
    trained = f"`{one['name']}` is the same recipes trained with {len(rates)} seeds."
    apart = f"their standard deviation is {100 * one['seeds']['sd']:.1f} points"
    wide = f"Its intervals, of costs too, allow for another seed: t with {len(rates) - 1} degrees of freedom."
    return ["", f"{trained} By themselves these pass {listed(rates)}; {apart}. {wide}"]


def _by_newness(report: Path, found: Found, names: Sequence[str]) -> list[str]:
    """How each contender does on keys that the adapters were tuned on, and on keys that the rules gained afterwards."""
    rows, counts = [], ("", "")
    for name in names:
        known, new = (split_rate(report, found, name, new=new) for new in (False, True))
        if known is not None and new is not None:
            rows.append([f"`{name}`", percent_interval(known), percent_interval(new)])
            counts = (f"{known.n_tasks:,}", f"{new.n_tasks:,}")
    if not rows:
        return []
    header = ["contender", f"keys that the adapters were tuned on ({counts[0]} tasks)"]
    header += [f"keys added to the rules afterwards ({counts[1]} tasks)"]
    said = "The same rates, on keys that were there when the adapters were tuned, and on those that were not:"
    return ["", said, "", *markdown_table(header, rows), "", *_kept(attempts(report, found))]


def _kept(tried: DataFrame) -> list[str]:
    """Why the hybrid passes less on new keys than its expert: what it did not hand over."""
    new = tried[(tried["contender"] == MIX) & (tried["new"] == True)]  # noqa: E712 - a column
    kept = new[new["escalated"] == False]  # noqa: E712
    passed = f"{int(kept['passed'].sum()) or 'none'} of those pass"
    seen = f"Of {len(new):,} answers to added keys `{MIX}` keeps {len(kept):,} of the worker's, and {passed}."
    why = "It escalates where the worker is unsure of its words, and a worker can be sure of a key that it never saw."
    return [f"{seen} {why}"]


README: dict[str, Part] = {"advice": advice, "scoreboard": scoreboard}
"""What stands between which markers of the README."""


def main(arguments: Sequence[str]) -> None:
    """The command line: one argument, the report."""
    if len(arguments) != 1:
        raise SystemExit("usage: python docs/refresh.py REPORT")
    refresh(Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
