"""The run folder: the experiment that asks, the journal that remembers, the tables that are judged.

It is all that the running half and the judging half share.
"""

from harness.store.experiment import experiment_file, load_experiment, parse_experiment, resolve
from harness.store.flags import Flag
from harness.store.journal import Journal
from harness.store.recall import Recalled, Transcript, read_calls_journal, read_journal
from harness.store.schema import (
    Budget,
    ContenderEntry,
    Economics,
    Escalation,
    Experiment,
    Limits,
    ModelEntry,
    PriceEntry,
    SuiteEntry,
)
from harness.store.tasktable import Labels, TaskTable, load_task_table

__all__ = [
    "Budget",
    "ContenderEntry",
    "Economics",
    "Escalation",
    "Experiment",
    "Flag",
    "Journal",
    "Labels",
    "Limits",
    "ModelEntry",
    "PriceEntry",
    "Recalled",
    "SuiteEntry",
    "TaskTable",
    "Transcript",
    "experiment_file",
    "load_experiment",
    "load_task_table",
    "parse_experiment",
    "read_calls_journal",
    "read_journal",
    "resolve",
]
