"""The answer cache of an experiment: where it is, whether it can be used, and what its readers must know."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core import UserFileError
from harness.experiment.reading import places_of
from harness.experiment.schema import Experiment
from harness.store import experiment_file

if TYPE_CHECKING:
    from harness.store import AnswerCache


def cache_place(experiment: Experiment, report: Path) -> Path | None:
    """Where it is, looked for as `resolve` does; a new one goes where the first suite's path begins."""
    if experiment.cache is None:
        return None
    home = experiment_file(report).parent.resolve()
    wanted, places = places_of(home, experiment.cache.path)
    if wanted.is_absolute():
        return wanted
    try:
        if (there := next((place for place in places if place.exists()), None)) is None:
            suite, found = places_of(home, experiment.suites[0].path)
            beside = 1 if suite.is_absolute() else next((n for n, place in enumerate(found) if place.exists()), 1)
            there = places[beside]
    except OSError as error:  # a name that no file can have
        problem = f"{experiment.cache.path[:60]}: {error.strerror}"
        raise UserFileError(experiment_file(report), problem, field="cache.path", advice="correct the path") from None
    return there


def open_cache(report: Path, place: Path, *, read_only: bool) -> "AnswerCache":
    """The cache, opened. Raises UserFileError: it cannot be used."""
    from harness.store import AnswerCache  # SQLite, which an experiment without a cache does without

    try:
        return AnswerCache(place, read_only=read_only)
    except UserFileError as error:
        raise error.named_in(experiment_file(report), "cache.path") from None


def look_at_cache(experiment: Experiment, report: Path, place: Path | None) -> dict[str, object] | None:
    """What a dry run says of it, nothing written. Raises UserFileError: a run could not use it."""
    if experiment.cache is None or place is None:
        return None
    open_cache(report, place, read_only=True).close()
    there, writes = place.is_file(), experiment.cache.mode == "read_write"
    folder = next((folder for folder in place.absolute().parents if folder.exists()), Path("/"))
    if writes and not place.parent.parent.is_dir():  # one folder is made, and no tree of them
        problem = f"{place}: there is no folder {place.parent.parent}"
        raise UserFileError(
            experiment_file(report), problem, field="cache.path", advice="make it, or name another file"
        )
    if writes and not (folder.is_dir() and os.access(place if there else folder, os.W_OK)):
        problem = f"{place}: cannot be written"
        advice = "name a file in a folder that can be written, or write mode: read_only"
        raise UserFileError(experiment_file(report), problem, field="cache.path", advice=advice)
    return {"path": str(place), "mode": experiment.cache.mode, "trials": experiment.cache.trials, "exists": there}


def one_draw(experiment: Experiment) -> tuple[str, ...]:
    """What a reader must know of trials that share an answer."""
    if experiment.cache is None or not experiment.cache.trials or experiment.trials == 1:
        return ()
    shared = f"the {experiment.trials} trials of a task share one answer (cache.trials: true)"
    return (f"{shared}: they are one draw, and say nothing of how an answer varies",)
