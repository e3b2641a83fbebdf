"""One colour a contender, the same on every page and in every figure.

The first four by day are Okabe and Ito's (2008). The others were chosen, on white and on a dark ground apart, so that
the least difference of any two (Oklab) is as large as it can be for full, protan and deutan sight (Machado et al.
2009), each with a contrast of 3 to white, or of 5 to the dark ground. More than twelve are not told apart: the rest
are grey until chosen.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.report.blocks import Cell, Table

if TYPE_CHECKING:
    from harness.analysis import Scoreboard

DAY = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#521808", "#A568F9", "#805C52", "#210784", "#43500A", "#3D35C2",
       "#723877", "#133144")  # fmt: skip
NIGHT = ("#56B4E9", "#F07F34", "#46967A", "#FA5294", "#EEA693", "#A568F9", "#E8B12D", "#41D3CE", "#E9E435", "#808AC6",
         "#60FFA9", "#91EEF8")  # fmt: skip
GREY = "#808080", "#909090"  # by day, and on a dark ground
SPARE = 2  # colours that are kept, where contenders are too many, for those that somebody chooses


@dataclass(frozen=True, slots=True)
class Colour:
    """A contender's colour by day and on a dark ground."""

    day: str
    night: str

    def on(self, *, dark: bool) -> str:
        """The one for this ground."""
        return self.night if dark else self.day


PALETTE = tuple(map(Colour, DAY, NIGHT))
PLAIN = Colour(*GREY)


def colours_of(view: "Scoreboard", chosen: Collection[str] = ()) -> Mapping[str, Colour]:
    """Every contender's colour; a control, which is no option, is grey, and each training seed has its recipe's.

    Up to twelve options have theirs by their order in the report, which no figure moves. Of more the ten that pass most
    have one, and up to two others that are ``chosen``.
    """
    options = [c.name for c in view.contenders if c.control is None and c.name not in view.absent]
    if len(options) > len(PALETTE):
        best = [c.name for c in view.ranked if c.name in options][: len(PALETTE) - SPARE]
        others = [name for name in options if name in chosen and name not in best][:SPARE]
        options = [*(name for name in options if name in best), *others]
    found = dict.fromkeys((c.name for c in view.contenders), PLAIN) | dict(zip(options, PALETTE, strict=False))
    seeds = {one.name: found[c.name] for c in view.contenders if c.seeds for one in c.seeds.each}
    return seeds | found


def coloured(table: Table, colours: Mapping[str, Colour]) -> Table:
    """A table in which every contender's name has its colour before it."""

    def marked(cell: Cell) -> Cell:
        colour = colours.get(cell.text) if cell.code else None
        return cell if colour is None else replace(cell, dot=(colour.day, colour.night))

    return replace(table, rows=tuple(tuple(map(marked, row)) for row in table.rows))
