#!/usr/bin/env python
"""Puts the figures of `make real` into docs/real-model.md, between its markers; none there is written by hand.

python docs/real.py reports/real
"""

import json
import sys
from pathlib import Path
from typing import Any

from harness.adapter import load_adapter
from harness.analysis import pair
from harness.core import (
    Estimate,
    OwnbenchError,
    percent_interval,
    plural,
    points,
    points_interval,
    write_atomic,
)
from harness.experiment import load_experiment, resolve
from harness.report.markdown_text import markdown_table
from harness.suite import load_suite

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))  # for those who load this file by its path

from blocks import dollars, unit_of  # noqa: E402 - it stands beside this file

PAGE = ROOT / "docs" / "real-model.md"


def main(report: Path) -> None:
    """Writes the page's parts. Raises SystemExit: there is no report, or a marker is missing."""
    try:
        found = json.loads((report / "statistics.json").read_text(encoding="utf-8"))
        parts = {
            "rates": rates(report, found),
            "gains": gains(report),
            "keys": keys(report),
            "trained": trained(report),
        }
    except (OSError, OwnbenchError) as error:
        sys.exit(f"{error}; run: make real, then ownbench report {report}")
    page = PAGE.read_text(encoding="utf-8")
    for word, lines in parts.items():
        begin, end = f"<!-- real:{word}:begin -->", f"<!-- real:{word}:end -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            sys.exit(f"{PAGE}: needs {begin} and {end}, each once")
        head, rest = page.split(begin)
        page = "\n".join([head + begin, "", *lines, "", end + rest.split(end)[1]])
    write_atomic(PAGE, page)


def rates(report: Path, found: dict[str, Any]) -> list[str]:
    """Each contender's pass rate by suite, and its cost."""
    names = sorted({one["domain"] for who in found["contenders"] for one in who["domains"]}, reverse=True)
    rows, order, (times, of) = [], [*load_experiment(report).contenders], unit_of(found)
    for who in sorted(found["contenders"], key=lambda one: order.index(one["name"])):
        by_name = {one["domain"]: one for one in who["domains"]}
        by_suite = [percent_interval(Estimate(**by_name[name]["pass_rate"])) for name in names]
        cost = dollars(who["cost_per_task_usd"], times)
        rows.append([f"`{who['name']}`", *by_suite, cost])
    tasks = f"{found['n_tasks']:,} tasks of the split {found['split']} in {found['n_units']:,} clusters"
    head = ["contender", *names, f"cost per {of} tasks"]
    return [*markdown_table(head, rows), "", f"{tasks}; {100 * found['level']:g}% intervals over clusters."]


def gains(report: Path) -> list[str]:
    """What the training gained by suite, on the same tasks."""
    lines = []
    for one in pair(report, "tuned", "base").domains:
        gain = f"{points(one.delta or 0.0)} points {points_interval(one.low, one.high)}"
        lines.append(f"- {one.domain}: `tuned` minus `base` {gain}, on {plural(one.n_tasks, 'task')}.")
    return lines


def keys(report: Path) -> list[str]:
    """What is passed of keys that the train tasks hold, and of others."""
    import pyarrow.parquet as pq

    found = load_experiment(report)
    tasks = {t.digest: t for one in found.suites for t in load_suite(resolve(report, one.path)).tasks}
    passed: dict[tuple[str, str, bool], list[bool]] = {}
    for row in pq.read_table(report / "outcomes.parquet").to_pylist():
        if row["split"] == "test":
            new = bool(tasks[row["task_digest"]].metadata["new"])
            passed.setdefault((row["contender"], row["domain"], new), []).append(row["status"] == "passed")
    suites = sorted({suite for _, suite, _ in passed}, reverse=True)
    rows = [
        [
            f"`{who}`",
            *(
                f"{sum(done)} of {len(done)}"
                for suite in suites
                for done in (passed[who, suite, new] for new in (False, True))
            ),
        ]
        for who in ("tuned", "tiny-tuned", "hybrid")
    ]
    head = ["contender", *(f"{suite}, {kind} keys" for suite in suites for kind in ("trained", "new"))]
    return markdown_table(head, rows)


def trained(report: Path) -> list[str]:
    """What the adapters took."""
    adapter = load_experiment(report).contenders["tuned"].adapter
    rows = []
    for suite, folder in adapter.items() if isinstance(adapter, dict) else ():
        card = load_adapter(resolve(report, folder)).card
        rows.append([suite, f"{card['examples']:,}", str(card["recipe"]), f"{card['cpu_seconds']:,.0f}"])
    return [*markdown_table(["adapter", "examples", "recipe", "CPU seconds"], rows, left=3)]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) == 2 else ROOT / "reports" / "real")
