"""What judging reads of ``experiment.yaml``: whom to compare with, and what the advice computes with."""

from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from harness.userfile import Amount, Rate, Strict, Text, Truth, parse, read_yaml

FILE = "experiment.yaml"


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
    tasks_per_gpu_hour: Rate | None = None
    """Tasks that a machine does in an hour in use: of every option, or by contender."""


class Settings(Strict):
    """The keys that judging reads; the others are the run's, which checks them all."""

    model_config = ConfigDict(extra="ignore")

    reference: Text | None = None
    economics: Economics = Economics()


def experiment_file(report: Path) -> Path:
    """Where the experiment of a report stands."""
    return report if report.suffix in {".yaml", ".yml"} and not report.is_dir() else report / FILE


def load_settings(report: Path) -> Settings:
    """Those of a report's experiment.

    Raises:
        UserFileError: the file is missing or one of them is wrong.
    """
    path = experiment_file(report)
    return parse(Settings, read_yaml(path), path)
