"""Pass rates of contenders over several reports, the oldest first, on the tasks that these share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.analysis import RatedTasks, RateOf, SharedRate, load_evidence, rated_tasks, shared_rates
from harness.core import Estimate, OwnbenchError, UsageError, listed, nearest, plural
from harness.store import recorded, running_process
from harness.verdict.report_history import entry_of, under_way

TOLD = "each interval is of one report; whether two differ is shown by: ownbench compare REPORT_A REPORT_B"
_NAMED = 3  # contenders, and reports, that a note names


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRates:
    """What one report says of its contenders, as far as a trend needs it."""

    report: str
    folder: Path
    made: datetime | None
    interim: bool  # its run is not done
    rated_tasks: tuple[RatedTasks, ...]
    broken: str = ""  # why it has no rates


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """A contender in one report."""

    report: str
    made: datetime | None
    rate: RateOf  # on all tasks of this report
    interim: bool
    tasks: int  # behind that rate
    shared: int  # of them those that the reports of its part share
    on_shared: Estimate  # pass rate on these
    part: int  # of the line: reports of one part are comparable
    same_tasks: bool | None  # exactly those of the report before, graded alike; ``None`` of the first
    remarks: tuple[str, ...]  # what is not as in the report before


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """Pass rates of contenders over reports, the oldest first."""

    contenders: dict[str, tuple[TrendPoint, ...]]  # those that are in two reports or more, or that were asked for
    level: float
    sentence: str
    left_out: tuple[str, ...] = ()  # reports that cannot be read, and why
    notes: tuple[str, ...] = ()  # on which tasks the rates are, and what is left out


def rates_in(folder: Path, *, split: str | None = None, level: float = 0.95) -> ReportRates:
    """A report's rates, of a run under way so far; one that cannot be read says so, and is no error."""
    entry = under_way(entry_of(folder))
    running = folder.is_dir() and running_process(folder) is not None
    found, broken = tuple[RatedTasks, ...](), ""
    with recorded(folder) as kept:
        try:
            if (kept.folder / "outcomes.parquet").is_file():
                found = rated_tasks(load_evidence(kept.folder, split), level=level)
        except (OwnbenchError, OSError) as error:
            broken = str(error)
    interim = running or entry.complete is False
    return ReportRates(
        report=entry.name, folder=folder, made=entry.when, interim=interim, rated_tasks=found, broken=broken
    )


def trends_of(reports: Iterable[ReportRates], contenders: Sequence[str] = (), *, level: float = 0.95) -> Trends:
    """The same by contender and time. Raises UsageError: no report has a contender of that name."""
    there = sorted(reports, key=lambda one: one.made or datetime.max.replace(tzinfo=UTC))
    every: dict[str, list[tuple[ReportRates, RatedTasks]]] = {}
    for report in there:
        for one in report.rated_tasks:
            every.setdefault(one.rate.contender, []).append((report, one))
    for name in contenders:
        if name not in every:
            raise UsageError(f"no report here has a contender {name!r}; {nearest(name, every)}")
    chosen = contenders or sorted(name for name, seen in every.items() if len(seen) > 1)
    found = {name: _points(every[name], level) for name in chosen}
    broken = tuple(f"{one.report}: {one.broken}" for one in there if one.broken)
    return of_contenders(Trends(contenders=found, level=level, sentence="", left_out=broken), chosen)


def of_contenders(found: Trends, names: Sequence[str]) -> Trends:
    """The same of some contenders, with what is said of these."""
    points = {name: found.contenders[name] for name in names}
    shown = {point.report for of in points.values() for point in of}
    many = f"{plural(len(points), 'contender')} over {plural(len(shown), 'report')}"
    return replace(
        found,
        contenders=points,
        sentence=many if points else "no contender is in two of these reports; --trend NAME shows one",
        notes=(
            *_on_which_tasks(points),
            *(f"left out: {why}" for why in found.left_out),
            *([TOLD] if points else ()),
        ),
    )


def _points(seen: Sequence[tuple[ReportRates, RatedTasks]], level: float) -> tuple[TrendPoint, ...]:
    held = shared_rates([one for _, one in seen], [report.interim for report, _ in seen], level)
    return tuple(
        TrendPoint(report=report.report, made=report.made, rate=one.rate, interim=report.interim,
                   **{name: getattr(shared, name) for name in SharedRate.__slots__})
        for (report, one), shared in zip(seen, held, strict=True)
    )  # fmt: skip


def _on_which_tasks(found: dict[str, tuple[TrendPoint, ...]]) -> list[str]:
    """Where reports have other tasks: on which the rates over them are, or that they are not comparable."""
    shared: dict[tuple[tuple[str, int, int], ...], list[str]] = {}
    apart: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name, points in found.items():
        parts: dict[int, list[TrendPoint]] = {}
        for point in points:
            parts.setdefault(point.part, []).append(point)
        for part in parts.values():
            if len(part) > 1 and any(one.shared < one.tasks for one in part):
                shared.setdefault(tuple((one.report, one.shared, one.tasks) for one in part), []).append(name)
        if len(parts) > 1:
            apart.setdefault(tuple(tuple(one.report for one in part) for part in parts.values()), []).append(name)
    said = []
    for reports, names in shared.items():
        sizes = sorted({tasks for _, _, tasks in reports})
        span = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
        of = f"compared on the {plural(reports[0][1], 'task')} that {len(reports):,} reports share, which have {span}"
        said.append(f"{listed(names, _NAMED)}: {of}")
    for groups, names in apart.items():
        told = " | ".join(listed(one, _NAMED) for one in groups[:_NAMED])
        why = "not comparable across |, for too few shared tasks or a run that is not done"
        said.append(f"{listed(names, _NAMED)}: {why}: {told}")
    return said
