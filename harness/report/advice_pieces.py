"""Tables of the advice for the pages: the options, the break-even, and what would flip the word."""

import re
from dataclasses import replace

from harness.core import UNKNOWN, Decision, Estimate, chance, dollars, number
from harness.report.html_parts import Cell, html_code, html_list, html_table, html_text, in_words, money_cell, rate_cell
from harness.report.tornado import INPUTS, amount_words
from harness.verdict import KINDS_MEAN, Advice, Option

QUALITY = {
    "best": "passes most of those allowed",
    "shown": "shown to lie within the margin of the best",
    "open": "neither shown to lie within the margin of the best, nor shown to miss it",
    "below": "shown to miss the margin",
    "not allowed": "it needs an API, and the data must stay inside",
}
GOOD = {Decision.OWN, Decision.RENT, Decision.MIX}


LACKING = {**{name: label for name, label in INPUTS.items() if name != "margin"}, "cost_usd": "the cost of a task"}
"""By the name that a file and a command know: what a page calls it. The margin's name is a word of every day."""
_NAMES = re.compile(rf"\b({'|'.join(LACKING)})\b")
_OPTIONS = "(--own, --rent, --mix)"
ON_MONEY = "on the dashboard's page Money"


def in_labels(text: str, say: str = ON_MONEY) -> str:
    """A sentence of the advice for people with fields before them: inputs by their labels, no words for a command.

    Args:
        text: the sentence.
        say: where somebody says what is owned, rented or mixed.
    """
    return _NAMES.sub(lambda found: LACKING[found[0]], text.replace(_OPTIONS, say))


def word_html(view: Advice, say: str = ON_MONEY) -> str:
    """The word, its reasons, and what the three words mean; ``say`` as for `in_labels`."""
    kind = "good" if view.advice in GOOD else "open"
    first, *others = [in_labels(reason, say) for reason in view.reasons] or [""]
    word = f'<span class="word {kind}">{html_text(view.advice.value)}</span>'
    return f"{word}<p><strong>{html_text(first)}</strong></p>{html_list(others, 'reasons')}{kinds_html()}"


def ways_of(view: Advice | None) -> dict[str, str]:
    """By contender whether to choose it is to own, to rent or to mix; nothing where there is no advice."""
    return {} if view is None else {o.contender: o.kind for o in view.options}


def kinds_html() -> str:
    """Own, rent and mix in a few words each."""
    return html_list([f"{kind}: {words}" for kind, words in KINDS_MEAN.items()])


def options_html(view: Advice) -> str:
    """One row an option, the likeliest to be the cheapest first."""
    header = ["option", "kind", "a month", "of it fixed", "of it for tasks", "of it lost to outages",
              "how often the cheapest of those that hold the quality", "pass rate"]  # fmt: skip
    rows: list[list[Cell | str]] = []
    for o in view.options:
        p = o.probability_cheapest
        lacking = f"not known: it needs {', '.join(LACKING.get(name, name) for name in o.lacking)}"
        often = Cell(UNKNOWN, lacking)
        if p is not None:
            words = f"the cheapest of the required quality in {100 * p:.0f} of 100 redraws of tasks and amounts"
            often = Cell(chance(p), words)
        rows.append([Cell(o.contender, code=True), Cell(o.kind, f"{KINDS_MEAN.get(o.kind, '')} ({o.because})"),
                     money_cell(_labelled(o.monthly_usd)), *_parts(view, o, lacking), often, rate_cell(o.pass_rate),
                     Cell(o.quality, QUALITY[o.quality]), money_cell(o.cost_per_pass_usd)])  # fmt: skip
    table = html_table([*header, "quality", "cost per pass"], rows, left=2, caption="Options", kind="options")
    return table + html_list(_columns(view))


def _labelled(estimate: Estimate) -> Estimate:
    return estimate if estimate.why is None else replace(estimate, why=in_labels(estimate.why))


def _columns(view: Advice) -> list[str]:
    """What the columns of the options mean, below their table: of the words of quality those that stand in it."""
    found = {o.quality for o in view.options}
    words = "; ".join(f"{word}: {meaning}" for word, meaning in QUALITY.items() if word in found)
    return [
        "A month = fixed + tasks + lost to outages. For tasks: tasks a month times the cost of a task.",
        (
            "Lost to outages: tasks a month times the share of them that needs an API, times a task's value, times "
            "outage days a year / 365. It is an expected loss, not an invoice."
        ),
        (
            f"Holds the quality: passes at most {amount_words('margin', view.margin)} less than the option that passes "
            "most. An option that fails this in every redraw of the tasks is never counted, however cheap it is."
        ),
        f"Quality, on the tasks as they were seen. {words[:1].upper()}{words[1:]}.",
    ]


def _parts(view: Advice, option: Option, lacking: str) -> list[Cell]:
    """Of a month's bill what is fixed, what the tasks cost and what outages lose; each with its reckoning on hover."""
    if option.fixed_usd is None:
        return [Cell(UNKNOWN, lacking)] * 3
    parts = " + ".join(f"{INPUTS[name]} {dollars(usd)}" for name, usd in option.fixed_parts_usd.items() if usd)
    volume = view.economics["tasks_per_month"]
    each = f"{number(volume)} tasks, {dollars((option.tasks_usd or 0.0) / volume)} each" if volume else "no tasks"
    lost = _lost(view) if option.outages_usd else "nothing is expected to be lost"
    return [Cell(dollars(option.fixed_usd), parts or "nothing is paid whatever the volume"),
            Cell(dollars(option.tasks_usd), each), Cell(dollars(option.outages_usd), lost)]  # fmt: skip


def _lost(view: Advice) -> str:
    """How the loss comes about, with the amounts as they stand."""
    volume, value, days = (view.economics[n] for n in ("tasks_per_month", "value_per_task_usd", "outage_days_per_year"))
    return (
        f"expected, on no invoice: of {number(volume)} tasks those that need an API, {dollars(value)} each, "
        f"on {number(days)} of 365 days"
    )


def conditions_html(view: Advice) -> str:
    """The conditions under which owning wins, each answered from the evidence where there is some."""
    rows: list[list[Cell | str]] = [[c.name, c.answer, in_labels(c.evidence)] for c in view.conditions]
    rows += [[f"forgetting: {f.tuned}", f.answer, f.evidence] for f in view.forgetting]
    return html_table(["owning wins where", "here", "evidence"], rows, left=3, caption="Conditions", kind="conditions")


def break_even_html(view: Advice) -> str:
    """From which volume the owned option is the cheaper one, in a sentence."""
    even, pair = view.break_even_tasks_per_month, view.break_even_of
    who = "" if pair is None else f" of {html_code(pair[0])} against {html_code(pair[1])}"
    if even.value is None:
        return f"<p>Break-even{who}: not known, {html_text(in_labels(even.why or 'no evidence'))}.</p>"
    low = UNKNOWN if even.low is None else f"{even.low:,.0f}"
    high = "unbounded" if even.high is None else f"{even.high:,.0f}"
    words = html_text(in_words(even, "number"))
    text = f"{even.value:,.0f} [{low}, {high}]"
    return f'<p>Break-even{who}: <span title="{words}"><strong>{text}</strong></span> tasks a month.</p>'


def flips_html(view: Advice) -> str:
    """Each input that would change the word alone, the present value beside the one at which it changes."""
    rows: list[list[Cell | str]] = []
    for f in view.flips_at:
        now, at = (amount_words(f.input, value) for value in (f.now, f.at))
        rows.append([INPUTS.get(f.input, f.input), now, at, f.advice])
    header = ["input, moved alone", "now", "changes at", "cheapest from there"]
    return html_table(header, rows, left=4, caption="What would flip the advice", kind="flips") if rows else ""
