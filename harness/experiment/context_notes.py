"""Tasks to which a context shows nothing: there, what is measured is the model without documents."""

from collections.abc import Iterator, Mapping, Sequence

from harness.core import Suite, Task, listed, nearest, plural
from harness.retrieval import Context, Passage

LOOKED_AT = 2_000  # tasks of a suite at which it is looked what is shown
NAMED = 3  # that a line lists


def unshown(contexts: Mapping[str, Context], suites: Sequence[Suite]) -> Iterator[str]:
    """A line for each context that shows no task a passage, and for each suite in which some tasks see none."""
    for name, context in contexts.items():
        tasks = {suite.name: suite.tasks[:LOOKED_AT] for suite in suites}
        without = {suite: [task for task in some if not context.of(task)] for suite, some in tasks.items()}
        every = [task for some in tasks.values() for task in some]
        if every and sum(map(len, without.values())) == len(every):
            yield f"context {name}: no task is shown a passage; {_why(context, every)}"
            continue
        for suite, missing in without.items():
            if missing:
                verb, ids = "is" if len(missing) == 1 else "are", [task.id for task in missing]
                of = f"{len(missing):,} of {plural(len(tasks[suite]), 'task')} of the suite {suite}"
                yield f"context {name}: {of} {verb} shown no passage ({listed(ids, NAMED)}); {_why(context, missing)}"


def _why(context: Context, tasks: Sequence[Task]) -> str:
    """Why none of these tasks is shown anything: what the filter keeps for them, and what documents say instead."""
    passages = context.collection.passages
    wanted = list({tuple(sorted(context.wanted_at(task).items())): None for task in tasks})
    kept = {
        source
        for one in passages
        for source in one.sources
        if any(all(value in one.fields.get(key, ()) for key, value in each) for each in wanted)
    }
    documents = {source for one in passages for source in one.sources}
    if kept or not context.wanted:
        return (
            "the passages that it may be shown share no word with it"
            if len(tasks) == 1
            else ("the passages that they may be shown share no word with them")
        )
    said = f"the filter keeps 0 of {plural(len(documents), 'document')}"
    return f"{said}: {_instead(passages, wanted)}"


def _instead(passages: Sequence[Passage], wanted: Sequence[tuple[tuple[str, str], ...]]) -> str:
    keys = dict.fromkeys(key for one in passages for key in one.fields)
    for key, value in (pair for each in wanted for pair in each):
        values = dict.fromkeys(said for one in passages for said in one.fields.get(key, ()))
        if key not in keys:
            return f"none has {key!r} in its front matter; {nearest(key, keys)}"
        if value not in values:
            return f"none has {key}: {value}; found {listed(list(values), NAMED)}"
    return "none has all the fields that it asks for"
