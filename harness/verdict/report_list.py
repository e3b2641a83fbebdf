"""The reports of a folder, a line each: when, how far, who leads, what was spent."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.analysis import RateOf, rates_of, unbilled
from harness.core import OwnbenchError, plural
from harness.store import read_calls, read_manifest, read_outcomes, recorded, running_process
from harness.verdict.report_history import entry_of, under_way

STATES = {"done": "finished", "not done": "stopped", "running now": "running"}
"""What a state is called here; every other one as `HistoryEntry.run` has it: ``not begun``, ``broken`` …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """One report. ``None`` is unknown. All texts are visible and without keys."""

    report: str
    folder: Path
    made: datetime | None
    state: str  # ``finished``, ``running``, ``stopped``, ``not begun``, ``broken`` or ``not known``
    note: str  # what is behind that; empty where nothing is to be said
    verdict: str | None  # the gate's latest decision
    verdict_note: str  # why it says nothing of the report as it is now; empty where that is not known
    contenders: int  # training seeds of one are that one
    seeds: dict[str, int]  # by contender with several training seeds how many it has
    tasks: int | None  # that its scoreboard is of: the work, and of a part of a run what most contenders have tried
    planned: int | None
    done: int | None
    best: RateOf | None  # the highest pass rate, of no control
    rates: tuple[RateOf, ...]  # of every contender, highest first; interim where the run is not done
    interim: bool  # the rates are of a run that is not done
    spent_usd: float | None  # known dollars of its calls, each answer once; ``None`` where none is known
    spent_whole: bool  # nothing of it is unknown
    suites: tuple[tuple[str, str], ...]  # name and digest of each, by name


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportList:
    """Reports, the newest first, those of unknown time last."""

    reports: tuple[ReportLine, ...]
    level: float
    sentence: str


def list_reports(folders: Sequence[Path], *, split: str | None = None, level: float = 0.95) -> ReportList:
    """A line for each report; one that cannot be read says so, and is no error."""
    lines = [_line(folder, split, level) for folder in folders]
    lines.sort(key=lambda one: one.made or datetime.min.replace(tzinfo=UTC), reverse=True)
    return ReportList(reports=tuple(lines), level=level, sentence=plural(len(lines), "report"))


def _line(folder: Path, split: str | None, level: float) -> ReportLine:
    entry = under_way(entry_of(folder))
    running = running_process(folder) is not None if folder.is_dir() else False
    broken, note = list(entry.broken), entry.run_note
    rates: tuple[RateOf, ...] = ()
    tasks: int | None = None
    done = entry.done
    with recorded(folder) as kept:
        done, place = (entry.done if kept.made is None else kept.made), kept.folder
        try:
            if (place / "outcomes.parquet").is_file():
                tasks, rates = rates_of(place, split=split, level=level)
        except (OwnbenchError, OSError) as error:
            broken.append(str(error))
        manifest = None
        with suppress(OwnbenchError):  # which `entry_of` has said
            manifest = read_manifest(place) if place.is_dir() else None
        replayed = {one.name for one in manifest.models if one.recorded_backend} if manifest else set[str]()
        usd, whole = _spent(place, replayed)
    if running and entry.planned:
        note = f"{done or 0:,} of {plural(entry.planned, 'attempt')} made"
    state = "running" if running else "broken" if broken and not rates else STATES.get(entry.run, entry.run)
    return ReportLine(
        report=entry.name,
        folder=folder,
        made=entry.when,
        state=state,
        note=note or (broken[0] if broken else ""),
        verdict=entry.verdict.decision if entry.verdict else None,
        verdict_note=entry.verdict.outdated if entry.verdict else "",
        contenders=len(rates) or len({one.seed_of or one.name for one in (manifest.contenders if manifest else ())}),
        seeds={name: len(group) for name, group in entry.seeds.items()},
        tasks=tasks,
        planned=entry.planned or None,
        done=done,
        best=next((one for one in rates if not one.control and one.pass_rate.value is not None), None),
        rates=rates,
        interim=bool(rates) and (running or entry.complete is False),
        spent_usd=usd,
        spent_whole=whole,
        suites=tuple(sorted((one.name, one.digest) for one in (manifest.suites if manifest else ()))),
    )


def _spent(folder: Path, replayed: Collection[str]) -> tuple[float | None, bool]:
    """Known dollars of a report's calls, else outcomes, and whether nothing is unknown; what was replayed is free."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if not (folder / "calls.parquet").is_file():
            usd = read_outcomes(folder, ["cost_usd"])["cost_usd"]
            return pc.sum(usd).as_py(), usd.null_count == 0
        calls = read_calls(folder, ["cost_usd", "cache_hit", "error", "model", "lost_tries"])
    except (OwnbenchError, OSError):
        return None, False
    free = pc.or_(
        pc.equal(pc.fill_null(calls["cache_hit"].cast("int8"), 0), 1),
        pc.is_in(calls["model"], value_set=pa.array(sorted(replayed), pa.string())),
    )
    paid = calls.filter(pc.invert(pc.or_(free, unbilled(calls))))
    usd, lost = paid["cost_usd"], pc.sum(paid["lost_tries"]).as_py()
    return pc.sum(usd, min_count=0).as_py(), usd.null_count == 0 and not lost
