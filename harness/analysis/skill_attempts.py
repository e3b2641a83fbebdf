"""Who was given which skills, read from the manifest, and what the attempts of each contender were shown and opened."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.loading import Floats, Ints
from harness.core import ContenderRecord, Estimate, Manifest, ModelRecord
from harness.stats import clustered_mean, clustered_rate
from harness.store import SkillUse, TaskTable

Known = tuple[tuple[str, str], ...]  # names and digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A contender that is a model alone, with an adapter, with skills or with both; hybrids are none of these."""

    name: str
    model: str  # its name in the experiment
    engine: tuple[str, Known]
    """What two arms have in common: the digest of the model (of a tuned one, its base's; or a name) and of its
    documents; by suite the adapter's, and a tuned model's own."""
    arm: str | None  # ``None`` where it has no skills
    skills: Mapping[str, Known]  # by suite; under ``placebo`` what is really shown
    named: str  # what the experiment names, in one text: a placebo and its counterpart agree in it

    @property
    def sets(self) -> dict[str, frozenset[tuple[str, str]]]:
        """The skills at each suite that has some, in no order."""
        return {suite: frozenset(known) for suite, known in self.skills.items() if known}

    def bare_among(self, others: Iterable["Given"]) -> str | None:
        """The first contender of the same model and adapter without skills."""
        return next((other.name for other in others if other.arm is None and other.engine == self.engine), None)

    def placebo_among(self, others: Iterable["Given"]) -> str | None:
        """The first of the same model, adapter and named skills that is shown a placebo in place of each."""
        alike = (other for other in others if other.arm == "placebo" and other.engine == self.engine)
        return next((other.name for other in alike if self.arm != "placebo" and other.named == self.named), None)

    def within(self, other: "Given") -> bool:
        """Whether its skills are, at each suite, among those of the other."""
        whole = other.sets
        return all(known <= whole.get(suite, frozenset()) for suite, known in self.sets.items())


def given(manifest: Manifest | None) -> dict[str, Given]:
    """The contenders whose parts the manifest tells, by name and in its order."""
    models = {model.name: model for model in (manifest.models if manifest else ())}
    found = (_given(contender, models) for contender in (manifest.contenders if manifest else ()))
    return {one.name: one for one in found if one is not None}


def _given(contender: ContenderRecord, models: Mapping[str, ModelRecord]) -> Given | None:
    parts = contender.parts
    model = _mapping(parts.get("model"))
    if not model:
        return None
    adapters = [(str(suite), str(digest)) for suite, digest in _mapping(parts.get("adapters")).items()]
    engine = str(model.get("digest") or model.get("name") or "")
    if (tuned := _mapping(parts.get("tuned"))) and (base := models.get(str(tuned.get("of")))):
        adapters, engine = [*adapters, ("", engine)], base.digest  # it is to its base as an adapter is
    skills: dict[str, Known] = {}
    for suite, listed in _mapping(parts.get("skills")).items():
        pairs = [pair for pair in (listed if isinstance(listed, list) else ()) if isinstance(pair, list)]
        skills[str(suite)] = tuple((str(pair[0]), str(pair[1])) for pair in pairs if len(pair) == 2)
    if parts.get("skills") and not any(skills.values()):
        return None  # written in a way that cannot be read: nothing is known of them
    delivery = parts.get("delivery")
    arm = delivery[0] if isinstance(delivery, list) and delivery else delivery
    return Given(
        name=contender.name,
        model=str(model.get("name") or ""),
        engine=(
            f"{engine} {parts.get('context') or ''}",
            tuple(sorted(adapters)),
        ),
        arm=str(arm or "unknown") if any(skills.values()) else None,
        skills=skills,
        named=json.dumps(contender.skills, sort_keys=True),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def deliveries(others: Sequence[Given]) -> list[tuple[str, str, bool]]:
    """Pairs (progressive, flat) of one engine, the skills of one within the other's, and whether they are the same."""
    progressive, flat = ([one for one in others if one.arm == arm] for arm in ("progressive", "flat"))
    pairs = [(p, f) for p in progressive for f in flat if p.engine == f.engine and (p.within(f) or f.within(p))]
    return [(p.name, f.name, p.sets == f.sets) for p, f in pairs]


def squares(others: Sequence[Given]) -> list[dict[str, str]]:
    """Each set of four cells, tuned x skilled, in which nothing differs but the adapter and the skills."""
    found = []
    for both in others:
        digest, adapters = both.engine
        if not both.arm or both.arm == "placebo" or not adapters:
            continue
        plain = [one for one in others if one.engine == (digest, ())]
        base = next((one for one in plain if one.arm is None), None)
        skilled = next((one for one in plain if one.arm == both.arm and one.sets == both.sets), None)
        tuned = both.bare_among(others)
        if base and skilled and tuned:
            found.append({"base": base.name, "tuned": tuned, "skilled": skilled.name, "both": both.name})
    return found


class SkillAttempts:
    """The graded attempts of one contender, by pattern: the skills shown, those opened, whether there was an answer."""

    def __init__(self, table: TaskTable, use: SkillUse, name: str, given: Given | None, level: float) -> None:
        """Of the contender ``name``; ``given`` is ``None`` where the manifest does not tell."""
        self.table, self.use, self.name, self.given, self.level = table, use, name, given, level
        self.index = table.index(name)
        patterns = use.patterns_of(self.index)
        self.shown = {p: use.shown[p] or () for p in patterns}  # names; none where it is not known
        self.opened = {p: use.opened[p] or () for p in patterns}
        named = any(use.answered[p] for p in patterns)  # who answered
        told = [p for p in patterns if not named or use.answered[p] or self.shown[p] or self.opened[p]]
        self.silent = frozenset(patterns) - frozenset(told)  # attempts that ended before any answer
        self.recorded: dict[str, frozenset[int]] = {}
        """The patterns that tell what was ``shown``, and what was ``opened``. Imported rows whose column is empty
        throughout tell neither: it may never have been filled."""
        for word, lists in (("shown", use.shown), ("opened", use.opened)):
            telling = given is not None or any(lists[p] for p in told)
            self.recorded[word] = frozenset(p for p in told if telling and lists[p] is not None)
        self.seen = tuple(dict.fromkeys(name for p in patterns for name in (*self.shown[p], *self.opened[p])))

    @property
    def skills(self) -> tuple[str, ...]:
        """The skills that the contender was given at the suites it tried, and any other that its rows name.

        Of a library in which they are searched: those that its rows name.
        """
        if self.given is not None and (self.given.arm or "").startswith("bm25"):
            return self.seen
        tried = (self.table.counts[self.index] > 0).nonzero()[0].tolist()
        suites = dict.fromkeys(self.table.suites[place] for place in tried)
        own = (name for suite in suites for name, _ in (self.given.skills.get(suite, ()) if self.given else ()))
        return tuple(dict.fromkeys((*own, *self.seen)))

    def at_tasks(self, patterns: Iterable[int] | Mapping[int, float]) -> tuple[Floats, Floats, Ints]:
        """(values, weights, attempts) at each task, of the attempts of these patterns; a weight is 0 by default."""
        weights = patterns if isinstance(patterns, Mapping) else dict.fromkeys(patterns, 0.0)
        return self.use.at_tasks(self.index, weights)

    def share(self, weights: Mapping[int, float], why: str, *, mean: bool = False) -> Estimate:
        """The mean weight of the attempts of these patterns; why there is none where there are no patterns."""
        if not weights:
            return Estimate(value=None, level=self.level, why=why)
        _, weighed, numbers = self.at_tasks(weights)
        return (clustered_mean if mean else clustered_rate)(weighed, numbers, self.table.clusters, self.level)

    def pass_rate(self, patterns: Iterable[int], why: str) -> Estimate:
        """The pass rate of the attempts of these patterns, or why there is none."""
        values, _, numbers = self.at_tasks(patterns)
        found = clustered_rate(values, numbers, self.table.clusters, self.level)
        return found if found.value is not None else Estimate(value=None, level=self.level, why=why)


def names_any(table: TaskTable, lists: Sequence[str] = ("skills_shown", "skills_used")) -> bool:
    """Whether any row may name one in these columns, by what the file says of them; true where it says nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        meta = pq.read_metadata(table.report / "outcomes.parquet")
    except (OSError, pa.ArrowInvalid):  # it has gone or changed: who reads it says so
        return True
    columns = (meta.row_group(g).column(c) for g in range(meta.num_row_groups) for c in range(meta.num_columns))
    found = (column.statistics for column in columns if column.path_in_schema.split(".")[0] in lists)
    return any(values is None or values.num_values for values in found)
