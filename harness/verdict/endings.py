"""Models that end: an API that is switched off, a base that is withdrawn. Within the horizon that costs a move."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.core import Described, listed

DAYS_A_MONTH = 365 / 12
MOVING = "moving_usd"
SHOWN = 5  # options that a sentence lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A model of an option that can be had until a day, and what of the option is made for it."""

    model: str
    until: dt.date
    tuned: bool  # a training is lost with it
    skilled: bool  # skills were written for it
    training_usd: float | None = None  # what the cards say that the training cost; ``None``: not all of them say it


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """The months over which money spent once is spread, from a day on."""

    months: float
    start: dt.date

    def holds(self, one: Ending) -> bool:
        """Whether the model ends within it; one that has ended already is to be left at once."""
        return (one.until - self.start).days < self.months * DAYS_A_MONTH


def endings_of(known: Described, name: str) -> tuple[Ending, ...]:
    """The models of a contender of which a last day is on record."""
    found = []
    parts = known.parts_of(name) if name in known.contenders else ()
    for model in known.models_of(name):
        if model.available_until:
            mine = [part for part in parts if part.model == model.name]
            of_it = [part for part in mine if known.is_tuned(part)]
            found.append(
                Ending(
                    model=model.name,
                    until=dt.date.fromisoformat(model.available_until),
                    tuned=bool(of_it),
                    skilled=any(part.is_skilled and part.author is None for part in mine),
                    training_usd=known.training_usd(name, model.name) if of_it else None,
                )
            )
    return tuple(found)


def ending_notes(options: Iterable[tuple[str, Sequence[Ending]]], horizon: Horizon, *, stated: bool) -> list[str]:
    """One sentence a model that ends: when, and whether the move is charged and to whom; ``stated``: its cost is."""
    names: dict[tuple[str, dt.date], list[str]] = {}
    within: dict[tuple[str, dt.date], bool] = {}
    for name, endings in options:
        for one in endings:
            names.setdefault((one.model, one.until), []).append(name)
            within[one.model, one.until] = horizon.holds(one)
    what = "as moving_usd states"
    if not stated:
        what = "what was tuned for it is trained again and its skills are written again; examples keep their labels"
        what = f"{what} (moving_usd states another amount)"
    notes = []
    for (model, until), who in sorted(names.items()):
        on, of = f"{model} can be had until {until}", listed(who, SHOWN)
        if not within[model, until]:
            notes.append(f"{on}, beyond the {horizon.months:g} months: no move is charged")
        elif until < horizon.start:
            notes.append(f"{model} could be had until {until}, which has passed: {of} must move now, once: {what}")
        else:
            notes.append(f"{on}, within the {horizon.months:g} months: {of} must move once: {what}")
    return notes
