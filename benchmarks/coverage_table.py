"""Rows of the pages on coverage and error rates: a figure of the program in a population, and what it comes to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulations import One, Share, Tally

LOWEST, HIGHEST, LEVEL = 94.0, 96.0, 5.0  # a 95% interval is nominal between the first two; a test at 5% errs so often
SURE = {False: 2.0, True: 3.0}  # standard errors beyond its bound at which an interval, or a test, fails


@dataclass(frozen=True, slots=True)
class Batch:
    """A figure that is simulated in one go."""

    make: Callable[[int, int], Tally]  # of so many runs, with a seed


@dataclass(frozen=True, slots=True)
class Exact:
    """A share of false claims that is enumerated."""

    make: Callable[[], float]


Cell = One | Batch | Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure of the program in a population, at a few sizes."""

    name: str
    cells: tuple[Cell | None, ...]  # None: there is no figure at this size
    test: bool = False  # the share of false claims at 5%, else that of intervals which hold the truth
    says: str = ""  # the program's warning where the figure is not to be trusted
    used: bool = True  # the program uses it; else it stands there to be compared with
    share: float = 1.0  # of the usual number of runs: for what takes long
    words: str = ""  # in place of the verdict, where the figure is no error


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A table of a page."""

    page: str
    title: str
    about: str
    sizes: tuple[str, ...]
    rows: Callable[[], tuple[Row, ...]]

    @property
    def head(self) -> list[str]:
        """The names of its columns."""
        return ["figure and population", *self.sizes, "runs", "result"]


def shown(row: Row, found: Sequence[Tally | None]) -> list[str]:
    """The cells of one row: shares in percent with their standard error, runs, and what they come to."""
    cells = []
    for one in found:
        if one is None:
            cells.append("")
            continue
        value = 100.0 * one.false.value if row.test or row.words else 100.0 * (1.0 - one.false.value)
        text = f"{value:.1f}" if one.false.runs == 0 else f"{value:.1f} ± {100.0 * one.false.error:.1f}"
        cells.append(f"**{text}**" if row.used and not row.words and fails(row, one.false) else text)
    runs = {one.false.runs for one in found if one is not None}
    number = ", ".join("exact" if n == 0 else f"{n:,}" for n in sorted(runs))
    return [row.name, *cells, number, verdict(row, [one for one in found if one is not None])]


def fails(row: Row, false: Share) -> bool:
    """Whether so many false claims are more than the bound and chance allow."""
    bound = LEVEL if row.test else 100.0 - LOWEST
    return 100.0 * (false.value - SURE[row.test] * false.error) > bound


def verdict(row: Row, found: Sequence[Tally]) -> str:
    if row.words or not row.used:
        return row.words or "not used"
    low = [one for one in found if fails(row, one.false)]
    if not low:
        if row.test:
            return "holds"
        above = [one for one in found if 100.0 * (1.0 - one.false.value - 2.0 * one.false.error) > HIGHEST]
        return "conservative" if above else "nominal"
    if not row.says or any(fails(row, one.silent) for one in low):
        return "**errs too often**" if row.test else "**too low**"
    return f"warned: {row.says}"
