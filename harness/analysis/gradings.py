"""Which tasks two contenders were graded at by different graders or references."""

from pathlib import Path

from harness.store import read_outcomes

Gradings = dict[tuple[str, str], frozenset[str]]
"""By the digests of suite and task, those of the gradings that rows of the task name."""


def gradings_of(report: Path, contender: str) -> Gradings:
    """How a contender's graded rows were graded; a task is left out where a row does not say."""
    import pyarrow.compute as pc

    table = read_outcomes(report, ["contender", "status", "suite_digest", "task_digest", "grader_digest"])
    graded = pc.is_in(table["status"], pc.cast(["passed", "failed", "ungraded"], "string"))
    rows = table.filter(pc.and_(pc.equal(table["contender"], contender), graded))
    kinds = rows.group_by(["suite_digest", "task_digest", "grader_digest"]).aggregate([]).to_pylist()
    found: dict[tuple[str, str], set[str | None]] = {}
    for kind in kinds:
        found.setdefault((kind["suite_digest"], kind["task_digest"]), set()).add(kind["grader_digest"])
    return {key: frozenset(d for d in digests if d) for key, digests in found.items() if all(digests)}


def graded_otherwise(one: Gradings, other: Gradings) -> frozenset[tuple[str, str]]:
    """The tasks of both that were graded in different ways, or each in several."""
    return frozenset(key for key in one.keys() & other.keys() if one[key] != other[key] or len(one[key]) > 1)
