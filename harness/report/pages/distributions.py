"""Distributions: how latency, cost and tokens are spread over each contender's attempts, and where the most went."""

import streamlit as st

from harness.analysis import Spread, amounts_known, progress_of, spreads
from harness.report.pages.choices import choose
from harness.report.pages.loading import Evidence, Shown, remembered, table_of
from harness.report.pages.parts import figure, loud, show, title
from harness.report.pages.task_links import FIRST, tasks_href
from harness.report.spread_strips import SHOWN, spread_figure, spread_table

WORDS = {name: words for words, name in FIRST.items()}


def page(shown: Shown) -> None:
    """One amount at a time: a strip of quantiles a contender, and the table of the same."""
    title("Distributions", "How latency, cost and tokens vary from attempt to attempt, and which tasks took the most.")
    evidence = shown.evidence
    table, manifest = table_of(evidence)
    loud(progress_of(table, manifest).warning)
    offered = {name: SHOWN[name].title for name in amounts_known(table)}
    if not offered:
        st.info("Nothing to show: this report holds no latencies, costs or tokens.")
        return
    amount = choose("Amount", offered, "amount", short=True)
    found = _spreads(evidence, amount)
    figure(f"spread-{amount}", spread_figure, found, amount, shown.theme)
    st.caption("A name leads to the contender's tasks, those with the most first. Graded attempts only.")
    show(spread_table(found, amount, lambda who: tasks_href(who=who, order=WORDS[amount])), fold=True)


@remembered(16)
def _spreads(evidence: Evidence, amount: str) -> tuple[Spread, ...]:
    return spreads(table_of(evidence)[0], amount)
