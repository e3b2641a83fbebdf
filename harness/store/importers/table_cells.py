"""Reads the cells of a user's table: numbers, results and words, however they were written."""

import re
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import UserFileError, listed, plural
from harness.store.importers.table_words import (
    NO_LABEL,
    NOTHING,
    SCALED,
    SUMMARY,
    TIMES,
    UNITS,
    Reading,
    advice_for,
    plain_name,
    plain_word,
    verdicts,
)
from harness.store.ranges import Range
from harness.store.words import Array
from harness.userfile import INVISIBLE, tidy

if TYPE_CHECKING:
    import pandas as pd

_AT_ONCE = 100_000  # cells
_KINDS = {"latency_s": "time", "cost_usd": "money", "judge_usd": "money", "score": "share", "confidence": "share"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The table that a user brought, its columns under our names."""

    path: Path
    frame: "pd.DataFrame"
    lines: Any  # of each row the number of its line in the file, or of the row
    place: str  # what ``lines`` counts
    theirs: dict[str, str]  # the file's own name of each column
    reading: Reading
    across: str = ""  # of a wide table, which of ours its columns are
    notes: list[str] = field(default_factory=list)  # how the cells were read where it is not plain from the mapping

    def at(self, row: int) -> str:
        """Where the row is, such as ``line 7``."""
        return f"{self.place} {int(self.lines[row])}"

    def fault(self, row: int, problem: str, advice: str) -> UserFileError:
        """The error about one row."""
        return UserFileError(self.path, problem, field=self.at(row), advice=advice)

    def refusal(self, row: int, name: str, problem: str, advice: str) -> UserFileError:
        """The error about one cell."""
        theirs = self.theirs.get(name, name)
        if self.across and name not in self.theirs:
            theirs = str(self.frame[self.across].iloc[row])
        column = name if theirs == name else f"{theirs} ({name})"
        names = [self.frame[name_of].iloc[row] for name_of in ("task", "contender") if name_of in self.frame]
        if any(plain_word(str(name_of)) in SUMMARY for name_of in names):
            advice = f"if the row sums up others, delete it; else {advice}"
        return UserFileError(self.path, problem, field=f"{self.at(row)}, {column}", advice=advice)

    def refuse_any(self, name: str, wrong: Any, values: Any, advice: str) -> None:
        """Refuses the first number for which ``wrong`` holds."""
        if wrong.any():
            raise self.refusal(first(wrong), name, f"found {values[first(wrong)]:.12g}", advice)


def first(mask: Any) -> int:
    """The first row for which the mask holds."""
    return int(np.asarray(mask, dtype=bool).argmax())


def texts(source: Source, name: str) -> "pd.Series[Any]":
    """A column as texts without space around; missing if empty. Raises UserFileError: a cell holds a list or record."""
    import pandas as pd

    column = source.frame[name]
    if isinstance(column.dtype, pd.CategoricalDtype):  # each text once
        each = _tidied(pd.Series(column.cat.categories).astype("string"))
        return pd.Series(each.array.take(column.cat.codes.to_numpy(), allow_fill=True), index=column.index)
    if column.dtype.kind == "f":
        there = column.dropna()
        if ((there % 1 == 0) & (there.abs() < 2**63)).all():
            column = column.astype("Int64")
    for row, value in enumerate(column) if column.dtype == object else ():
        if hasattr(value, "__len__") and not isinstance(value, str):
            shown = str(value.tolist() if hasattr(value, "tolist") else value)[:60]
            raise source.refusal(row, name, f"found a list or a record: {shown}", "needed: one value a cell")
    return _tidied(column.astype("string"))


def _tidied(found: Any) -> "pd.Series[Any]":
    """Texts without space around and invisible marks; missing where nothing is left."""
    marked = found.str.contains(INVISIBLE, regex=True).fillna(value=False)
    if marked.any():
        found = found.mask(marked, found.str.replace(INVISIBLE, "", regex=True))
    found = found.str.strip()
    return found.mask(found.str.len() == 0)  # type: ignore[no-any-return]


def words_in(found: "pd.Series[Any]", *, but: Iterable[str] = ()) -> dict[str, int]:
    """How often each text is there; those that hold nothing are left out, but for the ones of ``but``."""
    counts = {str(word): int(n) for word, n in found.fillna("").value_counts().items()}
    return {word: n for word, n in counts.items() if word.lower() not in NOTHING.difference(but)}


def words(source: Source, name: str, *, needed: bool = False) -> "pd.Series[Any]":
    """Texts, as a category; missing where a cell holds nothing. Raises UserFileError: it does, and is ``needed``."""
    import pandas as pd

    found = texts(source, name)
    absent = found.isna() | found.str.lower().isin(NO_LABEL if name.startswith("label_") else NOTHING)
    if needed and absent.any():
        cell = found.iloc[first(absent)]
        what = f"the {name} is empty" + ("" if pd.isna(cell) else f": found {cell!r}")
        raise source.fault(first(absent), what, "fill it in, or delete the row if it sums up others")
    found = found.mask(absent)
    dotted = found.str.contains(".", regex=False).fillna(value=False)
    if name in {"task", "cluster"} and dotted.any() and found.dropna().str.fullmatch(r"[+-]?\d+(?:\.0+)?").all():
        one = found[dotted].iloc[0]
        found = found.str.replace(r"\.0+$", "", regex=True)
        shown = f"such as {one!r} as {one.partition('.')[0]!r}"
        source.notes.append(f"{name}: whole numbers were read without their decimal point, {shown}")
    codes, unique = pd.factorize(found)
    return named(codes, unique.tolist(), found.index)


def named(codes: Array, names: Sequence[str], index: Any) -> "pd.Series[Any]":
    """A column of names by their numbers, -1 for none: a million rows name ten contenders."""
    import pandas as pd

    values = pd.Categorical.from_codes(codes, categories=pd.Index([*names], dtype="str"))
    return pd.Series(values, index=index)


def numbers(source: Source, name: str, within: Range) -> "pd.Series[float]":
    """Floats in our unit and on our scale, NaN where unknown. Raises UserFileError: a cell is no number, or outside."""
    import pandas as pd

    column = source.frame[name]
    if column.dtype.kind in "iufb":
        values: Array = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        stated: Array = np.zeros(len(values), dtype=bool)
    else:
        values, stated = _written(source, name)
    values = _ours(source, name, values, stated)
    wrong = within.outside(values) | np.isinf(values)
    if within.whole:
        wrong |= np.isfinite(values) & (values % 1 != 0)
    source.refuse_any(name, wrong, values, f"needed: a {within}" + _of_another_unit(source, name, values[wrong]))
    return pd.Series(values, index=column.index)


def _of_another_unit(source: Source, name: str, outside: Array) -> str:
    """What to do about figures that are too large, where another unit may be the reason."""
    if name not in UNITS or name in source.reading.units or not (outside > 0).any():
        return ""
    unit = "ms" if name == "latency_s" else "cents"
    return f" for one attempt; correct it, or say the column's unit, as in --unit {name}={unit}"


def _written(source: Source, name: str) -> tuple[Array, Array]:
    """The numbers of a column of texts, and which cells name their own unit."""
    import pandas as pd

    found = texts(source, name)
    empty = (found.isna() | found.str.lower().isin(NOTHING)).to_numpy(dtype=bool)
    values = np.full(len(found), np.nan)
    for start in range(0, len(found), _AT_ONCE):  # as objects all at once they would take 100 MB
        part = slice(start, start + _AT_ONCE)
        numeric = pd.to_numeric(found.iloc[part].mask(empty[part]), errors="coerce")
        values[part] = numeric.to_numpy(dtype=np.float64, na_value=np.nan)
    stated = np.zeros(len(values), dtype=bool)
    odd = np.isnan(values) & ~empty
    if not odd.any():
        return values, stated
    rest = found[odd]
    plain = found[~odd & ~empty].unique() if rest.str.contains(",", regex=False).any() else ()
    amounts = read_amounts(rest.unique(), _KINDS.get(name, "count"), plain=plain)
    touched = np.flatnonzero(found.isin(list(amounts)).to_numpy(dtype=bool))
    for row, text in zip(touched.tolist(), found.iloc[touched], strict=True):
        value, stated[row], advice = amounts[text]
        if value is None:
            raise source.refusal(row, name, f"found {text[:60]!r}", advice)
        values[row] = value
    _refuse_half_stated(source, name, found, stated)
    row = int(touched[0])
    more = f" (and {len(touched) - 1:,} more)" if len(touched) > 1 else ""
    source.notes.append(f"{name}: {found.iloc[row]!r} was read as {values[row]:.12g}{more}")
    return values, stated


def _refuse_half_stated(source: Source, name: str, found: "pd.Series[Any]", stated: Array) -> None:
    """Where some cells name a unit that is not ours by default, the others must be 0, or the user must say theirs."""
    if name.endswith("_usd"):
        stated = stated & found.str.contains("¢|c", case=False).fillna(value=False).to_numpy(dtype=bool)
    if name in source.reading.units or name in source.reading.scales or not stated.any():
        return
    bare = ~stated & ~found.fillna("0").str.lower().isin({*NOTHING, "0", "0.0", "0.00"}).to_numpy(dtype=bool)
    if bare.any():
        other, row = str(found.iloc[first(stated)]), first(bare)
        say = f"--scale {name}=0..100, if it is one of a hundred" if name in SCALED else f"--unit {name}=UNIT"
        problem = f"found {found.iloc[row]!r} in a column where other cells name their unit, such as {other!r}"
        raise source.refusal(row, name, problem, f"write all in one way, or say what the bare numbers are: {say}")


def _ours(source: Source, name: str, values: Array, stated: Array) -> Array:
    """The values in our unit and on our scale, where the user has said which theirs are."""
    unit, scale = source.reading.units.get(name), source.reading.scales.get(name)
    if unit is not None and UNITS[name][unit] != 1:
        if not stated.all():
            source.notes.append(f"{name}: converted from {unit}")
        return np.where(stated, values, values * UNITS[name][unit])
    if scale is not None:
        low, high = scale
        outside = ~stated & ((values < low) | (values > high))
        source.refuse_any(name, outside, values, f"needed: a number from {low:g} to {high:g}, as --scale says")
        if scale != (0, 1):
            source.notes.append(f"{name}: {low:g} to {high:g} became 0 to 1")
        return np.where(stated, values, (values - low) / (high - low))
    theirs = source.theirs.get(name, name)
    if name in SCALED and re.search(r"%|(^|_)(pct|percent|percentage)$", f"{theirs} {plain_name(theirs)}"):
        advice = f"the name says percent: --scale {name}=0..100, or {name}=0..1 if it is wrong"
        source.refuse_any(name, ~stated & (np.nan_to_num(values) != 0), values, advice)
    return values


def truths(source: Source, name: str) -> "pd.Series[float]":
    """1.0, 0.0, or NaN where unknown; notes what words were taken for. Raises UserFileError: a word is neither."""
    import pandas as pd

    found = texts(source, name).fillna("")
    counts = words_in(found, but={tidy(word).casefold() for word in (*source.reading.true, *source.reading.false)})
    values, unknown = verdicts(list(counts), source.reading)
    if unknown:
        row = first(found.isin(unknown))
        word = str(found.iloc[row])
        advice = advice_for([word, *(w for w in unknown if w != word)], source.theirs.get(name, name))
        if source.across and name not in source.theirs:
            if "--map" in advice:
                advice = "each column must hold words for right and wrong, or each column numbers from 0 to 1"
            advice += f"; remove the column if it is no {source.across}"
        raise source.refusal(row, name, f"found {word[:60]!r}", advice)
    parts, said = [], {*source.reading.true, *source.reading.false}
    for value, meaning, other in ((1.0, "pass", "--false"), (0.0, "failure", "--true")):
        taken = [word for word, v in values.items() if v == value]
        if said & {*taken} and len(taken) == len(values) > 1:  # --true 0 leaves a 1 the pass that it is by itself
            problem = f"every value would be a {meaning}: {listed([repr(word) for word in taken], 8)}"
            raise source.refusal(0, name, problem, f"name those of the other kind with {other} WORD")
        if any(word.casefold() not in {"true", "false", "1", "0"} or word in said for word in taken):
            told = [f"{word!r} ({plural(counts[word], 'row')})" for word in taken]
            parts.append(f"{listed(told, 8)} as a {meaning}")
    if parts:
        source.notes.append(f"{name}: read {' and '.join(parts)}")
    codes, unique = pd.factorize(found)
    return pd.Series(np.array([values.get(word, np.nan) for word in unique])[codes], index=found.index)


_SPACES = "\u00a0\u202f\u2009 '’_"
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?:[.,]\d+)?")
_DECIMAL_COMMA = re.compile(
    r"[+-]?(?:0*,\d+|\d*,(?:\d{1,2}|\d{4,})|\d{4,},\d+|\d{1,3}(?:\.\d{3})+,\d+|\d+,\d+e[+-]?\d+)", re.IGNORECASE
)
_THOUSANDS_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+\.\d*|\d{1,3}(?:,\d{3}){2,})")
_EITHER_COMMA = re.compile(r"[+-]?\d{1,3},\d{3}")
_THOUSANDS_POINT = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
_FOREIGN = re.compile(r"[€£¥₹₩]|\b(?:EUR|GBP|CNY|RMB|JPY|INR|CHF)\b", re.IGNORECASE)
_CENTS = re.compile(r"(.*\d)\s*(?:¢|cents?|ct)", re.IGNORECASE)
_DOLLARS = r"\s*(?:US\s?\$|\$|USD)?"
_MONEY = re.compile(rf"([+-]?){_DOLLARS}\s*([^a-z$]*?(?:e[+-]?\d+)?){_DOLLARS}", re.IGNORECASE)
_TIME = re.compile(r"([+-]?[\d., \u00a0\u202f]*\d\.?(?:e[+-]?\d+)?)\s*([a-zµμ]+)\.?", re.IGNORECASE)
TIME_WORDS = {
    word: unit
    for unit, words in {
        "ns": "ns nanosecond nanoseconds",
        "us": "us µs μs usec microsecond microseconds",
        "ms": "ms msec msecs millis millisecond milliseconds",
        "s": "s sec secs second seconds",
        "min": "m min mins minute minutes",
        "h": "h hr hrs hour hours",
    }.items()
    for word in words.split()
}
_NEEDED = {
    "money": "needed: a number of dollars",
    "time": "needed: a number of seconds, or a number and its unit (ns, us, ms, s, min, h)",
}
Amount = tuple[float | None, bool, str]
"""A number or ``None``; whether its cell names a unit, so that no other applies (5% is 0.05 on any scale); advice."""


def read_amounts(texts: Iterable[str], kind: str, *, plain: Iterable[str] = ()) -> dict[str, Amount]:
    """What each text means in a column of one kind: ``money``, ``time``, ``share`` or ``count``."""
    # The texts are distinct cells that are more than plain digits; ``plain`` are the others, of which those are in the
    # answer whose points a decimal comma makes marks for thousands.
    cores = {text: _core(text.replace("\u2212", "-"), kind) for text in texts}
    digits = [core[0] for core in cores.values()]
    decimal = any(_DECIMAL_COMMA.fullmatch(n) for n in digits)
    grouped = any(_THOUSANDS_COMMA.fullmatch(n) for n in digits)
    either = next((n for n in digits if _EITHER_COMMA.fullmatch(n)), None)
    if decimal and grouped:
        advice = "the column has commas before thousands and commas before decimals; write all with a decimal point"
        return {text: (None, False, advice) for text, core in cores.items() if "," in core[0]}
    if either and not (decimal or grouped) and kind != "count":
        advice = "a comma here may mark thousands or decimals; write the number without it, or with a decimal point"
        return {text: (None, False, advice) for text, core in cores.items() if core[0] == either}
    found: dict[str, Amount] = {}
    for text, (number, factor, stated) in cores.items():
        value = _value(number, decimal=decimal)
        foreign = kind == "money" and not number
        advice = "costs are in US dollars; convert the column" if foreign else _NEEDED.get(kind, "needed: a number")
        found[text] = (None if value is None else value * factor, stated, advice)
    if decimal:
        advice = "other cells of the column have a decimal comma; write all in one way"
        found |= {text: (_value(text, decimal=True), False, advice) for text in plain if "." in text}
    return found


def _core(text: str, kind: str) -> tuple[str, float, bool]:
    """The digits of a cell, what its sign or unit multiplies them by, and whether it names one."""
    if kind == "share" and text.endswith("%"):
        return text[:-1].strip(), 0.01, True
    if kind == "money":
        if _FOREIGN.search(text):
            return "", 1.0, False
        if cents := _CENTS.fullmatch(text):
            return cents[1], 0.01, True
        found = _MONEY.fullmatch(text)
        number = found[1] + found[2].strip() if found else text
        return number, 1.0, bool(found) and number != text
    return _time(text) if kind == "time" else (text, 1.0, False)


def _time(text: str) -> tuple[str, float, bool]:
    import pandas as pd

    found = _TIME.fullmatch(text)
    if found and (unit := TIME_WORDS.get(found[2].casefold() if found[2] != "M" else "")):
        return found[1].strip(), TIMES[unit], True
    if len(text) <= 60 and re.search(r"\d", text) and re.search(r"[a-z]|\d:\d\d:\d\d", text, re.IGNORECASE):
        with suppress(ValueError, OverflowError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return repr(pd.Timedelta(text).total_seconds()), 1.0, True
    return text, 1.0, False


def _value(number: str, *, decimal: bool) -> float | None:
    """The digits as a float; ``decimal``: a comma comes before the decimals."""
    if _GROUPED.fullmatch(number):
        number = re.sub(f"[{_SPACES}]", "", number)
    if decimal:
        if _THOUSANDS_POINT.fullmatch(number):
            number = number.replace(".", "")
        elif "." in number:
            return None
        number = number.replace(",", ".")
    elif _THOUSANDS_COMMA.fullmatch(number) or _EITHER_COMMA.fullmatch(number):
        number = number.replace(",", "")
    return float(number) if _PLAIN.fullmatch(number) else None
