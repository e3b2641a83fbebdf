"""Graders made of others: all of them, any of them, their weighted mean; judges are asked last, and only if needed."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import Field, PlainValidator

from harness.core import Answer, Cause, Grade, Session, Status, Task, UserFileError, digest_json, is_number
from harness.grade.rule import REASON_LENGTH, SuiteGrader, failed, grade, grader, right, shown, ungraded
from harness.userfile import MOST_AMOUNT, BelowError

DEEPEST = 3  # levels of combinations within combinations
MOST = 20  # parts of one combination


def _part(spec: Any, place: str) -> SuiteGrader:
    if not isinstance(spec, (str, Mapping)):
        raise BelowError(place, f"found {spec!r:.60}; write a grader's name, or a mapping with name and its options")
    try:
        return grader(spec, where="suite.yaml", field=place)
    except UserFileError as error:
        raise BelowError(error.field, "; ".join(filter(None, (error.problem, error.advice)))) from None


def _listed(value: Any) -> list[Any]:
    """The descriptions of parts, few enough and not too deep, before any of them is built."""
    if not isinstance(value, list):
        raise ValueError("found no list; write of: [ … ] with the graders to combine")  # noqa: TRY004
    if not 1 <= len(value) <= MOST:
        raise ValueError(f"found {len(value)} graders; list 1 to {MOST}" if value else "it is empty; list the graders")
    level, depth = value, 1
    while level := [one for spec in level if isinstance(spec, Mapping) for one in _specs(spec.get("of"))]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"combinations are nested more than {DEEPEST} deep; write it flatter")
    return value


def _specs(of: Any) -> list[Any]:
    if isinstance(of, Mapping):
        return [*of]
    return [s.get("grader") if isinstance(s, Mapping) and "weight" in s else s for s in of] if of else []


def _parts(value: Any) -> tuple[SuiteGrader, ...]:
    return tuple(_part(spec, str(place)) for place, spec in enumerate(_listed(value)))


def _weighed(value: Any) -> tuple[tuple[SuiteGrader, float], ...]:
    places = [f"{place}.grader" for place in range(len(value))] if isinstance(value, list) else []
    if isinstance(value, Mapping):
        places = [str(name) for name in value]
        value = [{"grader": name, "weight": weight} for name, weight in value.items()]
    found = []
    for entry, place in zip(_listed(value), places, strict=True):
        if not isinstance(entry, Mapping) or entry.keys() != {"grader", "weight"}:
            raise BelowError(place.removesuffix(".grader"), _unweighed(entry))
        weight = entry["weight"]
        if not is_number(weight) or not 0 <= weight <= MOST_AMOUNT:
            at = place.replace(".grader", ".weight")
            needed = f"a number from 0 to {MOST_AMOUNT:,}" if is_number(weight) and weight > 0 else "a number from 0"
            raise BelowError(at, f"found {weight!r:.60} as a weight; write {needed}")
        found.append((_part(entry["grader"], place), float(weight)))
    if not any(weight for _, weight in found):
        raise ValueError("the weights sum to 0; give one of the graders a weight")
    return tuple(one for one in found if one[1])


def _unweighed(entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else entry
    if not isinstance(name, str):
        return "found no grader with its weight; write {grader: …, weight: …}"
    named = f"{{name: {name}, …}}" if isinstance(entry, Mapping) else name
    return f"the grader {shown(name)} has no weight; write {{grader: {shown(named)}, weight: 1}}"


class _Combination(SuiteGrader):
    """What combinations have in common: they need, call and are whatever their parts need, call and are."""

    @property
    def labelled(self) -> bool:
        """Whether one of its parts is."""
        return any(part.labelled for part in self.parts)

    @property
    def needs_box(self) -> bool:
        """Whether one of its parts does."""
        return any(part.needs_box for part in self.parts)

    @property
    def needs_reference(self) -> bool:
        """Whether one of its parts does."""
        return any(part.needs_reference for part in self.parts)

    @property
    def models(self) -> frozenset[str]:
        """Those of all parts."""
        return frozenset(name for part in self.parts for name in part.models)

    @property
    def judges(self) -> frozenset[str]:
        """Those of all parts."""
        return frozenset(name for part in self.parts for name in part.judges)

    @property
    def schema_of_answers(self) -> Mapping[str, Any] | None:
        """The one schema of its parts, where one alone holds answers to one."""
        found = [schema for part in self.parts if (schema := part.schema_of_answers) is not None]
        return found[0] if len({digest_json(schema) for schema in found}) == 1 else None

    @cached_property
    def digest(self) -> str:
        """Of its name, its options, and its parts' digests."""
        options = self.model_dump(mode="json", exclude={"of"}) | {"of": [part.digest for part in self.parts]}
        options |= {"weights": self.weights} if isinstance(self, Weighted) else {}
        return digest_json({"name": self.name, "version": self.version, "options": options})

    def taken(self, reference: Any) -> Any:
        """The true label, where one of its parts has labels. Raises ValueError: a part cannot take the reference."""
        labels = [taken for part in self.parts for taken in [part.taken(reference)] if part.labelled]
        return labels[0] if labels else None

    def check_reference(self, reference: Any) -> None:
        """Raises ValueError: by one of its parts no answer could be right."""
        for part in self.parts:
            part.check_reference(reference)


def _dearness(part: SuiteGrader) -> tuple[bool, bool, bool]:
    """Rules, those with labels before others, come before programs, and these before judges."""
    return _is_judged(part), part.needs_box, not part.labelled


def _is_judged(part: SuiteGrader) -> bool:
    return bool(part.models or part.judges)


class _Logical(_Combination):
    """One of its parts may decide, and then no further one is asked. The score is that of the part that decides."""

    decides: ClassVar[Status]
    of: Annotated[tuple[SuiteGrader, ...], PlainValidator(_parts)]

    @property
    def parts(self) -> tuple[SuiteGrader, ...]:
        """Those listed."""
        return self.of

    def bound(self, judges: Mapping[str, Any]) -> SuiteGrader:
        """With its parts bound."""
        return type(self).model_construct(of=tuple(part.bound(judges) for part in self.of))

    async def grade(self, task: Task, answer: Answer, session: Session) -> Grade:
        """The grade that decides; else the first that could not be given; else the lowest of passes, or the best."""
        seen = list[tuple[SuiteGrader, Grade]]()
        for part in sorted(self.parts, key=_dearness):
            given = await grade(task, answer, part, session)
            seen.append((part, given))
            if given.status is self.decides:
                break
        else:
            lost = [one for one in seen if one[1].status is Status.UNGRADED]
            end = max if self.decides is Status.PASSED else min
            part, given = lost[0] if lost else end(seen, key=lambda one: one[1].score or 0.0)
        return _labelled(seen, replace(given, reason=_told(part, given)))


class All(_Logical):
    """Every one of several graders passes; the first that fails decides, and no further one is asked."""

    name: ClassVar[str] = "all"
    decides: ClassVar[Status] = Status.FAILED


class AnyOf(_Logical):
    """At least one of several graders passes; the first that does decides, and no further one is asked."""

    name: ClassVar[str] = "any"
    decides: ClassVar[Status] = Status.PASSED


class Weighted(_Combination):
    """The weighted mean of several graders' scores reaches ``pass_at``; no judge is asked that cannot change that."""

    name: ClassVar[str] = "weighted"
    version: ClassVar[int] = 2
    of: Annotated[tuple[tuple[SuiteGrader, float], ...], PlainValidator(_weighed)]
    pass_at: float = Field(strict=True, gt=0, le=1, allow_inf_nan=False)

    @property
    def parts(self) -> tuple[SuiteGrader, ...]:
        """Those with a weight."""
        return tuple(part for part, _ in self.of)

    @property
    def weights(self) -> tuple[float, ...]:
        """The shares of the parts, which sum to 1."""
        total = math.fsum(weight for _, weight in self.of)
        return tuple(weight / total for _, weight in self.of)

    def bound(self, judges: Mapping[str, Any]) -> SuiteGrader:
        """With its parts bound."""
        of = tuple((part.bound(judges), weight) for part, weight in self.of)
        return type(self).model_construct(of=of, pass_at=self.pass_at)

    async def grade(self, task: Task, answer: Answer, session: Session) -> Grade:
        """The mean; a part that could not grade leaves the answer ungraded only where its score would decide.

        A judge that is not asked, since the others have decided, adds nothing to the score.
        """
        rest = sorted(zip(self.parts, self.weights, strict=True), key=lambda one: _dearness(one[0]))
        seen, shares, low, high = list[tuple[SuiteGrader, Grade]](), list[float](), 0.0, 1.0
        while rest and not (_is_judged(rest[0][0]) and self._reached(high) is self._reached(low)):
            part, share = rest.pop(0)
            seen.append((part, await grade(task, answer, part, session)))
            shares.append(share)
            low = math.fsum(share * (given.score or 0.0) for (_, given), share in zip(seen, shares, strict=True))
            lost = [(one, share) for one, share in zip(seen, shares, strict=True) if one[1].status is Status.UNGRADED]
            high = math.fsum([low, *(share for _, share in (*lost, *rest))])
        if self._reached(high) and not self._reached(low):
            text = f"with it {low:.3g} to {high:.3g}, {self.pass_at:.3g} needed"
            part, given = lost[0][0]
            return _labelled(seen, ungraded(f"{_told(part, given)}; {text}", given.cause or Cause.GRADER))
        told = [f"{p.name} {_score(g)} x {share:.3g}" for (p, g), share in zip(seen, shares, strict=True)]
        told += [f"{part.name} not asked x {share:.3g}" for part, share in rest]
        reason = f"{low:.3g} of 1, {self.pass_at:.3g} needed: {', '.join(told)}"
        if self._reached(low):
            return _labelled(seen, replace(right(), score=min(1.0, low), reason=shown(reason, REASON_LENGTH)))
        cause = next((given.cause for _, given in seen if given.status is Status.FAILED), None)
        return _labelled(seen, failed(Cause.PARTIAL if low else cause or Cause.WRONG, reason, score=low))

    def _reached(self, mean: float) -> bool:
        return mean > self.pass_at or math.isclose(mean, self.pass_at)


def _score(given: Grade) -> str:
    return "ungraded" if given.score is None else f"{given.score:.3g}"


def _told(part: SuiteGrader, given: Grade) -> str:
    """Which part decided, and what it says."""
    return shown(f"{part.name}: {given.reason or given.status.value}", REASON_LENGTH)


def _labelled(seen: Iterable[tuple[SuiteGrader, Grade]], made: Grade) -> Grade:
    """The grade with the labels that a part has found."""
    found = next((given for _, given in seen if given.label_true is not None), made)
    return replace(made, label_true=found.label_true, label_predicted=found.label_predicted)
