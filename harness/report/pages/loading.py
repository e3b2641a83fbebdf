"""A report as the pages see it: read once, and each figure computed once, however often a page is drawn.

What is kept is keyed by the state of the files, so that a run that goes on is seen at the next look.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from inspect import signature
from pathlib import Path
from threading import RLock
from typing import ParamSpec, TypeVar

from harness.analysis import (
    Domains,
    Pairing,
    Scoreboard,
    ShownText,
    Skills,
    contenders_of_two_reports,
    domains,
    has_skills,
    load_evidence,
    pair,
    progress_of,
    read_statistics,
    scoreboard,
    shown_text,
    skills,
    tasks_of_one_only,
)
from harness.core import Decision, EvidenceError, Manifest, visible
from harness.report.pages.choices import choose
from harness.report.pages.parts import columns
from harness.store import (
    Outcomes,
    TaskKey,
    TaskTable,
    load_outcomes,
    read_inputs,
)
from harness.verdict import (
    Advice,
    AdviceInputs,
    AdviceSettings,
    Sweep,
    SweepGoal,
    SweepSettings,
    advice_inputs_of,
    advise_at,
    load_assumptions,
    sweep_of,
)

P = ParamSpec("P")
R = TypeVar("R")

Kinds = tuple[tuple[Decision, tuple[str, ...]], ...]
"""Contenders by what a reader says that they would be."""

FILES = ("outcomes.parquet", "manifest.json", "experiment.yaml", "calls.parquet", "transcripts.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A report in the state in which its files are now, and the part of it that is shown."""

    folder: Path
    stamp: tuple[tuple[str, int, int], ...]
    """Name, time and size of the files that figures come from."""
    split: str | None = None

    @property
    def name(self) -> str:
        """As people call it."""
        return self.folder.name or self.folder.resolve().name


def evidence_of(folder: Path, split: str | None = None) -> Evidence:
    """The report as its files are now; nothing is read yet."""
    return Evidence(folder=folder, stamp=stamp_of(folder), split=split)


def stamp_of(folder: Path, names: Sequence[str] = FILES) -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of those of the files that are there."""
    stamp = []
    for name in names:
        with suppress(OSError):
            state = (folder / name).stat()
            stamp.append((name, state.st_mtime_ns, state.st_size))
    return tuple(stamp)


def remembered(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keeps the last results, whoever asks; two that ask at once wait for one computation."""

    def keep(function: Callable[P, R]) -> Callable[P, R]:
        kept = lru_cache(maxsize=most)(function)
        form = signature(function)
        lock = RLock()  # one a function: who asks for another figure need not wait, and callers never wait in a circle

        @wraps(function)
        def asked(*args: P.args, **kwargs: P.kwargs) -> R:
            said = form.bind(*args, **kwargs)
            said.apply_defaults()  # a default that is said is no other question
            with lock:
                return kept(*said.args, **said.kwargs)

        return asked

    return keep


@remembered(4)
def table_of(evidence: Evidence) -> tuple[TaskTable, Manifest | None]:
    """The outcomes as sums a task, and the manifest."""
    return load_evidence(evidence.folder, evidence.split)


@remembered(16)
def scoreboard_for(evidence: Evidence) -> Scoreboard:
    """Every contender's figures: as ``statistics.json`` has them while it is of this evidence, else computed."""
    written = read_statistics(evidence.folder, split=evidence.split)
    return written or scoreboard(table_of(evidence))


@remembered(64)
def pairing_for(evidence: Evidence, a: str, b: str, trials_as: str = "mean", errors_as: str = "excluded") -> Pairing:
    """Two contenders on the same tasks."""
    return pair(table_of(evidence), a, b, trials_as=trials_as, errors_as=errors_as)


@remembered(16)
def pairing_between(
    first: tuple[Evidence, str],
    second: tuple[Evidence, str],
    trials_as: str = "mean",
    errors_as: str = "excluded",
) -> Pairing:
    """Contenders of two reports on the tasks that both have; the warnings are those of both."""
    (here, a), (there, b) = first, second
    sides = [(*table_of(one), one.name) for one in (here, there)]
    table, other = (one for one, _, _ in sides)
    both = contenders_of_two_reports(table, a, other, b)
    found = pair((both, None), *both.contenders, trials_as=trials_as, errors_as=errors_as)
    said = [(progress_of(one, manifest).warning, name) for one, manifest, name in sides]
    warning = "; ".join(f"{name}: {text}" for text, name in said if text) or None
    lone = tasks_of_one_only(table, a, other, b, len(both.tasks))
    return replace(found, warning=warning, notes=(*found.notes, *([lone] if lone else [])))


@remembered(2)
def index_of(evidence: Evidence) -> Outcomes:
    """What tasks and attempts are found by: the same outcomes that the sums are made of, where there are any."""
    try:
        return table_of(evidence)[0].outcomes
    except EvidenceError:
        return load_outcomes(evidence.folder)


@remembered(64)
def damage_of(evidence: Evidence) -> tuple[str, ...]:
    """The files beside the outcomes that cannot be opened; what does not need them is shown all the same."""
    import pyarrow.parquet as pq

    found = []
    for name in ("calls.parquet", "transcripts.parquet"):
        try:
            if (evidence.folder / name).exists():
                pq.read_metadata(evidence.folder / name)
        except (OSError, ValueError):
            found.append(name)
    return tuple(found)


def keeps_conversations(evidence: Evidence) -> bool:
    """Whether the report says what was asked and answered."""
    return (evidence.folder / "transcripts.parquet").is_file()


@remembered(64)
def asked_at(evidence: Evidence, keys: tuple[TaskKey, ...], limit: int) -> Mapping[TaskKey, ShownText]:
    """The start of what was asked at each of these tasks; one of which no conversation was kept is not among them."""
    index = index_of(replace(evidence, split=None))  # the same whatever part of the suites is shown
    places = {index.task_of(key): key for key in keys}
    return {places[place]: shown_text(text, limit) for place, text in read_inputs(index, list(places)).items()}


@remembered(32)
def domains_for(evidence: Evidence, a: str, b: str | None) -> Domains:
    """How their difference differs between domains; without a second, the first one's own variance."""
    return domains(table_of(evidence), a, b)


@remembered(16)
def sweep_for(
    evidence: Evidence,
    worker: str,
    expert: str,
    goal: SweepGoal | None = None,
    settings: SweepSettings | None = None,
) -> Sweep:
    """Every threshold from worker to expert."""
    table, manifest = table_of(evidence)
    return sweep_of(table, manifest, worker, expert, goal=goal, settings=settings)


@remembered(4)
def advice_inputs_for(evidence: Evidence, kinds: Kinds = ()) -> AdviceInputs:
    """What any advice rests on, for as many economics as somebody tries; ``kinds`` is what the reader says."""
    table, manifest = table_of(evidence)
    return advice_inputs_of(table, manifest, AdviceSettings(kinds=dict(kinds) or None))


@remembered(64)
def advice_for(evidence: Evidence) -> Advice:
    """Own, rent or mix, at the economics of the experiment."""
    return advise_at(advice_inputs_for(evidence), load_assumptions(evidence.folder))


@remembered(64)
def splits_of(evidence: Evidence) -> tuple[str, ...]:
    """The parts of the suites that there are rows of, where there are several."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = evidence.folder / "outcomes.parquet"
    try:
        if "split" not in pq.read_schema(path).names:
            return ()
        found = set(pc.unique(pq.read_table(path, columns=["split"])["split"]).to_pylist())
    except (OSError, ValueError):  # a broken file says so where its figures are asked for
        return ()
    return tuple(s for s in ("test", "dev", "all") if s in found or s == "all") if {"test", "dev"} <= found else ()


@remembered(64)
def has_skills_for(evidence: Evidence) -> bool:
    """Whether there is anything to show of skills."""
    return has_skills(*table_of(evidence))


@remembered(8)
def skills_for(evidence: Evidence) -> Skills:
    """What was shown and opened, and what it added."""
    return skills(table_of(evidence))


def default_pair(view: Scoreboard) -> tuple[str, str]:
    """The option with the highest pass rate against the reference, or the two highest.

    What nobody could choose, and what was measured on other tasks than the rest, comes last. With one contender it
    stands on both sides.
    """
    last = view.yardsticks
    names = [c.name for c in sorted(view.shown, key=lambda c: (c.name in last, c.apart))]
    second = view.reference if view.reference in names else None
    first = next((name for name in names if name != second), names[0])
    if second is None:
        second = next((name for name in names if name != first), first)
    return first, second


def choose_pair(view: Scoreboard, other: Scoreboard | None = None) -> tuple[str, str]:
    """What the reader chose; the same contender may stand on both sides, which the page says.

    Args:
        view: the report of the first contender.
        other: the report of the second, where it is another one; the contender of the same name stands first there.
    """
    names = [c.name for c in view.shown]
    first, second = default_pair(view)
    names_b = names if other is None else [c.name for c in other.shown]
    if other is not None:
        second = first if first in names_b else names_b[0]
    left, right = columns(2)
    with left:
        a = choose("First contender", names, "a", index=names.index(first), words=visible)
    with right:
        b = choose("Second contender", names_b, "b", index=names_b.index(second), words=visible)
    return a, b
