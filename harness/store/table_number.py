"""Numbers as people write them: currency, percent, units of time, marks for thousands, decimal commas."""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from harness.store.table_reading import TIMES

_SPACES = "\u00a0\u202f\u2009 '’_"
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?:[.,]\d+)?")
_DECIMAL_COMMA = re.compile(
    r"[+-]?(?:0*,\d+|\d*,(?:\d{1,2}|\d{4,})|\d{4,},\d+|\d{1,3}(?:\.\d{3})+,\d+|\d+,\d+e[+-]?\d+)", re.IGNORECASE
)
_THOUSANDS_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+\.\d*|\d{1,3}(?:,\d{3}){2,})")
_EITHER_COMMA = re.compile(r"[+-]?\d{1,3},\d{3}")
_THOUSANDS_POINT = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
_MONEY = re.compile(
    r"(?P<sign>[+-]?)\s*(?:US\s?\$|\$|USD)?\s*(?P<number>[^a-z$]*?(?:e[+-]?\d+)?)\s*(?:US\s?\$|\$|USD)?", re.IGNORECASE
)
_TIME = re.compile(r"(?P<number>[+-]?[\d., \u00a0\u202f]*\d\.?(?:e[+-]?\d+)?)\s*(?P<unit>[a-zµμ]+)\.?", re.IGNORECASE)
_TIME_WORDS = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), "ns"),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
}


@dataclass(frozen=True, slots=True)
class Amount:
    """A cell that is more than plain digits."""

    value: float | None
    """``None`` where it cannot be read."""
    stated: bool = False
    """Whether the cell names its own unit, so that no other applies: 5% is 0.05 on any scale."""
    advice: str = "needed: a number"


def read_amounts(texts: Iterable[str], kind: str, *, plain: Iterable[str] = ()) -> dict[str, Amount]:
    """What each text means in a column of one kind; texts of digits alone are read elsewhere.

    Args:
        texts: the distinct cells that are more than plain digits, without space around them.
        kind: ``money``, ``time``, ``share`` or ``count``.
        plain: the column's other cells, asked for where a decimal comma makes their points marks for thousands; those
            that change are in the answer.
    """
    cores = {text: _core(text.replace("\u2212", "-"), kind) for text in texts}
    numbers = [core[0] for core in cores.values()]
    decimal = any(_DECIMAL_COMMA.fullmatch(n) for n in numbers)
    grouped = any(_THOUSANDS_COMMA.fullmatch(n) for n in numbers)
    either = next((n for n in numbers if _EITHER_COMMA.fullmatch(n)), None)
    if decimal and grouped:
        advice = "the column has commas before thousands and commas before decimals; write all with a decimal point"
        return {t: Amount(None, advice=advice) for t, core in cores.items() if "," in core[0]}
    if either and not (decimal or grouped) and kind != "count":
        advice = "a comma here may mark thousands or decimals; write the number without it, or with a decimal point"
        return {t: Amount(None, advice=advice) for t, core in cores.items() if core[0] == either}
    found = {}
    for text, (number, factor, stated, advice) in cores.items():
        value = _value(number, decimal=decimal)
        found[text] = Amount(None if value is None else value * factor, stated, advice)
    if decimal:
        for text in plain:
            if "." in text:
                value = _value(text, decimal=True)
                advice = "other cells of the column have a decimal comma; write all in one way"
                found[text] = Amount(value, advice=advice)
    return found


def _core(text: str, kind: str) -> tuple[str, float, bool, str]:
    """The digits of a cell, what its sign or unit multiplies them by, whether it names one, and what else to say."""
    if kind == "share" and text.endswith("%"):
        return text[:-1].strip(), 0.01, True, "needed: a number"
    if kind == "money":
        return _money(text)
    if kind == "time":
        return _time(text)
    return text, 1.0, False, "needed: a number"


def _money(text: str) -> tuple[str, float, bool, str]:
    if re.search(r"[€£¥₹₩]|\b(?:EUR|GBP|CNY|RMB|JPY|INR|CHF)\b", text, re.IGNORECASE):
        return "", 1.0, False, "costs are in US dollars; convert the column"
    cents = re.fullmatch(r"(.*\d)\s*(?:¢|cents?|ct)", text, re.IGNORECASE)
    if cents:
        return cents[1], 0.01, True, "needed: a number of dollars"
    found = _MONEY.fullmatch(text)
    number = found["sign"] + found["number"].strip() if found else text
    return number, 1.0, bool(found) and number != text, "needed: a number of dollars"


def _time(text: str) -> tuple[str, float, bool, str]:
    import pandas as pd

    advice = "needed: a number of seconds, or a number and its unit (ns, us, ms, s, min, h)"
    found = _TIME.fullmatch(text)
    if found and (unit := _TIME_WORDS.get(found["unit"].casefold() if found["unit"] != "M" else "")):
        return found["number"].strip(), TIMES[unit], True, advice
    if len(text) <= 60 and re.search(r"\d", text) and re.search(r"[a-z]|\d:\d\d:\d\d", text, re.IGNORECASE):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return repr(pd.Timedelta(text).total_seconds()), 1.0, True, advice
        except (ValueError, OverflowError):
            pass
    return text, 1.0, False, advice


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
