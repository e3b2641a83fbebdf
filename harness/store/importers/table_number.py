"""Numbers as people write them: currency, percent, units of time, marks for thousands, decimal commas."""

import re
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from harness.store.importers.table_reading import TIMES

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
_TIME_WORDS = {
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A cell that is more than plain digits."""

    value: float | None  # ``None`` where it cannot be read
    stated: bool = False  # whether the cell names its own unit, so that no other applies: 5% is 0.05 on any scale
    advice: str


def read_amounts(texts: Iterable[str], kind: str, *, plain: Iterable[str] = ()) -> dict[str, Amount]:
    """What each text means in a column of one kind: ``money``, ``time``, ``share`` or ``count``.

    The texts are distinct cells that are more than plain digits; ``plain`` are the others, of which those are in the
    answer whose points a decimal comma makes marks for thousands.
    """
    cores = {text: _core(text.replace("\u2212", "-"), kind) for text in texts}
    digits = [core[0] for core in cores.values()]
    decimal = any(_DECIMAL_COMMA.fullmatch(n) for n in digits)
    grouped = any(_THOUSANDS_COMMA.fullmatch(n) for n in digits)
    either = next((n for n in digits if _EITHER_COMMA.fullmatch(n)), None)
    if decimal and grouped:
        advice = "the column has commas before thousands and commas before decimals; write all with a decimal point"
        return {text: Amount(value=None, advice=advice) for text, core in cores.items() if "," in core[0]}
    if either and not (decimal or grouped) and kind != "count":
        advice = "a comma here may mark thousands or decimals; write the number without it, or with a decimal point"
        return {text: Amount(value=None, advice=advice) for text, core in cores.items() if core[0] == either}
    found = {}
    for text, (number, factor, stated) in cores.items():
        value = _value(number, decimal=decimal)
        foreign = kind == "money" and not number
        advice = "costs are in US dollars; convert the column" if foreign else _NEEDED.get(kind, "needed: a number")
        found[text] = Amount(value=None if value is None else value * factor, stated=stated, advice=advice)
    if decimal:
        advice = "other cells of the column have a decimal comma; write all in one way"
        found |= {text: Amount(value=_value(text, decimal=True), advice=advice) for text in plain if "." in text}
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
    if found and (unit := _TIME_WORDS.get(found[2].casefold() if found[2] != "M" else "")):
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
