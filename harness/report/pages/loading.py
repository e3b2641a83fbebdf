"""A report as the pages see it: read once, and each figure computed once, however often a page is drawn.

What is kept is keyed by the state of the files, so that a run that goes on is seen at the next look.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from importlib import import_module
from inspect import BoundArguments, signature
from pathlib import Path
from threading import RLock
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from harness import analysis, verdict
from harness.analysis import Pairing, Scoreboard, ShownText, shown_text
from harness.core import Decision, EvidenceError, OwnbenchError, visible
from harness.report.opening import Opening, opening
from harness.report.pages.choices import choose
from harness.report.palette import Colour, colours_of
from harness.report.vega import Theme
from harness.store import Outcomes, TaskKey, read_inputs
from harness.verdict import Advice, AdviceInputs, Sweep, SweepGoal, SweepSettings

P = ParamSpec("P")
R = TypeVar("R")
Stamp = tuple[tuple[str, int, int], ...]  # name, time and size of files
Kinds = tuple[tuple[Decision, tuple[str, ...]], ...]  # contenders by what a reader says that they would be

BESIDE = ("calls.parquet", "transcripts.parquet")  # what does not need them is shown though they cannot be opened
FILES = ("outcomes.parquet", "manifest.json", "experiment.yaml", *BESIDE)  # the files that figures come from


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A report in the state in which its files are now, and the part of it that is shown."""

    folder: Path
    stamp: Stamp
    split: str | None = None

    @property
    def name(self) -> str:
        """As people call it."""
        return self.folder.name or self.folder.resolve().name

    @property
    def keeps_conversations(self) -> bool:
        """Whether the report says what was asked and answered."""
        return (self.folder / "transcripts.parquet").is_file()


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a page is given."""

    chosen: tuple[Evidence, ...]  # the reports that are chosen, one at least
    theme: Theme
    every: tuple[Path, ...] = ()  # the folders of all reports that the dashboard was given, chosen or not

    @cached_property
    def named(self) -> dict[str, Evidence]:
        """The reports that are chosen by what a list calls them."""
        return dict(zip(names_of([e.folder for e in self.chosen]), self.chosen, strict=True))

    @cached_property
    def evidence(self) -> Evidence:
        """The one report of a page that shows one; where several are chosen, the reader says which, once a drawing."""
        return self.named[choose("Report shown", list(self.named), "shown")] if len(self.chosen) > 1 else self.chosen[0]

    def name_of(self, evidence: Evidence) -> str:
        """What a list calls one of the chosen reports."""
        return next(name for name, one in self.named.items() if one is evidence)


def names_of(folders: Sequence[Path]) -> list[str]:
    """A name for each folder; two of one name are told apart by where they stand."""
    names = [visible(f.name or f.resolve().name, 80) for f in folders]
    return [
        f"{name} ({visible(str(folder.parent), 80)})" if names.count(name) > 1 else name
        for name, folder in zip(names, folders, strict=True)
    ]


def evidence_of(folder: Path, split: str | None = None) -> Evidence:
    """The report as its files are now; nothing is read yet."""
    return Evidence(folder=folder, stamp=stamp_of(folder), split=split)


def stamp_of(folder: Path, names: Iterable[str] = FILES) -> Stamp:
    """The state of those of the files that are there."""
    stamp = []
    for name in names:
        with suppress(OSError):
            state = (folder / name).stat()
            stamp.append((name, state.st_mtime_ns, state.st_size))
    return tuple(stamp)


_MISSING = object()
_spinner: Any = import_module("streamlit.elements.spinner")
_spinner.DELAY_SECS = 0.15  # Streamlit's own half second is a wait before an empty page


def remembered(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keeps the last results, whoever asks; two that ask at once wait for one computation, and see that they wait."""

    def keep(function: Callable[P, R]) -> Callable[P, R]:
        kept: OrderedDict[Hashable, Any] = OrderedDict()
        form = signature(function)
        lock = RLock()  # one a function: who asks for another figure need not wait, and callers never wait in a circle

        def made(key: Hashable, said: BoundArguments) -> R:
            with lock:
                if key not in kept:
                    kept[key] = function(*said.args, **said.kwargs)
                while len(kept) > most:
                    kept.popitem(last=False)
                kept.move_to_end(key)
                return cast("R", kept[key])

        @wraps(function)
        def asked(*args: P.args, **kwargs: P.kwargs) -> R:
            said = form.bind(*args, **kwargs)
            said.apply_defaults()  # a default that is said is no other question
            key = (said.args, tuple(said.kwargs.items()))
            if (found := kept.get(key, _MISSING)) is not _MISSING:
                with suppress(KeyError):  # another may have let go of it just now
                    kept.move_to_end(key)
                return cast("R", found)
            with _seen_to_wait():
                return made(key, said)

        return asked

    return keep


_waiting: ContextVar[bool] = ContextVar("_waiting", default=False)


@contextmanager
def _seen_to_wait() -> Iterator[None]:
    """Says on the page that figures are computed, once where one computation asks for another; nothing off a page."""
    if _waiting.get() or get_script_run_ctx(suppress_warning=True) is None:
        yield
        return
    before = _waiting.set(True)
    try:
        with st.spinner("Computing the figures\u2026"):
            yield
    finally:
        _waiting.reset(before)


@remembered(4)
def table_of(evidence: Evidence) -> analysis.Evidence:
    """The outcomes as sums a task, and the manifest; training seeds of a contender are one."""
    return analysis.load_evidence(evidence.folder, evidence.split)


@remembered(4)
def table_by_seed(evidence: Evidence) -> analysis.Evidence:
    """The same with each training seed a contender by itself."""
    found = table_of(evidence)
    return analysis.load_evidence(evidence.folder, evidence.split, apart=True) if found[0].seeds else found


def _of_table(most: int, view: Callable[Concatenate[analysis.Evidence, P], R]) -> Callable[Concatenate[Evidence, P], R]:
    """A view of a report's table, kept."""

    @wraps(view)
    def asked(evidence: Evidence, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return view(table_of(evidence), *args, **kwargs)

    return remembered(most)(asked)


pairing_for = _of_table(64, analysis.pair)
domains_for = _of_table(32, analysis.domains)
skills_for = _of_table(8, analysis.skills)


@remembered(16)
def scoreboard_for(evidence: Evidence, reference: str | None = None) -> Scoreboard:
    """Every contender's figures: as ``statistics.json`` has them while it is of this evidence, else computed."""
    written = None if reference else analysis.read_statistics(evidence.folder, split=evidence.split)
    return written or analysis.scoreboard(table_of(evidence), reference=reference)


@remembered(16)
def scoreboard_by_seed(evidence: Evidence) -> Scoreboard:
    """The same with each training seed a contender by itself."""
    table, manifest = table_by_seed(evidence)
    folded = table_of(evidence)[0].seeds
    return analysis.scoreboard((table, manifest)) if folded else scoreboard_for(evidence)


@remembered(16)
def pairing_between(
    first: tuple[Evidence, str], second: tuple[Evidence, str], trials_as: str = "mean", errors_as: str = "excluded"
) -> Pairing:
    """Contenders of two reports on the tasks that both have; the warnings are those of both."""
    (here, a), (there, b) = first, second
    table, other = table_by_seed(here)[0], table_by_seed(there)[0]
    both = analysis.contenders_of_two_reports(table, a, other, b)
    found = analysis.pair((both, None), *both.contenders, trials_as=trials_as, errors_as=errors_as)
    said = [(one.name, analysis.progress_of(*table_of(one)).warning) for one in (here, there)]
    warning = "; ".join(f"{name}: {text}" for name, text in said if text) or None
    lone = analysis.tasks_of_one_only(table, a, other, b, len(both.tasks))
    return replace(found, warning=warning, notes=(*found.notes, *([lone] if lone else [])))


@remembered(2)
def plain_index(evidence: Evidence) -> Outcomes:
    """What tasks and attempts are found by, the same whatever part of the suites is shown."""
    try:
        return table_of(replace(evidence, split=None))[0].outcomes  # those that the sums are made of
    except EvidenceError:
        return Outcomes(evidence.folder)


@remembered(64)
def asked_at(evidence: Evidence, keys: tuple[TaskKey, ...], limit: int) -> Mapping[TaskKey, ShownText]:
    """The start of what was asked at each of these tasks; one of which no conversation was kept is not among them."""
    index = plain_index(evidence)
    places = {index.task_of(key): key for key in keys}
    return {places[place]: shown_text(text, limit) for place, text in read_inputs(index, list(places)).items()}


@remembered(16)
def sweep_for(
    evidence: Evidence, worker: str, expert: str, goal: SweepGoal | None = None, settings: SweepSettings | None = None
) -> Sweep:
    """Every threshold from worker to expert."""
    return verdict.sweep_of(*table_by_seed(evidence), worker, expert, goal=goal, settings=settings)


@remembered(4)
def advice_inputs_for(evidence: Evidence, kinds: Kinds = ()) -> AdviceInputs:
    """What any advice rests on, for as many economics as somebody tries; ``kinds`` is what the reader says."""
    return verdict.advice_inputs_of(*table_by_seed(evidence), verdict.AdviceSettings(kinds=dict(kinds) or None))


@remembered(64)
def advice_for(evidence: Evidence) -> Advice:
    """Own, rent or mix, at the economics of the experiment."""
    return verdict.advise_at(advice_inputs_for(evidence), verdict.load_assumptions(evidence.folder))


@remembered(16)
def colours_for(evidence: Evidence, chosen: tuple[str, ...] = ()) -> Mapping[str, Colour]:
    """Each contender's colour, the same on every page."""
    return colours_of(scoreboard_for(evidence), chosen)


@remembered(16)
def opening_for(evidence: Evidence, reference: str | None = None) -> Opening:
    """What is said first, with `advice_for`, or with what is in its way."""
    try:
        return opening(scoreboard_for(evidence, reference), advice_for(evidence))
    except OwnbenchError as error:
        return opening(scoreboard_for(evidence, reference), None, str(error))


def opens(file: Path) -> bool:
    """Whether a Parquet file is there and can be read."""
    import pyarrow.parquet as pq

    with suppress(OSError, ValueError):
        return pq.read_metadata(file) is not None
    return False


@remembered(64)
def splits_of(evidence: Evidence) -> tuple[str, ...]:
    """The parts of the suites that there are rows of, where there are several."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: set[str | None] = set()
    with suppress(OSError, ValueError, KeyError):  # a broken file says so where its figures are asked for
        rows = pq.read_table(evidence.folder / "outcomes.parquet", columns=["split"])
        found = set(pc.unique(rows["split"]).to_pylist())
    return tuple(s for s in ("test", "dev", "all") if s in found or s == "all") if {"test", "dev"} <= found else ()


def default_pair(view: Scoreboard) -> tuple[str, str]:
    """The option with the highest pass rate against the reference, or the two highest; one alone on both sides."""
    # What nobody could choose, and what was measured on other tasks than the rest, comes last.
    names = [c.name for c in sorted(view.shown, key=lambda c: (c.name in view.yardsticks, c.apart))]
    second = view.reference if view.reference in names else None
    first = next((name for name in names if name != second), names[0])
    return first, second or next((name for name in names if name != first), first)


def choose_pair(view: Scoreboard, other: Scoreboard | None = None) -> tuple[str, str]:
    """What the reader chose, of one report or of two; the same may stand on both sides, which the page says."""
    names = [c.name for c in view.shown]
    first, second = default_pair(view)
    names_b = names if other is None else [c.name for c in other.shown]
    if other is not None:
        second = first if first in names_b else names_b[0]
    left, right = st.columns(2)
    a = choose("First contender", names, "a", index=names.index(first), at=left)
    b = choose("Second contender", names_b, "b", index=names_b.index(second), at=right)
    return a, b
