"""What a report has measured of one adapter: its contender next to the others, on the work that it answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.by_domain import domains
from harness.analysis.scores import read_statistics, scoreboard
from harness.analysis.views import ContenderScore, DomainDifference, DomainScore, Scoreboard
from harness.core import ContenderRecord, UserFileError, listed
from harness.store import read_manifest, read_outcomes

OWN = "this adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDomain:
    """A contender in a domain whose tasks the adapter answered."""

    domain: str
    general: bool  # whether it is no work, and only shows what is forgotten
    contender: str
    role: str  # what it is next to the adapter's contender, in words; may be empty
    score: DomainScore
    difference: DomainDifference | None  # of the adapter's contender minus this one, on the same tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterUse:
    """An adapter in a report."""

    view: Scoreboard
    contender: ContenderScore  # the one that answers with it
    seeds: ContenderScore | None  # the one that has it among its training seeds
    suites: tuple[str, ...]  # whose tasks it answered, general ones last
    alone: bool  # whether its contender answers the report's tasks with this adapter only
    rows: tuple[MeasuredDomain, ...]  # by domain, the adapter's contender first


def adapter_use(report: Path, digest: str, name: str) -> AdapterUse:
    """What ``show`` says of the adapter with this digest. Raises UserFileError: the report has not measured it."""
    if not report.is_dir():
        raise UserFileError(report, "there is no such folder", advice="give a report of a run")
    manifest = read_manifest(report)
    if manifest is None:
        raise UserFileError(report, "it has no manifest.json, which says what was run", advice="give a report of a run")
    held = {one.name: _adapters(one) for one in manifest.contenders}
    with_it = [one for one in manifest.contenders if digest in held[one.name].values()]
    if not with_it:
        many = sorted({other for adapters in held.values() for other in adapters.values()})
        said = f"it measured {listed(many, 4)}" if many else "it measured none"
        problem = f"no contender answers with the adapter {name} as it is now ({digest}); {said}"
        raise UserFileError(report, problem, advice="give the report that measured it, or run it again")
    own = next((one for one in with_it if not one.is_skilled), with_it[0])
    view = read_statistics(report) or scoreboard(report)
    shown = {one.name for one in view.contenders}
    contender = own.name if own.name in shown else str(own.seed_of or own.name)
    general = {suite.name for suite in manifest.suites if suite.is_general}
    suites = sorted((suite for suite, one in held[own.name].items() if one == digest), key=lambda one: one in general)
    roles = {one.name: _role(one, own, contender, held[one.name]) for one in manifest.contenders} | {contender: OWN}
    replicated = next((one.seed_of for one in with_it if one.seed_of in shown), None)
    if replicated is not None and replicated != contender:
        roles[replicated] = "training seeds, it among them"
    among = _domains(report, suites)
    return AdapterUse(
        view=view,
        contender=view.score_of(contender),
        seeds=None if replicated is None else view.score_of(replicated),
        suites=tuple(suites),
        alone=set(held[own.name].values()) == {digest} and len(suites) == len(manifest.suites),
        rows=tuple(_rows(report, view, contender, roles, {name: suite in general for name, suite in among.items()})),
    )


def _adapters(one: ContenderRecord) -> dict[str, str]:
    """By suite the digest of the adapter that a contender answers with."""
    found: Any = one.parts.get("adapters")
    return {str(suite): str(digest) for suite, digest in found.items()} if isinstance(found, Mapping) else {}


def _role(one: ContenderRecord, own: ContenderRecord, contender: str, adapters: Mapping[str, str]) -> str:
    if one.others:
        return "hybrid with it" if contender in one.others else "hybrid without it"
    if one.is_skilled:
        return "it with skills" if adapters == _adapters(own) else "skills"
    if one.adapter is not None:
        return "it, asked otherwise" if adapters == _adapters(own) else "another adapter"
    return "the base alone" if one.model == own.model else f"the model {one.model} alone"


def _domains(report: Path, suites: list[str]) -> dict[str, str]:
    """The domains of these suites' tasks and each one's suite, in the suites' order."""
    table = read_outcomes(report, ["suite", "domain"]).group_by(["suite", "domain"]).aggregate([])
    pairs = sorted({(row["suite"], row["domain"]) for row in table.to_pylist()})
    return {domain: suite for suite in suites for name, domain in pairs if name == suite}


def _rows(
    report: Path, view: Scoreboard, contender: str, roles: Mapping[str, str], general: Mapping[str, bool]
) -> list[MeasuredDomain]:
    options = sorted((c for c in view.shown if c.name not in view.yardsticks), key=lambda c: c.name != contender)
    split = view.split or "all"
    differences = {
        (c.name, one.domain): one
        for c in options
        if c.name != contender and roles.get(c.name)
        for one in domains(report, contender, c.name, split=split, level=view.level).domains
    }
    return [
        MeasuredDomain(domain=domain, general=is_general, contender=c.name, role=roles.get(c.name, ""), score=score,
                       difference=differences.get((c.name, domain)))
        for domain, is_general in general.items()
        for c in options
        for score in c.domains
        if score.domain == domain and score.n_trials
    ]  # fmt: skip
