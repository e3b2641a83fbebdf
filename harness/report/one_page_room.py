"""How much of its texts the one page has room for: all of them where they fit, else shorter ones, and what was cut."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness.core import plural, visible

SHEET, WIDE, GAPS = 278.0, 186.0, 14.0  # millimetres of A4 within its margins, and between its parts
PICTURE = 58.0  # millimetres that the picture has at least, where a text may be longer instead
NAME, CAPTION = 34, 40  # letters of a name, and of a card's label
_POINT = 0.353  # millimetres
_LETTER = 0.56  # of a letter's height is its width, in the widest of the fonts that may be there


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The most letters of each reason, warning, option's reason and option's name, and the most of each kind."""

    reasons: int
    reason: int
    warnings: int
    warning: int
    options: int
    why: int
    listed: int
    flips: int
    suites: int
    dense: bool = False  # smaller type


WHOLE = Room(reasons=6, reason=900, warnings=12, warning=2_000, options=24, why=300, listed=NAME, flips=10, suites=24)
_BETWEEN = (
    Room(reasons=4, reason=500, warnings=8, warning=900, options=18, why=200, listed=NAME, flips=8, suites=12),
    Room(reasons=3, reason=400, warnings=6, warning=600, options=14, why=150, listed=NAME, flips=6, suites=8),
    Room(reasons=2, reason=300, warnings=4, warning=400, options=14, why=150, listed=NAME, flips=4, suites=4),
)
TIGHT = Room(reasons=1, reason=170, warnings=3, warning=230, options=14, why=150, listed=NAME, flips=4, suites=4)
DENSE = replace(TIGHT, warning=110, why=80, listed=24, dense=True)
MANY = 6  # options above which the last resort is smaller type, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What the page would say, whole."""

    sentence: str
    reasons: Sequence[str]
    cards: Sequence[str]  # of each what stands under its figure
    warnings: Sequence[str]
    flips: Sequence[str]
    options: Sequence[tuple[str, str]]  # of each name and reason
    suites: Sequence[str]
    facts: Sequence[str]  # lines about the data, but the suites'


def room_for(texts: Texts) -> Room:
    """The most that has room on the sheet next to a picture that can be read."""
    tight = DENSE if len(texts.options) > MANY else TIGHT
    tried = (one for room in (WHOLE, *_BETWEEN) for one in (room, replace(room, dense=True)))
    return next((room for room in tried if _height(texts, room) <= SHEET), tight)


def _height(texts: Texts, room: Room) -> float:
    """Millimetres of the page with as much of the texts as ``room`` allows."""
    reasons = [one[: room.reason] for one in texts.reasons[: room.reasons]]
    warnings = [one[: room.warning] for one in texts.warnings[: room.warnings]] or ["none"]
    flips = [one[:200] for one in texts.flips[: room.flips]]
    options = [(name[: room.listed], why[: room.why]) for name, why in texts.options[: room.options]]
    facts = [*texts.facts, ", ".join(texts.suites[: room.suites])]
    letters, cells, lead = (7.6, 6.8, 9.2) if room.dense else (8.6, 7.8, 10.5)  # as in one_page.css
    line = letters * _POINT * 1.32
    left = _lines(warnings, 0.56 * WIDE, letters) + (len(texts.warnings) > room.warnings)
    right = _lines(flips, 0.34 * WIDE, letters) + (len(texts.flips) > room.flips)
    padding = 0.8 if room.dense else 1.2
    lines = sum(max(_lines([name], 0.165 * WIDE, cells), _lines([why], 0.385 * WIDE, cells)) for name, why in options)
    rows = lines * cells * _POINT * 1.25 + padding * len(options)
    return (
        9.0  # the name
        + _lines([texts.sentence + 20 * " "], WIDE, 1.1 * lead) * lead * _POINT * 1.3
        + _lines(reasons, WIDE, letters) * line
        + 13.0
        + 2.8 * max((_lines([one], 41.0, 7.4) for one in texts.cards), default=0)
        + PICTURE
        + 5.0
        + line * max(left, right)
        + (13.0 + rows if options else 0.0)
        + 5.0
        + line * (_lines(facts, WIDE - 20.0, letters) + 3)  # one of the digest, two of what is not here
        + GAPS
    )


def _lines(texts: Iterable[str], wide: float, points: float) -> int:
    return sum(max(1, math.ceil(len(text) * _LETTER * points * _POINT / wide)) for text in texts)


@dataclass(slots=True)
class Cutter:
    """Shortens texts for the page, long names in them first, and knows which it has cut."""

    names: Sequence[str]
    cut: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: str, most: int, what: str = "") -> str:
        """``text`` of at most so many characters; counted as ``what`` where it was longer."""
        for name in sorted(self.names, key=len, reverse=True):
            text = text.replace(name, visible(name, NAME)) if len(name) > NAME else text
        shown = visible(text, most)
        if what and shown != visible(text):
            self.cut[what] += 1
        return shown

    def kept(self, some: Sequence[str], most: int, what: str) -> tuple[Sequence[str], int]:
        """The first of some texts, and how many more there are, which are counted as ``what`` left out."""
        more = max(0, len(some) - most)
        if more:
            self.cut[f"{what} left out"] += more
        return some[:most], more

    def told(self, report: str) -> Iterator[str]:
        """What was cut, and where it stands whole; nothing where nothing was."""
        said = [_counted(what, count) for what, count in self.cut.items()]
        if said:
            yield f"{', '.join(said)}; whole in report.html, which ownbench report {visible(report, NAME)} writes"


def _counted(what: str, count: int) -> str:
    noun, _, how = what.partition(" ")
    return f"{plural(count, noun)} {how or 'shortened'}"
