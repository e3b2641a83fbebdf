"""What a report has measured of an adapter, for its model card: text in Markdown, and figures for the hub."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.analysis import AdapterUse, MeasuredDomain
from harness.core import UNKNOWN, Estimate, dollars_interval, percent, percent_interval, plural, points
from harness.report.markdown_text import markdown_code, markdown_sentence, markdown_table, markdown_text

BASE = "the base alone"  # the role that `adapter_use` gives the base without the adapter
_HEAD = (
    "contender",
    "what it is",
    "pass rate, {}",
    "tasks",
    "cost per 1,000 tasks",
    "this adapter minus it, in points",
)


def adapter_results(uses: Sequence[AdapterUse]) -> tuple[str, list[dict[str, Any]], list[str]]:
    """The text, the results of ``model-index``, and what limits the figures, a sentence each; of one report or more."""
    results = [_result(row, use.view.split) for use in uses for row in use.rows
               if row.contender == use.contender.name and row.score.pass_rate.value is not None]  # fmt: skip
    return "\n\n".join(map(_text, uses)), results, [*_standing(uses), *_limits(uses)]


def passes_nothing(uses: Sequence[AdapterUse]) -> str:
    """That the adapter passed no task of the work at all, in a sentence; empty where it passed any."""
    own = [row.score for use in uses for row in use.rows if row.contender == use.contender.name and not row.general]
    known = [score for score in own if score.pass_rate.value is not None]
    if not known or any(score.pass_rate.value for score in known):
        return ""
    tasks = sum(score.n_tasks for score in known)
    return f"It passed none of the {plural(tasks, 'task')} of the work that it was measured on: it is not fit for use."


def _standing(uses: Sequence[AdapterUse]) -> list[str]:
    """Where it is worse than its base, or not shown to be better, by domain; what is forgotten too."""
    found = []
    for row in (row for use in uses for row in use.rows):
        one = row.difference
        if row.role != BASE or one is None or one.delta is None or one.low is None or one.high is None:
            continue
        gap, on = (
            f"{points(one.delta, 1)} points [{points(one.low, 1)}, {points(one.high, 1)}]",
            markdown_text(row.domain),
        )
        if row.general and one.high < 0.0:
            found.append(f"It forgot general work: on {on} it passes fewer tasks than the base alone, {gap}.")
        elif not row.general and one.high < 0.0:
            found.append(f"On {on} it passes fewer tasks than the base alone, {gap}.")
        elif not row.general and one.low <= 0.0:
            found.append(f"On {on} it is not shown to pass more tasks than the base alone, {gap}.")
    return found


def _text(use: AdapterUse) -> str:
    view, own = use.view, use.contender
    level = f"{100 * view.level:g}% interval"
    split = f" of the split {view.split}" if view.split not in {None, "all"} else ""
    opening = f"From the report {markdown_code(view.report)}, tasks{split}. Every rate has its {level}; the intervals"
    opening += f" are over {'clusters of tasks that share a source' if view.unit == 'cluster' else 'tasks'}."
    parts = [opening, *_domain_tables(use, level)]
    rate, cost = percent_interval(own.pass_rate), _per_thousand(own.cost_per_task_usd)
    whole = f"Over all {own.n_tasks:,} tasks {_of(use)}, {markdown_code(own.name)} passes {rate}, at {cost} per 1,000"
    parts.append(f"{whole} tasks{'' if use.alone else ', with other adapters on the other suites'}.")
    if use.alone:
        told = [one for one in view.compared if own.name in {one.a, one.b} and not {one.a, one.b} & view.yardsticks]
        parts += [f"- {markdown_sentence(one.sentence, (one.a, one.b))}" for one in told]
    return "\n\n".join([*parts, *_seeds(use)])


def _of(use: AdapterUse) -> str:
    """Of what the tasks are that a contender's rate is over."""
    return "of the work in the report" if any(row.general for row in use.rows) else "of the report"


def _domain_tables(use: AdapterUse, level: str) -> list[str]:
    parts = []
    for domain in dict.fromkeys(row.domain for row in use.rows):
        rows = [row for row in use.rows if row.domain == domain]
        forgetting = ": general work, which shows what is forgotten" if rows[0].general else ""
        table = markdown_table([text.format(level) for text in _HEAD], map(_cells, rows), left=2)
        parts += [f"### {markdown_text(domain)}{forgetting}", "\n".join(table)]
    return parts


def _cells(row: MeasuredDomain) -> list[str]:
    one, score = row.difference, row.score
    apart = UNKNOWN
    if one is not None and one.delta is not None:
        ends = "" if one.low is None or one.high is None else f" [{points(one.low, 1)}, {points(one.high, 1)}]"
        apart = f"{points(one.delta, 1)}{ends}"
    lost = score.errored + score.ungraded + score.skipped
    tasks = f"{score.n_tasks:,}" + (f" ({lost:,} attempts without outcome)" if lost else "")
    rate, cost = percent_interval(score.pass_rate), _per_thousand(score.cost_per_task_usd)
    return [markdown_code(row.contender, cell=True), row.role, rate, tasks, cost, apart]


def _per_thousand(cost: Estimate) -> str:
    value, low, high = (None if end is None else 1_000 * end for end in (cost.value, cost.low, cost.high))
    return dollars_interval(replace(cost, value=value, low=low, high=high)).replace("$", r"\$")


def _seeds(use: AdapterUse) -> list[str]:
    spread = None if use.seeds is None else use.seeds.seeds
    if use.seeds is None or spread is None:
        return []
    ends = f"from {percent(spread.lowest)} to {percent(spread.highest)}"
    sd = "" if spread.sd is None else f" (standard deviation {points(spread.sd, 1).lstrip('+')} points)"
    opening = f"{markdown_code(use.seeds.name)} has {spread.number} training seeds, this adapter among them."
    lines = [f"{opening} Over all {use.seeds.n_tasks:,} tasks {_of(use)} they pass {ends}{sd}."]
    for domain in dict.fromkeys(row.domain for row in use.rows):
        rates = [percent(part.pass_rate.value) for one in spread.each for part in one.domains if part.domain == domain]
        lines += [f"On {markdown_text(domain)} each by itself: {', '.join(rates)}."] if rates else []
    return [" ".join(lines)]


def _result(row: MeasuredDomain, split: str | None) -> dict[str, Any]:
    """One result of ``model-index``: the rate in percent, its interval in the name."""
    rate = row.score.pass_rate
    metrics = [{"type": "pass_rate", "name": f"pass rate, {percent_interval(rate)}, {row.score.n_tasks} tasks",
                "value": float(percent(rate.value).rstrip("%"))}]  # fmt: skip
    dataset = {"name": row.domain, "type": row.domain} | ({"split": split} if split not in {None, "all"} else {})
    return {"task": {"type": "text-generation"}, "dataset": dataset, "metrics": metrics}


def _limits(uses: Sequence[AdapterUse]) -> list[str]:
    views = [use.view for use in uses]
    found = [markdown_text(t) for view in views for t in (view.warning, view.apart, *view.cautions) if t]
    rows = [row for use in uses for row in use.rows]
    if not any(row.general for row in rows):
        found.append("What the base could do and the adapter may have forgotten was not measured.")
    if BASE not in {row.role for row in rows}:
        found.append("The base without the adapter was not measured.")
    if not any(use.seeds for use in uses):
        found.append("One training seed was measured: how far seeds lie apart is not known.")
    return list(dict.fromkeys(found))
