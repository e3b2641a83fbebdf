"""What a user says about a table that its cells do not say themselves: columns, words, scales, units, its shape."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.core import UsageError, nearest
from harness.userfile import tidy

TIMES = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
MONEY = {"usd": 1.0, "cents": 0.01}
UNITS: dict[str, dict[str, float]] = {"latency_s": TIMES, "cost_usd": MONEY, "judge_usd": MONEY}
"""Of each column that has a unit, the units that ``--unit`` takes and what one of them is worth in ours."""
SCALED = ("score", "confidence")
_SCALE = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*\.\.\s*([+-]?\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a table is read where it does not say so itself."""

    true: tuple[str, ...] = ()  # more words that mean a pass
    false: tuple[str, ...] = ()  # more words that mean a failure
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The lowest and the highest value of a score or a confidence that is not from 0 to 1."""
    units: Mapping[str, str] = field(default_factory=dict)
    """The unit of a latency that is not in seconds, or of a cost that is not in dollars."""
    wide: bool = False
    """Whether each column, but those with our names, is a contender (or a task, where there is no task column)."""

    def __post_init__(self) -> None:
        both = {plain_word(w) for w in self.true} & {plain_word(w) for w in self.false}
        if both:
            raise UsageError(f"--true and --false both name {min(both)!r}; a word means one of them")
        for name, (low, high) in self.scales.items():
            if name not in SCALED:
                advice = "map it to score: --map score=COLUMN" if name == "passed" else nearest(name, SCALED)
                raise UsageError(f"--scale {name}={low:g}..{high:g}: {name} has no scale; {advice}")
            if low >= high:
                raise UsageError(f"--scale {name}={low:g}..{high:g}: write the lowest value first, as in score=0..100")
        for name, unit in self.units.items():
            if unit not in UNITS.get(name, ()):
                advice = f"no such unit; use {', '.join(UNITS[name])}" if name in UNITS else f"{name} has no unit"
                advice = advice if name in UNITS else f"{advice}; {nearest(name, UNITS)}"
                raise UsageError(f"--unit {name}={unit}: {advice}")


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """``ours=theirs`` pairs as a mapping.

    Raises:
        UsageError: a pair has another form, or one of our columns is mapped twice.
    """
    return _pairs("--map", pairs, "ours=theirs, as in contender=system", "is mapped twice, to {} before")


def parse_scales(pairs: Sequence[str]) -> dict[str, tuple[float, float]]:
    """``score=0..100`` and its like. Raises UsageError: a pair has another form, or a column has two."""
    found: dict[str, tuple[float, float]] = {}
    for name, text in _pairs("--scale", pairs, "COLUMN=VALUE, as in score=0..100").items():
        span = _SCALE.fullmatch(text)
        if not span:
            raise UsageError(f"--scale {name}={text}: write the lowest and the highest value, as in score=0..100")
        found[name] = (float(span[1]), float(span[2]))
    return found


def parse_units(pairs: Sequence[str]) -> dict[str, str]:
    """``latency_s=ms`` and its like. Raises UsageError: a pair has another form, or a column has two."""
    return {name: unit.lower() for name, unit in _pairs("--unit", pairs, "COLUMN=VALUE, as in latency_s=ms").items()}


def _pairs(option: str, pairs: Sequence[str], form: str, again: str = "has {} already") -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=") if option == "--map" else map(str.strip, pair.partition("="))
        if not (name and equals and value):
            raise UsageError(f"{option} {pair}: write {form}")
        if name in found:
            raise UsageError(f"{option} {pair}: {name} {again.format(found[name])}; keep one")
        found[name] = value
    return found


def plain_name(text: str) -> str:
    """A column's name in our spelling: ``Cost (USD)`` is ``cost_usd``, ``latencyMs`` is ``latency_ms``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", tidy(text))
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", spaced).casefold()).strip("_")


def plain_word(text: str) -> str:
    """A word of a result as it is compared: ``.TRUE.`` is ``true``, ``Not_Resolved`` is ``not resolved``."""
    tidied = tidy(text).casefold()
    words = re.sub(r"[\s_-]+", " ", tidied).strip(" .,;:!?'\"`*()[]{}<>")
    return words if re.search(r"[^\W\d_]", words) else tidied
