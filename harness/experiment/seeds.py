"""Training seeds as replicates: a contender whose ``adapter`` is a list becomes one contender for each adapter of it.

`tuned` with three adapters is run as `tuned-1`, `tuned-2` and `tuned-3`. Whoever is made of it, as a hybrid by its
worker, becomes as many, each of the seed with its own number. Judged they are one again: `tuned`, over its seeds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core import UserFileError, listed

MOST_SEEDS = 100  # adapters of one contender, each trained with a seed of its own
Written = str | list[str] | dict[str, str | list[str]] | None  # the key ``adapter``


def lists_of(adapter: Written) -> dict[str, list[str]]:
    """The adapters by suite, under "" where they serve all of them; a single one is a list of one."""
    by_suite = adapter if isinstance(adapter, dict) else {} if adapter is None else {"": adapter}
    return {suite: one if isinstance(one, list) else [one] for suite, one in by_suite.items()}


def wrong_seeds(adapter: Written) -> tuple[str, str]:
    """What is wrong with the lists of a contender's adapters, and in which field below it; empty where nothing is."""
    lists = lists_of(adapter)
    for suite, paths in lists.items():
        field = f"adapter.{suite}" if suite else "adapter"
        places = [Path(path).as_posix() for path in paths]
        if twice := next((path for path in places if places.count(path) > 1), None):
            return f"{twice} is there twice; each training seed has an adapter of its own", field
        if len(paths) > MOST_SEEDS:
            return f"found {len(paths)} training seeds; give at most {MOST_SEEDS}", field
    first = next(iter(lists), "")
    for suite, paths in lists.items():
        if len(paths) != len(lists[first]):
            told = f"found {_many(paths)}, and {_many(lists[first])} for {first}"
            return f"{told}; name as many for each suite, in the order of their seeds", f"adapter.{suite}"
    return "", ""


def _many(paths: list[str]) -> str:
    return "1 adapter" if len(paths) == 1 else f"{len(paths)} adapters"


def by_seed(contenders: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Every entry, those with several training seeds one by one. Raises UserFileError: numbers that do not fit."""
    many = {name: len(next(iter(lists_of(entry.adapter).values()), [""])) for name, entry in contenders.items()}
    grown = True
    while grown:  # what is made of contenders with seeds has as many
        grown = False
        for name, entry in contenders.items():
            parts = {part: many[part] for part in entry.others if many.get(part, 1) > 1}
            if len({*parts.values()}) > 1:
                told = " and ".join(f"{part} has {n} training seeds" for part, n in list(parts.items())[:2])
                advice = "name parts with as many seeds, or one seed of them, such as " + f"{next(iter(parts))}-1"
                raise UserFileError(path, told, field=f"contenders.{name}", advice=advice)
            if parts and many[name] == 1:
                many[name], grown = next(iter(parts.values())), True
    found: dict[str, Any] = {}
    for name, entry in contenders.items():
        for number in range(1, many[name] + 1) if many[name] > 1 else ():
            own = f"{name}-{number}"
            if own in contenders:
                problem = f"the name {own!r} is that of {name}'s training seed {number} too"
                raise UserFileError(path, problem, field=f"contenders.{own}", advice="rename one of the two")
            found[own] = entry.model_copy(update=dict(_of_seed(entry, number, many)))
            found[own].mark(name)
        if many[name] == 1:
            found[name] = entry
    return found


def _of_seed(entry: Any, number: int, many: Mapping[str, int]) -> Iterator[tuple[str, Any]]:
    """What a contender's entry says otherwise for one of its training seeds."""

    def own(name: str | None) -> str | None:
        return f"{name}-{number}" if many.get(name or "", 1) > 1 else name

    if isinstance(entry.adapter, dict):
        yield "adapter", {suite: paths[number - 1] for suite, paths in lists_of(entry.adapter).items()}
    elif entry.adapter is not None:
        yield "adapter", lists_of(entry.adapter)[""][number - 1]
    yield from ((key, own(getattr(entry, key))) for key in ("worker", "expert", "lead"))
    yield "workers", None if entry.workers is None else [own(name) for name in entry.workers]
    if entry.escalate is not None and (like := entry.escalate.like) is not None:
        signal = f"{entry.escalate.name}:{own(like)}"
        yield "escalate", entry.escalate.model_copy(update={"signal": signal})


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedAdapter:
    """The adapter of one training seed at one suite."""

    seed_of: str  # the contender in the file
    suite: str
    written: str  # as the file names it
    digest: str
    training: Mapping[str, Any]  # its recipe's digest and its seed, from its card; empty where that does not say


def check_recipes(adapters: Iterable[SeedAdapter], path: Path) -> list[str]:
    """Notes on training seeds whose cards do not say that they are of one recipe.

    Raises UserFileError: two are the same adapter, of different recipes, or of one seed.
    """
    groups, unknown = dict[tuple[str, str], list[SeedAdapter]](), dict[str, dict[str, None]]()
    for one in adapters:
        seeds, field = groups.setdefault((one.seed_of, one.suite), []), f"contenders.{one.seed_of}.adapter"
        if not one.training:
            unknown.setdefault(one.seed_of, {})[one.written] = None
        for other in seeds:
            both, why, advice = f"{other.written} and {one.written}", "", "train one with another seed, or take it out"
            if one.digest == other.digest:
                why = f"{both} hold the same weights, and are given as two training seeds"
            elif one.training and other.training and one.training["recipe"] != other.training["recipe"]:
                why, advice = f"{both} are of different recipes or data, by their cards", "make them two contenders"
            elif one.training and one.training == other.training:
                why = f"{both} were trained with the same seed ({one.training['seed']}), by their cards"
            if why:
                raise UserFileError(path, why, field=field, advice=advice)
        seeds.append(one)
    word = "that these training seeds differ in the seed alone is taken on your word"
    return [
        f"{name}: no card tells recipe and seed of {listed([*names], 5)}: {word}" for name, names in unknown.items()
    ]
