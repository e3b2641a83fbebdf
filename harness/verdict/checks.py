"""Whether the evidence can be judged at all: each check is a reason, and one that fails makes the verdict INVALID."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.analysis import Pairs, Side, graded_otherwise, gradings_of, renewal
from harness.core import SuiteRecord, listed, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule of the gate and what became of it."""

    rule: str
    holds: bool | None
    """``None`` where there is no evidence to say; missing evidence never ships."""
    text: str


def _sides(pairs: Pairs) -> Iterator[tuple[str, Side]]:
    yield "baseline", pairs.baseline
    yield "candidate", pairs.candidate


def complete(pairs: Pairs, stretch: Pairs | None, *, undecided: bool) -> Reason:
    """Both runs are done; of an early stop, the baseline's."""
    faults = []
    remedy = "ownbench run goes on where it stopped"
    one_report = pairs.candidate.table is pairs.baseline.table
    for word, side in _sides(pairs):
        if stretch is not None and side is pairs.candidate:
            continue
        skipped = int(side.table.skipped[side.index].sum())
        if skipped:
            faults.append(f"the {word} never tried {plural(skipped, 'attempt')}")
        elif side.manifest is not None and not side.manifest.complete and not (stretch is not None and one_report):
            because = f" ({side.manifest.stopped_because})" if side.manifest.stopped_because else ""
            faults.append(f"the {word}'s run is not done{because}")
        if undecided and side is pairs.candidate:
            remedy = "the rule early says how it goes on"
    done = "both runs are done" if stretch is None else "the baseline's run is done, the candidate's is decided"
    text = f"{'; '.join(faults)}; {remedy}" if faults else done
    return Reason(rule="complete", holds=not faults, text=text)


def rows(pairs: Pairs) -> Reason:
    """No row is given twice, and none contradicts another."""
    faults = []
    for word, side in _sides(pairs):
        found = {flag.kind: flag.text for flag in side.table.flags}
        faults += [f"{word}: {found[kind]}" for kind in ("duplicates", "contradictions") if kind in found]
    faults = list(dict.fromkeys(faults))
    return Reason(rule="rows", holds=not faults, text="; ".join(faults) or "no duplicate or contradictory rows")


def same_suites(pairs: Pairs) -> Reason:
    """Both answered the same suites, by digest where both have one."""
    found = [
        {(side.table.suites[i], side.table.suite_digests[i]) for i in side.tried.tolist()}
        for side in (pairs.baseline, pairs.candidate)
    ]
    # Digests decide where both sides have them: a suite may be renamed, and must not have been changed.
    digests = [{digest for _, digest in side} for side in found]
    known = all(all(side) for side in digests)
    same = digests[0] == digests[1] if known else {n for n, _ in found[0]} == {n for n, _ in found[1]}
    if same:
        return Reason(rule="same_suites", holds=True, text="both answered the same suites")
    differ = other_suites(*({digest if known else name: name for name, digest in side} for side in found))
    how = renewal(pairs.baseline.table.report, pairs.candidate.table.report)
    text = f"the suites differ ({differ}): {how or 'run the candidate on the very tasks of the baseline'}"
    return Reason(rule="same_suites", holds=False, text=text)


def other_suites(baseline: Mapping[str, str], candidate: Mapping[str, str]) -> str:
    """Which side lacks which suite, and of which both have another version; suites by their identity, as names."""
    theirs, ours = (
        {side[key] for key in side.keys() - other.keys()}
        for side, other in ((baseline, candidate), (candidate, baseline))
    )
    parts = {
        "the candidate lacks": theirs - ours,
        "the baseline lacks": ours - theirs,
        "they have other versions of": theirs & ours,
    }
    return "; ".join(f"{words} {listed(sorted(names), 5)}" for words, names in parts.items() if names)


def same_tasks(pairs: Pairs, stretch: Pairs | None) -> Reason:
    """Both tried the same tasks, and graded attempts of both meet at one."""
    shared = len(pairs.outcomes.domains)
    if not shared:
        return Reason(rule="same_tasks", holds=False, text="the two reports have no task in common")
    # What only a candidate that was stopped early has was never to be tried.
    sides = [(word, side) for word, side in _sides(pairs) if stretch is None or side is pairs.baseline]
    alone = [(word, len(side.tried) - shared) for word, side in sides]
    faults = [f"{plural(n, 'task')} tried by the {word} only" for word, n in alone if n]
    graded = int((stretch or pairs).outcomes.common.sum())
    if faults:
        text = "; ".join(faults) + ": what was left out may be what went wrong"
    elif not graded:
        text = "at no task do both have a graded attempt"
    else:
        text = f"both tried the same {plural(len((stretch or pairs).outcomes.domains), 'task')}"
        text += "" if stretch is None else f", the first of {shared:,} in an order that the seed fixes"
    return Reason(rule="same_tasks", holds=not faults and graded > 0, text=text)


def other_graders(ours: Mapping[str, SuiteRecord], theirs: Mapping[str, SuiteRecord]) -> list[str]:
    """The suites that the two graded by different versions of a grader, as far as manifests tell."""
    return sorted(
        name
        for name in ours.keys() & theirs.keys()
        if ours[name].graders and theirs[name].graders
        and set(ours[name].graders) != set(theirs[name].graders)
    )  # fmt: skip


def same_graders(pairs: Pairs) -> Reason:
    """Both were graded by the same graders and references, as far as rows and manifests tell."""
    ours, theirs = (gradings_of(side.table.report, side.contender) for _, side in _sides(pairs))
    if otherwise := graded_otherwise(ours, theirs):
        reports = dict.fromkeys(str(side.table.report) for _, side in _sides(pairs))
        how = " and ".join(f"`ownbench regrade {report}`" for report in reports)
        text = f"{plural(len(otherwise), 'task')} graded by another grader or reference; {how} grades them alike"
        return Reason(rule="same_graders", holds=False, text=text)
    other = other_graders(pairs.baseline.suites, pairs.candidate.suites)
    if other and not (ours.keys() & theirs.keys()):
        text = f"{listed(other, 5)}: graded by another version of the grader; grade both anew with one"
        return Reason(rule="same_graders", holds=False, text=text)
    return Reason(rule="same_graders", holds=True, text="nothing says that the graders differ")


def errored(pairs: Pairs, allowed: float, stretch: Pairs | None) -> Reason:
    """The instrument lost few enough of each side's attempts."""
    faults, parts, unknown = [], [], False
    for word, side in _sides(pairs):
        one = stretch is not None and side is pairs.candidate
        share = side.lost_share_at(stretch.candidate_rows) if one and stretch else side.lost_share
        untried = not (side.table.trials > side.table.skipped)[side.index].any()
        unknown |= untried
        parts.append(f"{word} made none" if untried else f"{word} {100 * share:.1f}%")
        if share > allowed and not untried:
            faults.append(word)
    text = f"attempts that the instrument lost: {', '.join(parts)}; allowed {100 * allowed:g}%"
    return Reason(rule="errored", holds=False if faults else None if unknown else True, text=text)
