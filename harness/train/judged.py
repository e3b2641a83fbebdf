"""What experiments that judge a training have in common: whose tasks judge, how the base is asked, what is written."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.core import PromptTemplate, UserFileError
from harness.experiment import resolve
from harness.train.course import Course
from harness.train.recipe import Recipe
from harness.train.taught import MAX_NEW

Place = Callable[[Path], str]  # how a path is written
_LEAST = 16  # tokens that an answer may have


def own_suite(recipe: Recipe, file: Path, *, field: str, problem: str, advice: str) -> Path:
    """The suite of a recipe's reward or data, else ``suites/NAME``.

    Raises UserFileError at ``field``: neither is there; ``problem`` says what lacks a suite.
    """
    if own := recipe.reward or (recipe.data and recipe.data.suite):
        return resolve(file, own, field="data.suite")
    try:
        return resolve(file, f"suites/{recipe.name}")
    except UserFileError:
        whole = f"{problem}, and there is no suites/{recipe.name}"
        raise UserFileError(file, whole, field=field, advice=advice) from None


def local_base(course: Course, place: Place, price: float | None) -> dict[str, Any]:
    """The keys of the base as a model of an experiment; ``price`` in dollars an hour, ``None``: not known."""
    found: dict[str, Any] = {"backend": "transformers", "path": place(course.base)}
    found |= {} if price is None else {"gpu_hour_usd": price}
    return found | {"sampling": sampling(course)}


def sampling(course: Course) -> dict[str, Any]:
    """How a model is asked: at temperature 0, with twice the tokens of the longest answer that was taught.

    A multiple of 16; without taught answers as many as the recipe lets a trainer make.
    """
    rows = course.taught.rows
    taught = [sum(label != -100 for label in row["labels"]) for row in rows if "labels" in row]
    taught += [len(row["chosen_ids"]) for row in rows if "chosen_ids" in row]
    room = course.recipe.max_new_tokens or MAX_NEW
    if taught and course.recipe.pipeline not in {"grpo", "cpt"}:
        room = max(_LEAST, -(-2 * int(max(taught)) // _LEAST) * _LEAST)
    return {"temperature": 0, "max_tokens": room}


def prompt_files(prompt: PromptTemplate, place: Place, own: Mapping[str, Path] | None = None) -> dict[str, str]:
    """The files of the prompt that a recipe trains, by role; those of ``own`` stand elsewhere."""
    return {role: place((own or {}).get(role) or Path(path)) for role, path in prompt.files.items()}
