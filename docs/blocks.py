"""The parts of the pages that quote the demo: figures in sentences, each computed from a report's evidence.

`docs/refresh.py` puts each between its markers. Sentences have to hold whichever way a figure falls.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from harness.analysis import pair, skills
from harness.analysis.skill_scores import SkilledContender
from harness.core import (
    ContenderRecord,
    Estimate,
    dollars_interval,
    many_of,
    p_equation,
    p_text,
    percent,
    percent_interval,
    points,
    points_interval,
    seconds,
)
from harness.core import dollars as cost_text
from harness.experiment import load_experiment, resolve
from harness.report.markdown_text import markdown_table
from harness.stats import clustered_rate, of_values, widened, wilson_interval
from harness.store import load_task_table, read_manifest, read_outcomes
from harness.suite import load_suite
from harness.verdict import sweep

OWN, RENT, MIX, CHANCE, BOUND = "tuned", "skilled", "hybrid", "random", "oracle"
"""The demo's contenders that the pages speak of."""

Found = Mapping[str, Any]
"""What ``statistics.json`` holds."""

Part = Callable[[Path, Found], list[str]]
"""What writes lines of a page from a report and its statistics."""


def rate(report: Path, found: Found) -> list[str]:
    """One pass rate with its interval, and what it would be if tasks were independent."""
    one = contender(found, MIX)
    table = load_task_table(report, found["split"])
    at = list(table.contenders).index(MIX)
    passes = round(float(table.sums[at].sum()))
    low, high = wilson_interval(passes, one["n_tasks"], found["level"])
    naive = f"[{100 * low:.1f}, {100 * high:.1f}]"
    return [
        f"`{MIX}` passed {passes:,} of {one['n_tasks']:,} tasks: {percent_interval(Estimate(**one['pass_rate']))}.",
        "",
        f"The interval is over {found['n_units']:,} clusters. Over independent tasks it would be {naive} (Wilson).",
    ]


def table_of_two(report: Path, found: Found) -> list[str]:
    """The fourfold table of two contenders, and what follows from it."""
    one = pair(report, OWN, RENT, split=found["split"]).comparison
    rows = [
        [f"`{OWN}` passed", f"{one.both_passed:,}", f"{one.wins:,}"],
        [f"`{OWN}` failed", f"{one.losses:,}", f"{one.both_failed:,}"],
    ]
    return [
        *markdown_table(["", f"`{RENT}` passed", f"`{RENT}` failed"], rows),
        "",
        f"Difference: {points(one.delta)} points, {points_interval(one.low, one.high)}; {p_of(one.p_value)}.",
        "",
        f"> {one.sentence}",
    ]


def controls(report: Path, found: Found) -> list[str]:
    """The hybrid beside what it has to beat, and beside what no signal can beat."""
    rows = []
    for name in ("always", "never", CHANCE, MIX, BOUND):
        one = contender(found, name)
        rows.append([f"`{name}`", percent_interval(Estimate(**one["pass_rate"]))])
    over = pair(report, MIX, CHANCE, split=found["split"]).comparison
    return [*markdown_table(["contender", "pass rate, 95% interval"], rows), "", f"> {over.sentence}"]


def many(_report: Path, found: Found) -> list[str]:
    """Every comparison of the scoreboard that involves no control: p alone, and p adjusted."""
    kept = [c for c in found["comparisons"] if not (control(found, c["a"]) or control(found, c["b"]))]
    rows = [
        [f"`{c['a']}` minus `{c['b']}`", points(c["delta"]), p_in(c["p_value"]), p_in(c["p_adjusted"])] for c in kept
    ]
    header = ["comparison", "points", "p", "p adjusted"]
    return [
        *markdown_table(header, rows),
        "",
        f"Adjusted for all {len(found['comparisons'])} comparisons of the table, those with controls included.",
    ]


def domains(report: Path, found: Found) -> list[str]:
    """One comparison by domain: raw, shrunk, and whether the domains differ."""
    shown = pair(report, OWN, RENT, split=found["split"])
    rows = [
        [
            f"`{d.domain}`",
            str(d.n_tasks),
            points(d.delta),
            points_interval(d.low, d.high),
            p_in(d.p_adjusted),
            points(d.shrunk),
        ]
        for d in shown.domains
    ]
    spread = next(h for h in found["heterogeneity"] if {h["a"], h["b"]} == {OWN, RENT})
    chance = p_of(spread["p_value"])
    return [
        *markdown_table(["domain", "tasks", "points", "interval", "p adjusted", "shrunk"], rows),
        "",
        f"Do the domains differ by more than chance? Q = {spread['q']:.1f} on {spread['df']} df, {chance}.",
    ]


def money(_report: Path, found: Found) -> list[str]:
    """What tasks and passes cost."""
    rows, (times, of) = [], unit_of(found)
    for name in (OWN, MIX, RENT):
        one = contender(found, name)
        costs = [dollars(one["cost_per_task_usd"], times), dollars(one["cost_per_pass_usd"], times)]
        rows.append([f"`{name}`", percent(one["pass_rate"]["value"]), *costs, seconds(one["latency_p50_s"])])
    heads = ["contender", "pass rate", f"cost per {of} tasks", f"cost per {of} passes", "median latency"]
    return markdown_table(heads, rows)


def threshold(report: Path, found: Found) -> list[str]:
    """The best threshold as it looks, and on tasks it was not chosen on."""
    swept = sweep(report, OWN, RENT, None, split=found["split"])
    chosen = swept.chosen
    return [
        f"- On the tasks that it was chosen on, the best threshold passes {percent(chosen.apparent)}. It hands over",
        f"  {percent(chosen.escalated)} of them.",
        f"- On tasks that were left out of the choosing it passes {percent_interval(chosen.crossfit)}.",
        "",
        f"> {swept.sentence}",
    ]


def first(_report: Path, found: Found) -> list[str]:
    """The three contenders of the first head-to-head, on its suite."""
    rows = []
    for name in (OWN, RENT, MIX):
        one = next(d for d in contender(found, name)["domains"] if d["domain"] == "ticket-routing")
        rows.append([f"`{name}`", percent_interval(Estimate(**one["pass_rate"])), f"{one['pass_rate']['n_tasks']:,}"])
    return markdown_table(["contender", "pass rate, 95% interval", "tasks"], rows)


def arms(report: Path, found: Found) -> list[str]:
    """One row a contender: how often it passes, what it was shown and opened, what that adds, and its cost."""
    view = skills(report, split=found["split"])
    given = {one.name: one for one in view.contenders}
    lifts = {(one.contender, one.control): one.comparison for one in view.lifts}
    manifest, rows, (times, of) = read_manifest(report), [], unit_of(found)
    for one in sorted(found["contenders"], key=lambda c: -(c["pass_rate"]["value"] or 0.0)):
        name, arm = one["name"], given.get(one["name"])
        lift = lifts.get((name, "bare"))
        added = "" if lift is None else f"{points(lift.delta)} {points_interval(lift.low, lift.high)}"
        shares = ["", ""] if arm is None else [share(arm.shown), share(arm.opened)]
        cost = dollars(one["cost_per_task_usd"], times).partition(" ")[0]
        passed = percent_interval(Estimate(**one["pass_rate"]))
        entry = manifest.contender(name) if manifest else None
        rows.append([f"`{name}`", arm_of(entry, arm), passed, *shares, added, cost])
    header = [
        "contender",
        "delivery, or parts",
        "pass rate, 95% interval",
        "shown",
        "opened",
        "lift, points",
        f"cost per {of} tasks",
    ]
    return [
        *markdown_table(header, rows, left=2),
        "",
        f"{found['n_tasks']:,} tasks; the lift is against the same model without skills, on the same tasks.",
    ]


def arm_of(entry: ContenderRecord | None, arm: SkilledContender | None) -> str:
    """How its skills reach a contender; of a hybrid its parts and its signal."""
    if entry is not None and entry.worker is not None:
        return f"`{entry.worker}`, `{entry.expert}`; {(entry.escalate or {}).get('signal')}"
    return str(arm.arm) if arm is not None else "adapter" if entry is not None and entry.adapter else ""


def share(of: Estimate) -> str:
    """A share of attempts, or nothing where it cannot be had."""
    return "" if of.value is None else percent(of.value, 0)


def roles(_report: Path, found: Found) -> list[str]:
    """One row an option and role of its calls."""
    rows, (times, of) = [], unit_of(found)
    for one in found["roles"]:
        if not control(found, one["contender"]):
            usd = cost_text(times * one["usd_per_attempt"]).replace("$", "\\$")
            asked = percent(one["with_one"] / one["attempts"], 0)
            rows.append([f"`{one['contender']}`", one["role"], ", ".join(one["models"]), asked, usd])
    return markdown_table(["contender", "role", "models", "attempts with one", f"cost per {of} attempts"], rows, left=3)


def newness(report: Path, found: Found) -> list[str]:
    """One row a domain: the tuned worker and the generalist that reads, on keys seen in training and on new ones."""
    rows = []
    for suite in sorted({domain["domain"] for domain in contender(found, OWN)["domains"]}):
        cells = [split_rate(report, found, name, new=new, suite=suite) for name in (OWN, RENT) for new in (False, True)]
        rows.append([suite, *("" if one is None else f"{percent_interval(one)} ({one.n_tasks})" for one in cells)])
    header = ["domain", *(f"`{name}`, {keys} keys" for name in (OWN, RENT) for keys in ("known", "new"))]
    return markdown_table(header, rows)


def forgetting(_report: Path, found: Found) -> list[str]:
    """One row an adapter: what is left of the general suite."""
    against = {one["a"]: one for one in found["comparisons"] if one["b"] == "base"}
    rows = []
    for one in found["contenders"]:
        lost = against.get(one["name"])
        said = "" if lost is None else f"{points(lost['delta'])} {points_interval(lost['low'], lost['high'])}"
        name = "no adapter" if lost is None else one["name"]
        rows.append([name, percent_interval(Estimate(**one["pass_rate"])), said])
    return markdown_table(["adapter", "pass rate on the general suite, 95% interval", "against none, points"], rows)


@cache
def _new_keys(report: Path) -> Mapping[tuple[str, str], bool]:
    """By suite and task whether its key was added after the adapters were tuned."""
    suites = load_experiment(report).suites if (report / "experiment.yaml").is_file() else ()
    found = [(resolve(report, one.path).name, load_suite(resolve(report, one.path)).tasks) for one in suites]
    return {(name, task.id): task.metadata["new"] for name, tasks in found for task in tasks if "new" in task.metadata}


def split_rate(report: Path, found: Found, name: str, *, new: bool, suite: str | None = None) -> Estimate | None:
    """A contender's pass rate on known or on new keys, in all suites or in one; None without such tasks."""
    one = contender(found, name)
    seeds = [seed["name"] for seed in one["seeds"]["each"]] if one["seeds"] else []
    frame = attempts(report, found).query("contender in @seeds or contender == @name").dropna(subset="passed")
    frame = frame[(frame["new"] == new) & ((frame["suite"] == suite) | (suite is None))]
    if frame.empty:
        return None
    grouped = frame.groupby(["suite", "cluster", "task"])["passed"].agg(["sum", "count"]).reset_index()
    clusters = (grouped["suite"] + "/" + grouped["cluster"]).to_numpy()
    rate = clustered_rate(grouped["sum"].astype(float), grouped["count"], clusters, found["level"])
    if not seeds:
        return rate
    return widened(rate, *of_values(frame.astype({"passed": float}).groupby("contender")["passed"].mean()))


def attempts(report: Path, found: Found) -> pd.DataFrame:
    """The outcomes of the report's split, each with whether its key is ``new``: added after the tuning."""
    fresh, frame = _new_keys(report), read_outcomes(report).to_pandas()
    frame = frame[frame["split"] == found["split"]]
    return frame.assign(new=[fresh.get(key) for key in zip(frame["suite"], frame["task"], strict=True)])


OTHERS: dict[str, dict[str, dict[str, Part]]] = {
    "arms-demo": {"every-arm.md": {"arms": arms, "roles": roles}},
    "forgetting": {"../adapters/README.md": {"forgetting": forgetting}},
}
"""The same for reports that the README does not quote, by name."""

BLOCKS: dict[str, dict[str, Part]] = {
    "../adapters/README.md": {"newness": newness},
    "first-experiment.md": {"first": first},
    "price-escalation.md": {"threshold": threshold, "money": money},
    "read-the-statistics.md": {
        "rate": rate,
        "two": table_of_two,
        "many": many,
        "domains": domains,
        "controls": controls,
        "money": money,
        "threshold": threshold,
    },
}
"""Each page that quotes the demo, and what stands between which of its markers."""


def contender(found: Found, name: str) -> dict[str, Any]:
    """What the statistics say of one contender."""
    one: dict[str, Any] = next(c for c in found["contenders"] if c["name"] == name)
    return one


def control(found: Found, name: str) -> bool:
    """Whether a contender is a yardstick only."""
    return bool(contender(found, name).get("control"))


def p_of(p: float | None) -> str:
    """``p = 0.023``; an angle bracket begins no tag."""
    return p_equation(p).replace("<", "&lt;")


def p_in(p: float | None) -> str:
    """The same in a cell of a table."""
    return p_text(p).replace("<", "&lt;")


def unit_of(found: Found) -> tuple[float, str]:
    """Of how many tasks costs are told, and in words, as everywhere: by the dearest option."""
    return many_of(*(one["cost_per_task_usd"]["value"] for one in found["contenders"] if one["control"] is None))


def dollars(estimate: dict[str, Any], times: float) -> str:
    """What so many cost, with the interval; a dollar sign begins no formula."""
    return dollars_interval(Estimate(**estimate).of_many(times)).replace("$", "\\$")
