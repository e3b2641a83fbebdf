"""What makes a user's table doubtful by its names: rows that sum up others, and one name in two spellings."""

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from harness.core import UserFileError
from harness.store.table_cells import Source
from harness.store.table_reading import INVISIBLE, plain_word
from harness.store.table_words import SUMMARY

if TYPE_CHECKING:
    import pandas as pd

_SHORTENED = re.compile(r"[+-]?\d(?:\.\d+)?E\+\d+")


def refuse_summaries(source: Source, made: "pd.DataFrame") -> None:
    """Refuses a row that sums up others: a contender of that name, or a task of that name whose value is a mean.

    Raises:
        UserFileError: there is such a row; names its line.
    """
    for word in ("contender", "task"):
        names = {name for name in made[word].unique() if plain_word(name) in SUMMARY}
        if not names:
            continue
        at = made[word].isin(names).to_numpy()
        row = int(at.argmax())
        if word == "task":
            values = made["passed"].where(made["passed"].notna(), made["score"])
            row = next((int(r) for r in at.nonzero()[0] if _is_mean(made, values, int(r), at)), -1)
        name = made[word].iloc[row if row >= 0 else int(at.argmax())]
        if row >= 0:
            problem, advice = f"the {word} {name!r} looks like a row that sums up others", "delete it, or rename it"
            raise UserFileError(source.path, problem, field=source.at(row), advice=advice)
        source.notes.append(f"the task {name!r} was taken for a task; delete its rows if they sum up others")


def _is_mean(made: "pd.DataFrame", values: "pd.Series[Any]", row: int, summaries: Any) -> bool:
    value = values.iloc[row]
    if not 0 < value < 1:
        return False
    others = values[(made["contender"] == made["contender"].iloc[row]).to_numpy() & ~summaries].dropna()
    return len(others) > 1 and bool(others.isin((0, 1)).all() or abs(others.mean() - value) < 0.006)


def note_spellings(source: Source, made: "pd.DataFrame") -> None:
    """Notes names that differ in their spelling only, and those that a spreadsheet has shortened."""
    written: dict[str, set[str]] = {}
    for raw in source.frame["contender"].astype("string").dropna().unique():
        written.setdefault(re.sub(INVISIBLE, "", raw).strip(), set()).add(raw)
    for name, forms in written.items():
        if len(forms) > 1:
            shown = " and ".join(repr(form) for form in sorted(forms)[:3])
            source.notes.append(f"the contenders {shown} differ in space only and were read as one, {name!r}")
    for word in ("contender", "task"):
        alike: dict[str, list[str]] = {}
        for name in made[word].unique():
            alike.setdefault(_look(name), []).append(name)
        pairs = [names for names in alike.values() if len(names) > 1]
        if pairs:
            shown = " and ".join(repr(name) for name in pairs[0][:3])
            more = f", as do the names of {len(pairs) - 1:,} more" if len(pairs) > 1 else ""
            source.notes.append(
                f"the {word}s {shown} differ in their spelling only{more}: they count as different {word}s"
            )
    shortened = next((name for name in made["task"].unique() if _SHORTENED.fullmatch(name)), None)
    if shortened is not None:
        text = f"the task {shortened!r} looks like a long number that a spreadsheet has shortened"
        source.notes.append(f"{text}: different tasks may have become one")


def _look(name: str) -> str:
    """A name without case, and with one mark for space, dash and underscore."""
    return re.sub(r"[\s_\-\u2010-\u2015]+", "-", unicodedata.normalize("NFKC", name).casefold()).strip("-")
