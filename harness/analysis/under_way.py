"""A run while it is at work, or where it was stopped: how far, how fast, at what cost, and its rates so far."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness import stats
from harness.analysis.common_sets import ranked_together
from harness.analysis.loading import Mask
from harness.core import Estimate, Manifest, OwnbenchError, is_general
from harness.store import Tail, is_behind, read_manifest, running_process

_NEWER = 1.02  # an interval is computed again when so many times the attempts are there: the cost stays that of the new


@dataclass(frozen=True, slots=True, kw_only=True)
class Interim:
    """One contender so far."""

    contender: str
    made: int
    lost: int  # errored or ungraded: in no rate
    pass_rate: Estimate  # on the test tasks that are ranked, as `show` has it; of the attempts that were made so far
    control: bool
    apart: bool  # it has not tried all of the tasks that are ranked: its rate is on its own


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """A moment of a run. ``None`` is unknown."""

    report: Path
    process: str | None  # that is at work; ``None``: nobody is
    read: float  # share of the journal that is counted in; below 1 all figures are of a part
    made: int
    planned: int | None
    rate_per_s: float | None
    remaining_s: float | None
    quiet_s: float | None  # since the last attempt on record ended
    spent_usd: float
    unknown_costs: int  # calls that are not in it
    budget_usd: float | None
    calls: int
    lost: Mapping[tuple[str, str], int]  # attempts without an outcome by status and cause
    failed: Mapping[str, int]  # failed attempts by cause
    calls_lost: Mapping[str, int]  # calls that came to nothing, by cause
    retries: int  # failed tries of calls that were made again
    ranked_tasks: int  # on which rates can be compared: those that most have tried
    contenders: tuple[Interim, ...]  # highest rate first; those on other tasks after them, controls last
    stopped_because: str | None

    @property
    def is_running(self) -> bool:
        """Whether a process is at work."""
        return self.process is not None


class _Ranked(NamedTuple):
    """Which tasks are ranked, of how many attempts this was decided, and who is ranked."""

    made: int
    common: Mask
    work: Mask  # tasks of suites that are not there for forgetting alone
    together: frozenset[str]
    in_full: frozenset[str]  # of these, those of which each has tried them all: one training seed may be behind

    def tasks_of(self, name: str, many: int) -> Mask:
        """On which of so many tasks a contender's rate is."""
        if name in self.together:
            return np.pad(self.common, (0, max(0, many - len(self.common))))[:many]
        return np.pad(self.work, (0, max(0, many - len(self.work))), constant_values=True)[:many]


@dataclass(slots=True)
class Watcher:
    """Looks at one report again and again; each look costs what is new in its journal."""

    report: Path
    _tail: Tail | None = None
    _rates: dict[str, tuple[int, Estimate]] = field(default_factory=dict)
    _ranked: "_Ranked | None" = None
    _manifest: tuple[int, Manifest | None] = (0, None)

    def look(self, seconds: float = 1.0) -> UnderWay:
        """The run now; ``seconds`` is how long to read at most of a journal that is not counted in yet."""
        process, manifest = running_process(self.report), self._read_manifest()
        models, contenders = (manifest.models, manifest.contenders) if manifest else ((), ())
        if self._tail is None:
            self._tail = Tail(self.report)
        replayed = frozenset(one.name for one in models if one.recorded_backend)
        tail, now = self._tail.read_on(seconds, replayed), time.time()
        made, planned = tail.made, (manifest.planned or None) if manifest else None
        rate = tail.rate_per_s(now) if process is not None and tail.is_whole else None
        controls = {one.name for one in contenders if one.control}
        ranked = self._decide(tail, manifest)
        found = [self._interim(name, ranked, control=name in controls) for name in tail.contenders]
        found.sort(key=lambda one: (one.control, one.apart, 1.0 if (v := one.pass_rate.value) is None else -v))
        budget = manifest.budget.get("usd") if manifest else None
        return UnderWay(
            report=self.report,
            process=process,
            read=tail.share,
            made=made,
            planned=planned,
            rate_per_s=rate,
            remaining_s=max(0, planned - made) / rate if rate and planned else None,
            quiet_s=None if tail.last_end is None else max(0.0, now - tail.last_end),
            spent_usd=tail.spent_usd,
            unknown_costs=tail.unknown_costs,
            budget_usd=float(budget) if isinstance(budget, int | float) else None,
            calls=tail.calls,
            lost={key: n for key, n in tail.causes.items() if n},
            failed={key: n for key, n in tail.failures.items() if n},
            calls_lost=dict(tail.calls_lost),
            retries=tail.retries,
            ranked_tasks=int(ranked.common.sum()),
            contenders=tuple(found),
            stopped_because=manifest.stopped_because if manifest and process is None else None,
        )

    def _decide(self, tail: Tail, manifest: Manifest | None) -> _Ranked:
        """On which tasks contenders are ranked, by the scoreboard's rule; training seeds of one are that one."""
        before = self._ranked
        if before is not None and not self._is_due(before.made, tail.made):
            return before
        whole = {seed: name for name, group in (manifest.seeds if manifest else {}).items() for seed in group}
        tried: dict[str, Mask] = {}
        for name, of in tail.contenders.items():
            row = tried.setdefault(whole.get(name, name), np.zeros(len(tail.suites), dtype=bool))
            row[: len(of.tries)] |= np.array(of.tries) > 0
        marked = {suite.name for suite in (manifest.suites if manifest else ()) if suite.is_general}
        general = [suite in marked or is_general(suite) for suite in tail.suites]
        work = ~np.array(general, dtype=bool) if not all(general) else np.ones(len(general), dtype=bool)
        rows = np.array([row & work for row in tried.values()], dtype=bool).reshape(len(tried), len(work))
        common, held = ranked_together(rows, [*tried]) if work.any() else (~work, np.zeros(len(tried), dtype=bool))
        there = {name for name, one in zip(tried, held.tolist(), strict=True) if one}
        together = frozenset(name for name in tail.contenders if whole.get(name, name) in there)
        if before is None or together != before.together or not np.array_equal(common, before.common):
            self._rates.clear()
        lacking = {name for name, of in tail.contenders.items() if common[len(of.tries) :].any() or
                   (np.array(of.tries)[common[: len(of.tries)]] <= 0).any()}  # fmt: skip
        self._ranked = _Ranked(tail.made, common, work, together, together - lacking)
        return self._ranked

    def _is_due(self, before: int, made: int) -> bool:
        return not before <= made <= before * _NEWER or bool(self._tail and self._tail.is_whole and made < 5_000)

    def _interim(self, name: str, ranked: _Ranked, *, control: bool) -> Interim:
        tail = self._tail
        assert tail is not None  # noqa: S101 - it was read just now
        of = tail.contenders[name]
        before = self._rates.get(name)
        if before is None or self._is_due(before[0], of.made):
            sums, trials = of.sides()
            trials = np.where(ranked.tasks_of(name, len(trials)), trials, 0.0)
            rate = stats.clustered_rate(np.where(trials > 0, sums, 0.0), trials, np.array(tail.clusters[: len(sums)]))
            self._rates[name] = before = of.made, rate
        apart = name not in ranked.in_full
        return Interim(contender=name, made=of.made, lost=of.lost, pass_rate=before[1], control=control, apart=apart)

    def _read_manifest(self) -> Manifest | None:
        with suppress(OwnbenchError, OSError):
            at = (self.report / "manifest.json").stat().st_mtime_ns
            if at != self._manifest[0]:
                self._manifest = at, read_manifest(self.report)
        return self._manifest[1]


def is_open(report: Path) -> bool:
    """Whether a run is at work on a report, or was stopped before it was done."""
    if running_process(report) is not None or is_behind(report):
        return True
    with suppress(OwnbenchError):
        manifest = read_manifest(report)
        return manifest is not None and not manifest.complete and bool(manifest.planned)
    return False
