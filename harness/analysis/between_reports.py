"""Two reports laid side by side: what changed between them, and which tasks flipped, for each contender of both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path

import numpy as np

from harness.analysis.changed import Change, changes
from harness.analysis.loading import load_evidence, progress_of
from harness.analysis.pairs import adjusted, pair
from harness.analysis.sides import (
    Side,
    by_suite,
    contenders_of_two_reports,
    graded_otherwise,
    gradings_of,
    suites_called,
)
from harness.analysis.views import Pairing
from harness.core import EvidenceError, Manifest, Redactor, UsageError, is_shown, plural, visible
from harness.store import TaskTable, read_skill_texts, stands_for

_LINES = 80  # of the diff of one file, at most
_SHOWN = 12  # characters of a digest
_REDACT = Redactor()
NOTE = (
    "difference: {1} minus {0}, on the tasks that are the same in both and graded alike; p adjusted is over these "
    "contenders"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteChange:
    """The tasks of a suite in the two reports, by their names."""

    suite: str
    before: int  # tasks of the first report
    after: int
    same: int  # equal in content, and graded alike
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]  # of one name, with another content
    regraded: tuple[str, ...]  # equal in content, graded by another grader or reference: they are not compared


@dataclass(frozen=True, slots=True, kw_only=True)
class ContenderChange:
    """A contender of both reports."""

    contender: str
    changes: tuple[Change, ...]  # ``baseline`` is the first report
    pairing: Pairing | None  # the second minus the first, on the tasks that are the same; ``gained``: now passed
    before: float | None  # pass rate on these tasks
    after: float | None
    why: str | None  # why they cannot be compared


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoReports:
    """What became of a first report in a second."""

    first: str
    second: str
    sentence: str
    suites: tuple[SuiteChange, ...]
    contenders: tuple[ContenderChange, ...]
    only_first: tuple[str, ...]  # contenders
    only_second: tuple[str, ...]
    level: float
    warning: str | None
    notes: tuple[str, ...]


def two_reports(first: Path, second: Path, *, split: str | None = None, level: float = 0.95) -> TwoReports:
    """What changed, and who passes other tasks. Raises UsageError: it is one report. EvidenceError: no outcomes.

    Tasks are the same where content and suite (by name or digest) are; p is adjusted over the contenders (Holm 1979).
    """
    one, two = stands_for(first), stands_for(second)
    if one.resolve() == two.resolve():
        raise UsageError(f"{one} is compared with itself; name two reports, or two contenders of one")
    (before, old), (after, new) = (load_evidence(report, split) for report in (first, second))
    called = suites_called([table.suites_there for table in (before, after)])
    before, after = (by_suite(table, names) for table, names in zip((before, after), called, strict=True))
    both = [name for name in before.contenders if name in after.contenders]
    names = _names(one, two)
    found = [_contender(name, (before, old), (after, new), level) for name in both]
    p = adjusted([one.pairing.comparison.p_value if one.pairing else None for one in found])
    found = [_with_p(one, value) for one, value in zip(found, p, strict=True)]
    said = [(name, progress_of(*of).warning) for name, of in zip(names, ((before, old), (after, new)), strict=True)]
    suites = tuple(_suites(before, after, both))
    return TwoReports(
        first=names[0],
        second=names[1],
        sentence=_sentence(names, found, suites, level),
        suites=suites,
        contenders=tuple(found),
        only_first=tuple(name for name in before.contenders if name not in both),
        only_second=tuple(name for name in after.contenders if name not in both),
        level=level,
        warning="; ".join(f"{name}: {text}" for name, text in said if text) or None,
        notes=(NOTE.format(*names),) if any(one.pairing for one in found) else (),
    )


def _names(first: Path, second: Path) -> tuple[str, str]:
    names = tuple(visible(report.resolve().name) for report in (first, second))
    return (names[0], names[1]) if names[0] != names[1] else (visible(str(first)), visible(str(second)))


def _contender(
    name: str, before: tuple[TaskTable, Manifest | None], after: tuple[TaskTable, Manifest | None], level: float
) -> ContenderChange:
    sides = [Side(table=table, manifest=manifest, contender=name) for table, manifest in (before, after)]
    changed = (*changes(*sides), *_skill_diffs(*sides))
    try:
        both = contenders_of_two_reports(after[0], name, before[0], name)
        pairing = pair((both, None), *both.contenders, level=level)
    except EvidenceError as error:
        return ContenderChange(contender=name, changes=changed, pairing=None, before=None, after=None, why=str(error))
    there = (both.counts > 0).all(axis=0)
    rates = [float((both.sums[i][there] / both.counts[i][there]).mean()) for i in (1, 0)]
    return ContenderChange(contender=name, changes=changed, pairing=pairing, before=rates[0], after=rates[1], why=None)


def _with_p(one: ContenderChange, p: float | None) -> ContenderChange:
    if one.pairing is None:
        return one
    return replace(one, pairing=replace(one.pairing, comparison=replace(one.pairing.comparison, p_adjusted=p)))


def _skill_diffs(before: Side, after: Side) -> Iterator[Change]:
    """For each skill of both whose digest differs: each file that does, with its lines where texts were kept."""
    old, new = (_skills(side) for side in (before, after))
    kept = [read_skill_texts(side.table.report) for side in (before, after)]
    for name in old.keys() & new.keys():
        digests = old[name], new[name]
        if digests[0] == digests[1]:
            continue
        texts = [of.get(digest) for of, digest in zip(kept, digests, strict=True)]
        short = {"baseline": digests[0][:_SHOWN], "candidate": digests[1][:_SHOWN]}
        if texts[0] is None or texts[1] is None:
            lost = "no text of it is kept: that report was made by an earlier version"
            yield Change(what=f"skill {name}", **short, diff=(lost,))
            continue
        for file in sorted(texts[0].keys() | texts[1].keys()):
            was, now = texts[0].get(file), texts[1].get(file)
            if was != now:
                yield Change(what=f"skill {name}: {file}", **short, diff=_diff(was or "", now or "", f"{name}/{file}"))


def _skills(side: Side) -> dict[str, str]:
    """By name of a skill its digest, over all suites."""
    entry = side.manifest.contender(side.contender) if side.manifest else None
    by_suite = entry.parts.get("skills") if entry is not None else None
    found = by_suite.values() if isinstance(by_suite, Mapping) else ()
    pairs = (one for of in found if isinstance(of, list | tuple) for one in of)
    return {str(one[0]): str(one[1]) for one in pairs if isinstance(one, list | tuple) and len(one) == 2}


def _diff(was: str, now: str, name: str) -> tuple[str, ...]:
    told = unified_diff(was.splitlines(), now.splitlines(), f"a/{name}", f"b/{name}", lineterm="", n=1)
    lines = [_REDACT(line) for line in told]
    more = f"… and {len(lines) - _LINES:,} more lines"
    return tuple(lines) if len(lines) <= _LINES else (*lines[:_LINES], more)


def _suites(before: TaskTable, after: TaskTable, both: list[str]) -> Iterator[SuiteChange]:
    otherwise = set[tuple[str, str]]()
    for name in both:
        otherwise |= graded_otherwise(gradings_of(before, name), gradings_of(after, name))
    sides = []
    for table in (before, after):
        there = np.flatnonzero((table.trials > 0).any(axis=0)).tolist()
        sides.append({table.keys[i]: visible(table.tasks[i]) for i in there})
    for suite in dict.fromkeys(key[0] for side in sides for key in side):
        old, new = ({key: name for key, name in side.items() if key[0] == suite} for side in sides)
        gone, come = ([side[key] for key in side if key not in other] for side, other in ((old, new), (new, old)))
        changed = set(gone) & set(come)
        regraded = [old[key] for key in old if key in new and key in otherwise]
        yield SuiteChange(
            suite=suite,
            before=len(old),
            after=len(new),
            same=len(old.keys() & new.keys()) - len(regraded),
            added=tuple(name for name in come if name not in changed),
            removed=tuple(name for name in gone if name not in changed),
            changed=tuple(name for name in gone if name in changed),
            regraded=tuple(regraded),
        )


def _sentence(
    names: tuple[str, str], found: list[ContenderChange], suites: tuple[SuiteChange, ...], level: float
) -> str:
    if not found:
        tasks = plural(sum(one.same for one in suites), "task")
        what = (
            f"{names[0]} and {names[1]} have {tasks} in common and no contender of the same name: nothing is compared"
        )
        return f"{what}; ownbench gate takes others: --baseline-contender A --candidate-contender B"
    shown = [(one.contender, one.pairing.comparison) for one in found if one.pairing is not None]
    better, worse = (
        [
            name
            for name, c in shown
            if is_shown(c.p_adjusted, c.low, c.high, 1 - level) and c.delta is not None and sign * c.delta > 0
        ]
        for sign in (1, -1)
    )
    same = sum(one.same for one in suites)
    told = [f"`{name}` passes more" for name in better] + [f"`{name}` passes less" for name in worse]
    what = ", ".join(told) or "no significant difference of any contender" * bool(shown) or "nothing can be compared"
    return f"From {names[0]} to {names[1]}, {plural(len(found), 'contender')} on {plural(same, 'equal task')}: {what}"
