"""Contenders that are one recipe: trained with several seeds, as the experiment or their cards say."""

from collections.abc import Callable, Sequence
from typing import Any

from harness.core import ContenderRecord, Described, UsageError, as_json, digest_json, nearest
from harness.store import TaskTable


def seed_groups(table: TaskTable, known: Described) -> Callable[[str], tuple[str, ...]]:
    """What a name stands for: a contender, or all training seeds of the contender of that name. UsageError: neither."""
    recipes = {option_name(same, known): tuple(same) for same in by_recipe(table.contenders, known)}

    def of(name: str) -> tuple[str, ...]:
        if name not in table.contenders and name in recipes:
            return recipes[name]
        seeds = tuple(one for one in table.contenders if seed_of(one, known) == name)
        if not seeds and name not in table.contenders:
            groups = [one.seed_of for one in known.contenders.values() if one.seed_of]
            near = nearest(name, dict.fromkeys([*table.contenders, *groups]))
            raise UsageError(f"{table.report} has no contender {name!r}; {near}")
        return (name,) if name in table.contenders else seeds

    return of


def seed_of(name: str, known: Described) -> str | None:
    """The contender of the experiment of which it is one training seed, where it is."""
    return known.contenders[name].seed_of if name in known.contenders else None


def option_name(same: Sequence[str], known: Described) -> str:
    """What contenders of one recipe are called together."""
    return seed_of(same[0], known) or (same[0] if len(same) == 1 else f"{same[0]} ({len(same)} seeds)")


def by_recipe(names: Sequence[str], known: Described) -> list[list[str]]:
    """The names, those together that are one recipe with different seeds, as the experiment or their cards say."""
    found: dict[str, list[str]] = {}
    for name in names:
        key, seeds = _recipe(known.contenders.get(name, ContenderRecord(name=name)), known)
        same = found.setdefault(key, [])
        if same and seeds == _recipe(known.contenders[same[0]], known)[1]:  # the same seed twice is no replicate
            found[name] = [name]
        else:
            same.append(name)
    return list(found.values())


def _recipe(one: ContenderRecord, known: Described) -> tuple[str, Any]:
    """What a contender has in common with those of its recipe, and its seeds; without seeds its name, and nothing."""
    if one.seed_of is not None:
        return digest_json(["seeds of", one.seed_of]), one.name
    rest = {key: part for key, part in one.parts.items() if key not in _OF_ONE_TRAINING}
    training, model = one.parts.get("training") or {}, known.models.get(one.model or "")
    if training and training.keys() == (one.parts.get("adapters") or {}).keys():
        return digest_json([rest, [[suite, how.get("recipe")] for suite, how in training.items()]]), training
    if model is not None and model.tuned is not None and model.tuned.training and not one.adapter:
        asked = [model.backend, model.sampling, as_json(model.price), model.tuned.training.get("recipe")]
        return digest_json([{key: part for key, part in rest.items() if key != "model"}, asked]), model.tuned.training
    return one.name, None


_OF_ONE_TRAINING = {"adapters", "training", "training_usd", "licences", "tuned"}


def is_twin(one: ContenderRecord) -> bool:
    """Whether it is an equal contender under another number, there to show the noise of a run (A/A)."""
    return bool(one.parts.get("twin"))
