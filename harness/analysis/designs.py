"""Tuned x skilled: does the adapter help, do the skills help, and do they help each other?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.analysis.general import apart_note, work_of
from harness.analysis.loading import Evidence, load_evidence, progress_of
from harness.analysis.pairs import CommonTasks
from harness.analysis.skill_attempts import given, squares
from harness.analysis.views import warned
from harness.core import (
    ContenderRecord,
    Described,
    Estimate,
    EvidenceError,
    Kind,
    Manifest,
    UsageError,
    as_json,
    disagreement,
    listed,
    p_equation,
    plural,
    points,
)
from harness.stats import Effect, clustered_rate
from harness.stats import factorial as factorial_effects
from harness.store import TaskTable, described

CELLS = {"base": Kind.MODEL, "tuned": Kind.ADAPTER, "skilled": Kind.SKILLED, "both": Kind.BOTH}  # who fills each cell
CELL_WORDS = {
    "base": "the model bare",
    "tuned": "the model with an adapter and no skills",
    "skilled": "the model with skills and no adapter",
    "both": "the model with both an adapter and skills",
}
NOTES = (
    "the sentence gives what each does alone; the table's main effects are averages over the other factor",
    "where the interaction is shown, the main effects describe neither what one does with the other nor without it",
    "an interaction takes about four times the tasks of a main effect; the three p are not adjusted",
)

Known = Mapping[str, ContenderRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignEffect:
    """One effect, as a difference of pass rates."""

    name: str  # ``tuning``, ``skills`` or ``interaction``
    delta: float
    low: float | None
    high: float | None
    p_value: float
    method: str  # the interval's and the test's


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
    """The two main effects and their interaction, within tasks; the rest as in `pair`.

    ``named`` has contenders of the cells ``base``, ``tuned``, ``skilled`` and ``both``. Those of which nothing differs
    but adapter and skills fill the others, else the one of its kind. Raises UsageError: also where several could fill a
    cell, or one fills two. EvidenceError: also where nobody does.
    """
    whole, manifest = load_evidence(source, split)
    table, general = work_of((whole, manifest))
    told = described(table.report, manifest)
    known = {name: _on_its_base(one, told) for name, one in told.contenders.items()}
    asked = {cell: name for cell, name in (named or {}).items() if name is not None}
    contenders = _alike(table, asked, manifest) or _filled(table, asked, known)
    tasks = CommonTasks(table, *contenders.values())
    base, tuned, skilled, both = tasks.sides
    found = factorial_effects(base, tuned, skilled, both, tasks.clusters, level=level)
    if found is None:
        raise EvidenceError(f"{table.report}: {', '.join(contenders.values())} have no graded task in common")
    effects = {"tuning": found.first, "skills": found.second, "interaction": found.interaction}
    alone = [float((sums / counts).mean()) for sums, counts in (base, tuned, skilled)]
    models = {cell: known[name].model for cell, name in contenders.items() if name in known}
    sentence = _sentence(alone, found.interaction, 1.0 - level, found.n_tasks)
    if len(set(map(str, models.values()))) > 1:  # then nothing said of tuning or of skills is of them alone
        differ = ", ".join(f"{cell} {model}" for cell, model in models.items())
        sentence += f" But the cells differ in their model ({differ}): what differs between two models is in these"
        sentence += " effects too."
    return Design(
        cells={
            cell: clustered_rate(sums, counts, tasks.clusters, level)
            for cell, (sums, counts) in zip(contenders, tasks.sides, strict=True)
        },
        effects=tuple(
            DesignEffect(
                name=name,
                delta=effect.estimate.value or 0.0,
                low=effect.estimate.low,
                high=effect.estimate.high,
                p_value=effect.p_value,
                method=f"{effect.estimate.method}; {effect.test}",
            )
            for name, effect in effects.items()
        ),
        n_tasks=tasks.n_tasks,
        n_trials=tasks.n_trials,
        level=level,
        unit=tasks.unit,
        sentence=sentence,
        contenders=contenders,
        warning=progress_of(table, manifest).warning,
        notes=(
            *_unlike(known, contenders),
            *_instead(table, asked, contenders, known),
            *apart_note(general),
            *tasks.notes(level, trials=True),
            *NOTES,
        ),
    )


def _on_its_base(one: ContenderRecord, told: Described) -> ContenderRecord:
    """A tuned model as an adapter of the model that it was tuned from, where that is known."""
    base = told.base_of(one)
    return one if base in {None, one.model} else replace(one, model=base, adapter=one.adapter or one.model)


def _alike(table: TaskTable, named: Mapping[str, str], manifest: Manifest | None) -> dict[str, str] | None:
    """The one set of four with the named ones in which nothing else differs; ``None`` where there is none, or more."""
    graded = {name for name, counts in zip(table.contenders, table.counts, strict=True) if counts.any()}
    found = squares([one for one in given(manifest).values() if one.name in graded])
    fit = [square for square in found if named.items() <= square.items()]
    return {cell: fit[0][cell] for cell in CELLS} if len(fit) == 1 else None


def _instead(table: TaskTable, named: Mapping[str, str], contenders: Mapping[str, str], known: Known) -> list[str]:
    """That a cell was chosen which others of its kind and model could fill too."""
    model_of = {name: one.model for name, one in known.items()}
    found = []
    for cell, name in contenders.items():
        kinds = zip(table.contenders, table.kinds, strict=True)
        like = [one for one, kind in kinds if kind == CELLS[cell] and model_of.get(one) == model_of.get(name)]
        others = [one for one in like if one != name and not (one in known and known[one].control)]
        found += [f"{cell} is {name} and not {listed(others, 5)}"] if cell not in named and others else []
    why = "so chosen, the four differ in nothing but adapter and skills; --tuned NAME and its like choose others"
    return [f"{'; '.join(found)}: {why}"] if found else []


def _filled(table: TaskTable, named: dict[str, str], known: Known) -> dict[str, str]:
    """The contender of each cell, in their order: the named one, else the one of its kind and of the tuned's model."""
    for name in named.values():
        table.index(name)
    kinds = {name: kind for name, kind in zip(table.contenders, table.kinds, strict=True) if name not in named.values()}
    choices = {
        cell: [named[cell]] if cell in named else [name for name, found in kinds.items() if found == kind]
        for cell, kind in CELLS.items()
    }
    model_of = {name: one.model for name, one in known.items()}
    models = {model_of.get(name) for cell in ("tuned", "both") for name in choices[cell]}
    elsewhere: dict[str, list[str]] = {}
    for cell in set(CELLS) - set(named) if len(models) == 1 and None not in models else ():
        elsewhere[cell] = [name for name in choices[cell] if model_of.get(name) not in {None, *models}]
        choices[cell] = [name for name in choices[cell] if name not in elsewhere[cell]]
    if missing := [cell for cell, names in choices.items() if not names]:
        raise EvidenceError(f"{table.report}: {_incomplete(choices, missing, elsewhere)}")
    if several := [f"--{cell} is one of {', '.join(names)}" for cell, names in choices.items() if len(names) > 1]:
        raise UsageError(f"{table.report}: more than one contender could fill a cell: {'; '.join(several)}")
    contenders = {cell: names[0] for cell, names in choices.items()}
    if len(set(contenders.values())) < len(CELLS):
        each = ", ".join(f"{cell} {name}" for cell, name in contenders.items())
        raise UsageError(f"four different contenders are needed, found {each}")
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
    """What each adds alone, of the rates of base, tuned and skilled, and what is lacking of the sum of both."""
    base, tuned, skilled = rates
    extra = interaction.estimate.value or 0.0
    size = points(abs(extra), 1).lstrip("+")
    together = f"{size} points {'more' if extra > 0 else 'less'} than" if float(size) else "no more and no less than"
    beyond, of = "" if interaction.p_value <= alpha else "not beyond chance, ", interaction.estimate
    apart = disagreement(interaction.p_value, of.low, of.high, alpha, of.method)
    return (
        f"On {plural(tasks, 'task')} tuning alone adds {points(tuned - base, 1)} points, skills alone "
        f"{points(skilled - base, 1)}; both together give {together} the sum of the two (interaction, {beyond}"
        f"{p_equation(interaction.p_value)}{f'; {apart}' if apart else ''})."
    )


def _unlike(known: Known, contenders: Mapping[str, str]) -> list[str]:
    """Where cells differ in more than the two factors: then an effect is not one of tuning or of skills alone."""
    notes = []
    for part in ("adapter", "skills", "delivery"):
        first, of = ("tuned", "tuning") if part == "adapter" else ("skilled", "skills")
        named = {cell: contenders[cell] for cell in (first, "both")}
        values = [(cell, getattr(known[name], part)) for cell, name in named.items() if name in known]
        if any(value != values[0][1] for _, value in values):
            each = ", ".join(f"{cell} {value}" if isinstance(value, str) else cell for cell, value in values)
            notes.append(f"the cells differ in their {part} ({each}): the effect of {of} includes that difference")
    return notes
