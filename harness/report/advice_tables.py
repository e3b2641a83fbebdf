"""The advice as tables and sentences: the options, the conditions, the break-even, and what would flip the word."""

import re
from collections.abc import Iterator
from dataclasses import replace

from harness.core import UNKNOWN, Decision, chance, dollars, number
from harness.report import cells
from harness.report.blocks import PAGE, Block, Cell, Column, Heads, Table, Text, table
from harness.verdict import KINDS_MEAN, Advice, Option

INPUTS = {
    "tasks_per_month": "tasks a month",
    "value_per_task_usd": "value of a task",
    "training_usd": "training",
    "labelling_usd": "labelling",
    "skill_authoring_usd": "skill authoring",
    "hosting_usd_per_month": "hosting a month",
    "outage_days_per_year": "outage days a year",
    "data_must_stay_inside": "data must stay inside",
    "gpu_hour_usd": "machine's hour",
    "margin": "margin of quality",
}  # every input as a figure and a form call it
QUALITY = {
    "best": "passes most of those allowed",
    "shown": "shown to lie within the margin of the best",
    "open": "neither shown to lie within the margin of the best, nor shown to miss it",
    "below": "shown to miss the margin",
    "not allowed": "it needs an API, and the data must stay inside",
}
GOOD = {Decision.OWN, Decision.RENT, Decision.MIX}
MEANT = [f"{kind}: {words}" for kind, words in KINDS_MEAN.items()]
MISSING = {**{name: label for name, label in INPUTS.items() if name != "margin"}, "cost_usd": "the cost of a task"}
"""By the name that a file and a command know: what a page calls it. The margin's name is a word of every day."""
_NAMES = re.compile(rf"\b({'|'.join(MISSING)})\b")
_OPTIONS = "(--own, --rent, --mix)"
ON_MONEY = "on the dashboard's page Money"


def in_labels(text: str, say: str = ON_MONEY) -> str:
    """A sentence for people with fields before them: inputs by their labels; ``say`` is where kinds are said."""
    return _NAMES.sub(lambda found: MISSING[found[0]], text.replace(_OPTIONS, say))


def advice_word(view: Advice, say: str | None = None) -> Iterator[Block]:
    """The word and its reasons; with ``say`` in labels, as `in_labels` writes them."""
    first, *others = [reason if say is None else in_labels(reason, say) for reason in view.reasons] or [""]
    yield Text([view.advice.value], f"word {'good' if view.advice in GOOD else 'open'}")
    yield Text([first], "lead")
    yield Text(others, "reasons")
    yield Text(MEANT, "notes", only=PAGE)


def types_of(view: Advice | None) -> dict[str, str]:
    """By contender whether to choose it is to own, to rent or to mix; nothing where there is no advice."""
    return {} if view is None else {o.contender: o.kind for o in view.options}


def options_table(view: Advice) -> Table:
    """One row an option, the likeliest to be the cheapest first, and what the columns mean."""
    columns: Heads = [Column("option", left=True), Column("type", left=True), "per month", "fixed", "tasks",
                      "outage loss", Column("cheapest", expendable=True), "pass rate", "quality",
                      Column("cost per pass", "per pass", expendable=True)]  # fmt: skip
    rows = []
    for o in view.options:
        missing = f"not known: it needs {', '.join(MISSING.get(name, name) for name in o.lacking)}"
        often, p = Cell(UNKNOWN, missing), o.probability_cheapest
        if p is not None:
            often = Cell(chance(p), f"the cheapest of the required quality in {100 * p:.0f} of 100 simulations")
        month = o.monthly_usd if o.monthly_usd.why is None else replace(o.monthly_usd, why=in_labels(o.monthly_usd.why))
        parts = [Cell(UNKNOWN, missing)] * 3 if o.fixed_usd is None else _parts(view, o)
        rows.append([Cell(o.contender, code=True), Cell(o.kind, f"{KINDS_MEAN.get(o.kind, '')} ({o.because})"),
                     cells.money(month), *parts, often, cells.rate(o.pass_rate), Cell(o.quality, QUALITY[o.quality]),
                     cells.money(o.cost_per_pass_usd)])  # fmt: skip
    found = {o.quality for o in view.options}
    words = "; ".join(f"{word}: {meaning}" for word, meaning in QUALITY.items() if word in found)
    notes = [
        ("Per month = fixed (training, labelling and authoring spread over the months; hosting) + tasks + outage loss. "
         "Tasks: tasks a month times the cost of a task."),
        ("Outage loss: tasks a month times the share of them that needs an API, times a task's value, times outage "
         "days a year / 365. It is an expected loss, not an invoice."),
        ("Cheapest: share of simulations in which it is the cheapest option of sufficient quality, that is, passes at "
         f"most {amount_words('margin', view.margin)} less than the option that passes most. An option that fails "
         "this in every resample of the tasks is never counted, however cheap it is."),
        f"Quality, on the tasks as they were seen. {words[:1].upper()}{words[1:]}.",
    ]  # fmt: skip
    return table("Options", columns, rows, kind="options", notes=notes)


def _parts(view: Advice, option: Option) -> list[Cell]:
    """What an option costs whatever the volume, for the tasks, and by outages."""
    parts = " + ".join(f"{INPUTS[name]} {dollars(usd)}" for name, usd in option.fixed_parts_usd.items() if usd)
    volume, value, days = (view.economics[n] for n in ("tasks_per_month", "value_per_task_usd", "outage_days_per_year"))
    each = f"{number(volume)} tasks, {dollars((option.tasks_usd or 0.0) / volume)} each" if volume else "no tasks"
    lost = "nothing is expected to be lost"
    if option.outages_usd:
        lost = (f"expected, on no invoice: of {number(volume)} tasks those that need an API, {dollars(value)} each, "
                f"on {number(days)} of 365 days")  # fmt: skip
    return [Cell(dollars(option.fixed_usd), parts or "nothing is paid whatever the volume"),
            Cell(dollars(option.tasks_usd), each), Cell(dollars(option.outages_usd), lost)]  # fmt: skip


def conditions_table(view: Advice) -> Table:
    """The conditions under which owning wins, each answered from the evidence where there is some."""
    rows = [(c.name, c.answer, in_labels(c.evidence)) for c in view.conditions]
    rows += [(f"forgetting: {f.tuned}", f.answer, f.evidence) for f in view.forgetting]
    return table("When owning wins", ["owning wins where", "here", "evidence"], rows, left=3, kind="conditions")


def break_even(view: Advice, *, labelled: bool = False) -> Text:
    """From which volume the owned option is the cheaper one, ``296,507 [291,048, 302,175]``, or why it is not known."""
    even, pair = view.break_even_tasks_per_month, view.break_even_of
    who = "" if pair is None else f" ({pair[0]} against {pair[1]})"
    text, hover = f"not known: {even.why or 'no evidence'}", cells.in_words(even, "number")
    if labelled:
        text, hover = in_labels(text), in_labels(hover)
    if even.value is not None:
        low = UNKNOWN if even.low is None else f"{even.low:,.0f}"
        high = "unbounded" if even.high is None else f"{even.high:,.0f}"
        text = f"{even.value:,.0f}" + ("" if even.low is None and even.high is None else f" [{low}, {high}]")
    return Text([text], hover=hover, label=f"Break-even, tasks a month{who}")


def flips_table(view: Advice) -> Table:
    """Each input that would change the word alone, the present value next to the one at which it changes."""
    rows = [(INPUTS.get(f.input, f.input), amount_words(f.input, f.now), amount_words(f.input, f.at), f.advice)
            for f in view.flips_at]  # fmt: skip
    columns = ["input, moved alone", "now", "changes at", "cheapest from there"]
    return table("What would flip the advice", columns, rows, left=4, kind="flips")


def amount_words(name: str, value: float | bool) -> str:  # noqa: FBT001
    """An input as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "margin":
        return f"{100 * value:.3g} points"
    return dollars(value) if "usd" in name else count_words(value)


def count_words(value: float) -> str:
    """A number of tasks or days."""
    return number(value) if value >= 1e9 else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
