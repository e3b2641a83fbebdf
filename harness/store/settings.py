"""What judging reads of ``experiment.yaml``: whom to compare with, and what the advice computes with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from harness.core import UserFileError, nearest
from harness.store.manifest import read_manifest
from harness.store.sourcing import experiment_file
from harness.userfile import Amount, Rate, Strict, Text, Truth, parse, read_yaml


class Economics(Strict):
    """What the advice reckons with; whatever is missing stays unknown."""

    tasks_per_month: Amount | None = None
    value_per_task_usd: Amount | None = None
    training_usd: Amount | None = None
    labelling_usd: Amount | None = None
    skill_authoring_usd: Amount | None = None
    hosting_usd_per_month: Amount | None = None
    outage_days_per_year: Annotated[float, Field(strict=True, ge=0, le=366)] | None = None
    data_must_stay_inside: Truth | None = None
    tasks_per_gpu_hour: Rate | None = None  # that a machine does in an hour in use: of every option, or by contender


class Settings(Strict):
    """The keys that judging reads; the others are the run's, which checks them all."""

    model_config = ConfigDict(extra="ignore")

    reference: Text | None = None
    economics: Economics = Economics()


def load_settings(report: Path) -> Settings:
    """Those of a report's experiment as it stands now, else as it was run. Raises UserFileError: one is wrong."""
    path = experiment_file(report)
    if not path.is_file():
        manifest = read_manifest(report)
        recorded = {"reference": manifest.reference, "economics": manifest.economics} if manifest else {}
        return parse(Settings, recorded, path)
    value = read_yaml(path)
    found, known = parse(Settings, value, path), value.get("contenders")
    if found.reference is not None and isinstance(known, Mapping) and found.reference not in known:
        problem, advice = f"no contender is named {found.reference!r}", nearest(found.reference, map(str, known))
        raise UserFileError(path, problem, field="reference", advice=advice)
    return found
