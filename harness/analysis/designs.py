"""Tuned x skilled: does the adapter help, do the skills help, and do they help each other?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.common_tasks import CommonTasks, trials_note
from harness.analysis.loading import Evidence, evidence_of
from harness.analysis.progress import progress_of
from harness.analysis.views import warned
from harness.core import (
    ContenderRecord,
    Estimate,
    EvidenceError,
    Kind,
    UsageError,
    as_json,
    p_equation,
    plural,
    points,
)
from harness.stats import Effect, clustered_rate
from harness.stats import factorial as factorial_effects
from harness.store import TaskTable, described

CELLS = {"base": Kind.MODEL, "tuned": Kind.ADAPTER, "skilled": Kind.SKILLED, "both": Kind.BOTH}
"""The four cells, and the kind of contender that fills each."""

CELL_WORDS = {
    "base": "the model bare",
    "tuned": "the model with an adapter and no skills",
    "skilled": "the model with skills and no adapter",
    "both": "the model with both an adapter and skills",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignEffect:
    """One effect, as a difference of pass rates."""

    name: str  # ``tuning``, ``skills`` or ``interaction``
    delta: float
    low: float | None
    high: float | None
    p_value: float
    method: str  # the interval's and the test's

    @staticmethod
    def of(name: str, found: Effect) -> "DesignEffect":
        """An effect by its name."""
        seen, method = found.estimate, f"{found.estimate.method}; {found.test}"
        return DesignEffect(name=name, delta=seen.value or 0.0, low=seen.low, high=seen.high, p_value=found.p_value,
                            method=method)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What ``ownbench factorial`` shows: four contenders on the tasks that all four have."""

    cells: Mapping[str, Estimate]  # of each cell its pass rate on the common tasks
    effects: tuple[DesignEffect, ...]
    n_tasks: int
    n_trials: int
    level: float
    unit: str  # what is resampled: ``task``, or ``cluster`` where tasks share a source
    sentence: str
    contenders: Mapping[str, str]  # of each cell the contender that fills it
    warning: str | None
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return warned(as_json(self))


def factorial(
    source: Path | Evidence,
    named: Mapping[str, str | None] | None = None,
    *,
    split: str | None = None,
    level: float = 0.95,
) -> Design:
    """The two main effects and their interaction, within tasks.

    ``named`` has contenders of the cells ``base``, ``tuned``, ``skilled`` and ``both``; a cell that is not named is
    filled by the one contender of its kind. The rest as in `pair`.

    Raises:
        UsageError: no such folder, contender or split; several contenders could fill a cell, or one fills two.
        EvidenceError: no outcomes, broken ones, a cell that nobody fills, or no task that all four have.
    """
    table, manifest = evidence_of(source, split)
    known = described(table.report, manifest).contenders
    contenders = _filled(table, {cell: name for cell, name in (named or {}).items() if name is not None}, known)
    tasks = CommonTasks.of(table, *contenders.values())
    cells = [tasks.values(which) for which in range(len(contenders))]
    base, tuned, skilled, both = cells
    found = factorial_effects(base, tuned, skilled, both, tasks.clusters, level=level)
    if found is None:
        raise EvidenceError(f"{table.report}: {', '.join(contenders.values())} have no graded task in common")
    alone = [float((sums / counts).mean()) for sums, counts in cells[:3]]
    effects = {"tuning": found.first, "skills": found.second, "interaction": found.interaction}
    return Design(
        cells={
            cell: clustered_rate(sums, counts, tasks.clusters, level)
            for cell, (sums, counts) in zip(contenders, cells, strict=True)
        },
        effects=tuple(DesignEffect.of(name, effect) for name, effect in effects.items()),
        n_tasks=tasks.n_tasks,
        n_trials=tasks.n_trials,
        level=level,
        unit=tasks.unit,
        sentence=_sentence(alone, found.interaction, 1.0 - level, found.n_tasks) + _models(known, contenders),
        contenders=contenders,
        warning=progress_of(table, manifest).warning,
        notes=(*_unlike(known, contenders), *tasks.notes(level), *trials_note([n for _, n in cells]), *NOTES),
    )


NOTES = (
    (
        "the sentence gives what each does alone; the table's main effects are averages over the other factor, with it "
        "and without, and where the interaction is shown they describe neither"
    ),
    "an interaction takes about four times the tasks of a main effect; the three p are not adjusted",
)

Known = Mapping[str, ContenderRecord]


def _filled(table: TaskTable, named: dict[str, str], known: Known) -> dict[str, str]:
    """The contender of each cell, in the order of `CELLS`.

    A cell that is not named takes the one contender of its kind whose model is that of the tuned ones: an adapter fits
    one model only, and against another model nothing could be said of tuning or of skills.
    """
    for name in named.values():
        table.index(name)
    free = {cell: [name for name, found in zip(table.contenders, table.kinds, strict=True)
                   if found == kind and name not in named.values()]
            for cell, kind in CELLS.items()}  # fmt: skip
    choices = {cell: [named[cell]] if cell in named else free[cell] for cell in CELLS}
    models = {_model_of(known, name) for cell in ("tuned", "both") for name in choices[cell]}
    elsewhere: dict[str, list[str]] = {}
    if len(models) == 1 and None not in models:
        for cell in set(CELLS) - set(named):
            elsewhere[cell] = [n for n in choices[cell] if _model_of(known, n) not in {None, *models}]
            choices[cell] = [n for n in choices[cell] if n not in elsewhere[cell]]
    missing = [cell for cell, names in choices.items() if not names]
    if missing:
        raise EvidenceError(f"{table.report}: {_incomplete(choices, missing, elsewhere)}")
    several = [f"--{cell} is one of {', '.join(names)}" for cell, names in choices.items() if len(names) > 1]
    if several:
        raise UsageError(f"{table.report}: more than one contender could fill a cell: {'; '.join(several)}")
    contenders = {cell: names[0] for cell, names in choices.items()}
    if len(set(contenders.values())) < len(CELLS):
        listed = ", ".join(f"{cell} {name}" for cell, name in contenders.items())
        raise UsageError(f"four different contenders are needed, found {listed}")
    return contenders


def _incomplete(choices: dict[str, list[str]], missing: list[str], elsewhere: dict[str, list[str]]) -> str:
    """Which cell is missing, what there is, and what to do."""
    lacking = ", ".join(f"{cell} ({CELL_WORDS[cell]})" for cell in missing)
    verb = "is" if len(missing) == 1 else "are"
    found = "; ".join(f"{cell}: {', '.join(names)}" for cell, names in choices.items() if names) or "none of the four"
    others = [name for cell in missing for name in elsewhere.get(cell, ())]
    another = f"; of another model: {', '.join(others)}" if others else ""
    flags = " ".join(f"--{cell} NAME" for cell in missing)
    return f"the 2 x 2 is not complete: {lacking} {verb} missing (found {found}{another}); run it, or name it: {flags}"


def _sentence(rates: Sequence[float], interaction: Effect, alpha: float, tasks: int) -> str:
    """What each adds alone, and what is lacking of their sum: the simple effects, which the interaction is of.

    ``rates`` are those of the base, the tuned and the skilled on the common tasks.
    """
    base, tuned, skilled = rates
    extra = interaction.estimate.value or 0.0
    size = points(abs(extra), 1).lstrip("+")
    together = f"{size} points {'more' if extra > 0 else 'less'} than" if float(size) else "no more and no less than"
    beyond = "" if interaction.p_value <= alpha else "not beyond chance, "
    return (
        f"On {plural(tasks, 'task')} tuning alone adds {points(tuned - base, 1)} points, skills alone "
        f"{points(skilled - base, 1)}; both together give {together} the sum of the two (interaction, {beyond}"
        f"{p_equation(interaction.p_value)})."
    )


def _models(known: Known, contenders: Mapping[str, str]) -> str:
    """A sentence where the cells are not of one model: then nothing said of tuning or of skills is of them alone."""
    values = {cell: known[name].model for cell, name in contenders.items() if name in known}
    if len(set(map(str, values.values()))) < 2:
        return ""
    named = ", ".join(f"{cell} {value}" for cell, value in values.items())
    return f" But the cells differ in their model ({named}): what differs between two models is in these effects too."


def _model_of(known: Known, name: str) -> str | None:
    return known[name].model if name in known else None


def _unlike(known: Known, contenders: Mapping[str, str]) -> list[str]:
    """Where cells differ in more than the two factors: then an effect is not one of tuning or of skills alone."""
    notes = []
    for part, cell, of in (
        ("adapter", "tuned", "tuning"),
        ("skills", "skilled", "skills"),
        ("delivery", "skilled", "skills"),
    ):
        cells = (cell, "both")
        values = [(cell, getattr(known[contenders[cell]], part)) for cell in cells if contenders[cell] in known]
        if any(value != values[0][1] for _, value in values):
            listed = ", ".join(f"{cell} {value}" if isinstance(value, str) else cell for cell, value in values)
            notes.append(f"the cells differ in their {part} ({listed}): the effect of {of} includes that difference")
    return notes
