"""Who was given which skills, and who is compared with whom: read from the manifest alone."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from harness.core import ContenderRecord, Manifest

Known = tuple[tuple[str, str], ...]  # names and digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A contender that is a model alone, with an adapter, with skills or with both; hybrids are none of these."""

    name: str
    model: str  # its name in the experiment
    digest: str  # the model's, its name where it has none: the same weights, revision and sampling
    adapters: Known  # by suite, each suite's adapter's digest
    arm: str | None  # ``None`` where it has no skills
    skills: Mapping[str, Known]
    """By suite; under ``placebo`` what is really shown, in place of the skills that the experiment names."""
    named: str  # what the experiment names, in one text: a placebo and its counterpart agree in it

    @property
    def engine(self) -> tuple[str, Known]:
        """What is the same in two contenders that differ in their skills only."""
        return self.digest, self.adapters

    def names(self, suites: Collection[str]) -> tuple[str, ...]:
        """The names of its skills at these suites, each once."""
        return tuple(dict.fromkeys(name for suite in suites for name, _ in self.skills.get(suite, ())))


def given(manifest: Manifest | None) -> dict[str, Given]:
    """The contenders whose parts the manifest tells, by name and in its order."""
    found = (_given(contender) for contender in (manifest.contenders if manifest else ()))
    return {one.name: one for one in found if one is not None}


def parts_of_hybrids(manifest: Manifest | None) -> dict[str, tuple[str, ...]]:
    """Of each hybrid the names of its worker and its expert."""
    found: dict[str, tuple[str, ...]] = {}
    for contender in manifest.contenders if manifest else ():
        if contender.worker and contender.expert:
            found[contender.name] = (contender.worker, contender.expert)
    return found


def bare_of(one: Given, others: Mapping[str, Given], there: Collection[str]) -> str | None:
    """The first contender of the same model and adapter without skills, among those that are there."""
    return next((o.name for o in others.values() if o.name in there and o.arm is None and o.engine == one.engine), None)


def placebo_of(one: Given, others: Mapping[str, Given], there: Collection[str]) -> str | None:
    """The first of the same model, adapter and named skills that is shown a placebo in place of each."""
    if one.arm == "placebo":
        return None
    found = (o for o in others.values() if o.name in there and o.arm == "placebo" and o.engine == one.engine)
    return next((o.name for o in found if o.named == one.named), None)


def deliveries(others: Mapping[str, Given], there: Collection[str]) -> list[tuple[str, str, bool]]:
    """Pairs (progressive, flat) of one model and adapter, and whether both have the very same skills.

    Where they have not, the skills of the one are among those of the other at every suite: a library that holds the
    right skill may be compared with that skill alone, and nothing else may.
    """
    arms = {arm: [o for o in others.values() if o.arm == arm and o.name in there] for arm in ("progressive", "flat")}
    return [
        (p.name, f.name, _skills(p) == _skills(f))
        for p in arms["progressive"]
        for f in arms["flat"]
        if p.engine == f.engine and (_within(p, f) or _within(f, p))
    ]


def squares(others: Mapping[str, Given], there: Collection[str]) -> list[dict[str, str]]:
    """Each set of four cells, tuned x skilled, in which nothing differs but the adapter and the skills."""
    found = []
    here = [o for o in others.values() if o.name in there]
    for both in here:
        if not both.arm or both.arm == "placebo" or not both.adapters:
            continue
        plain = [o for o in here if o.digest == both.digest and not o.adapters]
        base = next((o for o in plain if o.arm is None), None)
        skilled = next((o for o in plain if o.arm == both.arm and _skills(o) == _skills(both)), None)
        tuned = bare_of(both, others, there)
        if base and skilled and tuned:
            found.append({"base": base.name, "tuned": tuned, "skilled": skilled.name, "both": both.name})
    return found


def _given(contender: ContenderRecord) -> Given | None:
    parts = contender.parts
    model = _mapping(parts.get("model"))
    if not model:
        return None
    skills = {str(suite): _known(found) for suite, found in _mapping(parts.get("skills")).items()}
    if parts.get("skills") and not any(skills.values()):
        return None  # written in a way that cannot be read: nothing is known of them
    delivery = parts.get("delivery")
    arm = delivery[0] if isinstance(delivery, list) and delivery else delivery
    adapters = ((str(suite), str(digest)) for suite, digest in _mapping(parts.get("adapters")).items())
    return Given(
        name=contender.name,
        model=str(model.get("name") or ""),
        digest=str(model.get("digest") or model.get("name") or ""),
        adapters=tuple(sorted(adapters)),
        arm=str(arm or "unknown") if any(skills.values()) else None,
        skills=skills,
        named=json.dumps(contender.skills, sort_keys=True),
    )


def _known(found: Any) -> Known:
    pairs = found if isinstance(found, list) else []
    return tuple((str(p[0]), str(p[1])) for p in pairs if isinstance(p, list) and len(p) == 2)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _skills(one: Given) -> dict[str, frozenset[tuple[str, str]]]:
    return {suite: frozenset(known) for suite, known in one.skills.items() if known}


def _within(one: Given, other: Given) -> bool:
    """Whether the skills of the one are, at each suite, among those of the other."""
    whole = _skills(other)
    return all(known <= whole.get(suite, frozenset()) for suite, known in _skills(one).items())
