"""What is said first, as blocks: each place writes the same."""

from collections.abc import Callable, Iterator

from harness import core
from harness.analysis import Scoreboard
from harness.core import dollars
from harness.report import cells
from harness.report.blocks import MARKDOWN, PAGE, TERMINAL, Block, Cell, Column, Heads, Row, Shown, Table, Text, table
from harness.report.choice_tables import GOOD, MISSING, in_labels
from harness.report.opening import Opening, Standing
from harness.report.palette import coloured, colours_of
from harness.verdict import KINDS_MEAN

LISTED = 12  # options that a terminal lists; a page folds the rest


def verdict_blocks(found: Opening, say: str | None = None) -> Iterator[Block]:
    """The word, the sentence, and why nothing is concluded; with ``say`` inputs by their labels, as `in_labels`."""
    yield Text([found.verdict.value], f"word {'good' if found.verdict in GOOD else 'open'}")
    yield Text([found.sentence], "lead", found.names)
    why = open_reasons(found)
    if found.missing:
        waits = core.listed([_called(name, by_key=say is None) for name in found.missing])
        where = "economics in experiment.yaml, or advise --economics" if say is None else f"the page Money, or {_FILE}"
        why.insert(0, f"No advice until these are given ({where}): {waits}.")
    yield Text([reason if say is None else in_labels(reason, say) for reason in why], "reasons")
    yield Text(found.notes, "reasons")


def open_reasons(found: Opening) -> list[str]:
    """Why nothing is concluded, without what is said elsewhere: what is missing, and the best of another kind."""
    return [reason for reason in found.why if not reason.startswith(("Missing: ", *_RIVALS))]


def _called(name: str, *, by_key: bool) -> str:
    """An input by its label, and by its key where that is to be written."""
    label = MISSING.get(name, name)
    return f"{label} (`{name}`)" if by_key else label


_FILE = "economics in experiment.yaml"
_RIVALS = tuple(f"{kind}: " for kind in KINDS_MEAN)  # the best of another kind, which the list of options says better


def cards_table(found: Opening) -> Table:
    """The figures of the first screen."""
    rows: list[Row] = [[Cell(card.label), Cell(card.value, card.hover, card.under)] for card in found.cards]
    return table(f"Figures of {found.about}", ["figure", Column("value", left=True)], rows, kind="cards")


def caution_line(view: Scoreboard) -> Text:
    """That there are cautions, by their first words, where they stand in full further down."""
    heads = [core.visible(caution.partition(":")[0], 60) for caution in view.cautions]
    return Text([f"With caution: {'; '.join(heads)}. More below the options."] if heads else [], "legend", only=PAGE)


def options_blocks(
    found: Opening, view: Scoreboard, behind: Callable[[Table], Table] = lambda table: table
) -> Iterator[Block]:
    """Every option with its colour, what became of it, advised or not, and the reason; ``behind`` links the table."""
    times, of = view.cost_unit
    yield Text(["Options, and why"], "head")
    cost = f"{'all-in ' * found.all_in}cost per {of} tasks"
    heads: Heads = [
        "option",
        Column("type", left=True),
        Column("setup", left=True, only="page"),
        Column("outcome", left=True),
        "pass rate",
        Column(cost, cost.replace("cost ", "")),
        Column("why", left=True),
    ]
    rows: list[Row] = [
        [Cell(one.contender, code=True), Cell(one.type, KINDS_MEAN.get(one.type, "")), one.setup, one.outcome,
         cells.rate(one.pass_rate), dollars(None if one.cost_usd is None else times * one.cost_usd), one.why]
        for one in found.options
    ]  # fmt: skip
    shown = table("Options, and why", heads, rows, kind="standings")
    shown = coloured(shown.without_empty([cost]), colours_of(view))
    yield Shown(behind(shown), titled=False, fold=True, only=MARKDOWN + PAGE)
    lines = [f"{_named(one)}, {one.outcome}: {one.why}" for one in found.options[:LISTED]]
    more = len(found.options) - LISTED
    lines += [f"and {more:,} more, whose pass rates are in the table below; --json lists all"] if more > 0 else []
    yield Text(lines, "reasons", found.names, only=TERMINAL)


def _named(one: Standing) -> str:
    return f"`{one.contender}`" + (f" ({one.type})" if one.type else "")
